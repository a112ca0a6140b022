"""Checked matrices of examples, and the distances between their rows: used by all measures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError

__all__ = ["Doubles", "matrices", "measurable", "squared_distances", "squares"]

Doubles = NDArray[np.float64]

FARTHEST = np.float64(1e150)  # a sum of many squares of it does not overflow float64


def matrices(**given: object) -> tuple[NDArray[Any], ...]:
    """
    Return non-empty matrices (examples, features) with the same number of features.

    Arrays of numbers are not copied.

    Raises
    ------
    ShapeError
        If a value is not a matrix of real numbers, or the numbers of features differ.
    DataError
        If a value is a masked array, because its masked entries would be measured too.
    """
    arrays = {name: checks.array("", name, value) for name, value in given.items()}
    widths = {a.shape[1:] for a in arrays.values()}
    if any(a.ndim != 2 or a.size == 0 for a in arrays.values()) or len(widths) != 1:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ShapeError(f"{shapes}; expected matrices (examples, features) of the same features")
    return tuple(arrays.values())


def measurable(a: NDArray[Any], farthest: np.float64 = FARTHEST) -> bool:
    """
    Return whether all values are finite and so small that no distance overflows.

    The measures of other arrays are NaN. Otherwise a generator that has diverged could look
    good, because comparisons with NaN are false and ∞ equals ∞.
    """
    return bool(a.min() >= -farthest and a.max() <= farthest)  # false for a NaN


def squares(a: Doubles) -> Doubles:
    """Return ‖a‖² of each row, (n,)."""
    result: Doubles = np.einsum("ij,ij->i", a, a)
    return result


def squared_distances(
    a: Doubles, b: Doubles, a_squares: Doubles | None = None, b_squares: Doubles | None = None
) -> Doubles:
    """
    Return the squared distance between each row of ``a`` and each of ``b``, (len(a), len(b)).

    ‖a − b‖² = ‖a‖² − 2 a·b + ‖b‖² turns the work into a matrix product, which is fast. The cost
    is a rounding error of about 1e-16 (‖a‖² + ‖b‖²), so centre rows that are far from 0 first;
    this changes no distance.

    Parameters
    ----------
    a, b : float64 array (n, features), (m, features)
    a_squares, b_squares : float64 array (n,), (m,), optional
        ‖a‖² and ‖b‖², if they are known already.
    """
    distances: Doubles = a @ b.T
    distances *= -2
    distances += squares(b) if b_squares is None else b_squares
    distances += (squares(a) if a_squares is None else a_squares)[:, None]
    return np.maximum(distances, 0, out=distances)  # rounding may give values below 0
