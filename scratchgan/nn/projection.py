"""Projection: a discriminator that asks of a sample how well it fits its label."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import Array
from scratchgan.errors import ShapeError
from scratchgan.nn.initializers import Initializer, glorot, initializer
from scratchgan.nn.layer import WIDEST, Cache, Context, Features, Layer, Params, SummaryLine
from scratchgan.nn.linear import Linear

__all__ = ["Projection", "ProjectionCache"]


class ProjectionCache(NamedTuple):
    """The cache of Projection."""

    features: Cache  # of φ
    score: Cache  # of ψ
    h: Array  # φ(x), (batch, width)
    label: Array  # one-hot, (batch, classes)
    rows: Array  # each label's row of V, (batch, width)


class Projection(Layer):
    """
    D(x, y) = ψ(φ(x)) + ⟨V y, φ(x)⟩ (Miyato & Koyama 2018, arXiv 1802.05637, eq. 6).

    y is one-hot, so V y is the row of V that belongs to the label. If p(x | y) and p(y | x) are
    both softmax-like, the optimal logit log p(x, y) / q(x, y) has this form. ψ is linear, with one
    output.

    Backward, for dy (batch, 1): into φ go ψ's gradient and dy ⊙ V y; dV = yᵀ · (dy ⊙ φ(x)).

    Parameters
    ----------
    features : Layer
        φ: the discriminator without its last layer. Its number of outputs must be known.
    classes : int
    weight, embedding : Initializer
        Of ψ and of V; the default is Glorot.

    Raises
    ------
    ShapeError
        If φ's number of outputs is not known.

    Examples
    --------
    Forward and backward in NumPy, equal to the layer:

    >>> import numpy as np
    >>> from scratchgan.nn import Context, Projection, Tanh, Sequential, Linear
    >>> rng = np.random.default_rng(0)
    >>> x, y, dout = rng.normal(size=(4, 3)), np.eye(2)[[0, 1, 1, 0]], rng.normal(size=(4, 1))
    >>> layer, ctx = Projection(Linear(3, 5, "tanh"), classes=2), Context()
    >>> params = layer.init(rng, np.float64)
    >>> (phi, psi, own), V = params, params[2]["embedding"]
    >>> h = np.tanh(x @ phi["weight"] + phi["bias"])
    >>> out = h @ psi["weight"] + psi["bias"] + ((y @ V) * h).sum(axis=1, keepdims=True)
    >>> dh = dout @ psi["weight"].T + dout * (y @ V)
    >>> dV, dx = y.T @ (dout * h), (dh * (1 - h**2)) @ phi["weight"].T
    >>> out_layer, cache = layer.forward(params, (x, y), ctx)
    >>> grads = tuple({n: np.zeros_like(a) for n, a in part.items()} for part in params)
    >>> dx_layer, dlabel = layer.backward(params, cache, dout, ctx, grads)
    >>> pairs = [(out, out_layer), (dV, grads[2]["embedding"]), (dx, dx_layer)]
    >>> all(np.allclose(a, b, rtol=1e-13) for a, b in pairs)
    True
    """

    def __init__(
        self,
        features: Layer,
        classes: int,
        *,
        weight: Initializer | None = None,
        embedding: Initializer | None = None,
    ) -> None:
        self.features = checks.instance("Projection", "features", features, Layer, "a Layer")
        self.classes = checks.whole("Projection", "classes", classes, 1, WIDEST)
        self.width = features.output_width(features.in_features)
        if not isinstance(self.width, int):
            raise ShapeError(
                f"Projection: the number of outputs of {features!r} is not known; expected a layer"
                " that names its features, such as Linear"
            )
        self.score = Linear(self.width, 1, weight=weight)
        self.embedding = (
            glorot() if embedding is None else initializer("Projection", "embedding", embedding)
        )
        self.in_features = (features.in_features, self.classes)
        self.random_operations = features.random_operations
        self.statistics = tuple(f"0.{name}" for name in features.statistics)
        self.mixes_examples = features.mixes_examples

    def __repr__(self) -> str:
        return f"Projection({self.features!r}, classes={self.classes})"

    def init(self, rng: np.random.Generator, dtype: Any) -> Params:
        return (
            self.features.init(rng, dtype),
            self.score.init(rng, dtype),
            {"embedding": self.embedding(rng, (self.classes, self.width), dtype)},
        )

    def forward(self, params: Params, x: Any, ctx: Context) -> tuple[Array, ProjectionCache]:
        if not isinstance(x, tuple) or len(x) != 2:
            raise ShapeError("Projection got one array; expected a pair (x, one-hot label)")
        sample, label = x
        if label.shape[1:] != (self.classes,):
            raise ShapeError(
                f"Projection got labels of shape {tuple(label.shape)}; expected"
                f" (batch, {self.classes}), one-hot"
            )
        ops = ctx.ops
        h, features = self.features.forward(params[0], sample, ctx)
        score, score_cache = self.score.forward(params[1], h, ctx)
        rows = ops.gemm(label, params[2]["embedding"])
        y = ops.add(score, ops.dot_rows(rows, h))
        return y, ProjectionCache(features, score_cache, h, label, rows)

    def backward(
        self,
        params: Params,
        cache: ProjectionCache,
        dy: Array,
        ctx: Context,
        grads: Params | None = None,
        need_dx: bool = True,
    ) -> Any:
        ops = ctx.ops
        g_features, g_score, g_own = (None, None, None) if grads is None else grads
        dh = self.score.backward(params[1], cache.score, dy, ctx, g_score)
        dh = ops.add(dh, ops.scale_rows(cache.rows, dy))
        drows = ops.scale_rows(cache.h, dy)
        if g_own is not None:
            out = g_own["embedding"]
            ops.gemm(cache.label, drows, trans_a=True, out=out, accumulate=True)
        dx = self.features.backward(params[0], cache.features, dh, ctx, g_features, need_dx)
        return (dx, ops.gemm(drows, params[2]["embedding"], trans_b=True)) if need_dx else None

    def jvp(self, params: Params, cache: ProjectionCache, dx: Any, ctx: Context) -> Array:
        ops = ctx.ops
        dh = self.features.jvp(params[0], cache.features, dx[0], ctx)
        drows = ops.gemm(dx[1], params[2]["embedding"])
        dscore = self.score.jvp(params[1], cache.score, dh, ctx)
        moved = ops.add(ops.dot_rows(drows, cache.h), ops.dot_rows(cache.rows, dh))
        return ops.add(dscore, moved)

    def commit(self, params: Params, cache: ProjectionCache, ctx: Context) -> None:
        self.features.commit(params[0], cache.features, ctx)

    def output_width(self, in_features: Features) -> Features:
        if in_features is not None:
            if not (isinstance(in_features, tuple) and len(in_features) == 2):
                raise ShapeError(
                    f"{self!r} got {in_features} features; expected a pair (x, one-hot label)"
                )
            self.features.output_width(in_features[0])
            if in_features[1] not in (None, self.classes):
                raise ShapeError(
                    f"{self!r} got labels of {in_features[1]} classes; expected {self.classes}"
                )
        return 1

    def kink_margin(self, params: Params, x: Any, ctx: Context) -> float:
        return self.features.kink_margin(params[0], x[0], ctx)

    def rows(self, in_features: Features, path: str) -> list[SummaryLine]:
        first = None if in_features is None else in_features[0]
        prefix = f"{path}." if path else ""
        own = self.classes * self.width
        return [
            *self.features.rows(first, f"{prefix}0"),
            *self.score.rows(self.width, f"{prefix}1"),
            SummaryLine(path, f"Projection(classes={self.classes})", 1, own),
        ]
