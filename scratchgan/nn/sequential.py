"""Sequential: one layer after another; backward is the chain rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import Cache, Context, Features, Layer, Params, SummaryLine

__all__ = ["Sequential"]


class Sequential(Layer):
    """
    y = f_n(… f_2(f_1(x))); backward visits the layers in reverse order.

    Parameters
    ----------
    *layers : Layer
        Without layers, y = x.

    Raises
    ------
    ShapeError
        If a layer does not take the number of features that the layer before it returns.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, ReLU, Sequential, Tanh
    >>> x, dy = np.array([[-1.0, 0.5]]), np.array([[3.0, 4.0]])
    >>> y1 = np.tanh(x)
    >>> y = np.maximum(y1, 0)
    >>> dy1 = dy * (y1 > 0)                                # back through ReLU
    >>> dx = dy1 * (1 - y1**2)                             # back through tanh
    >>> layer, ctx = Sequential(Tanh(), ReLU()), Context()
    >>> params = layer.init(np.random.default_rng(0), np.float64)
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> dx_layer = layer.backward(params, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            several = " (pass each layer as an argument: Sequential(*layers))"
            expected = "a Layer" + (several if isinstance(layer, list | tuple) else "")
            checks.instance("Sequential", f"layer {i}", layer, Layer, expected)
        self.layers = layers
        self.random_operations = sum(layer.random_operations for layer in layers)
        self.statistics = tuple(
            f"{i}.{name}" for i, layer in enumerate(layers) for name in layer.statistics
        )
        self.mixes_examples = any(layer.mixes_examples for layer in layers)
        self.in_features = next(
            (layer.in_features for layer in layers if layer.in_features is not None), None
        )
        self.output_width(self.in_features)  # raises ShapeError if two layers do not fit

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        return tuple(layer.init(rng, dtype) for layer in self.layers)

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, tuple[Cache, ...]]:
        caches = []
        for (layer, layer_ctx), p in zip(self._placed(ctx), params, strict=True):
            x, cache = layer.forward(p, x, layer_ctx)
            caches.append(cache)
        return x, tuple(caches)

    def backward(
        self,
        params: Params,
        cache: tuple[Cache, ...],
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        placed = list(self._placed(ctx))
        each_grads = [None] * len(placed) if grads is None else grads
        steps = list(zip(placed, params, cache, each_grads, strict=True))
        first = self._first_needed(each_grads, need_dx)
        for i in range(len(steps) - 1, first - 1, -1):
            (layer, layer_ctx), p, c, g = steps[i]
            dy = layer.backward(p, c, dy, layer_ctx, g, need_dx or i > first)
        return dy if need_dx else None

    def jvp(self, params: Params, cache: tuple[Cache, ...], dx: Array, ctx: Context) -> Array:
        for (layer, layer_ctx), p, c in zip(self._placed(ctx), params, cache, strict=True):
            dx = layer.jvp(p, c, dx, layer_ctx)
        return dx

    def commit(self, params: Params, cache: tuple[Cache, ...], ctx: Context) -> None:
        for (layer, layer_ctx), p, c in zip(self._placed(ctx), params, cache, strict=True):
            layer.commit(p, c, layer_ctx)

    def output_width(self, in_features: Features) -> Features:
        width = in_features
        for i, layer in enumerate(self.layers):
            try:
                width = layer.output_width(width)
            except ShapeError as error:
                raise ShapeError(f"layer {i} of Sequential: {error}") from None
        return width

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        margin = float("inf")
        for (layer, layer_ctx), p in zip(self._placed(ctx), params, strict=True):
            margin = min(margin, layer.kink_margin(p, x, layer_ctx))
            x, _ = layer.forward(p, x, layer_ctx)
        return margin

    def rows(self, in_features: Features, path: str) -> list[SummaryLine]:
        rows: list[SummaryLine] = []
        prefix = f"{path}." if path else ""
        for i, layer in enumerate(self.layers):
            rows += layer.rows(in_features, f"{prefix}{i}")
            in_features = layer.output_width(in_features)
        return rows

    def _placed(self, ctx: Context) -> Iterator[tuple[Layer, Context]]:
        """Yield each layer with the context of its place in the random stream."""
        offset = 0
        for layer in self.layers:
            yield layer, ctx.at(offset)
            offset += layer.random_operations

    @staticmethod
    def _first_needed(grads: Any, need_dx: bool) -> int:
        """Return the first layer that backward must reach; without dx, the first with grads."""
        if need_dx:
            return 0
        return next((i for i, g in enumerate(grads) if g), len(grads))
