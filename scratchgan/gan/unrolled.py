"""Unrolled updates: G's step looks at the D that D is about to become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scratchgan.backends import Array, Backend
from scratchgan.gan.player import Player

__all__ = ["unrolled"]


@contextmanager
def unrolled(D: Player, updates: int, update: Callable[[int], object]) -> Iterator[None]:
    """
    Let D be ``updates`` updates ahead inside the ``with`` block, and as before after it.

    Metz et al. 2017 (arXiv 1611.02163): G descends against the D that answers G's present samples,
    so a mode that G moves to is answered before G's step is chosen. Their gradient has two terms
    (eq. 9): that of G's loss for this D, and that of this D for a change of G, which goes through
    the updates. Only the first term is computed here. The second would need the derivative of
    each update, with that of its optimiser.

    ``update(i)`` makes update i = 0, 1, … of D. D's parameters, its optimiser's arrays and its
    count of updates are restored; its gradient is not, because each step computes it anew.
    """
    if not updates:
        yield
        return
    ops, t = D.network.ops, D.t
    changing = (D.network.flat, *D.slots)
    before = [_copied(ops, a) for a in changing]
    try:
        for i in range(updates):
            update(i)
        yield
    finally:
        for a, values in zip(changing, before, strict=True):
            ops.copy_(a, values)
        D.t = t


def _copied(ops: Backend, a: Array) -> Array:
    b = ops.empty(a.shape, a.dtype)
    ops.copy_(b, a)
    return b
