"""Kernels that move rows and columns, and their operations: maxout, joining, gathering, a pool."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgan.backends.cpu.kernel import ELEMENTS, chunks_of, kernel, vector
from scratchgan.backends.cpu.noise import SHIFT, UNIT
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels, int32, share
from scratchgan.backends.vocabulary import Array
from scratchgan.errors import ShapeError

__all__ = ["RowsAndColumns"]


@kernel(reads="a", writes="y index", integers="units pieces")
def maxout(cells, chunk, scratch, real):
    """Maximum of neighbouring columns; ``units`` counts those of all rows: it is the size of y."""
    pieces, first = cells.pieces, chunk * ELEMENTS
    count = min(ELEMENTS, cells.units - first)
    size = size_of(real)
    a = vector(cells.a + first * pieces * size, count * pieces, real)
    y = vector(cells.y + first * size, count, real)
    index = vector(cells.index + first * 4, count, np.int32)
    for u in range(count):
        y[u] = a[u * pieces]
        index[u] = 0
    for p in range(1, pieces):  # the inner loop runs over units, so it vectorises
        for u in range(count):
            other, best = a[u * pieces + p], y[u]
            better = (other > best) | ((other != other) & (best == best))  # the first NaN wins
            y[u] = other if better else best
            index[u] = np.int32(p) if better else index[u]


@kernel(reads="dy index", writes="da", integers="units pieces")
def maxout_spread(cells, chunk, scratch, real):
    """Backward of maxout."""
    pieces, first = cells.pieces, chunk * ELEMENTS
    count = min(ELEMENTS, cells.units - first)
    size = size_of(real)
    dy = vector(cells.dy + first * size, count, real)
    index = vector(cells.index + first * 4, count, np.int32)
    da = vector(cells.da + first * pieces * size, count * pieces, real)
    for p in range(pieces):
        for u in range(count):
            da[u * pieces + p] = dy[u] if index[u] == p else real(0)


@kernel(reads="da index", writes="dy", integers="units pieces")
def maxout_pick(cells, chunk, scratch, real):
    """
    Forward derivative of maxout.

    A piece out of range gives 0. A direct call has checked the index, but a replay has not.
    """
    pieces, first = cells.pieces, chunk * ELEMENTS
    count = min(ELEMENTS, cells.units - first)
    size = size_of(real)
    da = vector(cells.da + first * pieces * size, count * pieces, real)
    index = vector(cells.index + first * 4, count, np.int32)
    dy = vector(cells.dy + first * size, count, real)
    for u in range(count):
        dy[u] = 0
    for p in range(pieces):
        for u in range(count):
            dy[u] = da[u * pieces + p] if index[u] == p else dy[u]


@kernel(reads="a b", writes="y", integers="batch p q share")
def concat_columns(cells, chunk, scratch, real):
    """Join matrices with p and q columns, ``share`` rows a chunk."""
    size, p, q, share = size_of(real), cells.p, cells.q, cells.share
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        a = vector(cells.a + i * p * size, p, real)
        b = vector(cells.b + i * q * size, q, real)
        y = vector(cells.y + i * (p + q) * size, p + q, real)
        for j in range(p):
            y[j] = a[j]
        for j in range(q):
            y[p + j] = b[j]


@kernel(reads="a", writes="y", integers="batch columns start width share")
def columns(cells, chunk, scratch, real):
    """Copy ``width`` of the ``columns`` columns, ``share`` rows a chunk."""
    size, n, width, share = size_of(real), cells.columns, cells.width, cells.share
    for i in range(chunk * share, min(cells.batch, (chunk + 1) * share)):
        a = vector(cells.a + (i * n + cells.start) * size, width, real)
        y = vector(cells.y + i * width * size, width, real)
        for j in range(width):
            y[j] = a[j]


@kernel(
    reads="data order", writes="y", integers="count rows width share start", varying="start"
)  # fmt: skip
def gather_rows(cells, chunk, scratch, real):
    """
    Copy ``count`` rows of data, order[start] and on; a row is ``width`` bytes of any dtype.

    A row that data does not have is zero. A direct call has checked the order, but a replay
    has not: its order changes.
    """
    count, width, share = cells.count, cells.width, cells.share
    order = vector(cells.order + cells.start * 4, count, np.int32)
    for i in range(chunk * share, min(count, (chunk + 1) * share)):
        y = vector(cells.y + i * width, width, np.uint8)
        if 0 <= order[i] < cells.rows:
            row = vector(cells.data + order[i] * width, width, np.uint8)
            for j in range(width):
                y[j] = row[j]
        else:
            for j in range(width):
                y[j] = 0


@kernel(reads="labels", writes="y", integers="rows classes share")
def one_hot(cells, chunk, scratch, real):
    """1 at the label's column, 0 elsewhere; ``share`` rows a chunk."""
    size, rows, classes, share = size_of(real), cells.rows, cells.classes, cells.share
    labels = vector(cells.labels, rows, np.int32)
    for i in range(chunk * share, min(rows, (chunk + 1) * share)):
        y = vector(cells.y + i * classes * size, classes, real)
        for j in range(classes):
            y[j] = real(1) if labels[i] == j else real(0)


