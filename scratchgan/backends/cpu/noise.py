"""
Kernels that draw: Philox words, uniform and normal numbers, labels, dropout.

A chunk makes the words of up to BLOCKS counters, four words each, in four arrays
of its scratch: the ten rounds are then one loop over independent counters, which
LLVM turns into vectors. A second loop makes numbers of them, a third puts them
where they belong.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from scratchgan.backends.cpu.elementary import log, sin_cos_turns
from scratchgan.backends.cpu.kernel import INLINE, integer, kernel, number, vector
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.backends.cpu.simd import size_of

__all__ = ["BLOCKS", "dropout", "normal", "random_labels", "random_words", "uniform"]

BLOCKS = 1024  # counters of a chunk, 4 words each
SHIFT = np.uint32(8)  # a word's upper 24 bits are used: float32 holds them exactly
UNIT = 2.0**-24

philox = MATHS.philox


@njit(**INLINE)
def draw(args, at, chunk, columns, blocks, scratch):
    """
    Fill scratch with the words of the chunk's counters, and return how many counters.

    The stream stands in cells at, at + 1, …: key's low and high word, first row,
    counter words 2 and 3. Block b of row i is counter (b, first row + i).
    """
    a_row = (columns + 3) // 4
    first = chunk * BLOCKS
    count = min(BLOCKS, blocks - first)
    k0, k1 = np.uint32(integer(args, at)), np.uint32(integer(args, at + 1))
    row0 = integer(args, at + 2)
    c2, c3 = np.uint32(integer(args, at + 3)), np.uint32(integer(args, at + 4))
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
    """Put the numbers of four arrays, 4 · BLOCKS · size apart, into the rows of a matrix."""
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


@kernel
def random_words(args, chunk, scratch, real):
    """Words. Cells: out, columns, blocks, stream (5)."""
    columns = integer(args, 1)
    count = draw(args, 3, chunk, columns, integer(args, 2), scratch)
    place(chunk, columns, count, scratch, integer(args, 0), 4, np.uint32)


@kernel
def uniform(args, chunk, scratch, real):
    """low + (high − low) · u. Cells: out, columns, blocks, stream (5), low, high − low."""
    columns = integer(args, 1)
    count = draw(args, 3, chunk, columns, integer(args, 2), scratch)
    low, width = real(number(args, 8)), real(number(args, 9))
    numbers = scratch + 16 * BLOCKS
    size = size_of(real)
    for w in range(4):
        words = vector(scratch + 4 * w * BLOCKS, count, np.uint32)
        u = vector(numbers + w * BLOCKS * size, count, real)
        for n in range(count):
            u[n] = low + width * (real(words[n] >> SHIFT) * real(UNIT))
    place(chunk, columns, count, numbers, integer(args, 0), size, real)


@kernel
def normal(args, chunk, scratch, real):
    """
    Normal numbers, two from two uniforms (Box & Muller 1958).

    Cells: out, columns, blocks, stream (5), mean, std.
    """
    columns = integer(args, 1)
    count = draw(args, 3, chunk, columns, integer(args, 2), scratch)
    mean, std = real(number(args, 8)), real(number(args, 9))
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
    place(chunk, columns, count, numbers, integer(args, 0), size, real)


@kernel
def random_labels(args, chunk, scratch, real):
    """floor(u · classes). Cells: out, rows, classes, stream (5)."""
    rows, classes = integer(args, 1), integer(args, 2)
    count = draw(args, 3, chunk, 1, rows, scratch)
    words = vector(scratch, count, np.uint32)
    out = vector(integer(args, 0) + 4 * chunk * BLOCKS, count, np.int32)
    for n in range(count):
        out[n] = np.int32((np.int64(words[n] >> SHIFT) * classes) >> 24)


@kernel
def dropout(args, chunk, scratch, real):
    """
    x / keep where u < keep, else 0; the mask is drawn here and forgotten.

    Cells: x, out, columns, blocks, stream (5), keep, 1 / keep.
    """
    columns = integer(args, 2)
    count = draw(args, 4, chunk, columns, integer(args, 3), scratch)
    keep, factor = np.float32(number(args, 9)), real(number(args, 10))
    a_row = (columns + 3) // 4
    first = chunk * BLOCKS
    size = size_of(real)
    begin = (first // a_row) * columns + 4 * (first % a_row)
    last = first + count
    end = (last // a_row) * columns + 4 * (last % a_row)
    words = scratch + 16 * BLOCKS
    place(chunk, columns, count, scratch, words - 4 * begin, 4, np.uint32)
    w = vector(words, end - begin, np.uint32)
    x = vector(integer(args, 0) + begin * size, end - begin, real)
    y = vector(integer(args, 1) + begin * size, end - begin, real)
    for n in range(end - begin):
        u = np.float32(w[n] >> SHIFT) * np.float32(UNIT)
        y[n] = x[n] * factor if u < keep else real(0)
