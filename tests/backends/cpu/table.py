"""Tables of rows whose chunks read what any chunk of the row before wrote, run again and again."""

from __future__ import annotations

import struct
from typing import Any

import numba
import numpy as np

from scratchgan.backends.cpu.kernel import CELLS, KERNELS, Runner, kernel, vector

CHUNKS = (64, 1, 17, 3, 40, 2, 64)  # of the rows, one after the other
MODULUS = 1_000_003


@kernel(reads="source", writes="target", integers="size")
def scramble(cells, chunk, scratch, real):
    """One number from three of the row before."""
    n = cells.size
    source = vector(cells.source, n, np.int64)
    target = vector(cells.target, 64, np.int64)
    total = np.int64(chunk)
    for i in range(3):
        total += (i + 1) * source[(7 * chunk + 11 * i) % n]
    keep = vector(scratch, 1, np.int64)  # each thread's own, or the sum is spoilt
    keep[0] = total
    target[chunk] = keep[0] % 1_000_003


KERNELS.remove(scramble)  # it is none of the backend's


def by_python(start: list[int], steps: int) -> list[int]:
    rows = [start, *[[0] * n for n in CHUNKS]]
    for _ in range(steps):
        rows[0] = rows[-1] if any(rows[-1]) else rows[0]
        for r, n in enumerate(CHUNKS, 1):
            a = rows[r - 1]
            rows[r] = [
                (c + sum((i + 1) * a[(7 * c + 11 * i) % len(a)] for i in range(3))) % MODULUS
                for c in range(n)
            ]
    return rows[-1]


def table_of(buffers: Any) -> Any:
    """The last row writes where the first reads, so that steps are joined too."""
    table = np.zeros((len(CHUNKS), CELLS), np.int64)
    cells, before = table.view(np.uint8), 0
    for r, chunks in enumerate(CHUNKS):
        source, size = buffers[r], (64, *CHUNKS)[r]
        target = buffers[(r + 1) % len(CHUNKS)]
        struct.pack_into(
            scramble.layout, cells[r].data, 0, scramble.address(np.float32), chunks, before,
            source.ctypes.data, target.ctypes.data, size,
        )  # fmt: skip
        before += chunks
    return table, before


def main() -> None:
    """Run with 1 … 7 threads, many times each; print how many runs were right."""
    runner, steps = Runner(), 23
    start = list(range(1, 65))
    expected = by_python(start, steps)
    right = wrong = 0
    for threads in range(1, 8):
        numba.set_num_threads(threads)
        for _ in range(60):
            buffers = np.zeros((len(CHUNKS), 64), np.int64)
            buffers[0] = start
            table, total = table_of(buffers)
            runner.run(table.ctypes.data, len(CHUNKS), total, steps)
            good = buffers[0].tolist() == expected
            right, wrong = right + good, wrong + (not good)
    print(right, wrong)
