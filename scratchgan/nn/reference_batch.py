"""ReferenceBatch: a layer that sees fixed examples before those of each minibatch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.initializers import Initializer, initializer
from scratchgan.nn.layer import WIDEST, Cache, Context, Features, Layer, Params, SummaryLine

__all__ = ["ReferenceBatch", "rows_from"]


class ReferenceBatch(Layer):
    """
    Run a layer on [reference; x] and return the rows of x, for ``VirtualBatchNorm`` in the layer.

    The reference batch (Salimans et al. 2016, arXiv 1606.03498, §3.4) is chosen once. It is a
    parameter with zero gradient, so checkpoints carry it. Each pass runs it through the layer
    again, with the present weights: a pass costs as much as one of ``size`` more examples.

    Parameters
    ----------
    layer : Layer
        Such as a whole network. Its input must have one array and a known number of features.
    size : int
        n, the number of reference examples.
    examples : Initializer
        Gives the reference, (n, features): ``constant(x[:n])`` for a discriminator of data x,
        ``normal(1.0)`` for a generator of normal z.

    Raises
    ------
    ShapeError
        If the layer's number of features is not known, or it takes a pair.

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgan.nn import BatchNorm, Context, Linear, ReferenceBatch, Sequential
    >>> from scratchgan.nn import VirtualBatchNorm
    >>> from scratchgan.nn.initializers import normal
    >>> rng, x = np.random.default_rng(0), np.ones((1, 2))
    >>> layer = ReferenceBatch(Sequential(Linear(2, 3), VirtualBatchNorm(3)), 7, normal(1.0))
    >>> params = layer.init(rng, np.float64)
    >>> y, _ = layer.forward(params, x, Context())

    With one example, y is the last row of batch normalisation over reference and example:

    >>> together = np.concatenate([params[0]["examples"], x])
    >>> plain = Sequential(Linear(2, 3), BatchNorm(3, eps=1e-3))
    >>> all_params = (params[1][0], BatchNorm(3).init(rng, np.float64))
    >>> by_batch_norm, _ = plain.forward(all_params, together, Context(training=True))
    >>> bool(np.allclose(y, by_batch_norm[-1:], rtol=1e-12))
    True
    """

    def __init__(self, layer: Layer, size: int, examples: Initializer) -> None:
        self.layer = checks.instance("ReferenceBatch", "layer", layer, Layer, "a Layer")
        self.size = checks.whole("ReferenceBatch", "size", size, 1, WIDEST)
        self.examples = initializer("ReferenceBatch", "examples", examples)
        if not isinstance(layer.in_features, int):
            raise ShapeError(
                f"ReferenceBatch: {layer!r} takes {layer.in_features} features; expected one"
                " number (for a pair, put a part of the network that takes one array into it)"
            )
        self.in_features: int = layer.in_features
        self.random_operations = layer.random_operations
        self.statistics = ("0.examples", *(f"1.{name}" for name in layer.statistics))
        self.mixes_examples = layer.mixes_examples

    def __repr__(self) -> str:
        return f"ReferenceBatch({self.layer!r}, size={self.size})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        examples = self.examples(rng, (self.size, self.in_features), dtype)
        return {"examples": examples}, self.layer.init(rng, dtype)

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, Cache]:
        self.check_width(x)
        together = ctx.ops.concat_rows(params[0]["examples"], x)
        y, cache = self.layer.forward(params[1], together, self._inside(ctx))
        return self._own(y, ctx), cache

    def backward(
        self,
        params: Params,
        cache: Cache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        inside = None if grads is None else grads[1]
        dy = self._with_zeros(dy, ctx)
        dx = self.layer.backward(params[1], cache, dy, self._inside(ctx), inside, need_dx)
        return self._own(dx, ctx) if need_dx else None

    def jvp(self, params: Params, cache: Cache, dx: Array, ctx: Context) -> Array:
        dx = self._with_zeros(dx, ctx)
        return self._own(self.layer.jvp(params[1], cache, dx, self._inside(ctx)), ctx)

    def commit(self, params: Params, cache: Cache, ctx: Context) -> None:
        self.layer.commit(params[1], cache, self._inside(ctx))

    def output_width(self, in_features: Features) -> Features:
        return self.layer.output_width(in_features)

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        together = ctx.ops.concat_rows(params[0]["examples"], x)
        return self.layer.kink_margin(params[1], together, self._inside(ctx))

    def rows(self, in_features: Features, path: str) -> list[SummaryLine]:
        prefix, own = (f"{path}." if path else ""), self.size * self.in_features
        line = SummaryLine(f"{prefix}0", f"ReferenceBatch(size={self.size})", self.in_features, own)
        return [line, *self.layer.rows(in_features, f"{prefix}1")]

    def _inside(self, ctx: Context) -> Context:
        return replace(ctx, reference=self.size)

    def _with_zeros(self, d: Array, ctx: Context) -> Array:
        """Return [0; d]: the reference does not move, and no loss depends on its output."""
        return ctx.ops.concat_rows(ctx.ops.zeros((self.size, d.shape[1]), d.dtype), d)

    def _own(self, y: Array, ctx: Context) -> Array:
        """Return the rows after the reference."""
        return rows_from(y, self.size, y.shape[0] - self.size, ctx)


def rows_from(a: Array, start: int, count: int, ctx: Context) -> Array:
    """Return ``count`` rows of a matrix, from ``start`` on: no copy."""
    width = a.shape[1]
    return ctx.ops.view(ctx.ops.reshape(a, (a.size,)), start * width, (count, width))