@kernel(reads="x words", writes="y pool filled", integers="rows columns size", numbers="share")
def swap_rows(cells, chunk, scratch, real):
    """Exchange rows with a pool. One chunk does all rows: each depends on those before it."""
    width, columns = size_of(real) * cells.columns, cells.columns
    words = vector(cells.words, 2 * cells.rows, np.uint32)
    filled = vector(cells.filled, 1, np.int32)
    for i in range(cells.rows):
        place, earlier = np.int64(filled[0]), False
        if 0 <= place < cells.size:
            filled[0] += np.int32(1)
        else:
            place = (np.int64(words[2 * i] >> SHIFT) * cells.size) >> 24
            earlier = np.float32(words[2 * i + 1] >> SHIFT) * np.float32(UNIT) < cells.share
        x = vector(cells.x + i * width, columns, real)
        y = vector(cells.y + i * width, columns, real)
        row = vector(cells.pool + place * width, columns, real)
        for j in range(columns):
            y[j] = row[j] if earlier else x[j]
            row[j] = x[j]


class RowsAndColumns(Kernels):
    """The operations of these kernels."""

    def _maxout(self, a: Array, pieces: int) -> tuple[Array, Array]:
        units = (a.shape[0], a.shape[1] // pieces)
        y, index = self._real("maxout", units, a.dtype), self.empty(units, np.int32)
        self._run(maxout, chunks_of(y.size), a=a, y=y, index=index, units=y.size, pieces=pieces)
        return y, index

    def _maxout_spread(self, dy: Array, index: Array, pieces: int) -> Array:
        da = self._real("maxout_spread", (dy.shape[0], dy.shape[1] * pieces), dy.dtype)
        self._run(
            maxout_spread, chunks_of(dy.size), dy=dy, index=int32(index), da=da, units=dy.size,
            pieces=pieces,
        )  # fmt: skip
        return da

    def _maxout_pick(self, da: Array, index: Array, pieces: int) -> Array:
        dy = self._real("maxout_pick", index.shape, da.dtype)
        self._run(
            maxout_pick, chunks_of(dy.size), da=da, index=int32(index), dy=dy, units=dy.size,
            pieces=pieces,
        )  # fmt: skip
        return dy

    def _concat_columns(self, a: Array, b: Array) -> Array:
        (batch, p), q = a.shape, b.shape[1]
        y, (each, chunks) = (
            self._real("concat_columns", (batch, p + q), a.dtype),
            share(batch, p + q),
        )
        self._run(concat_columns, chunks, a=a, b=b, y=y, batch=batch, p=p, q=q, share=each)
        return y

    def _columns(self, a: Array, start: int, stop: int) -> Array:
        (batch, n), width = a.shape, stop - start
        y, (each, chunks) = self._real("columns", (batch, width), a.dtype), share(batch, width)
        self._run(
            columns, chunks, a=a, y=y, batch=batch, columns=n, start=start, width=width, share=each
        )
        return y

    def _gather_rows(self, data: Array, order: Array, start: int, count: int) -> Array:
        if data.dtype.hasobject:
            raise ShapeError("gather_rows: data has Python objects; expected numbers")
        y = self.empty((count, *data.shape[1:]), data.dtype)
        width = y.nbytes // count
        each, chunks = share(count, width)
        self._run(
            gather_rows, chunks, data=data, order=int32(order), y=y, count=count, rows=len(data),
            width=width, share=each, start=start,
        )  # fmt: skip
        return y

    def _swap_rows_(
        self, pool: Array, filled: Array, x: Array, words: Array, share: float
    ) -> Array:
        y = self._like("swap_rows_", x)
        for a in (pool, filled):
            self._require_writable("swap_rows_", a)
        self._run(
            swap_rows, 1, x=x, words=words, y=y, pool=pool, filled=filled, rows=len(x),
            columns=x.shape[1], size=len(pool), share=float(np.float32(share)),
        )  # fmt: skip
        return y

    def _one_hot(self, labels: Array, classes: int, dtype: Any) -> Array:
        y, (each, chunks) = (
            self._real("one_hot", (labels.size, classes), dtype), share(labels.size, classes)
        )  # fmt: skip
        self._run(
            one_hot,
            chunks,
            labels=int32(labels),
            y=y,
            rows=labels.size,
            classes=classes,
            share=each,
        )
        return y
