"""Concat: two inputs, each through its own branch, joined. Conditional networks need it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import Cache, Context, Features, Layer, Params, SummaryLine

__all__ = ["Concat", "ConcatCache"]


class ConcatCache(NamedTuple):
    """Concat's cache."""

    first: Cache
    second: Cache
    split: int  # features of the first branch's output
    width: int  # features of y


class Concat(Layer):
    """
    y = [first(x₀), second(x₁)] for an input x = (x₀, x₁).

    Backward: dy is split at the first branch's number of features, and each part goes back through
    its branch. dx is the pair (dx₀, dx₁).

    Parameters
    ----------
    first, second : Layer
        ``Sequential()`` passes its input on unchanged.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Concat, Context, Sequential, Tanh
    >>> z, label = np.array([[0.5, -1.0]]), np.array([[0.0, 1.0, 0.0]])
    >>> dy = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    >>> y = np.concatenate([np.tanh(z), label], axis=1)
    >>> dz, dlabel = dy[:, :2] * (1 - np.tanh(z) ** 2), dy[:, 2:]
    >>> layer, ctx = Concat(Tanh(), Sequential()), Context()
    >>> params = layer.init(np.random.default_rng(0), np.float64)
    >>> y_layer, cache = layer.forward(params, (z, label), ctx)
    >>> dz_layer, dlabel_layer = layer.backward(params, cache, dy, ctx)
    >>> pairs = [(y, y_layer), (dz, dz_layer), (dlabel, dlabel_layer)]
    >>> all(np.allclose(a, b, rtol=1e-14) for a, b in pairs)
    True
    """

    def __init__(self, first: Layer, second: Layer) -> None:
        self.first = checks.instance("Concat", "first", first, Layer, "a Layer")
        self.second = checks.instance("Concat", "second", second, Layer, "a Layer")
        self.in_features = (first.in_features, second.in_features)
        self.random_operations = first.random_operations + second.random_operations
        self.statistics = (
            *(f"0.{name}" for name in first.statistics),
            *(f"1.{name}" for name in second.statistics),
        )
        self.mixes_examples = first.mixes_examples or second.mixes_examples

    def __repr__(self) -> str:
        return f"Concat({self.first!r}, {self.second!r})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        return self.first.init(rng, dtype), self.second.init(rng, dtype)

    def forward(self, params: Params, x: Any, ctx: Context) -> tuple[Array, ConcatCache]:
        if not isinstance(x, tuple) or len(x) != 2:
            raise ShapeError(
                "Concat got one array; expected a pair (x₀, x₁), such as (z, one-hot label)"
            )
        y0, first = self.first.forward(params[0], x[0], ctx)
        y1, second = self.second.forward(params[1], x[1], ctx.at(self.first.random_operations))
        y = ctx.ops.concat_columns(y0, y1)
        return y, ConcatCache(first, second, y0.shape[1], y.shape[1])

    def backward(
        self,
        params: Params,
        cache: ConcatCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Any:
        g0, g1 = (None, None) if grads is None else grads
        dy0 = ctx.ops.columns(dy, 0, cache.split)
        dy1 = ctx.ops.columns(dy, cache.split, cache.width)
        dx0 = self.first.backward(params[0], cache.first, dy0, ctx, g0, need_dx)
        ctx1 = ctx.at(self.first.random_operations)
        dx1 = self.second.backward(params[1], cache.second, dy1, ctx1, g1, need_dx)
        return (dx0, dx1) if need_dx else None

    def jvp(self, params: Params, cache: ConcatCache, dx: Any, ctx: Context) -> Array:
        dy0 = self.first.jvp(params[0], cache.first, dx[0], ctx)
        ctx1 = ctx.at(self.first.random_operations)
        dy1 = self.second.jvp(params[1], cache.second, dx[1], ctx1)
        return ctx.ops.concat_columns(dy0, dy1)

    def commit(self, params: Params, cache: ConcatCache, ctx: Context) -> None:
        self.first.commit(params[0], cache.first, ctx)
        self.second.commit(params[1], cache.second, ctx.at(self.first.random_operations))

    def output_width(self, in_features: Features) -> Features:
        if not (in_features is None or (isinstance(in_features, tuple) and len(in_features) == 2)):
            raise ShapeError(f"{self!r} got {in_features} features; expected a pair (x₀, x₁)")
        in0, in1 = (None, None) if in_features is None else in_features
        w0, w1 = self.first.output_width(in0), self.second.output_width(in1)
        return None if w0 is None or w1 is None else w0 + w1

    def kink_margin(self, params: Params, x: Any, ctx: Context) -> float:
        ctx1 = ctx.at(self.first.random_operations)
        return min(
            self.first.kink_margin(params[0], x[0], ctx),
            self.second.kink_margin(params[1], x[1], ctx1),
        )

    def rows(self, in_features: Features, path: str) -> list[SummaryLine]:
        in0, in1 = (None, None) if in_features is None else in_features
        prefix = f"{path}." if path else ""
        joined = SummaryLine(path, "Concat", self.output_width(in_features), 0)
        return [
            *self.first.rows(in0, f"{prefix}0"),
            *self.second.rows(in1, f"{prefix}1"),
            joined,
        ]
