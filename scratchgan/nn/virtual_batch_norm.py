"""VirtualBatchNorm: each example is normalised with a reference batch, not with its minibatch."""

from __future__ import annotations

from typing import NamedTuple

from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import Context, Params
from scratchgan.nn.normalisation import Normalisation
from scratchgan.nn.reference_batch import rows_from

__all__ = ["VirtualBatchNorm", "VirtualBatchNormCache"]


class VirtualBatchNormCache(NamedTuple):
    """The cache of VirtualBatchNorm, for n reference examples and m others."""

    normal: Array  # (n + m, features)
    centred: Array  # x − mean of the reference, (n, features)
    reference: Array  # the first n rows of ``normal``
    variance: Array  # of the reference, (features,)
    apart: Array  # x − mean of the reference, (m, features)
    inverse: Array  # 1 / √(σᵢ² + ε), (m, features)


class VirtualBatchNorm(Normalisation):
    """
    y = γ ⊙ (x − μᵢ) / √(σᵢ² + ε) + β (Salimans et al. 2016, arXiv 1606.03498, §3.4).

    Example i is normalised with the mean and the variance of n reference examples and itself. So
    the examples of a minibatch do not depend on each other, unlike with ``BatchNorm``. The layer
    must be inside a ``ReferenceBatch``, which puts the reference before the minibatch. The
    reference itself is normalised with its own mean and variance.

    As in TF-GAN, mean and mean square are those of the reference · n / (n + 1) and example i's
    · 1 / (n + 1). With u = x − mean of the reference, a = n / (n + 1), and the reference's
    variance V, this is

        y = γ ⊙ a u / √(a V + a u² / (n + 1) + ε) + β.

    Backward goes into the reference too, through its mean and V, and so into the weights before it.

    Parameters
    ----------
    features : int
    eps : float
    scale, bias : bool
        Whether there are γ and β.

    Examples
    --------
    Forward and backward of the last example in NumPy, by differences of a formula for it alone:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, VirtualBatchNorm
    >>> rng = np.random.default_rng(0)
    >>> x, dy = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    >>> dy[:4] = 0                                         # no loss of the reference
    >>> def last(x):
    ...     mean, square = (a[:4].mean(axis=0) * 0.8 + a[4] * 0.2 for a in (x, x**2))
    ...     return (x[4] - mean) / np.sqrt(square - mean**2 + 1e-3)
    >>> step = lambda i, j: 1e-30j * (np.arange(15) == 3 * i + j).reshape(5, 3)
    >>> dx = [[(dy[4] * last(x + step(i, j))).sum().imag / 1e-30 for j in range(3)]
    ...       for i in range(5)]
    >>> layer, ctx = VirtualBatchNorm(3, scale=False), Context(reference=4)
    >>> params = layer.init(rng, np.float64)
    >>> y_layer, cache = layer.forward(params, x, ctx)
    >>> dx_layer = layer.backward(params, cache, dy, ctx)
    >>> pairs = [(last(x), y_layer[4]), (dx, dx_layer)]
    >>> all(np.allclose(a, b, rtol=1e-12) for a, b in pairs)
    True
    """

    def __init__(
        self, features: int, *, eps: float = 1e-3, scale: bool = True, bias: bool = True
    ) -> None:
        super().__init__(features, eps, scale, bias)

    def normal(self, params: Params, x: Array, ctx: Context) -> tuple[Array, VirtualBatchNormCache]:
        if not 0 < ctx.reference < x.shape[0]:
            raise ShapeError(
                f"{self!r} got {ctx.reference} reference examples of {x.shape[0]}; expected at"
                " least one, and one of the minibatch: put the network into a ReferenceBatch"
            )
        ops, a, b = ctx.ops, *_weights(ctx)
        first, own = _parts(x, ctx)
        reference, mean, variance = ops.normalize(first, "batch", self.eps)
        away = ops.scale(mean, -1.0)
        apart = ops.add_row(own, away)
        spread = ops.add_row(ops.scale(ops.multiply(apart, apart), b), ops.scale(variance, a))
        inverse = ops.reciprocal_root(spread, self.eps)
        normal = ops.concat_rows(reference, ops.scale(ops.multiply(apart, inverse), a))
        centred = ops.add_row(first, away)
        return normal, VirtualBatchNormCache(normal, centred, reference, variance, apart, inverse)

    def normal_back(self, cache: VirtualBatchNormCache, dn: Array, ctx: Context) -> Array:
        ops, (a, b), n = ctx.ops, _weights(ctx), ctx.reference
        first, own = _parts(dn, ctx)
        direct = ops.scale(ops.multiply(own, cache.inverse), a)
        dspread = self._bent(cache, own, ctx)
        dapart = ops.add(direct, ops.scale(ops.multiply(dspread, cache.apart), 2 * b))
        dvariance = ops.scale(ops.sum_rows(dspread), a)
        dmean = ops.scale(ops.sum_rows(dapart), -1.0)
        dx = ops.normalize_grad(first, cache.reference, cache.variance, "batch", self.eps)
        dx = ops.add(dx, ops.multiply_row(cache.centred, ops.scale(dvariance, 2 / n)))
        return ops.concat_rows(ops.add_row(dx, ops.scale(dmean, 1 / n)), dapart)

    def normal_jvp(self, cache: VirtualBatchNormCache, dx: Array, ctx: Context) -> Array:
        ops, (a, b), n = ctx.ops, _weights(ctx), ctx.reference
        first, own = _parts(dx, ctx)
        dmean = ops.scale(ops.sum_rows(first), 1 / n)
        dvariance = ops.scale(ops.sum_rows(ops.multiply(cache.centred, first)), 2 / n)
        dapart = ops.add_row(own, ops.scale(dmean, -1.0))
        dspread = ops.scale(ops.multiply(cache.apart, dapart), 2 * b)
        dspread = ops.add_row(dspread, ops.scale(dvariance, a))
        dn = ops.scale(ops.multiply(dapart, cache.inverse), a)
        dn = ops.add(dn, self._bent(cache, dspread, ctx))
        reference = ops.normalize_grad(first, cache.reference, cache.variance, "batch", self.eps)
        return ops.concat_rows(reference, dn)

    def _bent(self, cache: VirtualBatchNormCache, d: Array, ctx: Context) -> Array:
        """Return d ⊙ ∂n/∂(σᵢ² + ε) = d ⊙ (−½ a u (σᵢ² + ε)^(−3/2)), for an example of its own."""
        ops, (a, _) = ctx.ops, _weights(ctx)
        cube = ops.multiply(ops.multiply(cache.inverse, cache.inverse), cache.inverse)
        return ops.scale(ops.multiply(d, ops.multiply(cache.apart, cube)), -0.5 * a)


def _weights(ctx: Context) -> tuple[float, float]:
    """Return a = n / (n + 1), and a / (n + 1)."""
    a = ctx.reference / (ctx.reference + 1)
    return a, a / (ctx.reference + 1)


def _parts(x: Array, ctx: Context) -> tuple[Array, Array]:
    """Return the reference's rows and the others."""
    n = ctx.reference
    return rows_from(x, 0, n, ctx), rows_from(x, n, x.shape[0] - n, ctx)
