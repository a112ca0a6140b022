"""Toy sets: points from a known density, so that p_g can be compared with the true p_data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgan import checks
from scratchgan.data.dataset import Dataset
from scratchgan.limits import require_memory
from scratchgan.theory import Density, GaussianMixture, Normal, SwissRoll, TwoMoons, grid, ring

__all__ = ["TOYS", "toy"]

TOYS: dict[str, Callable[[], Density]] = {
    "gaussian-1d": lambda: Normal(mean=3.0, std=0.5),
    "mixture-1d": lambda: GaussianMixture([-1.5, 1.5], 0.5, [0.3, 0.7], name="mixture-1d"),
    "ring": ring,
    "grid": grid,
    # The grid {−6, −4, …, 6}² and σ = 0.05, both divided by 4. As in the grid of 25, the divisor
    # gives the data unit variance, and neighbouring modes are 40 σ apart.
    "grid-49": lambda: grid(side=7, spacing=2 / 4, std=0.05 / 4),
    "swiss-roll": SwissRoll,
    "two-moons": TwoMoons,
}
"""The names of the toy sets, with functions that return their densities."""


def toy(name: str, n: int = 65_536, seed: int = 0) -> Dataset:
    """
    Draw n points from a toy density; the same seed gives the same points.

    Parameters
    ----------
    name : str
        One of ``TOYS``.
    n : int
        At least 1.
    seed : int
        0 ≤ seed < 2⁶⁴.

    Returns
    -------
    Dataset
        Its ``density`` is the density of the points.

    Raises
    ------
    UnknownNameError
        If the name is unknown.
    ValueError
        If n or the seed is not a whole number in its range, or n points do not fit in memory.
    """
    owner = f"data set '{checks.one_of('toy data set', name, TOYS)}'"
    n = checks.whole(owner, "n", n, 1)
    seed = checks.seed(owner, "seed", seed)
    density = TOYS[name]()
    # 20 bytes a number: two float64 copies while drawing, and the float32 copy that is kept.
    require_memory(n * density.dim * 20, f"{owner}: {n:,} points")
    return Dataset.from_array(
        density.sample(n, np.random.default_rng(seed)),
        name=name,
        source=f"drawn by scratchgan from the density, seed {seed}",
        licence="none needed",
        density=density,
    )
