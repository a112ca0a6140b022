"""Kernels that move rows and columns: maxout, joining, cutting, gathering."""

from __future__ import annotations

from numba import int32, int64, uint32

from scratchgan.backends.cuda.device import cuda, kernel

__all__ = [
    "columns", "concat_columns", "gather_rows", "maxout", "maxout_pick", "maxout_spread", "one_hot",
]  # fmt: skip


@kernel
def maxout(a, y, index, size, pieces):
    """Maximum of neighbouring columns; ``size`` is y's."""
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


@kernel
def maxout_spread(dy, index, da, size, pieces):
    """Backward of maxout; ``size`` is da's."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        u = uint32(i // pieces)
        if uint32(index[u]) == uint32(i - u * pieces):
            da[i] = dy[u]
        else:
            da[i] = 0
        i = uint32(i + stride)


@kernel
def maxout_pick(da, index, dy, size, pieces):
    """Forward derivative of maxout; ``size`` is dy's. 0 where there is no such piece."""
    u, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while u < size:
        p = uint32(index[u])
        if p < pieces:
            dy[u] = da[uint32(u * pieces + p)]
        else:
            dy[u] = 0
        u = uint32(u + stride)


@kernel
def concat_columns(a, b, y, size, p, q):
    """Join matrices of p and q columns; ``size`` is y's."""
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


@kernel
def columns(a, y, size, n, start, width):
    """Columns from ``start`` on, ``width`` of n; ``size`` is y's."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < size:
        i = uint32(t // width)
        y[t] = a[uint32(i * n + start + (t - i * width))]
        t = uint32(t + stride)


@kernel
def gather_rows(data, order, y, cells, size, rows, width):
    """
    Rows of data in the order asked for, from order[cells[0]] on; ``size`` is y's.

    A row that data does not have is zero: nobody on the host has seen the order.
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


@kernel
def one_hot(labels, y, size, classes):
    """A one where the label says; ``size`` is y's. A row of zeros for any other label."""
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < size:
        i = uint32(t // classes)
        if int64(labels[i]) == int64(uint32(t - i * classes)):
            y[t] = 1
        else:
            y[t] = 0
        t = uint32(t + stride)
