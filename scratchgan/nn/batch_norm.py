"""BatchNorm: each feature has mean 0 and variance 1 over the minibatch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.nn.layer import Context, Params
from scratchgan.nn.normalisation import Normalisation

__all__ = ["BatchNorm", "BatchNormCache"]


class BatchNormCache(NamedTuple):
    """The cache of BatchNorm."""

    normal: Array  # (batch, features)
    mean: Array  # (features,), of the batch; the running one outside training
    variance: Array  # (features,)
    training: bool


class BatchNorm(Normalisation):
    """
    y = γ ⊙ (x − μ) / √(σ² + ε) + β, with μ and σ² over the minibatch (Ioffe & Szegedy 2015).

    arXiv 1502.03167, Algorithms 1 and 2. In training, σ² is the batch's mean of squares (biased).
    Running values follow with ``decay``: mean ← decay · mean + (1 − decay) · μ, and the variance
    in the same way with the unbiased σ² m / (m − 1) of m examples. They are parameters with zero
    gradient, which the player's own steps move, and outside training the layer uses them.

    Backward in training, for n = (x − μ) / √(σ² + ε), dn = dy ⊙ γ and ⟨·⟩ the mean over the batch:
    dx = (dn − ⟨dn⟩ − n ⟨n ⊙ dn⟩) / √(σ² + ε). Outside, dx = dn / √(σ² + ε).

    Examples are not independent. In a discriminator, the gradient by one example is that of the
    whole batch's outputs, so a penalty on it is another one; LayerNorm has not this defect.

    Parameters
    ----------
    features : int
    decay : float
        Of the running values, in [0, 1).
    eps : float
    scale, bias : bool
        Whether there are γ and β.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import BatchNorm, Context
    >>> rng = np.random.default_rng(0)
    >>> x, dy = rng.normal(size=(8, 3)), rng.normal(size=(8, 3))
    >>> mean, variance = x.mean(axis=0), x.var(axis=0)
    >>> n = (x - mean) / np.sqrt(variance + 1e-5)
    >>> dx = (dy - dy.mean(axis=0) - n * (n * dy).mean(axis=0)) / np.sqrt(variance + 1e-5)
    >>> layer, ctx = BatchNorm(3, decay=0.9, eps=1e-5, scale=False), Context(training=True)
    >>> params = layer.init(rng, np.float64)
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> dx_layer = layer.backward(params, cache, dy, ctx)
    >>> layer.commit(params, cache, ctx)
    >>> pairs = [
    ...     (n, y_layer), (dx, dx_layer), (0.1 * mean, params["mean"]),
    ...     (0.9 + 0.1 * x.var(axis=0, ddof=1), params["variance"]),
    ... ]
    >>> all(np.allclose(a, b, rtol=1e-12) for a, b in pairs)
    True
    """

    statistics = ("mean", "variance")
    mixes_examples = True

    def __init__(
        self,
        features: int,
        *,
        decay: float = 0.99,
        eps: float = 1e-5,
        scale: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__(features, eps, scale, bias)
        self.decay = checks.number("BatchNorm", "decay", decay, 0, 1, below=True)

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        n = self.in_features
        running = {"mean": np.zeros(n, dtype), "variance": np.ones(n, dtype)}
        return super().init(rng, dtype) | running

    def normal(self, params: Params, x: Array, ctx: Context) -> tuple[Array, BatchNormCache]:
        ops = ctx.ops
        if ctx.training:
            normal, mean, variance = ops.normalize(x, "batch", self.eps)
        else:
            mean, variance = params["mean"], params["variance"]
            centred = ops.add_row(x, ops.scale(mean, -1.0))
            normal = ops.multiply_row(centred, ops.reciprocal_root(variance, self.eps))
        return normal, BatchNormCache(normal, mean, variance, ctx.training)

    def normal_back(self, cache: BatchNormCache, dn: Array, ctx: Context) -> Array:
        ops = ctx.ops
        if cache.training:
            return ops.normalize_grad(dn, cache.normal, cache.variance, "batch", self.eps)
        return ops.multiply_row(dn, ops.reciprocal_root(cache.variance, self.eps))

    def commit(self, params: Params, cache: BatchNormCache, ctx: Context) -> None:
        if not cache.training:
            return
        ops, m = ctx.ops, cache.normal.shape[0]
        unbiased = ops.scale(cache.variance, m / max(1, m - 1))  # of one example, it is 0
        ops.ema_(params["mean"], cache.mean, self.decay)
        ops.ema_(params["variance"], unbiased, self.decay)
