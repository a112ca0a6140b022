"""Sigmoid: 1 / (1 + e^(−x))."""

from __future__ import annotations

from scratchgan.nn.activation import Activation

__all__ = ["Sigmoid"]


class Sigmoid(Activation):
    """
    y = σ(x) = 1 / (1 + e^(−x)); φ′(x) = y (1 − y). Written so that no e^x overflows.

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
