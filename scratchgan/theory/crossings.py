"""Where a function on the line changes its sign: the kinks of |f|, at which quadrature is cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgan.theory.integrate import Values

__all__ = ["crossings"]

_PARTS = 8  # of each stretch between neighbouring places, at first
_FINER = 32  # parts into which a stretch with a change of sign is cut, again and again
_ROUNDS = 11  # 32^−11 of a stretch is below its rounding


def crossings(f: Callable[[Values], Values], places: Values) -> Values:
    """
    Return where f changes its sign between neighbouring ``places``, increasing.

    A kink that lies between the last node of a panel and the panel's end is seen by no rule:
    0.4 % of a panel, in which |p − q| may have one. So such kinks are looked for beforehand.

    Parameters
    ----------
    f : callable
        Takes points (n,), gives values (n,): 0 where they are rounding alone. A NaN counts as 0.
    places : array (k,)
        Where f is looked at, and at seven places between each two. Two changes between
        neighbouring ones go unseen.

    Returns
    -------
    float64 array, each right to rounding

    Examples
    --------
    >>> crossings(np.cos, np.array([0.0, 3.0, 6.0])).round(12).tolist()
    [1.570796326795, 4.712388980385]
    """
    edges = np.unique(np.asarray(places, dtype=np.float64))
    low, high = edges[:-1], edges[1:]
    parts = _PARTS
    found = [np.empty(0)]
    for round_ in range(_ROUNDS):
        if low.size == 0:
            break
        x = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, parts + 1)
        x[:, -1] = high
        sign = np.sign(np.nan_to_num(f(x.ravel()).reshape(x.shape)))
        # Where f is 0 it has the sign that it had before.
        last = np.maximum.accumulate(np.where(sign != 0, np.arange(parts + 1), 0), axis=1)
        sign = np.take_along_axis(sign, last, axis=1)
        change = sign[:, :-1] * sign[:, 1:] < 0
        if round_:  # f is 0 all along: no more can be known
            found.append(high[~change.any(axis=1)])
        low, high = x[:, :-1][change], x[:, 1:][change]
        parts = _FINER
    return np.unique(np.concatenate([*found, high]))
