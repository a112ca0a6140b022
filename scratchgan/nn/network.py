"""Network: a layer tree bound to its parameters, for daily use."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgan.backends import Array, Backend, Stream, default_backend, get_backend
from scratchgan.errors import ShapeError
from scratchgan.nn.flat import Layout
from scratchgan.nn.layer import Context, Features, Layer, Params

__all__ = ["Network"]


class Network:
    """
    A layer tree and its parameters, which lie in one flat buffer.

    Parameters
    ----------
    layer : Layer
    seed : int or sequence of int
        For the initial parameters.
    dtype : dtype
        float32 or float64.
    ops : Backend, optional
        The default backend unless given.

    Attributes
    ----------
    flat : Array
        All parameters, (layout.size,).
    params : Params
        The tree of views of ``flat``.
    layout : Layout

    Examples
    --------
    >>> from scratchgan.nn import Linear, Network, Sequential
    >>> G = Network(Sequential(Linear(8, 16, "relu"), Linear(16, 2)), seed=1)
    >>> G(np.zeros((5, 8), np.float32)).shape
    (5, 2)
    >>> print(G.summary())
    layer                      output  parameters
    ---------------------------------------------
    input                           8
    0  Linear(8 → 16, relu)        16         144
    1  Linear(16 → 2)               2          34
    ---------------------------------------------
    total                                     178
    """

    def __init__(
        self,
        layer: Layer,
        seed: Any = 0,
        dtype: Any = np.float32,
        ops: Backend | None = None,
    ) -> None:
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ShapeError(f"Network: dtype is {np.dtype(dtype)}; expected float32 or float64")
        self.layer = layer
        self.ops = ops or default_backend()
        self.dtype = np.dtype(dtype)
        tree = layer.init(np.random.default_rng(seed), self.dtype)
        self.layout = Layout(tree)
        self.flat = self.ops.asarray(self.layout.pack(tree, self.dtype))
        self.params = self.layout.views(self.flat, self.ops)

    def __call__(self, x: Any, params: Params | None = None, stream: Stream | None = None) -> Any:
        """
        Return y for x, dropout and the like off, but for layers that ask for it always.

        NumPy in, NumPy out; an array of the backend gives an array of the backend.
        ``params`` may be another tree of this layout, an average for instance.
        ``stream`` is where those layers draw, by default at seed 0.
        """
        ctx = Context(self.ops, stream=stream or Stream(seed=0))
        params = self.params if params is None else params
        parts = x if isinstance(x, tuple) else (x,)
        if not all(isinstance(part, np.ndarray) for part in parts):
            return self.layer.forward(params, x, ctx)[0]
        for part in parts:
            if part.dtype != self.dtype:
                raise ShapeError(
                    f"the network's dtype is {self.dtype}, x is {part.dtype};"
                    f" give x.astype(np.{self.dtype})"
                )
        there = tuple(self.ops.asarray(part) for part in parts)
        y, _ = self.layer.forward(params, there if isinstance(x, tuple) else there[0], ctx)
        return self.ops.to_numpy(y)

    def in_float64(self, flat: Array | None = None) -> Network:
        """
        Return a copy in float64 on the reference backend: for quadrature, for differences.

        ``flat`` may be another buffer of this layout, an average for instance.
        """
        copy = Network(self.layer, dtype=np.float64, ops=get_backend("reference"))
        copy.flat[:] = self.ops.to_numpy(self.flat if flat is None else flat)
        return copy

    def new_buffer(self) -> tuple[Array, Params]:
        """Return a flat buffer of zeros of this layout (for gradients, say), and its tree."""
        flat = self.ops.zeros((self.layout.size,), self.dtype)
        return flat, self.layout.views(flat, self.ops)

    def summary(self) -> str:
        """Return a table of layers, output widths and parameter counts."""
        rows = self.layer.rows(self.layer.in_features, "")
        named = [(f"{row.path}  {row.layer}".strip(), row) for row in rows]
        left = max([len(name) for name, _ in named] + [len("layer")])
        line = f"{{:<{left}}}  {{:>8}}  {{:>10}}"
        text = [line.format("layer", "output", "parameters")]
        text.append("-" * len(text[0]))
        text.append(line.format("input", _width(self.layer.in_features), "").rstrip())
        for name, row in named:
            text.append(line.format(name, _width(row.out_features), f"{row.parameters:,}"))
        text.append("-" * len(text[0]))
        text.append(line.format("total", "", f"{self.layout.count:,}"))
        return "\n".join(text)


def _width(features: Features) -> str:
    if features is None:
        return "?"
    if isinstance(features, tuple):
        return ", ".join(_width(f) for f in features)
    return str(features)
