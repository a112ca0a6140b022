"""
Kernels that normalise a matrix over its rows or columns, and their operations.

A block normalises a row, or COLUMNS columns as in ``reduce``. Sums have a fixed order.
"""

from __future__ import annotations

from numba import uint32

from scratchgan.backends.cuda.device import BLOCK, cuda, device_function, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.maths import sqrt
from scratchgan.backends.cuda.reduce import COLUMNS, LANES
from scratchgan.backends.vocabulary import Array

__all__ = ["Normalising"]

MOST_ROWS = 65535  # blocks that go over the rows


@device_function
def over_threads(sums, thread, total):
    """Return the block's sum to all its threads: a tree."""
    sums[thread] = total
    half = uint32(BLOCK // 2)
    while half > uint32(0):
        cuda.syncthreads()
        if thread < half:
            sums[thread] += sums[uint32(thread + half)]
        half = uint32(half // uint32(2))
    cuda.syncthreads()
    total = sums[0]
    cuda.syncthreads()
    return total


@device_function
def over_all_lanes(sums, thread, total):
    """Return the sum over a column's lanes, in their order, to all of them."""
    sums[thread] = total
    cuda.syncthreads()
    column = uint32(thread % uint32(COLUMNS))
    total = sums[column]
    for lane in range(1, LANES):
        total += sums[uint32(column + uint32(COLUMNS * lane))]
    cuda.syncthreads()
    return total


@kernel(writes="y mean variance")
def normalize_rows(x, y, mean, variance, batch, n, count, eps):
    """Normalise each row; ``count`` is n as a float."""
    sums = cuda.shared.array(BLOCK, x.dtype)
    thread, i = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    real = type(eps)
    while i < batch:
        first, end = uint32(i * n), uint32(i * n + n)
        total = real(0)
        t = uint32(first + thread)
        while t < end:
            total += x[t]
            t = uint32(t + uint32(BLOCK))
        centre = over_threads(sums, thread, total) / count
        total = real(0)
        t = uint32(first + thread)
        while t < end:
            rest = x[t] - centre
            total += rest * rest
            t = uint32(t + uint32(BLOCK))
        spread = over_threads(sums, thread, total) / count
        each = real(1) / sqrt(spread + eps)
        t = uint32(first + thread)
        while t < end:
            y[t] = (x[t] - centre) * each
            t = uint32(t + uint32(BLOCK))
        if thread == uint32(0):
            mean[i] = centre
            variance[i] = spread
        i = uint32(i + uint32(cuda.gridDim.x))


@kernel(writes="dx")
def normalize_rows_grad(dy, y, variance, dx, batch, n, count, eps):
    """Backward of ``normalize_rows``."""
    sums = cuda.shared.array(BLOCK, dy.dtype)
    thread, i = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    real = type(eps)
    while i < batch:
        first, end = uint32(i * n), uint32(i * n + n)
        plain, with_y = real(0), real(0)
        t = uint32(first + thread)
        while t < end:
            plain += dy[t]
            with_y += dy[t] * y[t]
            t = uint32(t + uint32(BLOCK))
        centre = over_threads(sums, thread, plain) / count
        slope = over_threads(sums, thread, with_y) / count
        each = real(1) / sqrt(variance[i] + eps)
        t = uint32(first + thread)
        while t < end:
            dx[t] = (dy[t] - centre - y[t] * slope) * each
            t = uint32(t + uint32(BLOCK))
        i = uint32(i + uint32(cuda.gridDim.x))


@kernel(writes="y mean variance")
def normalize_columns(x, y, mean, variance, batch, n, count, eps):
    """Normalise each column; ``count`` is the batch as a float."""
    sums = cuda.shared.array(BLOCK, x.dtype)
    thread = uint32(cuda.threadIdx.x)
    lane = uint32(thread // uint32(COLUMNS))
    j = uint32(uint32(cuda.blockIdx.x) * uint32(COLUMNS) + thread % uint32(COLUMNS))
    last = batch if j < n else uint32(0)  # a thread without a column only waits for the others
    real = type(eps)
    total = real(0)
    i = lane
    while i < last:
        total += x[uint32(i * n + j)]
        i = uint32(i + uint32(LANES))
    centre = over_all_lanes(sums, thread, total) / count
    total = real(0)
    i = lane
    while i < last:
        rest = x[uint32(i * n + j)] - centre
        total += rest * rest
        i = uint32(i + uint32(LANES))
    spread = over_all_lanes(sums, thread, total) / count
    each = real(1) / sqrt(spread + eps)
    i = lane
    while i < last:
        t = uint32(i * n + j)
        y[t] = (x[t] - centre) * each
        i = uint32(i + uint32(LANES))
    if lane == uint32(0) and j < n:
        mean[j] = centre
        variance[j] = spread


@kernel(writes="dx")
def normalize_columns_grad(dy, y, variance, dx, batch, n, count, eps):
    """Backward of ``normalize_columns``."""
    sums = cuda.shared.array(BLOCK, dy.dtype)
    thread = uint32(cuda.threadIdx.x)
    lane = uint32(thread // uint32(COLUMNS))
    j = uint32(uint32(cuda.blockIdx.x) * uint32(COLUMNS) + thread % uint32(COLUMNS))
    last = batch if j < n else uint32(0)
    real = type(eps)
    plain, with_y = real(0), real(0)
    i = lane
    while i < last:
        t = uint32(i * n + j)
        plain += dy[t]
        with_y += dy[t] * y[t]
        i = uint32(i + uint32(LANES))
    centre = over_all_lanes(sums, thread, plain) / count
    slope = over_all_lanes(sums, thread, with_y) / count
    if j < n:
        each = real(1) / sqrt(variance[j] + eps)
        i = lane
        while i < last:
            t = uint32(i * n + j)
            dx[t] = (dy[t] - centre - y[t] * slope) * each
            i = uint32(i + uint32(LANES))


@kernel(writes="y")
def multiply_row(x, row, y, size, columns):
    """x ⊙ row: each example is multiplied by the row."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = x[i] * row[uint32(i % columns)]
        i = uint32(i + stride)


@kernel(writes="y")
def scale_by(a, factor, y, size):
    """y = factor · a; the factor is in memory."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = factor[0] * a[i]
        i = uint32(i + stride)


@kernel(writes="y")
def reciprocal_root(a, y, size, eps):
    """y = 1 / √(a + eps)."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        y[i] = type(eps)(1) / sqrt(a[i] + eps)
        i = uint32(i + stride)


class Normalising(Kernels):
    """The operations of these kernels."""

    def _normalize(self, x: Array, over: str, eps: float) -> tuple[Array, Array, Array]:
        y, (batch, n) = self._like("normalize", x), x.shape
        size = n if over == "batch" else batch
        mean, variance = self.empty((size,), x.dtype), self.empty((size,), x.dtype)
        normalize, grid, count = (
            (normalize_columns, _strips(n), batch)
            if over == "batch"
            else (normalize_rows, _rows(batch), n)
        )
        self._run(
            normalize, grid, x=x, y=y, mean=mean, variance=variance, batch=batch, n=n,
            count=float(count), eps=eps, operation="normalize",
        )  # fmt: skip
        return y, mean, variance

    def _normalize_grad(self, dy: Array, y: Array, variance: Array, over: str, eps: float) -> Array:
        dx, (batch, n) = self._like("normalize_grad", dy), dy.shape
        gradient, grid, count = (
            (normalize_columns_grad, _strips(n), batch)
            if over == "batch"
            else (normalize_rows_grad, _rows(batch), n)
        )
        self._run(
            gradient, grid, dy=dy, y=y, variance=variance, dx=dx, batch=batch, n=n,
            count=float(count), eps=eps, operation="normalize_grad",
        )  # fmt: skip
        return dx

    def _multiply_row(self, x: Array, row: Array) -> Array:
        y = self._like("multiply_row", x)
        self._run(multiply_row, x.size, x=x, row=row, y=y, size=x.size, columns=x.shape[1])
        return y

    def _scale_by(self, a: Array, factor: Array) -> Array:
        y = self._like("scale_by", a)
        self._run(scale_by, a.size, a=a, factor=factor, y=y, size=a.size)
        return y

    def _reciprocal_root(self, a: Array, eps: float) -> Array:
        y = self._like("reciprocal_root", a)
        self._run(reciprocal_root, a.size, a=a, y=y, size=a.size, eps=eps)
        return y


def _strips(columns: int) -> tuple[int]:
    """Return the grid for strips of COLUMNS columns."""
    return (-(-columns // COLUMNS),)


def _rows(batch: int) -> tuple[int]:
    """Return the grid for rows."""
    return (min(batch, MOST_ROWS),)
