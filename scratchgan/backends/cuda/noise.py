"""
Kernels that draw, and their operations: words, uniform and normal numbers, labels, dropout.

A thread computes the four words of one Philox counter, and writes them, or the numbers made
from them, to four neighbouring columns. ``step`` changes from one training step to the next,
so it is read from device memory. The rest of the stream is constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32, uint32, uint64

from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.launch import Kernels, counters, words
from scratchgan.backends.cuda.maths import MATHS, log, sin_cos_turns, sqrt
from scratchgan.backends.random import Stream
from scratchgan.backends.vocabulary import Array

__all__ = ["Draws"]

SHIFT = np.uint32(8)  # a word's upper 24 bits are used: float32 holds them exactly
UNIT = 2.0**-24

philox = MATHS.philox


@device_function
def place(out, i, j, columns, v0, v1, v2, v3):
    """Write four numbers to row i from column j on; those beyond the last column are dropped."""
    k = uint32(i * columns + j)
    out[k] = v0
    if uint32(j + uint32(1)) < columns:
        out[uint32(k + uint32(1))] = v1
    if uint32(j + uint32(2)) < columns:
        out[uint32(k + uint32(2))] = v2
    if uint32(j + uint32(3)) < columns:
        out[uint32(k + uint32(3))] = v3


@device_function
def unit(word, real):
    """Convert a word to a 24-bit uniform in [0, 1), with the type of ``real``."""
    return type(real)(uint32(word >> SHIFT)) * type(real)(UNIT)


@kernel(writes="out")
def random_words(out, cells, columns, counters, key0, key1, row, word2):
    """Words; counter b of row i has the words b, row + i, word2 and step."""
    a_row = uint32((columns + uint32(3)) // uint32(4))
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < counters:
        i = uint32(t // a_row)
        b = uint32(t - i * a_row)
        w0, w1, w2, w3 = philox(b, uint32(row + i), word2, cells[0], key0, key1)
        place(out, i, uint32(b * uint32(4)), columns, w0, w1, w2, w3)
        t = uint32(t + stride)


@kernel(writes="out")
def uniform(out, cells, columns, counters, key0, key1, row, word2, low, width):
    """low + width · u."""
    a_row = uint32((columns + uint32(3)) // uint32(4))
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < counters:
        i = uint32(t // a_row)
        b = uint32(t - i * a_row)
        w0, w1, w2, w3 = philox(b, uint32(row + i), word2, cells[0], key0, key1)
        place(
            out, i, uint32(b * uint32(4)), columns,
            low + width * unit(w0, low), low + width * unit(w1, low),
            low + width * unit(w2, low), low + width * unit(w3, low),
        )  # fmt: skip
        t = uint32(t + stride)


@device_function
def box_muller(word1, word2, mean, std):
    """Two normal numbers from two uniforms (Box & Muller 1958)."""
    # u₁ + 2⁻²⁴ is in (0, 1]: its logarithm is finite.
    u1 = unit(word1, mean) + type(mean)(UNIT)
    radius = std * sqrt(type(mean)(-2) * log(u1))
    sine, cosine = sin_cos_turns(unit(word2, mean))
    return mean + radius * cosine, mean + radius * sine


@kernel(writes="out")
def normal(out, cells, columns, counters, key0, key1, row, word2, mean, std):
    """Normal numbers; each two come from two words."""
    a_row = uint32((columns + uint32(3)) // uint32(4))
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < counters:
        i = uint32(t // a_row)
        b = uint32(t - i * a_row)
        w0, w1, w2, w3 = philox(b, uint32(row + i), word2, cells[0], key0, key1)
        z0, z1 = box_muller(w0, w1, mean, std)
        z2, z3 = box_muller(w2, w3, mean, std)
        place(out, i, uint32(b * uint32(4)), columns, z0, z1, z2, z3)
        t = uint32(t + stride)


@kernel(writes="out")
def random_labels(out, cells, rows, classes, key0, key1, row, word2):
    """floor(u · classes), in integers."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < rows:
        word, _, _, _ = philox(uint32(0), uint32(row + i), word2, cells[0], key0, key1)
        out[i] = int32((uint64(uint32(word >> SHIFT)) * uint64(classes)) >> uint64(24))
        i = uint32(i + stride)


@device_function
def kept(x, k, word, keep, factor):
    """Element k of x times ``factor``, or 0."""
    return x[k] * factor if unit(word, keep) < keep else type(factor)(0)


@kernel(writes="y")
def dropout(x, y, cells, columns, counters, key0, key1, row, word2, keep, factor):
    """x · factor where u < keep, else 0; the mask is drawn here and not stored."""
    a_row = uint32((columns + uint32(3)) // uint32(4))
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < counters:
        i = uint32(t // a_row)
        b = uint32(t - i * a_row)
        w0, w1, w2, w3 = philox(b, uint32(row + i), word2, cells[0], key0, key1)
        j = uint32(b * uint32(4))
        k = uint32(i * columns + j)
        last = uint32(
            i * columns + (columns - uint32(1))
        )  # beyond it, it is read again and not placed
        place(
            y, i, j, columns,
            kept(x, k, w0, keep, factor),
            kept(x, min(last, uint32(k + uint32(1))), w1, keep, factor),
            kept(x, min(last, uint32(k + uint32(2))), w2, keep, factor),
            kept(x, min(last, uint32(k + uint32(3))), w3, keep, factor),
        )  # fmt: skip
        t = uint32(t + stride)


class Draws(Kernels):
    """The operations of these kernels."""

    def _random_words(self, shape: tuple[int, int], stream: Stream) -> Array:
        return self._drawn(random_words, self.empty(shape, np.uint32), stream)

    def _uniform(
        self, shape: tuple[int, int], stream: Stream, low: float, high: float, dtype: Any
    ) -> Array:
        out = self._real("uniform", shape, dtype)
        return self._drawn(uniform, out, stream, low=low, width=high - low)

    def _normal(
        self, shape: tuple[int, int], stream: Stream, mean: float, std: float, dtype: Any
    ) -> Array:
        return self._drawn(normal, self._real("normal", shape, dtype), stream, mean=mean, std=std)

    def _drawn(self, kernel: Any, out: Array, stream: Stream, **numbers: Any) -> Array:
        sizes = counters(out.shape)
        self._run(
            kernel, sizes["counters"], out=out, **sizes, **words(stream), **numbers,
            cells=self._step(stream),
        )  # fmt: skip
        return out

    def _random_labels(self, rows: int, classes: int, stream: Stream) -> Array:
        out, cells = self.empty((rows,), np.int32), self._step(stream)
        self._run(
            random_labels, rows, out=out, rows=rows, classes=classes, **words(stream), cells=cells
        )
        return out

    def _dropout(self, x: Array, keep: float, stream: Stream) -> Array:
        y, sizes = self._like("dropout", x), counters(x.shape)
        keep32 = float(np.float32(keep))  # uniforms have 24 bits, in float64 too
        self._run(
            dropout, sizes["counters"], x=x, y=y, **sizes, **words(stream), keep=keep32,
            factor=1 / keep, cells=self._step(stream),
        )  # fmt: skip
        return y
