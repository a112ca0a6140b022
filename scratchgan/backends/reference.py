"""
The reference: every operation of the vocabulary in NumPy, as the formula has it.

This file is the definition that the other backends are tested against. It is
written for reading: where NumPy says the formula in one line, that line stands.
The formulas of the activations stand in ``activations.py``.
Branches look at real parts only, so that a complex step (x + ih) passes through
each operation as an analytic function; that is how gradcheck gets derivatives
to 16 digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import shapes
from scratchgan.backends.activations import log_sigmoid, phi_of, sigmoid
from scratchgan.backends.base import Array, Backend
from scratchgan.backends.host import HostMemory
from scratchgan.backends.philox import philox_words
from scratchgan.backends.random import Stream
from scratchgan.errors import ShapeError

__all__ = ["ReferenceBackend"]


class ReferenceBackend(HostMemory, Backend):
    """NumPy arrays and NumPy arithmetic."""

    name = "reference"

    # -- products -------------------------------------------------------------------------------

    def gemm(
        self,
        a: Array,
        b: Array,
        *,
        trans_a: bool = False,
        trans_b: bool = False,
        out: Array | None = None,
        accumulate: bool = False,
    ) -> Array:
        shapes.gemm_sizes(a, b, trans_a, trans_b)
        product = (a.T if trans_a else a) @ (b.T if trans_b else b)
        return _deliver("gemm", product, out, accumulate)

    # -- elementwise ----------------------------------------------------------------------------

    def add_row(self, x: Array, row: Array) -> Array:
        shapes.require_matrix("add_row", x=x)
        shapes.require_vector("add_row", x.shape[1], x.dtype, row=row)
        return x + row

    def add(self, a: Array, b: Array) -> Array:
        shapes.require_same("add", a=a, b=b)
        return a + b

    def multiply(self, a: Array, b: Array) -> Array:
        shapes.require_same("multiply", a=a, b=b)
        return a * b

    def scale(self, a: Array, factor: float) -> Array:
        shapes.require_floating("scale", a=a)
        return a * float(factor)  # a NumPy scalar would make float32 float64

    def activation(self, a: Array, activation: str, slope: float = 0.0) -> Array:
        shapes.require_floating("activation", a=a)
        return phi_of(activation).numpy.value(a, float(slope))

    def activation_grad(self, dy: Array, y: Array, activation: str, slope: float = 0.0) -> Array:
        shapes.require_same("activation_grad", dy=dy, y=y)
        return phi_of(activation).numpy.grad(dy, y, float(slope))

    def maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        groups = a.reshape(*shapes.group_sizes("maxout", a, pieces), pieces)
        index = groups.real.argmax(axis=2).astype(np.int32)
        return np.take_along_axis(groups, index[:, :, None], axis=2)[:, :, 0], index

    def maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        shapes.require_matrix("maxout_spread", dy=dy)
        shapes.require_index("maxout_spread", dy.shape, index, pieces)
        batch, units = dy.shape
        da = np.zeros((batch, units, pieces), dy.dtype)
        np.put_along_axis(da, index[:, :, None], dy[:, :, None], axis=2)
        return da.reshape(batch, units * pieces)

    def maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        groups = da.reshape(*shapes.group_sizes("maxout_pick", da, pieces), pieces)
        shapes.require_index("maxout_pick", groups.shape[:2], index, pieces)
        return np.take_along_axis(groups, index[:, :, None], axis=2)[:, :, 0]

    def dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        shapes.require_matrix("dropout", x=x)
        shapes.require_keep(keep)
        mask = self.uniform(x.shape, stream, 0.0, 1.0, np.float32) < np.float32(keep)
        return np.where(mask, x * (1 / float(keep)), 0)

    # -- joining and reducing -------------------------------------------------------------------

    def concat_columns(self, a: Array, b: Array) -> Array:
        shapes.require_joinable("concat_columns", a, b)
        return np.concatenate([a, b], axis=1)

    def columns(self, a: Array, start: int, stop: int) -> Array:
        shapes.require_columns("columns", a, start, stop)
        return a[:, start:stop].copy()

    def sum_rows(self, a: Array, *, out: Array | None = None, accumulate: bool = False) -> Array:
        shapes.require_matrix("sum_rows", a=a)
        return _deliver("sum_rows", a.sum(axis=0), out, accumulate)

    def log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        shapes.require_floating("log_sigmoid_mean", logits=logits)
        sign = float(sign)
        signed = logits * sign
        value = log_sigmoid(signed).mean(keepdims=True).reshape(1)
        gradient = sigmoid(-signed) * (sign / logits.size)  # (log σ)′(l) = σ(−l)
        return value, gradient

    def softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        shapes.require_same("softmax_cross_entropy", logits=logits, labels=labels)
        shapes.require_matrix("softmax_cross_entropy", logits=logits)
        # p is the same for logits less the largest of the row, and then no e^l overflows.
        shifted = logits - _largest(logits)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        terms = labels * np.where(labels == 0, 0, log_p)
        value = -terms.sum(axis=1).mean(keepdims=True)
        gradient = (np.exp(log_p) * labels.sum(axis=1, keepdims=True) - labels) / len(logits)
        return value, gradient

    # -- random numbers -------------------------------------------------------------------------

    def random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        return philox_words(shape, stream)

    def uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        shapes.require_dtype("uniform", dtype)
        u = _unit(philox_words(shape, stream)).astype(dtype)
        return u if (low, high) == (0.0, 1.0) else float(low) + float(high - low) * u

    def normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        shapes.require_dtype("normal", dtype)
        shapes.require_draw("normal", shape, stream)
        rows, columns = shape
        words = philox_words((rows, columns + columns % 2), stream)  # pairs of columns
        u1, u2 = _unit(words[:, 0::2]), _unit(words[:, 1::2])
        radius = np.sqrt(-2 * np.log(u1 + 2.0**-24))  # u1 + 2⁻²⁴ is in (0, 1]: the log is finite
        pairs = np.stack([radius * np.cos(2 * np.pi * u2), radius * np.sin(2 * np.pi * u2)], axis=2)
        values = mean + std * pairs.reshape(rows, -1)[:, :columns]
        return np.ascontiguousarray(values, dtype=dtype)

    def random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        shapes.require_classes("random_labels", classes)
        u = _unit(philox_words((rows, 1), stream))[:, 0]
        return np.floor(u * classes).astype(np.int32)

    # -- data -----------------------------------------------------------------------------------

    def gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        shapes.require_rows("gather_rows", data, order, start, count)
        return data[order[start : start + count]]

    def one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        shapes.require_labels("one_hot", labels, classes)
        shapes.require_dtype("one_hot", dtype)
        return np.eye(classes, dtype=dtype)[labels]

    # -- optimisers -----------------------------------------------------------------------------

    def sgd_(
        self,
        params: Array,
        grads: Array,
        velocity: Array,
        rate: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        shapes.require_same("sgd_", params=params, grads=grads, velocity=velocity)
        velocity[...] = momentum * velocity - rate * grads
        params += momentum * velocity - rate * grads if nesterov else velocity

    def adam_(
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
        shapes.require_same("adam_", params=params, grads=grads, m=m, v=v)
        shapes.require_update(t)
        m[...] = beta1 * m + (1 - beta1) * grads
        v[...] = beta2 * v + (1 - beta2) * grads * grads
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        params -= rate * m_hat / (np.sqrt(v_hat) + eps)

    def ema_(self, average: Array, params: Array, decay: float) -> None:
        shapes.require_same("ema_", average=average, params=params)
        average[...] = decay * average + (1 - decay) * params


def _largest(a: NDArray[Any]) -> Any:
    """Largest entry of each row, (rows, 1); NaN where there is one."""
    return np.take_along_axis(a, a.real.argmax(axis=1)[:, None], axis=1)


def _unit(words: NDArray[Any]) -> Any:
    """24-bit uniforms in [0, 1): exact in float32 too."""
    return (words >> np.uint32(8)) * 2.0**-24


def _deliver(
    operation: str, result: NDArray[Any], out: NDArray[Any] | None, accumulate: bool
) -> NDArray[Any]:
    """Return ``result``, or write it or add it into ``out`` and return that."""
    if out is None:
        return np.ascontiguousarray(result)
    if out.shape != result.shape or out.dtype != result.dtype:
        raise ShapeError(
            f"{operation}: out is {out.shape} {out.dtype}; expected {result.shape} {result.dtype}"
        )
    if accumulate:
        out += result
    else:
        out[...] = result
    return out
