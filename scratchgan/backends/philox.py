"""
Philox4x32-10 in NumPy: random numbers as a function of a counter and a key.

Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
1, 2, 3" (SC 2011); the tests check its known answers. There are ten rounds. Each
multiplies words 0 and 2 by constants into 64 bits and mixes the halves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import shapes
from scratchgan.backends.random import Stream

__all__ = ["philox4x32", "philox_words", "shuffled", "sorted_by_words"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)  # the paper's multipliers
_W0, _W1 = 0x9E3779B9, 0xBB67AE85  # the key's increments: golden ratio, √3 − 1
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox4x32(
    counter: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]],
    key: tuple[int, int],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """
    Apply ten rounds to four arrays of counter words.

    Parameters
    ----------
    counter : four arrays of uint64 that hold 32-bit words
        Broadcast against each other.
    key : two ints of 32 bits

    Returns
    -------
    four arrays of uint64 that hold 32-bit words

    Examples
    --------
    The known answer for a counter and a key of zeros:

    >>> zero = np.zeros(1, np.uint64)
    >>> [f"{int(w[0]):08x}" for w in philox4x32((zero, zero, zero, zero), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (
            (p1 >> _32) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _32) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def philox_words(shape: tuple[int, int], stream: Stream) -> NDArray[np.uint32]:
    """
    Words (rows, columns) of a stream; word (i, j) does not depend on the shape.

    One counter gives four neighbouring columns: its words are column // 4, the
    global row, substep · 2¹⁶ + operation, and step.
    """
    shapes.require_draw("random numbers", shape, stream)
    rows, columns = shape
    blocks = -(-columns // 4)
    c2, c3 = stream.counter_words()
    column, row = np.meshgrid(
        np.arange(blocks, dtype=np.uint64), np.arange(rows, dtype=np.uint64) + np.uint64(stream.row)
    )
    counter = (column, row, np.full_like(column, c2), np.full_like(column, c3))
    words = np.stack(philox4x32(counter, stream.key()), axis=2)
    return np.ascontiguousarray(words.reshape(rows, -1)[:, :columns].astype(np.uint32))


def shuffled(n: int, stream: Stream) -> NDArray[np.int32]:
    """
    Return a random order of 0 … n − 1: the positions sorted by their 64-bit random words.

    It depends only on the stream, so a resumed run gets the same order for its epoch.
    """
    return sorted_by_words(philox_words((n, 2), stream))


def sorted_by_words(words: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return the indices that sort rows (n, 2) of words; equal rows keep their order."""
    keys = (words[:, 0].astype(np.uint64) << _32) | words[:, 1]
    order = np.argsort(keys)
    if (np.diff(keys[order]) == 0).any():  # n² / 2⁶⁴ of the time; the fast sort is not stable
        order = np.argsort(keys, kind="stable")
    return order.astype(np.int32)
