"""
Reductions over the batch, and their operations. There are no atomics: the order is fixed.

A block sums COLUMNS neighbouring columns. LANES threads share a column: each sums every
LANES-th row, then the first of them adds their sums. Neighbouring threads read neighbouring
columns of one row, so their reads are one memory access.
"""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.activations import code_of
from scratchgan.backends.cuda.device import BLOCK, SIMULATED, cuda, device_function, kernel
from scratchgan.backends.cuda.elementwise import apply_grad
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import MATHS, exp, log
from scratchgan.backends.vocabulary import Array

__all__ = ["BLOCK", "COLUMNS", "ROWS", "Reductions"]

COLUMNS = 2 if SIMULATED else 32
LANES = BLOCK // COLUMNS
ROWS = 3 if SIMULATED else 256  # of one block; more rows take more blocks and two passes

log_sigmoid, power, sigmoid = MATHS.log_sigmoid, MATHS.power, MATHS.phi["sigmoid"].value


@device_function
def over_lanes(sums, thread, total):
    """Return the sum over a column's lanes, in their order; only lane 0 gets it."""
    sums[thread] = total
    cuda.syncthreads()
    if thread < uint32(COLUMNS):
        for lane in range(1, LANES):
            total += sums[uint32(thread + uint32(COLUMNS * lane))]
    return total


