"""
The one comparison that the notebooks' claims use: ``close``.

Each numbered equation of a notebook is asserted with it, and a deliberately
wrong variant of the same equation must fail it. So it decides nothing in
silence: what cannot be compared raises.
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
    Return whether two sides of an equation are equal, to a tolerance.

    Every entry must have |l − r| ≤ tolerance · max(1, |l|, |r|): relative for large
    numbers, absolute for those below 1. Where all numbers are far below 1, give a
    smaller tolerance. ∞ equals ∞ of the same sign and nothing else.

    Parameters
    ----------
    left, right : number, array, Estimate, or list of such
        Of one shape: nothing is broadcast. Of an ``Estimate``, its value counts.
    tolerance : float
        At least 0 and below 1: with 2 all sides would be equal.

    Returns
    -------
    bool

    Raises
    ------
    NonFiniteError
        If an entry is NaN: NaN decides nothing.
    ShapeError
        If the shapes differ, or there is no entry to compare.
    TypeError
        If a side does not hold real numbers, or is a masked array.
    ValueError
        If the tolerance is no number of that range, or smaller than the error that an
        ``Estimate`` states.

    Examples
    --------
    >>> close(np.log(4), 2 * np.log(2)), close(np.log(4), np.log(2))
    (True, False)
    >>> close(1e12 + 1, 1e12), close([1.0, 0.0], [1.0, 1e-12]), close(np.inf, 1e300)
    (True, True, False)
    >>> close(np.ones((3, 1)), np.ones(3))
    Traceback (most recent call last):
    scratchgan.errors.ShapeError: close: left is (3, 1) and right is (3,); expected one shape
    """
    tolerance = checks.number("close", "tolerance", tolerance, 0, 1, below=True)
    a, b = _numbers("left", left), _numbers("right", right)
    if a.shape != b.shape:
        raise ShapeError(f"close: left is {a.shape} and right is {b.shape}; expected one shape")
    if a.size == 0:
        raise ShapeError(f"close: both sides are empty, {a.shape}; there is nothing to compare")
    finite = np.isfinite(a) & np.isfinite(b)
    p, q = a[finite], b[finite]
    allowed = tolerance * np.maximum(1, np.maximum(abs(p), abs(q)))
    error = _error(left) + _error(right)
    if not (error <= allowed).all():
        raise ValueError(
            f"close: an estimate that may be off by {error:.1g} cannot be held to a tolerance of"
            f" {allowed.min():.1g}; estimate more finely, or allow more"
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
        raise NonFiniteError(f"close: {name} has {np.isnan(a).sum()} NaN; NaN decides nothing")
    return a.astype(np.float64)  # so that unsigned integers do not wrap, nor float32 round


def _values(side: Any) -> Any:
    if isinstance(side, Estimate):
        return side.value
    if isinstance(side, np.ma.MaskedArray):
        raise TypeError("close: a side is a masked array, whose mask would be lost; expected none")
    return [_values(part) for part in side] if isinstance(side, list | tuple) else side


def _error(side: Any) -> float:
    """Return the largest error that the estimates in a side state."""
    if isinstance(side, Estimate):
        return side.error
    parts = side if isinstance(side, list | tuple) else ()
    return float(np.max([0.0, *map(_error, parts)]))  # NaN if one of them is
