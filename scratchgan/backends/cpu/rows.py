"""Kernels that move rows and columns: maxout, joining, cutting, gathering."""

from __future__ import annotations

import numpy as np

from scratchgan.backends.cpu.kernel import integer, kernel, vector
from scratchgan.backends.cpu.simd import size_of

__all__ = [
    "columns", "concat_columns", "gather_rows", "maxout", "maxout_pick", "maxout_spread", "one_hot",
]  # fmt: skip


@kernel
def maxout(args, chunk, scratch, real):
    """Maximum of neighbouring columns. Cells: a, y, index, size of y, pieces, a chunk's size."""
    n, pieces, share = integer(args, 3), integer(args, 4), integer(args, 5)
    first = chunk * share
    count = min(share, n - first)
    size = size_of(real)
    a = vector(integer(args, 0) + first * pieces * size, count * pieces, real)
    y = vector(integer(args, 1) + first * size, count, real)
    index = vector(integer(args, 2) + first * 4, count, np.int32)
    for u in range(count):
        y[u] = a[u * pieces]
        index[u] = 0
    for p in range(1, pieces):  # units inside: a loop that vectors can follow
        for u in range(count):
            other, best = a[u * pieces + p], y[u]
            better = (other > best) | ((other != other) & (best == best))  # the first NaN wins
            y[u] = other if better else best
            index[u] = np.int32(p) if better else index[u]


@kernel
def maxout_spread(args, chunk, scratch, real):
    """Backward of maxout. Cells: dy, index, da, size of dy, pieces, a chunk's size."""
    n, pieces, share = integer(args, 3), integer(args, 4), integer(args, 5)
    first = chunk * share
    count = min(share, n - first)
    size = size_of(real)
    dy = vector(integer(args, 0) + first * size, count, real)
    index = vector(integer(args, 1) + first * 4, count, np.int32)
    da = vector(integer(args, 2) + first * pieces * size, count * pieces, real)
    for p in range(pieces):
        for u in range(count):
            da[u * pieces + p] = dy[u] if index[u] == p else real(0)


@kernel
def maxout_pick(args, chunk, scratch, real):
    """
    Forward derivative of maxout. Cells: da, index, dy, size of dy, pieces, a chunk's size.

    0 where there is no such piece: the caller has looked, but a recorded step has not.
    """
    n, pieces, share = integer(args, 3), integer(args, 4), integer(args, 5)
    first = chunk * share
    count = min(share, n - first)
    size = size_of(real)
    da = vector(integer(args, 0) + first * pieces * size, count * pieces, real)
    index = vector(integer(args, 1) + first * 4, count, np.int32)
    dy = vector(integer(args, 2) + first * size, count, real)
    for u in range(count):
        dy[u] = 0
    for p in range(pieces):
        for u in range(count):
            dy[u] = da[u * pieces + p] if index[u] == p else dy[u]


@kernel
def concat_columns(args, chunk, scratch, real):
    """Join two matrices. Cells: a, b, y, batch, columns of a, of b, rows of a chunk."""
    batch, p, q, share = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    size = size_of(real)
    for i in range(chunk * share, min(batch, (chunk + 1) * share)):
        a = vector(integer(args, 0) + i * p * size, p, real)
        b = vector(integer(args, 1) + i * q * size, q, real)
        y = vector(integer(args, 2) + i * (p + q) * size, p + q, real)
        for j in range(p):
            y[j] = a[j]
        for j in range(q):
            y[p + j] = b[j]


@kernel
def columns(args, chunk, scratch, real):
    """Cut out columns. Cells: a, y, batch, columns of a, first, of y, rows of a chunk."""
    batch, n, start, width = integer(args, 2), integer(args, 3), integer(args, 4), integer(args, 5)
    share, size = integer(args, 6), size_of(real)
    for i in range(chunk * share, min(batch, (chunk + 1) * share)):
        a = vector(integer(args, 0) + (i * n + start) * size, width, real)
        y = vector(integer(args, 1) + i * width * size, width, real)
        for j in range(width):
            y[j] = a[j]


@kernel
def gather_rows(args, chunk, scratch, real):
    """
    Rows of data in the order asked for, as bytes, whatever their dtype.

    Cells: data, order, y, count, rows of data, bytes of a row, rows of a chunk, start.
    A row that data does not have is left zero: the caller has looked, but a
    recorded step reads an order that changes.
    """
    count, n, width, share = integer(args, 3), integer(args, 4), integer(args, 5), integer(args, 6)
    order = vector(integer(args, 1) + integer(args, 7) * 4, count, np.int32)
    for i in range(chunk * share, min(count, (chunk + 1) * share)):
        y = vector(integer(args, 2) + i * width, width, np.uint8)
        if 0 <= order[i] < n:
            row = vector(integer(args, 0) + order[i] * width, width, np.uint8)
            for j in range(width):
                y[j] = row[j]
        else:
            for j in range(width):
                y[j] = 0


@kernel
def one_hot(args, chunk, scratch, real):
    """A one where the label says. Cells: labels, y, rows, classes, rows of a chunk."""
    rows, classes, share = integer(args, 2), integer(args, 3), integer(args, 4)
    size = size_of(real)
    labels = vector(integer(args, 0), rows, np.int32)
    for i in range(chunk * share, min(rows, (chunk + 1) * share)):
        y = vector(integer(args, 1) + i * classes * size, classes, real)
        for j in range(classes):
            y[j] = real(1) if labels[i] == j else real(0)
