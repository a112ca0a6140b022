"""
``close``, the comparison that all claims of the notebooks use.

A notebook asserts each numbered equation with it, and shows that a deliberately wrong variant of
the equation fails. So ``close`` raises an error for values that cannot be compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import NonFiniteError, ShapeError
from scratchgan.theory.estimate import Estimate

__all__ = ["close"]


def close(left: Any, right: Any, tolerance: float = 1e-9) -> bool:
    """
    Return whether the two sides of an equation are equal within a tolerance.

    Every entry must have |l − r| ≤ tolerance · max(1, |l|, |r|): the tolerance is relative for
    large numbers and absolute for numbers below 1. If all numbers are far below 1, give a smaller
    tolerance. ∞ equals only ∞ of the same sign.

    Parameters
    ----------
    left, right : number, array, Estimate, or list of these
        Both must have the same shape, because nothing is broadcast. For an ``Estimate``, its
        value is compared.
    tolerance : float
        At least 0 and below 1. (With a tolerance of 2, any two sides would be equal.)

    Returns
    -------
    bool

    Raises
    ------
    NonFiniteError
        If an entry is NaN, because NaN cannot be compared.
    ShapeError
        If the shapes differ, or there is no entry to compare.
    TypeError
        If a side does not hold real numbers, or is a masked array.
    ValueError
        If the tolerance is not a number in that range, or is smaller than the error of an
        ``Estimate``.

    Examples
    --------
    >>> close(np.log(4), 2 * np.log(2)), close(np.log(4), np.log(2))
    (True, False)
    >>> close(1e12 + 1, 1e12), close([1.0, 0.0], [1.0, 1e-12]), close(np.inf, 1e300)
    (True, True, False)
    >>> close(np.ones((3, 1)), np.ones(3))
    Traceback (most recent call last):
    scratchgan.errors.ShapeError: close: left is (3, 1) and right is (3,); expected the same shape
    """
    tolerance = checks.number("close", "tolerance", tolerance, 0, 1, below=True)
    a, b = _numbers("left", left), _numbers("right", right)
    if a.shape != b.shape:
        raise ShapeError(
            f"close: left is {a.shape} and right is {b.shape}; expected the same shape"
        )
    if a.size == 0:
        raise ShapeError(f"close: both sides are empty, {a.shape}; expected numbers to compare")
    finite = np.isfinite(a) & np.isfinite(b)
    p, q = a[finite], b[finite]
    allowed = tolerance * np.maximum(1, np.maximum(abs(p), abs(q)))
    error = _error(left) + _error(right)
    if not (error <= allowed).all():
        raise ValueError(
            f"close: the error of an estimate, {error:.1g}, is larger than the tolerance,"
            f" {allowed.min():.1g}; use a more precise estimate or a larger tolerance"
        )
    return bool((a[~finite] == b[~finite]).all() and (abs(p - q) <= allowed).all())


def _numbers(name: str, side: Any) -> NDArray[np.float64]:
    try:
        a = np.asarray(_values(side))
    except ValueError:
        raise ShapeError(f"close: {name} has rows of several lengths") from None
    if a.dtype.kind not in "biuf":
        raise TypeError(f"close: {name} is of type {a.dtype}; expected real numbers")
    if np.isnan(a).any():
        raise NonFiniteError(f"close: {name} has {np.isnan(a).sum()} NaN; expected numbers")
    return a.astype(np.float64)  # so that unsigned integers do not wrap and float32 does not round


def _values(side: Any) -> Any:
    if isinstance(side, Estimate):
        return side.value
    if isinstance(side, np.ma.MaskedArray):
        raise TypeError(
            "close: a side is a masked array, and its mask would be lost; expected a plain array"
        )
    return [_values(part) for part in side] if isinstance(side, list | tuple) else side


def _error(side: Any) -> float:
    """Return the largest error of the estimates in a side."""
    if isinstance(side, Estimate):
        return side.error
    parts = side if isinstance(side, list | tuple) else ()
    return float(np.max([0.0, *map(_error, parts)]))  # NaN if one of them is NaN
