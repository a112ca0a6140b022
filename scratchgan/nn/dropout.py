"""Dropout: keep each input with a given probability, and scale it so that the mean is the same."""

from __future__ import annotations

from typing import NamedTuple

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.nn.layer import Context, Layer, Params

__all__ = ["Dropout", "DropoutCache"]


class DropoutCache(NamedTuple):
    """Empty: backward draws the mask again from the stream."""


class Dropout(Layer):
    """
    y = x ⊙ mask / keep in training, y = x otherwise (Srivastava et al. 2014).

    mask(i, j) = 1 with probability ``keep``. The context's stream determines the mask, so
    backward, dx = dy ⊙ mask / keep, needs only that stream.

    Parameters
    ----------
    keep : float
        Probability of keeping an input, in (0, 1]. (Many libraries ask for the
        probability of dropping it, 1 − keep.)
    always : bool
        Whether dropout is active outside training too. The masks of G are then part of its
        noise, like z (Isola et al. 2017, arXiv 1611.07004, §3.1).

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.backends import Stream
    >>> from scratchgan.nn import Context, Dropout
    >>> rng = np.random.default_rng(0)
    >>> x, dy = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    >>> layer, ctx = Dropout(0.8), Context(training=True, stream=Stream(seed=1))
    >>> mask = ctx.ops.uniform((4, 6), ctx.stream, 0, 1, np.float32) < np.float32(0.8)
    >>> y, dx = x * mask / 0.8, dy * mask / 0.8
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    random_operations = 1

    def __init__(self, keep: float, always: bool = False) -> None:
        self.keep = checks.number("Dropout", "keep", keep, 0, 1, above=True)
        self.always = checks.flag("Dropout", "always", always)

    def __repr__(self) -> str:
        return f"Dropout(keep={self.keep}{', always=True' if self.always else ''})"

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, DropoutCache]:
        self.check_width(x)
        return self._mask(x, ctx), DropoutCache()

    def backward(
        self,
        params: Params,
        cache: DropoutCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        return self._mask(dy, ctx) if need_dx else None

    def jvp(self, params: Params, cache: DropoutCache, dx: Array, ctx: Context) -> Array:
        return self._mask(dx, ctx)

    def _mask(self, a: Array, ctx: Context) -> Array:
        if not (ctx.training or self.always) or self.keep == 1:
            return a
        return ctx.ops.dropout(a, self.keep, ctx.stream)
