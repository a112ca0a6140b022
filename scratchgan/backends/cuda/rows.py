"""Kernels that move rows and columns, and their operations: maxout, joining, gathering, a pool."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32, int64, uint32, uint64

from scratchgan.backends.cuda.device import cuda, kernel
from scratchgan.backends.cuda.launch import Kernels
from scratchgan.backends.cuda.noise import SHIFT, unit
from scratchgan.backends.vocabulary import Array

__all__ = ["RowsAndColumns"]


@kernel(writes="y index")
def maxout(a, y, index, size, pieces):
    """Maximum of neighbouring columns; ``size`` is the size of y."""
    u, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while u < size:
        first = uint32(u * pieces)
        best, at = a[first], uint32(0)
        p = uint32(1)
        while p < pieces:
            other = a[uint32(first + p)]
            if other > best or (other != other and best == best):  # the first NaN wins
                best, at = other, p
            p = uint32(p + uint32(1))
        y[u] = best
        index[u] = int32(at)
        u = uint32(u + stride)


@kernel(writes="da")
def maxout_spread(dy, index, da, size, pieces):
    """Backward of maxout; ``size`` is the size of da."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        u = uint32(i // pieces)
        if uint32(index[u]) == uint32(i - u * pieces):
            da[i] = dy[u]
        else:
            da[i] = 0
        i = uint32(i + stride)


@kernel(writes="dy")
def maxout_pick(da, index, dy, size, pieces):
    """Forward derivative of maxout; ``size`` is the size of dy. A piece out of range gives 0."""
    u, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while u < size:
        p = uint32(index[u])
        if p < pieces:
            dy[u] = da[uint32(u * pieces + p)]
        else:
            dy[u] = 0
        u = uint32(u + stride)


@kernel(writes="y")
def concat_columns(a, b, y, size, p, q):
    """Join matrices with p and q columns; ``size`` is the size of y."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    n = uint32(p + q)
    while t < size:
        i = uint32(t // n)
        j = uint32(t - i * n)
        if j < p:
            y[t] = a[uint32(i * p + j)]
        else:
            y[t] = b[uint32(i * q + (j - p))]
        t = uint32(t + stride)


@kernel(writes="y")
def columns(a, y, size, n, start, width):
    """Copy ``width`` of n columns, from ``start`` on; ``size`` is the size of y."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < size:
        i = uint32(t // width)
        y[t] = a[uint32(i * n + start + (t - i * width))]
        t = uint32(t + stride)


@kernel(writes="y")
def gather_rows(data, order, y, cells, size, rows, width):
    """
    Copy rows of data in the given order, from order[cells[0]] on; ``size`` is the size of y.

    A row that data does not have is zero: the host cannot check the order.
    """
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    start = cells[0]
    while t < size:
        i = uint32(t // width)
        row = int64(order[uint32(start + i)])
        if row >= int64(0) and row < int64(rows):
            y[t] = data[uint32(uint32(row) * width + (t - i * width))]
        else:
            y[t] = 0
        t = uint32(t + stride)


@kernel(writes="y")
def one_hot(labels, y, size, classes):
    """1 at the label's column, else 0; a label out of range gives zeros. ``size`` is y's size."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < size:
        i = uint32(t // classes)
        if int64(labels[i]) == int64(uint32(t - i * classes)):
            y[t] = 1
        else:
            y[t] = 0
        t = uint32(t + stride)


@kernel(writes="y pool filled")
def swap_rows(x, words, y, pool, filled, rows, columns, size, share):
    """
    Exchange rows with a pool, in one block: a thread has a column, and goes from row to row.

    Row i is put at place ``filled + i`` while that is in the pool, and then at a random place.
    """
    start = uint32(filled[0])
    cuda.syncthreads()  # all have read it
    if uint32(cuda.threadIdx.x) == uint32(0):
        filled[0] = int32(min(size, uint32(start + rows)))
    j = uint32(cuda.threadIdx.x)
    while j < columns:
        i = uint32(0)
        while i < rows:
            t = uint32(i * columns + j)
            value, place, earlier = x[t], uint32(start + i), False
            if place >= size:
                word = uint32(words[uint32(i * uint32(2))])
                place = uint32((uint64(uint32(word >> SHIFT)) * uint64(size)) >> uint64(24))
                earlier = unit(words[uint32(i * uint32(2) + uint32(1))], share) < share
            k = uint32(place * columns + j)
            y[t] = pool[k] if earlier else value
            pool[k] = value
            i = uint32(i + uint32(1))
        j = uint32(j + uint32(cuda.blockDim.x))


class RowsAndColumns(Kernels):
    """The operations of these kernels."""

    def _maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        units = (a.shape[0], a.shape[1] // pieces)
        y, index = self._real("maxout", units, a.dtype), self.empty(units, np.int32)
        self._run(maxout, y.size, a=a, y=y, index=index, size=y.size, pieces=pieces)
        return y, index

    def _maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        da = self._real("maxout_spread", (dy.shape[0], dy.shape[1] * pieces), dy.dtype)
        self._run(maxout_spread, da.size, dy=dy, index=index, da=da, size=da.size, pieces=pieces)
        return da

    def _maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        dy = self._real("maxout_pick", index.shape, da.dtype)
        self._run(maxout_pick, dy.size, da=da, index=index, dy=dy, size=dy.size, pieces=pieces)
        return dy

    def _concat_columns(self, a: Array, b: Array) -> Array:
        (batch, p), q = a.shape, b.shape[1]
        y = self._real("concat_columns", (batch, p + q), a.dtype)
        self._run(concat_columns, y.size, a=a, b=b, y=y, size=y.size, p=p, q=q)
        return y

    def _columns(self, a: Array, start: int, stop: int) -> Array:
        (batch, n), width = a.shape, stop - start
        y = self._real("columns", (batch, width), a.dtype)
        self._run(columns, y.size, a=a, y=y, size=y.size, n=n, start=start, width=width)
        return y

    def _gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        y = self.empty((count, *data.shape[1:]), data.dtype)
        self._run(
            gather_rows, y.size, data=data, order=order, y=y, size=y.size, rows=data.shape[0],
            width=y.size // count, cells=self._cells(np.uint32, start=start),
        )  # fmt: skip
        return y

    def _swap_rows_(
        self, pool: Array, filled: Array, x: Array, words: Array, share: float
    ) -> Array:
        y, (rows, columns) = self._like("swap_rows_", x), x.shape
        share32 = float(np.float32(share))  # uniforms have 24 bits, in float64 too
        self._run(
            swap_rows, (1,), x=x, words=words, y=y, pool=pool, filled=filled, rows=rows,
            columns=columns, size=pool.shape[0], share=share32,
        )  # fmt: skip
        return y

    def _one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        y = self._real("one_hot", (labels.size, classes), dtype)
        self._run(one_hot, y.size, labels=labels, y=y, size=y.size, classes=classes)
        return y
