"""Kernels that normalise a matrix over its rows or columns, and their operations."""

from __future__ import annotations

import math

from numba import njit

from scratchgan.backends.cpu.kernel import INLINE, chunks_of, kernel, part, vector
from scratchgan.backends.cpu.reduce import COLUMNS, ROWS, clear, plus
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels, share
from scratchgan.backends.vocabulary import Array

__all__ = ["Normalising"]

LANES = 16  # sums side by side: the inner loop vectorises, and the order is fixed


@njit(**INLINE)
def sum_of(a, lanes):
    """Return the sum of a vector."""
    clear(lanes)
    whole = a.size - a.size % LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += a[first + lane]
    for j in range(whole, a.size):
        lanes[j - whole] += a[j]
    for lane in range(1, LANES):
        lanes[0] += lanes[lane]
    return lanes[0]


@njit(**INLINE)
def dot_of(a, b, lanes):
    """Return the inner product of two vectors."""
    clear(lanes)
    whole = a.size - a.size % LANES
    for first in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += a[first + lane] * b[first + lane]
    for j in range(whole, a.size):
        lanes[j - whole] += a[j] * b[j]
    for lane in range(1, LANES):
        lanes[0] += lanes[lane]
    return lanes[0]


@njit(**INLINE)
def plus_product(total, a, b):
    """total += a ⊙ b."""
    for i in range(a.size):
        total[i] += a[i] * b[i]


@njit(**INLINE)
def divide(a, n):
    """a /= n."""
    for i in range(a.size):
        a[i] /= n


@kernel(reads="x", writes="y mean variance", integers="batch columns share", numbers="eps")
def normalize_rows(cells, chunk, scratch, real):
    """Normalise each row, ``share`` rows a chunk."""
    size, n, share = size_of(real), cells.columns, cells.share
    lanes = vector(scratch, LANES, real)
    means = vector(cells.mean, cells.batch, real)
    variances = vector(cells.variance, cells.batch, real)
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        x = vector(cells.x + i * n * size, n, real)
        y = vector(cells.y + i * n * size, n, real)
        mean = sum_of(x, lanes) / real(n)
        for j in range(n):
            y[j] = x[j] - mean
        variance = dot_of(y, y, lanes) / real(n)
        each = real(1) / real(math.sqrt(variance + real(cells.eps)))
        for j in range(n):
            y[j] *= each
        means[i], variances[i] = mean, variance


@kernel(reads="dy y variance", writes="dx", integers="batch columns share", numbers="eps")
def normalize_rows_grad(cells, chunk, scratch, real):
    """Backward of ``normalize_rows``."""
    size, n, share = size_of(real), cells.columns, cells.share
    lanes = vector(scratch, LANES, real)
    variances = vector(cells.variance, cells.batch, real)
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        dy = vector(cells.dy + i * n * size, n, real)
        y = vector(cells.y + i * n * size, n, real)
        dx = vector(cells.dx + i * n * size, n, real)
        mean, slope = sum_of(dy, lanes) / real(n), dot_of(dy, y, lanes) / real(n)
        each = real(1) / real(math.sqrt(variances[i] + real(cells.eps)))
        for j in range(n):
            dx[j] = (dy[j] - mean - y[j] * slope) * each


@kernel(reads="x", writes="y mean variance", integers="batch columns", numbers="eps")
def normalize_columns(cells, chunk, scratch, real):
    """Normalise each column, COLUMNS of them a chunk. The sums have two levels (``reduce``)."""
    size, batch, n = size_of(real), cells.batch, cells.columns
    j = chunk * COLUMNS
    width = min(COLUMNS, n - j)
    some = vector(scratch, width, real)
    mean = vector(cells.mean + j * size, width, real)
    variance = vector(cells.variance + j * size, width, real)
    clear(mean)
    for first in range(0, batch, ROWS):
        clear(some)
        for i in range(first, min(batch, first + ROWS)):
            plus(some, vector(cells.x + (i * n + j) * size, width, real))
        plus(mean, some)
    divide(mean, real(batch))
    clear(variance)
    for first in range(0, batch, ROWS):
        clear(some)
        for i in range(first, min(batch, first + ROWS)):
            x = vector(cells.x + (i * n + j) * size, width, real)
            y = vector(cells.y + (i * n + j) * size, width, real)
            for k in range(width):
                y[k] = x[k] - mean[k]
            plus_product(some, y, y)
        plus(variance, some)
    divide(variance, real(batch))
    for k in range(width):
        some[k] = real(1) / real(math.sqrt(variance[k] + real(cells.eps)))
    for i in range(batch):
        y = vector(cells.y + (i * n + j) * size, width, real)
        for k in range(width):
            y[k] *= some[k]


