"""Tanh: the hyperbolic tangent."""

from __future__ import annotations

from scratchgan.nn.activation import Activation

__all__ = ["Tanh"]


class Tanh(Activation):
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