@device_function
def over_block(sums, thread, total):
    """Add all threads' sums by a tree, in sums[0]; only thread 0 may read the result."""
    sums[thread] = total
    half = uint32(BLOCK // 2)
    while half > uint32(0):
        cuda.syncthreads()
        if thread < half:
            sums[thread] += sums[uint32(thread + half)]
        half = uint32(half // uint32(2))


@kernel(writes="out")
def sum_rows(a, out, batch, n, rows, accumulate):
    """Sum each ``rows`` rows of a (batch, n); out has one row for each such piece."""
    sums = cuda.shared.array(BLOCK, a.dtype)
    thread, piece = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.y)
    lane = uint32(thread // uint32(COLUMNS))
    j = uint32(uint32(cuda.blockIdx.x) * uint32(COLUMNS) + thread % uint32(COLUMNS))
    i = uint32(piece * rows + lane)
    last = min(batch, uint32(piece * rows + rows))
    total = type(a[0])(0)
    while i < last and j < n:
        total += a[uint32(i * n + j)]
        i = uint32(i + uint32(LANES))
    total = over_lanes(sums, thread, total)
    if lane == uint32(0) and j < n:
        k = uint32(piece * n + j)
        if accumulate != uint32(0):
            out[k] += total
        else:
            out[k] = total


@kernel(writes="da out")
def activation_grad_bias(dy, y, da, out, batch, n, rows, accumulate, code, slope):
    """da = dy ⊙ φ′, and its sums as in ``sum_rows``; each element of dy is read once."""
    sums = cuda.shared.array(BLOCK, dy.dtype)
    thread, piece = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.y)
    lane = uint32(thread // uint32(COLUMNS))
    j = uint32(uint32(cuda.blockIdx.x) * uint32(COLUMNS) + thread % uint32(COLUMNS))
    i = uint32(piece * rows + lane)
    last = min(batch, uint32(piece * rows + rows))
    total = type(dy[0])(0)
    while i < last and j < n:
        k = uint32(i * n + j)
        gradient = apply_grad(code, dy[k], y[k], slope)
        da[k] = gradient
        total += gradient
        i = uint32(i + uint32(LANES))
    total = over_lanes(sums, thread, total)
    if lane == uint32(0) and j < n:
        k = uint32(piece * n + j)
        if accumulate != uint32(0):
            out[k] += total
        else:
            out[k] = total


@kernel(writes="value gradient")
def log_sigmoid_mean(logits, value, gradient, size, sign):
    """Mean of log σ(sign · l) and its gradient, in one block: a sum per thread, then a tree."""
    sums = cuda.shared.array(BLOCK, logits.dtype)
    thread = uint32(cuda.threadIdx.x)
    real = type(sign)
    each = sign / real(size)
    total = real(0)
    i = thread
    while i < size:
        signed = sign * logits[i]
        total += log_sigmoid(signed)
        gradient[i] = sigmoid(-signed, sign) * each  # (log σ)′(l) = σ(−l)
        i = uint32(i + uint32(BLOCK))
    over_block(sums, thread, total)
    if thread == uint32(0):
        value[0] = sums[0] / real(size)


@kernel(writes="value gradient")
def exp_mean(scores, value, gradient, size, sign):
    """Mean of e^(sign · score) and its gradient, in one block: a sum per thread, then a tree."""
    sums = cuda.shared.array(BLOCK, scores.dtype)
    thread = uint32(cuda.threadIdx.x)
    real = type(sign)
    each = sign / real(size)
    total = real(0)
    i = thread
    while i < size:
        term = power(sign * scores[i])
        total += term
        gradient[i] = term * each
        i = uint32(i + uint32(BLOCK))
    over_block(sums, thread, total)
    if thread == uint32(0):
        value[0] = sums[0] / real(size)


@kernel(writes="value gradient")
def softmax_cross_entropy(logits, labels, value, gradient, batch, n, each):
    """
    Mean of −Σ y log softmax(l) over the examples and its gradient, in one block.

    Each thread sums whole examples, then a tree adds the threads' sums. ``each`` is 1 / batch.
    The gradient's row first holds the powers e^(l − max l), until their sum is known.
    """
    sums = cuda.shared.array(BLOCK, logits.dtype)
    thread = uint32(cuda.threadIdx.x)
    real = type(each)
    loss = real(0)
    i = thread
    while i < batch:
        first, end = uint32(i * n), uint32(i * n + n)
        largest = logits[first]
        k = uint32(first + uint32(1))
        while k < end:
            if logits[k] > largest:
                largest = logits[k]
            k = uint32(k + uint32(1))
        total, weight = real(0), real(0)
        k = first
        while k < end:
            power = exp(logits[k] - largest)
            gradient[k] = power
            total += power
            weight += labels[k]
            k = uint32(k + uint32(1))
        log_total = log(total)
        k = first
        while k < end:
            if labels[k] != real(0):
                loss -= labels[k] * (logits[k] - largest - log_total)
            gradient[k] = (gradient[k] / total * weight - labels[k]) * each
            k = uint32(k + uint32(1))
        i = uint32(i + uint32(BLOCK))
    over_block(sums, thread, loss)
    if thread == uint32(0):
        value[0] = sums[0] * each


class Reductions(Kernels):
    """The operations of these kernels."""

    def _sum_rows(self, a: Array, out: Array | None, accumulate: bool) -> Array:
        sums = self._target("sum_rows", out, (a.shape[1],), a.dtype, a)
        self._sum(a, sums, out is not None and accumulate)
        return self._delivered(sums, out)

    def _sum(self, a: Array, out: Array, accumulate: bool) -> None:
        """Sum over the rows; many rows are summed in pieces."""
        batch, n = a.shape
        grid, rows = _pieces(batch, n)
        if grid[1] > 1:
            some = self.empty((grid[1], n), a.dtype)
            self._run(sum_rows, grid, a=a, out=some, batch=batch, n=n, rows=rows, accumulate=0)
            a, batch, grid = some, grid[1], (grid[0], 1)
        adds = int(accumulate)
        self._run(sum_rows, grid, a=a, out=out, batch=batch, n=n, rows=batch, accumulate=adds)

    def _activation_grad_bias(
        self, dy: Array, y: Array, phi: str, slope: float, dbias: Array
    ) -> Array:
        name, (batch, n) = "activation_grad_bias", dy.shape
        da, sums = self._like(name, dy), self._target(name, dbias, (n,), dy.dtype, dy, y)
        grid, rows = _pieces(batch, n)
        first = sums if grid[1] == 1 else self.empty((grid[1], n), dy.dtype)
        self._run(
            activation_grad_bias, grid, dy=dy, y=y, da=da, out=first, batch=batch, n=n, rows=rows,
            accumulate=int(first is sums), code=code_of(phi), slope=slope, note=phi,
        )  # fmt: skip
        if first is not sums:
            self._sum(first, sums, True)
        self._delivered(sums, dbias)
        return da

    def _log_sigmoid_mean(self, logits: Array, sign: float) -> tuple[Array, Array]:
        gradient = self._like("log_sigmoid_mean", logits)
        value = self.empty((1,), logits.dtype)
        self._run(
            log_sigmoid_mean, (1,), logits=logits, value=value, gradient=gradient,
            size=logits.size, sign=sign,
        )  # fmt: skip
        return value, gradient

    def _exp_mean(self, scores: Array, sign: float) -> tuple[Array, Array]:
        gradient = self._like("exp_mean", scores)
        value = self.empty((1,), scores.dtype)
        self._run(
            exp_mean, (1,), scores=scores, value=value, gradient=gradient, size=scores.size,
            sign=sign,
        )  # fmt: skip
        return value, gradient

    def _softmax_cross_entropy(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        gradient, (batch, n) = self._like("softmax_cross_entropy", logits), logits.shape
        value = self.empty((1,), logits.dtype)
        self._run(
            softmax_cross_entropy, (1,), logits=logits, labels=labels, value=value,
            gradient=gradient, batch=batch, n=n, each=1 / batch,
        )  # fmt: skip
        return value, gradient


def _pieces(batch: int, n: int) -> tuple[tuple[int, int], int]:
    """Return the grid (columns, pieces) for sums over the batch, and the rows of a piece."""
    share = max(ROWS, -(-batch // 65535))  # a grid's second axis has 16 bits
    return (-(-n // COLUMNS), -(-batch // share)), share
