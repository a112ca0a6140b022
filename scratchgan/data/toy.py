"""Toy sets: points drawn from a density that is known exactly, so that p_g has an examiner."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgan.data.dataset import Dataset
from scratchgan.errors import DataError, unknown
from scratchgan.theory import Density, GaussianMixture, Normal, SwissRoll, TwoMoons, grid, ring

__all__ = ["TOYS", "toy"]

TOYS: dict[str, Callable[[], Density]] = {
    "gaussian-1d": lambda: Normal(mean=3.0, std=0.5),
    "mixture-1d": lambda: GaussianMixture([-1.5, 1.5], 0.5, [0.3, 0.7], name="mixture-1d"),
    "ring": ring,
    "grid": grid,
    "swiss-roll": SwissRoll,
    "two-moons": TwoMoons,
}
"""Each toy set's name and the density that makes it."""


def toy(name: str, n: int = 65_536, seed: int = 0) -> Dataset:
    """
    Draw n points of a toy density, the same for the same seed.

    Parameters
    ----------
    name : str
        One of ``TOYS``.
    n : int
    seed : int

    Returns
    -------
    Dataset
        Its ``density`` is the one that the points were drawn from.

    Raises
    ------
    UnknownNameError
        For another name.
    DataError
        If n is less than 1, or the seed is negative.
    """
    if name not in TOYS:
        raise unknown("toy data set", name, TOYS)
    if n < 1:
        raise DataError(f"data set '{name}': n is {n}; expected at least 1")
    if seed < 0:
        raise DataError(f"data set '{name}': seed is {seed}; expected 0 or more")
    density = TOYS[name]()
    return Dataset.from_array(
        density.sample(n, np.random.default_rng(seed)),
        name=name,
        source=f"drawn by scratchgan from the density, seed {seed}",
        licence="none needed",
        density=density,
    )
