"""grid: 25 narrow modes; RpGAN with both penalties finds all of them."""

from dataclasses import replace

from scratchgan.games import R1, R2
from scratchgan.optim import ExponentialDecay
from scratchgan.recipes import ring

STEPS = 30_000

# The penalties fall from 0.1 to 0.001: strong at first, so that the modes get equal shares, and
# weak at the end, so that D can be steep enough for modes as narrow as these.
_gamma = ExponentialDecay(0.1, 100 ** (1 / STEPS))

recipe = replace(
    ring.recipe,
    name="grid",
    about="25 Gaussians on a square grid",
    settings=replace(
        ring.recipe.settings,
        data="grid",
        penalties=(R1(gamma=_gamma), R2(gamma=_gamma)),
        optimizer_g=ring.adam(STEPS),
        optimizer_d=ring.adam(STEPS),
        steps=STEPS,
        sample_every=1000,
        checkpoint_every=5000,
    ),
)
