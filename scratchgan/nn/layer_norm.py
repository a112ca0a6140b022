"""LayerNorm: each example has mean 0 and variance 1 over its features."""

from __future__ import annotations

from typing import NamedTuple

from scratchgan.backends import Array
from scratchgan.nn.layer import Context, Params
from scratchgan.nn.normalisation import Normalisation

__all__ = ["LayerNorm", "LayerNormCache"]


class LayerNormCache(NamedTuple):
    """The cache of LayerNorm."""

    normal: Array  # (batch, features)
    variance: Array  # (batch,)


class LayerNorm(Normalisation):
    """
    y = γ ⊙ (x − μ) / √(σ² + ε) + β, with μ and σ² over an example's features (Ba et al. 2016).

    arXiv 1607.06450. σ² is the mean of squares. Examples are independent, so a penalty on D's
    gradient keeps its meaning (WGAN-GP uses this layer in place of batch normalisation).

    Backward, for n = (x − μ) / √(σ² + ε), dn = dy ⊙ γ and ⟨·⟩ the mean over the features:
    dx = (dn − ⟨dn⟩ − n ⟨n ⊙ dn⟩) / √(σ² + ε).

    Parameters
    ----------
    features : int
    eps : float
    scale, bias : bool
        Whether there are γ and β.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, LayerNorm
    >>> rng = np.random.default_rng(0)
    >>> x, dy, gamma = rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), rng.normal(size=6)
    >>> mean = lambda a: a.mean(axis=1, keepdims=True)
    >>> deviation = np.sqrt(mean((x - mean(x)) ** 2) + 1e-5)
    >>> n, dn = (x - mean(x)) / deviation, dy * gamma
    >>> dx = (dn - mean(dn) - n * mean(n * dn)) / deviation
    >>> layer, ctx = LayerNorm(6, eps=1e-5), Context()
    >>> params = {"scale": gamma, "bias": np.ones(6)}
    >>> grads = {"scale": np.zeros(6), "bias": np.zeros(6)}
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> dx_layer = layer.backward(params, cache, dy, ctx, grads)
    >>> pairs = [
    ...     (gamma * n + 1, y_layer), (dx, dx_layer),
    ...     ((dy * n).sum(axis=0), grads["scale"]), (dy.sum(axis=0), grads["bias"]),
    ... ]
    >>> all(np.allclose(a, b, rtol=1e-12) for a, b in pairs)
    True
    """

    def __init__(
        self, features: int, *, eps: float = 1e-5, scale: bool = True, bias: bool = True
    ) -> None:
        super().__init__(features, eps, scale, bias)

    def normal(self, params: Params, x: Array, ctx: Context) -> tuple[Array, LayerNormCache]:
        normal, _, variance = ctx.ops.normalize(x, "features", self.eps)
        return normal, LayerNormCache(normal, variance)

    def normal_back(self, cache: LayerNormCache, dn: Array, ctx: Context) -> Array:
        return ctx.ops.normalize_grad(dn, cache.normal, cache.variance, "features", self.eps)
