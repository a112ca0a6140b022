"""
The vocabulary: every named operation that layers, games and optimisers may use.

A layer never indexes an array and never uses an operator on one; it calls
``ops.gemm(x, w)``. So the same layer runs on NumPy, on compiled CPU kernels
and on a GPU, and a training step is a list of these names.

Conventions. ``batch`` is the first axis. Arrays are C-contiguous; a transpose
is a flag. An operation returns a new array, with two exceptions: if its name ends
in ``_``, it changes its first argument; with ``out=`` it writes to that array, or
adds to it with ``accumulate=True``. Floating dtypes are float32 and float64, and
all arrays of one operation have the same. Empty arrays raise ShapeError.

Each operation has two methods. A layer calls ``add``: it has the signature and the
meaning, and checks the arguments, in the same way for every backend. ``_add``
computes the result. The ``_add`` in this file is the formula in NumPy: it is the
definition, and the backends are tested against it. A backend overrides ``_add``,
whose arguments are already checked.

To branch, the definitions compare only real parts, so that a complex step (x + ih)
passes through each operation as an analytic function. This gives gradcheck
derivatives with 16 digits. The formulas of the activations are in ``activations.py``.

The definition of a *composed* operation only calls other operations. A backend may
override it with a fused kernel, for speed.

Where a formula drops an entry (dropout's mask, the negative half of relu), the entry
is replaced by 0, not multiplied by it: a dropped NaN or infinity does not stay.

The arguments ``rate``, ``momentum``, ``t``, ``start``, the ``factor`` of
``scale_scheduled`` and the ``step`` of a ``Stream`` change from one training step to
the next. All others are constant, so the replay of a recorded step updates only these.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import shapes
from scratchgan.backends.activations import log_sigmoid, phi_of, sigmoid
from scratchgan.backends.philox import philox_words
from scratchgan.backends.random import Stream
from scratchgan.errors import ShapeError

__all__ = ["COMPOSED", "FLOPS", "OPERATIONS", "Array", "Backend", "definition", "hook"]

Array: TypeAlias = Any
"""An array of some backend: only shape, dtype, ndim and size are promised."""


class Backend:
    """The arithmetic: every operation by name. Comments give the shapes of the arguments."""

    name: str
    looks = True
    """Whether the host can read the values of an array, for example to check an index."""

    # -- memory ---------------------------------------------------------------------------------

    def asarray(self, values: Any, dtype: Any = None) -> Array:
        """
        Return values of the host as a C-contiguous array of this backend.

        Its dtype is ``dtype``, or the dtype of the values. If the backend's memory is the host's,
        an array that needs no change may be returned without a copy.
        """
        return np.ascontiguousarray(values, dtype=dtype)

    def to_numpy(self, a: Array) -> Any:
        """Return a NumPy copy of ``a`` on the host."""
        return np.array(a)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of unset values."""
        return np.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of zeros."""
        a = self.empty(shape, dtype)
        self.fill_(a, 0.0)
        return a

    def view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        """Return a part of a flat ``buffer``, from ``offset`` on, with ``shape``: no copy."""
        shapes.require_view(buffer, offset, math.prod(shape))
        return self._view(buffer, offset, shape)

    def _view(self, buffer: Array, offset: int, shape: tuple[int, ...]) -> Array:
        return buffer[offset : offset + math.prod(shape)].reshape(shape)

    def reshape(self, a: Array, shape: tuple[int, ...]) -> Array:
        """Return the elements of ``a``, in the same order, with another ``shape``: no copy."""
        shapes.require_reshape(a, shape)
        return self._reshape(a, shape)

    def _reshape(self, a: Array, shape: tuple[int, ...]) -> Array:
        return a.reshape(shape)

    def fill_(self, a: Array, value: float) -> None:
        """Set every element of ``a`` to ``value``."""
        a[...] = value

    def copy_(self, a: Array, b: Array) -> None:
        """Copy ``b`` into ``a``; same shape and dtype."""
        shapes.require_alike("copy_", a=a, b=b)
        self._copy_(a, b)

    def _copy_(self, a: Array, b: Array) -> None:
        a[...] = b

    # -- products -------------------------------------------------------------------------------

    def gemm(
        self,
        a: Array,  # (m, k), or (k, m) with trans_a
        b: Array,  # (k, n), or (n, k) with trans_b
        *,
        trans_a: bool = False,
        trans_b: bool = False,
        out: Array | None = None,  # (m, n)
        accumulate: bool = False,
    ) -> Array:  # (m, n)
        """Matrix product op(a) · op(b)."""
        m, n, _ = shapes.gemm_sizes(a, b, trans_a, trans_b)
        shapes.require_out("gemm", out, (m, n), a.dtype)
        return self._gemm(a, b, bool(trans_a), bool(trans_b), out, accumulate)

    def _gemm(
        self,
        a: Array,
        b: Array,
        trans_a: bool,
        trans_b: bool,
        out: Array | None,
        accumulate: bool,
    ) -> Array:
        return _deliver((a.T if trans_a else a) @ (b.T if trans_b else b), out, accumulate)

    def linear(
        self,
        x: Array,  # (batch, in)
        weight: Array,  # (in, out)
        bias: Array,  # (out,)
        activation: str = "identity",
        slope: float = 0.0,
    ) -> Array:  # (batch, out)
        """φ(x · weight + bias). Fused: bias and φ are applied while the product is in registers."""
        _, n, _ = shapes.gemm_sizes(x, weight, False, False)
        shapes.require_vector("linear", n, x.dtype, bias=bias)
        phi_of(activation)
        return self._linear(x, weight, bias, activation, float(slope))

    def _linear(self, x: Array, weight: Array, bias: Array, phi: str, slope: float) -> Array:
        a = self.add_row(self.gemm(x, weight), bias)
        return a if phi == "identity" else self.activation(a, phi, slope)

    # -- elementwise ----------------------------------------------------------------------------

    def add_row(self, x: Array, row: Array) -> Array:
        """x (batch, n) + row (n,): the row is added to each example."""
        shapes.require_matrix("add_row", x=x)
        shapes.require_vector("add_row", x.shape[1], x.dtype, row=row)
        return self._add_row(x, row)

    def _add_row(self, x: Array, row: Array) -> Array:
        return x + row

    def add(self, a: Array, b: Array) -> Array:
        """a + b, same shape."""
        shapes.require_same("add", a=a, b=b)
        return self._add(a, b)

    def _add(self, a: Array, b: Array) -> Array:
        return a + b

    def multiply(self, a: Array, b: Array) -> Array:
        """a ⊙ b, same shape."""
        shapes.require_same("multiply", a=a, b=b)
        return self._multiply(a, b)

    def _multiply(self, a: Array, b: Array) -> Array:
        return a * b

    def scale(self, a: Array, factor: float) -> Array:
        """factor · a."""
        shapes.require_floating("scale", a=a)
        return self._scale(a, float(factor))  # a NumPy scalar would turn float32 into float64

    def _scale(self, a: Array, factor: float) -> Array:
        return a * factor

    def scale_scheduled(self, a: Array, factor: float) -> Array:
        """
        factor · a, with a factor that changes from one training step to the next.

        In a training, it is an ``optim.Current``, which says how the factor goes on.
        """
        shapes.require_floating("scale_scheduled", a=a)
        return self._scale_scheduled(a, factor)

    def _scale_scheduled(self, a: Array, factor: float) -> Array:
        return a * float(factor)

    def activation(self, a: Array, activation: str, slope: float = 0.0) -> Array:
        """y = φ(a), elementwise; ``slope`` ≥ 0 is the slope of leaky_relu for a < 0."""
        shapes.require_floating("activation", a=a)
        phi_of(activation)
        return self._activation(a, activation, float(slope))

    def _activation(self, a: Array, phi: str, slope: float) -> Array:
        return phi_of(phi).numpy.value(a, slope)

    def activation_grad(self, dy: Array, y: Array, activation: str, slope: float = 0.0) -> Array:
        """dy ⊙ φ′(a), from y = φ(a). At the kink of relu, a = 0, φ′ is the left slope."""
        shapes.require_same("activation_grad", dy=dy, y=y)
        phi_of(activation)
        return self._activation_grad(dy, y, activation, float(slope))

    def _activation_grad(self, dy: Array, y: Array, phi: str, slope: float) -> Array:
        return phi_of(phi).numpy.grad(dy, y, slope)

    def activation_grad_bias(
        self,
        dy: Array,  # (batch, n)
        y: Array,  # (batch, n)
        activation: str,
        slope: float = 0.0,
        dbias: Array | None = None,  # (n,): the column sums of da are added here
    ) -> Array:  # da, (batch, n)
        """activation_grad, whose column sums are added to ``dbias``. Fused: one pass over dy."""
        if dbias is None:
            return self.activation_grad(dy, y, activation, slope)
        shapes.require_same("activation_grad_bias", dy=dy, y=y)
        shapes.require_matrix("activation_grad_bias", dy=dy)
        shapes.require_vector("activation_grad_bias", dy.shape[1], dy.dtype, dbias=dbias)
        phi_of(activation)
        return self._activation_grad_bias(dy, y, activation, float(slope), dbias)

    def _activation_grad_bias(
        self, dy: Array, y: Array, phi: str, slope: float, dbias: Array
    ) -> Array:
        da = self.activation_grad(dy, y, phi, slope)
        self.sum_rows(da, out=dbias, accumulate=True)
        return da

    def maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        """
        Maximum over groups of ``pieces`` neighbouring columns.

        a is (batch, units · pieces). Returns y (batch, units) and the int32 index
        (batch, units) of the first piece that attains it.
        """
        shapes.group_sizes("maxout", a, pieces)
        return self._maxout(a, pieces)

    def _maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        groups = a.reshape(len(a), -1, pieces)
        index = groups.real.argmax(axis=2).astype(np.int32)
        return np.take_along_axis(groups, index[:, :, None], axis=2)[:, :, 0], index

    def maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        """Backward of maxout: dy (batch, units) at the chosen pieces, 0 elsewhere."""
        shapes.require_matrix("maxout_spread", dy=dy)
        shapes.require_index("maxout_spread", dy.shape, index, pieces, self.looks)
        return self._maxout_spread(dy, index, pieces)

    def _maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        batch, units = dy.shape
        da = np.zeros((batch, units, pieces), dy.dtype)
        np.put_along_axis(da, index[:, :, None], dy[:, :, None], axis=2)
        return da.reshape(batch, units * pieces)

    def maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        """Forward derivative of maxout: da (batch, units · pieces) at the chosen pieces."""
        sizes = shapes.group_sizes("maxout_pick", da, pieces)
        shapes.require_index("maxout_pick", sizes, index, pieces, self.looks)
        return self._maxout_pick(da, index, pieces)

    def _maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        groups = da.reshape(len(da), -1, pieces)
        return np.take_along_axis(groups, index[:, :, None], axis=2)[:, :, 0]

    def dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        """
        x · mask / keep, where mask(i, j) = [uniform(i, j) < keep].

        The mask is computed from the stream and never stored. So the backward pass is this same
        operation on dy, and the forward derivative is this operation on dx.
        """
        shapes.require_matrix("dropout", x=x)
        shapes.require_keep(keep)
        shapes.require_draw("dropout", x.shape, stream)
        return self._dropout(x, float(keep), stream)

    def _dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        mask = self.uniform(x.shape, stream, 0.0, 1.0, np.float32) < np.float32(keep)
        return np.where(mask, x * (1 / keep), 0)

    # -- joining and reducing -------------------------------------------------------------------

    def concat_columns(self, a: Array, b: Array) -> Array:
        """Join a (batch, p) and b (batch, q) into (batch, p + q)."""
        shapes.require_joinable("concat_columns", a, b)
        return self._concat_columns(a, b)

    def _concat_columns(self, a: Array, b: Array) -> Array:
        return np.concatenate([a, b], axis=1)

    def concat_rows(self, a: Array, b: Array) -> Array:
        """Join a (p, n) and b (q, n) into (p + q, n). Composed: two copies."""
        shapes.require_matrix("concat_rows", a=a, b=b)
        if a.shape[1] != b.shape[1] or a.dtype != b.dtype:
            raise ShapeError(
                f"concat_rows: a is {a.shape} {a.dtype} and b is {b.shape} {b.dtype};"
                " expected the same number of columns and the same dtype"
            )
        return self._concat_rows(a, b)

    def _concat_rows(self, a: Array, b: Array) -> Array:
        flat = self.empty((a.size + b.size,), a.dtype)
        self.copy_(self.view(flat, 0, a.shape), a)
        self.copy_(self.view(flat, a.size, b.shape), b)
        return self.view(flat, 0, (a.shape[0] + b.shape[0], a.shape[1]))

    def columns(self, a: Array, start: int, stop: int) -> Array:
        """Columns start … stop − 1 of a (batch, n), as a new array; ``start`` never varies."""
        shapes.require_columns("columns", a, start, stop)
        return self._columns(a, start, stop)

    def _columns(self, a: Array, start: int, stop: int) -> Array:
        return a[:, start:stop].copy()

    def sum_rows(self, a: Array, *, out: Array | None = None, accumulate: bool = False) -> Array:
        """Sum a (batch, n) over the batch: (n,)."""
        shapes.require_matrix("sum_rows", a=a)
        shapes.require_out("sum_rows", out, (a.shape[1],), a.dtype)
        return self._sum_rows(a, out, accumulate)

    def _sum_rows(self, a: Array, out: Array | None, accumulate: bool) -> Array:
        return _deliver(a.sum(axis=0), out, accumulate)

    def log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        """
        Mean of log σ(sign · logit), and its gradient. Fused: one pass.

        σ(l) = D(x) for the logit l, so sign +1 gives the mean of log D and sign −1
        the mean of log(1 − D). Both are finite for every finite logit. Returns the value,
        shape (1,), and d value / d logits, with the shape of ``logits``.
        """
        shapes.require_floating("log_sigmoid_mean", logits=logits)
        return self._log_sigmoid_mean(logits, float(sign))

    def _log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        signed = logits * sign
        value = log_sigmoid(signed).mean(keepdims=True).reshape(1)
        gradient = sigmoid(-signed) * (sign / logits.size)  # (log σ)′(l) = σ(−l)
        return value, gradient

    def exp_mean(self, scores: Array, sign: float) -> tuple[Array, Array]:
        """
        Mean of e^(sign · score), and its gradient. Fused: one pass.

        Returns the value, shape (1,), and d value / d scores, with the shape of ``scores``. Where
        e^(sign · score) is larger than the largest number (from 88 on in float32, 709 in float64),
        the value is ∞ and the gradient sign · ∞.
        """
        shapes.require_floating("exp_mean", scores=scores)
        return self._exp_mean(scores, float(sign))

    def _exp_mean(self, scores: Array, sign: float) -> tuple[Array, Array]:
        with np.errstate(over="ignore"):
            powers = np.exp(scores * sign)
            value = powers.mean(keepdims=True).reshape(1)
        return value, powers * (sign / scores.size)

    def softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        """
        Mean over the batch of −Σₖ yₖ log pₖ, p = softmax(logits), and its gradient. Fused.

        logits and labels are (batch, classes). y is one-hot, or any weights; terms with weight 0
        are dropped (0 · log 0 = 0). Returns the value, shape (1,), and d value / d logits =
        (p Σₖ yₖ − y) / batch, both finite for every finite logit. A logit of −∞ gives a class
        the probability 0; with +∞ or NaN, the terms of that example are NaN.
        """
        shapes.require_same("softmax_cross_entropy", logits=logits, labels=labels)
        shapes.require_matrix("softmax_cross_entropy", logits=logits)
        return self._softmax_cross_entropy(logits, labels)

    def _softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        # Subtracting the row's largest logit leaves p unchanged and keeps e^l from overflowing.
        shifted = logits - _largest(logits)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        terms = labels * np.where(labels == 0, 0, log_p)
        value = -terms.sum(axis=1).mean(keepdims=True)
        gradient = (np.exp(log_p) * labels.sum(axis=1, keepdims=True) - labels) / len(logits)
        return value, gradient

    # -- normalising, and comparing the examples of a batch --------------------------------------

    def multiply_row(self, x: Array, row: Array) -> Array:
        """x (batch, n) ⊙ row (n,): each example is multiplied by the row."""
        shapes.require_matrix("multiply_row", x=x)
        shapes.require_vector("multiply_row", x.shape[1], x.dtype, row=row)
        return self._multiply_row(x, row)

    def _multiply_row(self, x: Array, row: Array) -> Array:
        return x * row

    def scale_by(self, a: Array, factor: Array) -> Array:
        """factor · a, for an array ``factor`` with one element."""
        shapes.require_floating("scale_by", a=a)
        if factor.size != 1 or factor.dtype != a.dtype:
            raise ShapeError(
                f"scale_by: factor is {factor.shape} {factor.dtype}; expected one element of"
                f" {a.dtype}"
            )
        return self._scale_by(a, factor)

    def _scale_by(self, a: Array, factor: Array) -> Array:
        return a * factor.reshape(())

    def reciprocal_root(self, a: Array, eps: float) -> Array:
        """1 / √(a + eps), elementwise, for a + eps > 0."""
        shapes.require_floating("reciprocal_root", a=a)
        return self._reciprocal_root(a, float(eps))

    def _reciprocal_root(self, a: Array, eps: float) -> Array:
        return 1 / np.sqrt(a + eps)

    def normalize(self, x: Array, over: str, eps: float) -> tuple[Array, Array, Array]:
        """
        (x − mean) / √(variance + eps), of a matrix x (batch, n). Fused.

        ``over`` is "batch" for mean and variance of each column, or "features" for those of each
        row. The variance is a mean of squares: biased, divided by the number of terms. Returns y,
        with the shape of x, and mean and variance, (n,) or (batch,).
        """
        shapes.require_matrix("normalize", x=x)
        shapes.require_over("normalize", over)
        return self._normalize(x, over, float(eps))

    def _normalize(self, x: Array, over: str, eps: float) -> tuple[Array, Array, Array]:
        axis = 0 if over == "batch" else 1
        mean = x.mean(axis=axis, keepdims=True)
        variance = ((x - mean) * (x - mean)).mean(axis=axis, keepdims=True)
        return (x - mean) / np.sqrt(variance + eps), mean.ravel(), variance.ravel()

    def normalize_grad(self, dy: Array, y: Array, variance: Array, over: str, eps: float) -> Array:
        """
        Backward of normalize: (dy − ⟨dy⟩ − y ⟨y ⊙ dy⟩) / √(variance + eps), ⟨·⟩ a mean. Fused.

        This map of dy is symmetric, so it is the forward derivative too.
        """
        shapes.require_same("normalize_grad", dy=dy, y=y)
        shapes.require_matrix("normalize_grad", dy=dy)
        size = dy.shape[shapes.require_over("normalize_grad", over)]
        shapes.require_vector("normalize_grad", size, dy.dtype, variance=variance)
        return self._normalize_grad(dy, y, variance, over, float(eps))

    def _normalize_grad(self, dy: Array, y: Array, variance: Array, over: str, eps: float) -> Array:
        axis = 0 if over == "batch" else 1
        rest = dy - dy.mean(axis=axis, keepdims=True)
        rest = rest - y * (y * dy).mean(axis=axis, keepdims=True)
        return rest / np.expand_dims(np.sqrt(variance + eps), axis)

    def closeness(self, m: Array, dims: int, dm: Array | None = None) -> Array:
        """
        o_ik = Σ_{j≠i} exp(−Σ_c |m_ikc − m_jkc|): how close example i is to the others.

        m is (batch, kernels · dims), with c in 0 … dims − 1; o is (batch, kernels). With ``dm``,
        it is the forward derivative of o along dm. |·| has the derivative 0 at 0.
        """
        shapes.group_sizes("closeness", m, dims)
        if dm is not None:
            shapes.require_same("closeness", m=m, dm=dm)
        return self._closeness(m, dims, dm)

    def _closeness(self, m: Array, dims: int, dm: Array | None) -> Array:
        o = np.empty((m.shape[0], m.shape[1] // dims), m.dtype)
        for i in range(len(m)):
            weights, _, _ = _closeness(m, i, dims, dm)
            o[i] = weights.sum(axis=0)
        return o

    def closeness_grad(self, do: Array, m: Array, dims: int, dm: Array | None = None) -> Array:
        """
        Backward of closeness: −Σ_{j≠i} (do_ik + do_jk) e_ijk sign(m_ikc − m_jkc), like m.

        e_ijk is the term of the sum in ``closeness``. With ``dm``, it is how this gradient changes
        as m moves along dm: e_ijk is replaced by its derivative.
        """
        sizes = shapes.group_sizes("closeness_grad", m, dims)
        shapes.require_matrix("closeness_grad", do=do)
        if do.shape != sizes or do.dtype != m.dtype:
            raise ShapeError(
                f"closeness_grad: do is {do.shape} {do.dtype}; expected {sizes} {m.dtype}"
            )
        if dm is not None:
            shapes.require_same("closeness_grad", m=m, dm=dm)
        return self._closeness_grad(do, m, dims, dm)

    def _closeness_grad(self, do: Array, m: Array, dims: int, dm: Array | None) -> Array:
        gradient = np.empty(m.shape, np.result_type(do, m))
        for i in range(len(m)):
            weights, signs, others = _closeness(m, i, dims, dm)
            terms = ((do[i] + do[others]) * weights)[:, :, None] * signs
            gradient[i] = -terms.sum(axis=0).ravel()
        return gradient

    # -- tangents: what second order needs ------------------------------------------------------

    def activation_bend(
        self, dy: Array, y: Array, y_dot: Array, activation: str, slope: float = 0.0
    ) -> Array:
        """
        dy ⊙ dφ′/dy ⊙ ẏ, from y = φ(a): how activation_grad changes as y moves by ẏ.

        φ″(a) ȧ = dφ′/dy ẏ, because ẏ = φ′(a) ȧ. It is 0 for a piecewise linear φ.
        """
        shapes.require_same("activation_bend", dy=dy, y=y, y_dot=y_dot)
        phi_of(activation)
        return self._activation_bend(dy, y, y_dot, activation, float(slope))

    def _activation_bend(self, dy: Array, y: Array, y_dot: Array, phi: str, slope: float) -> Array:
        return phi_of(phi).numpy.bend(dy, y, slope) * y_dot

    def dot_rows(self, a: Array, b: Array) -> Array:
        """Σⱼ aᵢⱼ bᵢⱼ of each example i, for a and b (batch, n): (batch, 1)."""
        shapes.require_same("dot_rows", a=a, b=b)
        shapes.require_matrix("dot_rows", a=a)
        return self._dot_rows(a, b)

    def _dot_rows(self, a: Array, b: Array) -> Array:
        return (a * b).sum(axis=1, keepdims=True)

    def scale_rows(self, x: Array, factors: Array) -> Array:
        """x (batch, n) with each example i multiplied by its own factor; factors (batch, 1)."""
        shapes.require_factors("scale_rows", x, factors)
        return self._scale_rows(x, factors)

    def _scale_rows(self, x: Array, factors: Array) -> Array:
        return x * factors

    # -- penalties ------------------------------------------------------------------------------

    def norm_penalty(
        self, squares: Array, target: float, one_sided: bool = False, eps: float = 0.0
    ) -> tuple[Array, Array]:
        """
        Mean of (n / target − 1)², where n = √(square + eps) is the norm of a row g. Fused.

        ``squares`` are ‖g‖², (batch, 1). With ``one_sided``, only norms above ``target`` count.
        Returns the value, shape (1,), and factors (batch, 1): d value / dg = factor · g. The
        factor is 0 where n = 0, because the norm has no gradient there.
        """
        shapes.require_matrix("norm_penalty", squares=squares)
        shapes.require_norms("norm_penalty", squares, target, eps)
        return self._norm_penalty(squares, float(target), bool(one_sided), float(eps))

    def _norm_penalty(
        self, squares: Array, target: float, one_sided: bool, eps: float
    ) -> tuple[Array, Array]:
        n = np.sqrt(squares + eps)
        excess = n / target - 1
        if one_sided:
            excess = np.where(excess.real < 0, 0, excess)  # NaN stays
        value = (excess * excess).mean(keepdims=True).reshape(1)
        zero = n.real == 0
        slope = (2 / (target * len(n))) * excess / np.where(zero, 1, n)
        return value, np.where(zero, 0, slope)

    def standard_deviation(self, a: Array) -> Array:
        """Standard deviation of all elements of ``a`` together, (1, 1): √ mean (a − mean a)²."""
        shapes.require_matrix("standard_deviation", a=a)
        return self._standard_deviation(a)

    def _standard_deviation(self, a: Array) -> Array:
        deviations = a - a.mean()
        return np.sqrt((deviations * deviations).mean(keepdims=True))

    # -- random numbers (Philox4x32-10) ---------------------------------------------------------

    def random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        """uint32 words (rows, columns), the same on every backend."""
        shapes.require_draw("random_words", shape, stream)
        return self._random_words(shape, stream)

    def _random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        return philox_words(shape, stream)

    def uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        """low + (high − low) · u with 24-bit u in [0, 1), the same on every backend to rounding."""
        shapes.require_dtype("uniform", dtype)
        shapes.require_draw("uniform", shape, stream)
        return self._uniform(shape, stream, float(low), float(high), dtype)

    def _uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        u = _unit(philox_words(shape, stream)).astype(dtype)
        return u if (low, high) == (0.0, 1.0) else low + (high - low) * u

    def normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        """Normal numbers by Box–Muller on pairs of 24-bit uniforms; |value − mean| < 5.8 std."""
        shapes.require_dtype("normal", dtype)
        shapes.require_draw("normal", shape, stream)
        return self._normal(shape, stream, float(mean), float(std), dtype)

    def _normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        rows, columns = shape
        words = philox_words((rows, columns + columns % 2), stream)  # pairs of columns
        u1, u2 = _unit(words[:, 0::2]), _unit(words[:, 1::2])
        radius = np.sqrt(-2 * np.log(u1 + 2.0**-24))  # u1 + 2⁻²⁴ is in (0, 1]: the log is finite
        pairs = np.stack([radius * np.cos(2 * np.pi * u2), radius * np.sin(2 * np.pi * u2)], axis=2)
        values = mean + std * pairs.reshape(rows, -1)[:, :columns]
        return np.ascontiguousarray(values, dtype=dtype)

    def random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        """int32 (rows,), uniform on 0 … classes − 1: floor(u · classes)."""
        shapes.require_draw("random_labels", (rows, 1), stream)
        shapes.require_classes("random_labels", classes)
        return self._random_labels(rows, classes, stream)

    def _random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        u = _unit(philox_words((rows, 1), stream))[:, 0]
        return np.floor(u * classes).astype(np.int32)

    # -- data -----------------------------------------------------------------------------------

    def gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        """
        Rows order[start], …, order[start + count − 1] of data (n, …); order is int32 (n,).

        If the host cannot read the order, an index outside data gives a row of zeros.
        """
        shapes.require_rows("gather_rows", data, order, start, count, self.looks)
        return self._gather_rows(data, order, start, count)

    def _gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        return data[order[start : start + count]]

    def one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        """
        (rows, classes): row i is 1 at column labels[i] and 0 elsewhere.

        If the host cannot read the labels, a label outside 0 … classes − 1 gives a row of zeros.
        """
        shapes.require_labels("one_hot", labels, classes, self.looks)
        shapes.require_dtype("one_hot", dtype)
        return self._one_hot(labels, classes, dtype)

    def _one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        return np.eye(classes, dtype=dtype)[labels]

    def swap_rows_(
        self,
        pool: Array,  # (size, n)
        filled: Array,  # int32 (1,): how many rows of the pool are filled, from the first on
        x: Array,  # (rows, n)
        words: Array,  # uint32 (rows, 2)
        share: float,
    ) -> Array:  # (rows, n)
        """
        Exchange rows of x with a pool of earlier rows, one row after the other.

        While the pool has room, a row of x is put there and returned. Then row i takes the place
        of a random row of the pool, number floor(u · size) with u from words[i, 0]. The row that
        was there is returned with probability ``share`` (words[i, 1]); otherwise row i is
        returned, and the row that was there is lost.
        """
        shapes.require_pool("swap_rows_", pool, filled, x, words, share)
        return self._swap_rows_(pool, filled, x, words, float(share))

    def _swap_rows_(
        self, pool: Array, filled: Array, x: Array, words: Array, share: float
    ) -> Array:
        y, size = x.copy(), len(pool)
        places = ((words[:, 0] >> np.uint32(8)).astype(np.int64) * size) >> 24
        earlier = _unit(words[:, 1]) < np.float32(share)
        for i in range(len(x)):
            if 0 <= filled[0] < size:
                place = filled[0]
                filled[0] += 1
            else:
                place = places[i]
                if earlier[i]:
                    y[i] = pool[place]
            pool[place] = x[i]
        return y

    # -- optimisers, over flat buffers ----------------------------------------------------------

    def sgd_(
        self,
        params: Array,  # (n,)
        grads: Array,  # (n,)
        velocity: Array,  # (n,)
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        """v ← μ v − rate · g; params += v, or with Nesterov params += μ v − rate · g."""
        shapes.require_same("sgd_", params=params, grads=grads, velocity=velocity)
        self._sgd_(params, grads, velocity, rate, momentum, nesterov)

    def _sgd_(
        self,
        params: Array,
        grads: Array,
        velocity: Array,
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        velocity[...] = momentum * velocity - rate * grads
        params += momentum * velocity - rate * grads if nesterov else velocity

    def adam_(
        self,
        params: Array,  # (n,)
        grads: Array,  # (n,)
        m: Array,  # (n,)
        v: Array,  # (n,)
        rate: float,
        t: int,  # 1 at the first update
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        """Adam (Kingma & Ba 2015, Algorithm 1), with both bias corrections."""
        shapes.require_same("adam_", params=params, grads=grads, m=m, v=v)
        shapes.require_update(t)
        self._adam_(params, grads, m, v, rate, t, beta1, beta2, eps)

    def _adam_(
        self,
        params: Array,
        grads: Array,
        m: Array,
        v: Array,
        rate: float,
        t: int,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        m[...] = beta1 * m + (1 - beta1) * grads
        v[...] = beta2 * v + (1 - beta2) * grads * grads
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        params -= rate * m_hat / (np.sqrt(v_hat) + eps)

    def ema_(self, average: Array, params: Array, decay: float) -> None:
        """average ← decay · average + (1 − decay) · params."""
        shapes.require_same("ema_", average=average, params=params)
        self._ema_(average, params, decay)

    def _ema_(self, average: Array, params: Array, decay: float) -> None:
        average[...] = decay * average + (1 - decay) * params

    def clip_(self, a: Array, low: float, high: float) -> None:
        """Set each element below ``low`` to ``low`` and each above ``high`` to ``high``."""
        shapes.require_floating("clip_", a=a)
        shapes.require_bounds("clip_", low, high)
        self._clip_(a, float(low), float(high))

    def _clip_(self, a: Array, low: float, high: float) -> None:
        a[...] = np.where(a.real < low, low, np.where(a.real > high, high, a))


OPERATIONS = tuple(
    name for name, f in vars(Backend).items() if inspect.isfunction(f) and name[0] != "_"
)
"""The names of all operations."""

COMPOSED = ("zeros", "linear", "activation_grad_bias", "concat_rows")
"""The composed operations: their definitions only call others, so they work on any backend."""

FLOPS = {
    "adam_": 12, "sgd_": 4, "ema_": 3, "copy_": 0, "fill_": 0, "gather_rows": 0, "columns": 0,
    "concat_columns": 0, "one_hot": 0, "random_words": 0, "random_labels": 0, "maxout_spread": 0,
    "maxout_pick": 0, "swap_rows_": 0, "activation_grad": 2, "activation_grad_bias": 3,
    "normal": 20, "uniform": 2, "log_sigmoid_mean": 10, "softmax_cross_entropy": 10,
    "activation_bend": 3, "exp_mean": 10, "reciprocal_root": 3, "normalize": 6, "normalize_grad": 8,
    "norm_penalty": 8, "standard_deviation": 1,
}  # fmt: skip
"""Nominal floating-point operations per element of the result, for operations with more than 1."""


def hook(operation: str) -> str:
    """
    Return the name of the method that a backend overrides to compute an operation.

    Examples
    --------
    >>> hook("add"), hook("empty")  # empty checks nothing, so it has only one method
    ('_add', 'empty')
    """
    return f"_{operation}" if hasattr(Backend, f"_{operation}") else operation


def definition(operation: str) -> Callable[..., Any]:
    """Return how an operation is computed in NumPy."""
    method: Callable[..., Any] = getattr(Backend, hook(operation))
    return method


def _closeness(m: NDArray[Any], i: int, dims: int, dm: NDArray[Any] | None) -> Any:
    """
    Return e_ijk, or its derivative along dm, sign(m_ikc − m_jkc), and j, for all j ≠ i.

    (batch − 1, kernels), (batch − 1, kernels, dims), (batch − 1,).
    """
    others = np.delete(np.arange(len(m)), i)
    differences = (m[i] - m[others]).reshape(len(others), m.shape[1] // dims, dims)
    signs = np.sign(differences.real)
    weights = np.exp(-(signs * differences).sum(axis=2))
    if dm is not None:
        moves = (dm[i] - dm[others]).reshape(differences.shape)
        weights = -weights * (signs * moves).sum(axis=2)
    return weights, signs, others


def _largest(a: NDArray[Any]) -> Any:
    """Largest entry of each row, (rows, 1); NaN if the row has one."""
    return np.take_along_axis(a, a.real.argmax(axis=1)[:, None], axis=1)


def _unit(words: NDArray[Any]) -> Any:
    """24-bit uniforms in [0, 1): exact in float32 too."""
    return (words >> np.uint32(8)) * 2.0**-24


def _deliver(result: NDArray[Any], out: NDArray[Any] | None, accumulate: bool) -> NDArray[Any]:
    """Return ``result``; with ``out``, write or add it there and return ``out``."""
    if out is None:
        return np.ascontiguousarray(result)
    if accumulate:
        out += result
    else:
        out[...] = result
    return out
