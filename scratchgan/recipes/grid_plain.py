"""grid-plain: 25 narrow modes; the plain game finds most of them, rarely all."""

from dataclasses import replace

from scratchgan.optim import Adam, Cosine
from scratchgan.recipes import ring_plain

STEPS = 20_000

recipe = replace(
    ring_plain.recipe,
    name="grid-plain",
    about="25 Gaussians on a square grid, by the plain game",
    settings=replace(
        ring_plain.recipe.settings,
        data="grid",
        optimizer_g=Adam(Cosine(1e-3, 5e-5, STEPS), beta1=0.0, beta2=0.99),
        optimizer_d=Adam(Cosine(1e-3, 5e-5, STEPS), beta1=0.0, beta2=0.99),
        steps=STEPS,
        sample_every=500,
    ),
)
