"""
Kernels that draw: Philox words, uniform and normal numbers, labels, dropout.

A thread computes one counter of Philox and puts its four words, or what becomes of
them, into four neighbouring columns. ``step``, which changes from one training step
to the next, is read from device memory; the rest of the stream is fixed.
"""

from __future__ import annotations

import numpy as np
from numba import int32, uint32, uint64

from scratchgan.backends.cuda.device import cuda, device_function, kernel
from scratchgan.backends.cuda.maths import MATHS, log, sin_cos_turns, sqrt

__all__ = ["dropout", "normal", "random_labels", "random_words", "uniform"]

SHIFT = np.uint32(8)  # a word's upper 24 bits are used: float32 holds them exactly
UNIT = 2.0**-24

philox = MATHS.philox


@device_function
def place(out, i, j, columns, v0, v1, v2, v3):
    """Put four numbers into row i, from column j on, as far as there are columns."""
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
    """Return the 24-bit uniform in [0, 1) of a word, in the type of ``real``."""
    return type(real)(uint32(word >> SHIFT)) * type(real)(UNIT)


@kernel
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


@kernel
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


@kernel
def normal(out, cells, columns, counters, key0, key1, row, word2, mean, std):
    """Normal numbers, two from two words."""
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


@kernel
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


@kernel
def dropout(x, y, cells, columns, counters, key0, key1, row, word2, keep, factor):
    """x · factor where u < keep, else 0; the mask is drawn here and forgotten."""
    a_row = uint32((columns + uint32(3)) // uint32(4))
    t, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while t < counters:
        i = uint32(t // a_row)
        b = uint32(t - i * a_row)
        w0, w1, w2, w3 = philox(b, uint32(row + i), word2, cells[0], key0, key1)
        j = uint32(b * uint32(4))
        k = uint32(i * columns + j)
        last = uint32(i * columns + (columns - uint32(1)))  # beyond it, repeat: nothing is placed
        place(
            y, i, j, columns,
            kept(x, k, w0, keep, factor),
            kept(x, min(last, uint32(k + uint32(1))), w1, keep, factor),
            kept(x, min(last, uint32(k + uint32(2))), w2, keep, factor),
            kept(x, min(last, uint32(k + uint32(3))), w3, keep, factor),
        )  # fmt: skip
        t = uint32(t + stride)
