"""Maxout: the largest of several linear pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import WIDEST, Context, Features, Layer, Params

__all__ = ["Maxout", "MaxoutCache"]


class MaxoutCache(NamedTuple):
    """Maxout's cache: which piece was the largest."""

    index: Array  # (batch, units), int32 in 0 … pieces − 1


class Maxout(Layer):
    """
    y_u = max over p of x_{u·pieces + p} (Goodfellow et al. 2013, "Maxout networks").

    Put it after ``Linear(n, units * pieces)``; it takes the columns in groups of ``pieces``.
    Backward: dy goes to the largest piece (to the first of equal ones), and the others get 0.

    Parameters
    ----------
    units, pieces : int

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Maxout
    >>> x, dy = np.array([[1.0, 5.0, -2.0, -3.0]]), np.array([[10.0, 20.0]])
    >>> groups = x.reshape(1, 2, 2)                       # (batch, units, pieces)
    >>> y = groups.max(axis=2)
    >>> winner = groups.argmax(axis=2)[:, :, None] == np.arange(2)
    >>> dx = (dy[:, :, None] * winner).reshape(1, 4)
    >>> layer, ctx = Maxout(2, 2), Context()
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool((y == y_layer).all() and (dx == dx_layer).all()), dx.tolist()
    (True, [[0.0, 10.0, 20.0, 0.0]])
    """

    def __init__(self, units: int, pieces: int) -> None:
        self.units = checks.whole("Maxout", "units", units, 1, WIDEST)
        self.pieces = checks.whole("Maxout", "pieces", pieces, 1, WIDEST)
        self.in_features: int = self.units * self.pieces

    def __repr__(self) -> str:
        return f"Maxout({self.units} × {self.pieces})"

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, MaxoutCache]:
        self.check_width(x)
        y, index = ctx.ops.maxout(x, self.pieces)
        return y, MaxoutCache(index)

    def backward(
        self,
        params: Params,
        cache: MaxoutCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        return ctx.ops.maxout_spread(dy, cache.index, self.pieces) if need_dx else None

    def jvp(self, params: Params, cache: MaxoutCache, dx: Array, ctx: Context) -> Array:
        return ctx.ops.maxout_pick(dx, cache.index, self.pieces)

    def output_width(self, in_features: Features) -> Features:
        if in_features not in (None, self.in_features):
            raise ShapeError(f"{self!r} got {in_features} features; expected {self.in_features}")
        return self.units

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        if self.pieces == 1:
            return float("inf")
        groups = ctx.ops.to_numpy(x).reshape(-1, self.units, self.pieces)
        ordered = np.sort(groups, axis=2)
        return float((ordered[:, :, -1] - ordered[:, :, -2]).min()) / 2
