"""
Kernels that draw: Philox words, uniform and normal numbers, labels, dropout.

A chunk computes the words of up to BLOCKS counters, four words each, in four arrays
of its scratch. So the ten rounds are one loop over independent counters, which LLVM
vectorises. A second loop converts the words to numbers, and a third copies the numbers
to the result.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from scratchgan.backends.cpu.elementary import log, sin_cos_turns
from scratchgan.backends.cpu.kernel import INLINE, kernel, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of
from scratchgan.backends.cpu.table import Kernels
from scratchgan.backends.random import Stream
from scratchgan.backends.vocabulary import Array

__all__ = ["BLOCKS", "Draws"]

BLOCKS = 1024  # counters of a chunk, 4 words each
SHIFT = np.uint32(8)  # a word's upper 24 bits are used: float32 holds them exactly
UNIT = 2.0**-24

STREAM = "key0 key1 row word2 step"  # cells: the key's two words, the first row, the counter's last

philox = MATHS.philox


@njit(**INLINE)
def draw(cells, chunk, columns, blocks, scratch):
    """
    Fill scratch with the words of the chunk's counters, and return the number of counters.

    The cells of STREAM give the counters: block b of row i has counter (b, first row + i).
    """
    a_row = (columns + 3) // 4
    first = chunk * BLOCKS
    count = min(BLOCKS, blocks - first)
    k0, k1 = np.uint32(cells.key0), np.uint32(cells.key1)
    row0 = cells.row
    c2, c3 = np.uint32(cells.word2), np.uint32(cells.step)
    w0 = vector(scratch, count, np.uint32)
    w1 = vector(scratch + 4 * BLOCKS, count, np.uint32)
    w2 = vector(scratch + 8 * BLOCKS, count, np.uint32)
    w3 = vector(scratch + 12 * BLOCKS, count, np.uint32)
    i, b = first // a_row, first % a_row
    for n in range(count):
        w0[n] = np.uint32(b)
        w1[n] = np.uint32(row0 + i)
        b += 1
        if b == a_row:
            i, b = i + 1, 0
    for n in range(count):
        w0[n], w1[n], w2[n], w3[n] = philox(w0[n], w1[n], c2, c3, k0, k1)
    return count


@njit(**INLINE)
def place(chunk, columns, count, source, target, size, dtype):
    """Copy the numbers of four arrays, ``size`` bytes each, to the rows of a matrix."""
    a_row = (columns + 3) // 4
    first = chunk * BLOCKS
    i, b = first // a_row, first % a_row
    n = 0
    v0 = vector(source, count, dtype)
    v1 = vector(source + BLOCKS * size, count, dtype)
    v2 = vector(source + 2 * BLOCKS * size, count, dtype)
    v3 = vector(source + 3 * BLOCKS * size, count, dtype)
    while n < count:  # one piece of a row after the other
        here = min(a_row - b, count - n)
        whole = min(here, (columns - 4 * b) // 4)
        y = vector(target + (i * columns + 4 * b) * size, columns - 4 * b, dtype)
        for j in range(whole):
            y[4 * j], y[4 * j + 1] = v0[n + j], v1[n + j]
            y[4 * j + 2], y[4 * j + 3] = v2[n + j], v3[n + j]
        if whole < here:
            rest = columns - 4 * (b + whole)
            y[4 * whole] = v0[n + whole]
            if rest > 1:
                y[4 * whole + 1] = v1[n + whole]
            if rest > 2:
                y[4 * whole + 2] = v2[n + whole]
        n += here
        i, b = i + 1, 0


@kernel(writes="out", integers=f"columns blocks {STREAM}", varying="step")
def random_words(cells, chunk, scratch, real):
    """Words."""
    count = draw(cells, chunk, cells.columns, cells.blocks, scratch)
    place(chunk, cells.columns, count, scratch, cells.out, 4, np.uint32)


@kernel(writes="out", integers=f"columns blocks {STREAM}", numbers="low width", varying="step")
def uniform(cells, chunk, scratch, real):
    """low + width · u."""
    columns = cells.columns
    count = draw(cells, chunk, columns, cells.blocks, scratch)
    low, width = real(cells.low), real(cells.width)
    numbers = scratch + 16 * BLOCKS
    size = size_of(real)
    for w in range(4):
        words = vector(scratch + 4 * w * BLOCKS, count, np.uint32)
        u = vector(numbers + w * BLOCKS * size, count, real)
        for n in range(count):
            u[n] = low + width * (real(words[n] >> SHIFT) * real(UNIT))
    place(chunk, columns, count, numbers, cells.out, size, real)


@kernel(writes="out", integers=f"columns blocks {STREAM}", numbers="mean std", varying="step")
def normal(cells, chunk, scratch, real):
    """Normal numbers; each two come from two uniforms (Box & Muller 1958)."""
    columns = cells.columns
    count = draw(cells, chunk, columns, cells.blocks, scratch)
    mean, std = real(cells.mean), real(cells.std)
    numbers = scratch + 16 * BLOCKS
    size = size_of(real)
    for w in range(0, 4, 2):
        words1 = vector(scratch + 4 * w * BLOCKS, count, np.uint32)
        words2 = vector(scratch + 4 * (w + 1) * BLOCKS, count, np.uint32)
        z1 = vector(numbers + w * BLOCKS * size, count, real)
        z2 = vector(numbers + (w + 1) * BLOCKS * size, count, real)
        for n in range(count):
            # u₁ + 2⁻²⁴ is in (0, 1]: its logarithm is finite.
            u1 = real((words1[n] >> SHIFT) + np.uint32(1)) * real(UNIT)
            u2 = real(words2[n] >> SHIFT) * real(UNIT)
            radius = std * real(math.sqrt(real(-2) * log(u1)))
            sine, cosine = sin_cos_turns(u2)
            z1[n] = mean + radius * cosine
            z2[n] = mean + radius * sine
    place(chunk, columns, count, numbers, cells.out, size, real)


@kernel(writes="out", integers=f"rows classes {STREAM}", varying="step")
def random_labels(cells, chunk, scratch, real):
    """floor(u · classes)."""
    classes = cells.classes
    count = draw(cells, chunk, 1, cells.rows, scratch)
    words = vector(scratch, count, np.uint32)
    out = vector(cells.out + 4 * chunk * BLOCKS, count, np.int32)
    for n in range(count):
        out[n] = np.int32((np.int64(words[n] >> SHIFT) * classes) >> 24)


@kernel(
    reads="x", writes="y", integers=f"columns blocks {STREAM}",
    numbers="keep factor", varying="step",
)  # fmt: skip
def dropout(cells, chunk, scratch, real):
    """factor · x where u < keep, else 0; the mask is drawn here and not stored."""
    columns = cells.columns
    count = draw(cells, chunk, columns, cells.blocks, scratch)
    keep, factor = np.float32(cells.keep), real(cells.factor)
    a_row = (columns + 3) // 4
    first = chunk * BLOCKS
    size = size_of(real)
    begin = (first // a_row) * columns + 4 * (first % a_row)
    last = first + count
    end = (last // a_row) * columns + 4 * (last % a_row)
    words = scratch + 16 * BLOCKS
    place(chunk, columns, count, scratch, words - 4 * begin, 4, np.uint32)
    w = vector(words, end - begin, np.uint32)
    x = vector(cells.x + begin * size, end - begin, real)
    y = vector(cells.y + begin * size, end - begin, real)
    for n in range(end - begin):
        u = np.float32(w[n] >> SHIFT) * np.float32(UNIT)
        y[n] = x[n] * factor if u < keep else real(0)


class Draws(Kernels):
    """The operations of these kernels."""

    def _random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        out, where = self.empty(shape, np.uint32), _where(shape, stream)
        self._run(random_words, _chunks(where["blocks"]), out=out, **where)
        return out

    def _uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        out, where = self._real("uniform", shape, dtype), _where(shape, stream)
        self._run(uniform, _chunks(where["blocks"]), out=out, **where, low=low, width=high - low)
        return out

    def _normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        out, where = self._real("normal", shape, dtype), _where(shape, stream)
        self._run(normal, _chunks(where["blocks"]), out=out, **where, mean=mean, std=std)
        return out

    def _random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        out = self.empty((rows,), np.int32)
        self._run(
            random_labels, _chunks(rows), out=out, rows=rows, classes=classes, **_stream(stream)
        )
        return out

    def _dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        y, where = self._like("dropout", x), _where(x.shape, stream)
        chunks = _chunks(where["blocks"])
        self._run(dropout, chunks, x=x, y=y, **where, keep=keep, factor=1 / keep)
        return y


def _chunks(blocks: int) -> int:
    return -(-blocks // BLOCKS)


def _where(shape: tuple[int, int], stream: Stream) -> dict[str, Any]:
    """The cells of a matrix of random numbers: its columns, its counters, its stream."""
    rows, columns = shape
    return {"columns": columns, "blocks": rows * -(-columns // 4), **_stream(stream)}


def _stream(stream: Stream) -> dict[str, Any]:
    (key0, key1), (word2, step) = stream.key(), stream.counter_words()
    return {"key0": key0, "key1": key1, "row": stream.row, "word2": word2, "step": step}
