"""ReLU: max(x, 0)."""

from __future__ import annotations

from scratchgan.nn.activation import Activation

__all__ = ["ReLU"]


class ReLU(Activation):
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
    kinked = True
