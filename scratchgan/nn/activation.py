"""
The elementwise activations as layers: y = φ(x); derivatives are computed from y.

backward: dx = dy ⊙ φ′(x). jvp: dy = φ′(x) ⊙ dx. The Jacobian is diagonal, so
both are the same operation. The formulas are in ``scratchgan.backends.activations``.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgan import checks
from scratchgan.backends import ACTIVATIONS, Array
from scratchgan.backends.activations import phi_of
from scratchgan.nn.layer import Context, Layer, Params

__all__ = [
    "Activation", "ActivationCache", "ActivationLayer", "LeakyReLU", "ReLU", "Sigmoid", "Softplus",
    "Tanh",
]  # fmt: skip


class ActivationCache(NamedTuple):
    """The cache of an activation: only its output."""

    y: Array  # (batch, features)


class ActivationLayer(Layer):
    """A layer y = φ(x); each subclass names its φ and shows it in NumPy."""

    activation: str
    slope: float = 0.0

    def __repr__(self) -> str:
        slope = self.slope if phi_of(self.activation).sloped else ""
        return f"{type(self).__name__}({slope})"

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
        return phi_of(self.activation).margin(ctx.ops.to_numpy(x))


class Activation(ActivationLayer):
    """
    Any φ by its name; the common ones also have their own classes.

    Parameters
    ----------
    activation : str
        One of ``scratchgan.backends.ACTIVATIONS``.
    slope : float
        In [0, 1); used if φ has a slope.
    """

    def __init__(self, activation: str, slope: float = 0.2) -> None:
        self.activation = checks.one_of("activation", activation, ACTIVATIONS)
        self.slope = checks.number("Activation", "slope", slope, 0, 1, below=True)

    def __repr__(self) -> str:
        slope = f", {self.slope}" if phi_of(self.activation).sloped else ""
        return f"Activation({self.activation}{slope})"


class ReLU(ActivationLayer):
    """
    y = max(x, 0) (Nair & Hinton 2010); φ′(x) = 1 for x > 0, else 0.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, ReLU
    >>> x, dy = np.array([[-2.0, -0.5, 3.0]]), np.array([[1.0, 2.0, 4.0]])
    >>> y = np.maximum(x, 0)
    >>> dx = dy * (x > 0)
    >>> layer, ctx = ReLU(), Context()
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    activation = "relu"


class LeakyReLU(ActivationLayer):
    """
    y = x for x > 0, else slope · x (Maas et al. 2013); φ′(x) = 1, else slope.

    Parameters
    ----------
    slope : float
        In [0, 1).

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, LeakyReLU
    >>> x, dy = np.array([[-2.0, -0.5, 3.0]]), np.array([[1.0, 2.0, 4.0]])
    >>> y = np.where(x > 0, x, 0.2 * x)
    >>> dx = dy * np.where(x > 0, 1, 0.2)
    >>> layer, ctx = LeakyReLU(0.2), Context()
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    activation = "leaky_relu"

    def __init__(self, slope: float = 0.2) -> None:
        self.slope = checks.number("LeakyReLU", "slope", slope, 0, 1, below=True)


class Sigmoid(ActivationLayer):
    """
    y = σ(x) = 1 / (1 + e^(−x)); φ′(x) = y (1 − y). It is computed so that no e^x overflows.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Sigmoid
    >>> x, dy = np.array([[-2.0, -0.5, 3.0]]), np.array([[1.0, 2.0, 4.0]])
    >>> y = 1 / (1 + np.exp(-x))
    >>> dx = dy * y * (1 - y)
    >>> layer, ctx = Sigmoid(), Context()
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    activation = "sigmoid"


class Tanh(ActivationLayer):
    """
    y = tanh(x); φ′(x) = 1 − y².

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Tanh
    >>> x, dy = np.array([[-2.0, -0.5, 3.0]]), np.array([[1.0, 2.0, 4.0]])
    >>> y = np.tanh(x)
    >>> dx = dy * (1 - y**2)
    >>> layer, ctx = Tanh(), Context()
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    activation = "tanh"


class Softplus(ActivationLayer):
    """
    y = log(1 + e^x) (Dugas et al. 2001); φ′(x) = σ(x) = 1 − e^(−y).

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Softplus
    >>> x, dy = np.array([[-2.0, -0.5, 3.0]]), np.array([[1.0, 2.0, 4.0]])
    >>> y = np.log(1 + np.exp(x))
    >>> dx = dy / (1 + np.exp(-x))
    >>> layer, ctx = Softplus(), Context()
    >>> y_layer, cache = layer.forward({}, x, ctx)
    >>> dx_layer = layer.backward({}, cache, dy, ctx)
    >>> bool(np.allclose(y, y_layer, rtol=1e-14) and np.allclose(dx, dx_layer, rtol=1e-14))
    True
    """

    activation = "softplus"
