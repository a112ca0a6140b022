"""
What the elementwise activations share: y = φ(x), and derivatives read from y.

backward: dx = dy ⊙ φ′(x). jvp: dy = φ′(x) ⊙ dx. The Jacobian is diagonal, so
the two are one operation.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from scratchgan.backends import Array
from scratchgan.nn.layer import Context, Layer, Params

__all__ = ["Activation", "ActivationCache"]


class ActivationCache(NamedTuple):
    """What an activation keeps: its output alone."""

    y: Array  # (batch, features)


class Activation(Layer):
    """An elementwise φ; each subclass names its φ and shows it in NumPy."""

    activation: ClassVar[str]
    slope: float = 0.0
    kinked: ClassVar[bool] = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward(self, params: Params, x: Array, ctx: Context) -> tuple[Array, ActivationCache]:
        self.check_width(x)
        y = ctx.ops.activation(x, self.activation, self.slope)
        return y, ActivationCache(y)

    def backward(
        self,
        params: Params,
        cache: ActivationCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        if not need_dx:
            return None
        return ctx.ops.activation_grad(dy, cache.y, self.activation, self.slope)

    def jvp(self, params: Params, cache: ActivationCache, dx: Array, ctx: Context) -> Array:
        return ctx.ops.activation_grad(dx, cache.y, self.activation, self.slope)

    def kink_margin(self, params: Params, x: Array, ctx: Context) -> float:
        return float(abs(ctx.ops.to_numpy(x)).min()) if self.kinked else float("inf")
