"""LeakyReLU: x for x > 0, slope · x below."""

from __future__ import annotations

from scratchgan import checks
from scratchgan.nn.activation import Activation

__all__ = ["LeakyReLU"]


class LeakyReLU(Activation):
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
    kinked = True

    def __init__(self, slope: float = 0.2) -> None:
        self.slope = checks.number("LeakyReLU", "slope", slope, 0, 1, below=True)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.slope})"
