"""What the measures share: checked matrices of examples, and the distances between their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError

__all__ = ["Doubles", "matrices", "measurable", "squared_distances", "squares"]

Doubles = NDArray[np.float64]

FARTHEST = np.float64(1e150)  # its square, and a sum of many such, is a float64


def matrices(**given: object) -> tuple[NDArray[Any], ...]:
    """
    Return matrices (examples, features) of real numbers, of one width, none of them empty.

    Nothing is copied that is an array of numbers already.

    Raises
    ------
    ShapeError
        If a value is no matrix of real numbers, or the widths differ.
    DataError
        If a value is a masked array: what it masks would be measured.
    """
    arrays = {name: checks.array("", name, value) for name, value in given.items()}
    widths = {a.shape[1:] for a in arrays.values()}
    if any(a.ndim != 2 or a.size == 0 for a in arrays.values()) or len(widths) != 1:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ShapeError(f"{shapes}; expected matrices (examples, features) of the same features")
    return tuple(arrays.values())


def measurable(a: NDArray[Any], farthest: np.float64 = FARTHEST) -> bool:
    """
    Whether all values are finite, and near enough to 0 that no distance overflows.

    A measure of anything else is NaN: in comparisons NaN counts as false and ∞ as equal to ∞,
    and so a generator that has diverged could look good.
    """
    return bool(a.min() >= -farthest and a.max() <= farthest)  # false for a NaN


def squares(a: Doubles) -> Doubles:
    """‖a‖² of each row, (n,)."""
    result: Doubles = np.einsum("ij,ij->i", a, a)
    return result


def squared_distances(
    a: Doubles, b: Doubles, a_squares: Doubles | None = None, b_squares: Doubles | None = None
) -> Doubles:
    """
    Squared distance between each row of ``a`` and each of ``b``, (len(a), len(b)).

    ‖a − b‖² = ‖a‖² − 2 a·b + ‖b‖² makes a matrix product of them, which is what a processor
    is fastest at. The price is rounding: the result is off by some 1e-16 (‖a‖² + ‖b‖²), so
    rows that are far from 0 should be centred first, which changes no distance.

    Parameters
    ----------
    a, b : float64 array (n, features), (m, features)
    a_squares, b_squares : float64 array (n,), (m,), optional
        ‖a‖² and ‖b‖², where they are at hand.
    """
    distances: Doubles = a @ b.T
    distances *= -2
    distances += squares(b) if b_squares is None else b_squares
    distances += (squares(a) if a_squares is None else a_squares)[:, None]
    return np.maximum(distances, 0, out=distances)  # rounding may have brought it below
