"""Reductions over the batch: kernels that sum in the order of the rows, and their operations."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.activations import code_of
from scratchgan.backends.cpu.elementary import exp, log
from scratchgan.backends.cpu.elementwise import apply_grad
from scratchgan.backends.cpu.kernel import INLINE, kernel, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels
from scratchgan.backends.vocabulary import Array

__all__ = ["COLUMNS", "Reductions"]

COLUMNS = 256  # of one chunk: whole cache lines, so that threads do not share any
ROWS = (
    64  # summed one after the other before the sum of sums: rounding grows with √64 + √(batch / 64)
)

log_sigmoid, power, sigmoid = MATHS.log_sigmoid, MATHS.power, MATHS.phi["sigmoid"].value


@njit(**INLINE)
def clear(a):
    """Set to zero."""
    for i in range(a.size):
        a[i] = 0


@njit(**INLINE)
def plus(a, b):
    """a += b."""
    for i in range(a.size):
        a[i] += b[i]


@kernel(reads="a", writes="out", integers="batch columns accumulate")
def sum_rows(cells, chunk, scratch, real):
    """Sum a over the batch."""
    size, batch, n = size_of(real), cells.batch, cells.columns
    j = chunk * COLUMNS
    width = min(COLUMNS, n - j)
    total = vector(scratch, width, real)
    some = vector(scratch + COLUMNS * size, width, real)
    clear(total)
    for first in range(0, batch, ROWS):
        clear(some)
        for i in range(first, min(batch, first + ROWS)):
            plus(some, vector(cells.a + (i * n + j) * size, width, real))
        plus(total, some)
    out = vector(cells.out + j * size, width, real)
    if cells.accumulate != 0:
        plus(out, total)
    else:
        for i in range(width):
            out[i] = total[i]


@kernel(reads="dy y", writes="da dbias", integers="batch columns code", numbers="slope")
def activation_grad_bias(cells, chunk, scratch, real):
    """da = dy ⊙ φ′ and dbias += Σ_batch da; each element of dy is read once."""
    size, batch, n = size_of(real), cells.batch, cells.columns
    code, slope = cells.code, real(cells.slope)
    j = chunk * COLUMNS
    width = min(COLUMNS, n - j)
    total = vector(scratch, width, real)
    some = vector(scratch + COLUMNS * size, width, real)
    clear(total)
    for first in range(0, batch, ROWS):
        clear(some)
        for i in range(first, min(batch, first + ROWS)):
            offset = (i * n + j) * size
            da = vector(cells.da + offset, width, real)
            apply_grad(
                code,
                vector(cells.dy + offset, width, real),
                vector(cells.y + offset, width, real),
                da,
                slope,
            )
            plus(some, da)
        plus(total, some)
    plus(vector(cells.dbias + j * size, width, real), total)


@kernel(reads="logits", writes="value gradient", integers="size", numbers="sign")
def log_sigmoid_mean(cells, chunk, scratch, real):
    """
    Mean of log σ(sign · l) and its gradient, in one chunk.

    It computes eight sums side by side, each in order, then adds the eight.
    """
    n, sign = cells.size, real(cells.sign)
    logits = vector(cells.logits, n, real)
    gradient = vector(cells.gradient, n, real)
    each = sign / real(n)
    terms = vector(scratch, 64, real)
    total = 0.0
    for first in range(0, n, 64):
        count = min(64, n - first)
        for i in range(count):
            signed = sign * logits[first + i]
            terms[i] = log_sigmoid(signed)
            gradient[first + i] = sigmoid(-signed) * each  # (log σ)′(l) = σ(−l)
        for i in range(count):
            total += terms[i]
    vector(cells.value, 1, real)[0] = total / n


@kernel(reads="scores", writes="value gradient", integers="size", numbers="sign")
def exp_mean(cells, chunk, scratch, real):
    """Mean of e^(sign · score) and its gradient, in one chunk."""
    n, sign = cells.size, real(cells.sign)
    scores = vector(cells.scores, n, real)
    gradient = vector(cells.gradient, n, real)
    each = sign / real(n)
    total = 0.0
    for i in range(n):
        term = power(sign * scores[i])
        gradient[i] = term * each
        total += term
    vector(cells.value, 1, real)[0] = total / n


@kernel(reads="logits labels", writes="value gradient", integers="batch classes")
def softmax_cross_entropy(cells, chunk, scratch, real):
    """
    Mean of −Σ y log softmax(l) over the examples and its gradient, in one chunk.

    The gradient's row first holds the powers e^(l − max l), until their sum is known.
    """
    batch, n, size = cells.batch, cells.classes, size_of(real)
    value = 0.0
    for i in range(batch):
        logits = vector(cells.logits + i * n * size, n, real)
        labels = vector(cells.labels + i * n * size, n, real)
        gradient = vector(cells.gradient + i * n * size, n, real)
        largest = logits[0]
        for k in range(1, n):
            largest = logits[k] if logits[k] > largest else largest
        total, weight = real(0), real(0)
        for k in range(n):
            gradient[k] = exp(logits[k] - largest)
            total += gradient[k]
            weight += labels[k]
        log_total = log(total) if total == total else total  # ``log`` is not defined for NaN
        for k in range(n):
            if labels[k] != real(0):
                value -= labels[k] * (logits[k] - largest - log_total)
            gradient[k] = (gradient[k] / total * weight - labels[k]) / real(batch)
    vector(cells.value, 1, real)[0] = value / batch


class Reductions(Kernels):
    """The operations of these kernels."""

    def _sum_rows(self, a: Array, out: Array | None, accumulate: bool) -> Array:
        batch, n = a.shape
        sums = self._target("sum_rows", out, (n,), a.dtype, a)
        adds = int(out is not None and accumulate)
        self._run(sum_rows, _chunks(n), a=a, out=sums, batch=batch, columns=n, accumulate=adds)
        return self._delivered(sums, out)

    def _activation_grad_bias(
        self, dy: Array, y: Array, phi: str, slope: float, dbias: Array
    ) -> Array:
        da, (batch, n) = self._like("activation_grad_bias", dy), dy.shape
        sums = self._target("activation_grad_bias", dbias, (n,), dy.dtype, dy, y)
        self._run(
            activation_grad_bias, _chunks(n), dy=dy, y=y, da=da, dbias=sums, batch=batch, columns=n,
            code=code_of(phi), slope=slope,
        )  # fmt: skip
        self._delivered(sums, dbias)
        return da

    def _log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        value = self._real("log_sigmoid_mean", (1,), logits.dtype)
        gradient = self.empty(logits.shape, logits.dtype)
        self._run(
            log_sigmoid_mean, 1, logits=logits, value=value, gradient=gradient, size=logits.size,
            sign=sign,
        )  # fmt: skip
        return value, gradient

    def _exp_mean(self, scores: Array, sign: float) -> tuple[Array, Array]:
        value = self._real("exp_mean", (1,), scores.dtype)
        gradient = self.empty(scores.shape, scores.dtype)
        self._run(
            exp_mean, 1, scores=scores, value=value, gradient=gradient, size=scores.size, sign=sign,
        )  # fmt: skip
        return value, gradient

    def _softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        value = self._real("softmax_cross_entropy", (1,), logits.dtype)
        gradient, (batch, classes) = self.empty(logits.shape, logits.dtype), logits.shape
        self._run(
            softmax_cross_entropy, 1, logits=logits, labels=labels, value=value, gradient=gradient,
            batch=batch, classes=classes,
        )  # fmt: skip
        return value, gradient


def _chunks(columns: int) -> int:
    return -(-columns // COLUMNS)
