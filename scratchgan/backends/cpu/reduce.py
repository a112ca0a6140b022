"""Kernels that sum over the batch, always in the order of the rows."""

from __future__ import annotations

from numba import njit

from scratchgan.backends.cpu.elementary import exp, log
from scratchgan.backends.cpu.elementwise import apply_grad
from scratchgan.backends.cpu.kernel import INLINE, integer, kernel, number, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of

__all__ = [
    "COLUMNS", "activation_grad_bias", "log_sigmoid_mean", "softmax_cross_entropy", "sum_rows",
]  # fmt: skip

COLUMNS = 256  # of one chunk: whole cache lines, so that threads do not share any
ROWS = 64  # summed one after the other before the sum of sums: rounding grows with both roots

log_sigmoid, sigmoid = MATHS.log_sigmoid, MATHS.phi["sigmoid"].value


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


@kernel
def sum_rows(args, chunk, scratch, real):
    """Sum a over the batch. Cells: a, out, batch, columns, accumulate."""
    size = size_of(real)
    batch, n = integer(args, 2), integer(args, 3)
    j = chunk * COLUMNS
    width = min(COLUMNS, n - j)
    total = vector(scratch, width, real)
    some = vector(scratch + COLUMNS * size, width, real)
    clear(total)
    for first in range(0, batch, ROWS):
        clear(some)
        for i in range(first, min(batch, first + ROWS)):
            plus(some, vector(integer(args, 0) + (i * n + j) * size, width, real))
        plus(total, some)
    out = vector(integer(args, 1) + j * size, width, real)
    if integer(args, 4) != 0:
        plus(out, total)
    else:
        for i in range(width):
            out[i] = total[i]


@kernel
def activation_grad_bias(args, chunk, scratch, real):
    """
    da = dy ⊙ φ′ and dbias += Σ_batch da, each element of dy read once.

    Cells: dy, y, da, dbias, batch, columns, code, slope.
    """
    size = size_of(real)
    batch, n, code = integer(args, 4), integer(args, 5), integer(args, 6)
    slope = real(number(args, 7))
    j = chunk * COLUMNS
    width = min(COLUMNS, n - j)
    total = vector(scratch, width, real)
    some = vector(scratch + COLUMNS * size, width, real)
    clear(total)
    for first in range(0, batch, ROWS):
        clear(some)
        for i in range(first, min(batch, first + ROWS)):
            offset = (i * n + j) * size
            da = vector(integer(args, 2) + offset, width, real)
            apply_grad(
                code,
                vector(integer(args, 0) + offset, width, real),
                vector(integer(args, 1) + offset, width, real),
                da,
                slope,
            )
            plus(some, da)
        plus(total, some)
    plus(vector(integer(args, 3) + j * size, width, real), total)


@kernel
def log_sigmoid_mean(args, chunk, scratch, real):
    """
    Mean of log σ(sign · l) and its gradient, in one chunk.

    Cells: logits, value, gradient, size, sign. Eight sums side by side, each in
    order, then one over them.
    """
    n, sign = integer(args, 3), real(number(args, 4))
    logits = vector(integer(args, 0), n, real)
    gradient = vector(integer(args, 2), n, real)
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
    vector(integer(args, 1), 1, real)[0] = total / n


@kernel
def softmax_cross_entropy(args, chunk, scratch, real):
    """
    Mean of −Σ y log softmax(l) over the examples and its gradient, in one chunk.

    Cells: logits, labels, value, gradient, batch, classes. The gradient's row holds the
    powers e^l, less the largest l, until their sum is known.
    """
    batch, n, size = integer(args, 4), integer(args, 5), size_of(real)
    value = 0.0
    for i in range(batch):
        logits = vector(integer(args, 0) + i * n * size, n, real)
        labels = vector(integer(args, 1) + i * n * size, n, real)
        gradient = vector(integer(args, 3) + i * n * size, n, real)
        largest = logits[0]
        for k in range(1, n):
            largest = logits[k] if logits[k] > largest else largest
        total, weight = real(0), real(0)
        for k in range(n):
            gradient[k] = exp(logits[k] - largest)
            total += gradient[k]
            weight += labels[k]
        log_total = log(total) if total == total else total  # our logarithm knows no NaN
        for k in range(n):
            if labels[k] != real(0):
                value -= labels[k] * (logits[k] - largest - log_total)
            gradient[k] = (gradient[k] / total * weight - labels[k]) / real(batch)
    vector(integer(args, 2), 1, real)[0] = value / batch
