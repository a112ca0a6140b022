"""Find where a function f on the line changes sign: quadrature of |f| is cut there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgan.theory.integrate import Values

__all__ = ["crossings"]

_PARTS = 8  # the first round cuts each stretch between neighbouring places into this many parts
_FINER = 32  # later rounds cut each part with a change of sign into this many
_ROUNDS = 11  # after them a part is 32^−10 of the first ones: below rounding


def crossings(f: Callable[[Values], Values], places: Values) -> Values:
    """
    Return where f changes its sign between neighbouring ``places``, increasing.

    No quadrature rule sees a kink that lies between the last node of a panel and the panel's
    end (0.4 % of its length). |p − q| may have a kink there, so kinks are found beforehand.

    Parameters
    ----------
    f : callable
        Takes points (n,), gives values (n,). It should give 0 where a value is only rounding
        error. A NaN counts as 0.
    places : array (k,)
        f is evaluated at these places and at seven more between each two. Two changes of sign
        between neighbouring points are missed.

    Returns
    -------
    float64 array, each exact to rounding

    Examples
    --------
    >>> crossings(np.cos, np.array([0.0, 3.0, 6.0])).round(12).tolist()
    [1.570796326795, 4.712388980385]
    """
    edges = np.unique(np.asarray(places, dtype=np.float64))
    low, high = edges[:-1], edges[1:]
    parts = _PARTS
    before = np.zeros(low.size)  # the sign of f left of each part
    for _ in range(_ROUNDS):
        if low.size == 0:
            break
        x = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, parts + 1)
        x[:, -1] = high
        sign = np.sign(np.nan_to_num(f(x.ravel()).reshape(x.shape)))
        # Where f is 0, it takes the sign of the last point at which it was not. That point may be
        # left of the part: then f is 0 at the part's beginning.
        sign[:, 0] = np.where(sign[:, 0] == 0, before, sign[:, 0])
        last = np.maximum.accumulate(np.where(sign != 0, np.arange(parts + 1), 0), axis=1)
        sign = np.take_along_axis(sign, last, axis=1)
        change = sign[:, :-1] * sign[:, 1:] < 0
        low, high, before = x[:, :-1][change], x[:, 1:][change], sign[:, :-1][change]
        parts = _FINER
    return np.unique(high)