@kernel(reads="dy y variance", writes="dx", integers="batch columns", numbers="eps")
def normalize_columns_grad(cells, chunk, scratch, real):
    """Backward of ``normalize_columns``."""
    size, batch, n = size_of(real), cells.batch, cells.columns
    j = chunk * COLUMNS
    width = min(COLUMNS, n - j)
    some = vector(scratch, width, real)
    others = vector(scratch + COLUMNS * size, width, real)
    mean = vector(scratch + 2 * COLUMNS * size, width, real)
    slope = vector(scratch + 3 * COLUMNS * size, width, real)
    variance = vector(cells.variance + j * size, width, real)
    clear(mean)
    clear(slope)
    for first in range(0, batch, ROWS):
        clear(some)
        clear(others)
        for i in range(first, min(batch, first + ROWS)):
            dy = vector(cells.dy + (i * n + j) * size, width, real)
            plus(some, dy)
            plus_product(others, dy, vector(cells.y + (i * n + j) * size, width, real))
        plus(mean, some)
        plus(slope, others)
    divide(mean, real(batch))
    divide(slope, real(batch))
    for k in range(width):
        some[k] = real(1) / real(math.sqrt(variance[k] + real(cells.eps)))
    for i in range(batch):
        dy = vector(cells.dy + (i * n + j) * size, width, real)
        y = vector(cells.y + (i * n + j) * size, width, real)
        dx = vector(cells.dx + (i * n + j) * size, width, real)
        for k in range(width):
            dx[k] = (dy[k] - mean[k] - y[k] * slope[k]) * some[k]


@kernel(reads="x row", writes="y", integers="batch columns share")
def multiply_row(cells, chunk, scratch, real):
    """y = x ⊙ row, ``share`` rows a chunk."""
    size, n, share = size_of(real), cells.columns, cells.share
    row = vector(cells.row, n, real)
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        x = vector(cells.x + i * n * size, n, real)
        y = vector(cells.y + i * n * size, n, real)
        for j in range(n):
            y[j] = x[j] * row[j]


@kernel(reads="a factor", writes="y", integers="size")
def scale_by(cells, chunk, scratch, real):
    """y = factor · a; the factor is in memory."""
    a = part(cells.a, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    factor = vector(cells.factor, 1, real)[0]
    for i in range(a.size):
        y[i] = factor * a[i]


@kernel(reads="a", writes="y", integers="size", numbers="eps")
def reciprocal_root(cells, chunk, scratch, real):
    """y = 1 / √(a + eps)."""
    a = part(cells.a, cells.size, chunk, real)
    y = part(cells.y, cells.size, chunk, real)
    eps = real(cells.eps)
    for i in range(a.size):
        y[i] = real(1) / real(math.sqrt(a[i] + eps))


class Normalising(Kernels):
    """The operations of these kernels."""

    def _normalize(self, x: Array, over: str, eps: float) -> tuple[Array, Array, Array]:
        y, (batch, n) = self._like("normalize", x), x.shape
        count, work = n if over == "batch" else batch, 6 * x.size
        mean, variance = self.empty((count,), x.dtype), self.empty((count,), x.dtype)
        arrays = {"x": x, "y": y, "mean": mean, "variance": variance}
        sizes = {"batch": batch, "columns": n, "eps": eps}
        if over == "batch":
            self._run(normalize_columns, _strips(n), **arrays, **sizes, work=work)
        else:
            each, chunks = share(batch, n)
            self._run(normalize_rows, chunks, **arrays, **sizes, share=each, work=work)
        return y, mean, variance

    def _normalize_grad(self, dy: Array, y: Array, variance: Array, over: str, eps: float) -> Array:
        dx, (batch, n) = self._like("normalize_grad", dy), dy.shape
        arrays = {"dy": dy, "y": y, "variance": variance, "dx": dx}
        sizes, work = {"batch": batch, "columns": n, "eps": eps}, 8 * dy.size
        if over == "batch":
            self._run(normalize_columns_grad, _strips(n), **arrays, **sizes, work=work)
        else:
            each, chunks = share(batch, n)
            self._run(normalize_rows_grad, chunks, **arrays, **sizes, share=each, work=work)
        return dx

    def _multiply_row(self, x: Array, row: Array) -> Array:
        y, (batch, n) = self._like("multiply_row", x), x.shape
        each, chunks = share(batch, n)
        self._run(multiply_row, chunks, x=x, row=row, y=y, batch=batch, columns=n, share=each)
        return y

    def _scale_by(self, a: Array, factor: Array) -> Array:
        y = self._like("scale_by", a)
        self._run(scale_by, chunks_of(a.size), a=a, factor=factor, y=y, size=a.size)
        return y

    def _reciprocal_root(self, a: Array, eps: float) -> Array:
        y = self._like("reciprocal_root", a)
        self._run(reciprocal_root, chunks_of(a.size), a=a, y=y, size=a.size, eps=eps)
        return y


def _strips(columns: int) -> int:
    """Return the number of chunks with COLUMNS columns."""
    return -(-columns // COLUMNS)
