"""grid-49: 49 modes, narrower ones than in grid of 25, by the same game in more iterations."""

from dataclasses import replace

from scratchgan.games import R1, R2
from scratchgan.optim import ExponentialDecay
from scratchgan.recipes import grid, ring

STEPS = 40_000

_gamma = ExponentialDecay(0.1, 100 ** (1 / STEPS))  # from 0.1 to 0.001, as in grid

recipe = replace(
    grid.recipe,
    name="grid-49",
    about="49 Gaussians on a square grid",
    settings=replace(
        grid.recipe.settings,
        data="grid-49",
        penalties=(R1(gamma=_gamma), R2(gamma=_gamma)),
        optimizer_g=ring.adam(STEPS),
        optimizer_d=ring.adam(STEPS),
        steps=STEPS,
    ),
)
