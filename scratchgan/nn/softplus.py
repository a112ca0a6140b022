"""Softplus: log(1 + e^x), a smooth ReLU."""

from __future__ import annotations

from scratchgan.nn.activation import Activation

__all__ = ["Softplus"]


class Softplus(Activation):
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
