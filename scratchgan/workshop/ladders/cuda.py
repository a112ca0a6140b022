"""
The rungs of notebook 11: six ways to compute C = A · B on a GPU, each with less of some cost.

Every kernel takes flat row-major arrays of one dtype, A (m, k), B (k, n) and C (m, n), which it
overwrites, and the three sizes. The sizes need not be multiples of anything: elements outside the
matrices are not read, and count as zero. A block of threads computes a tile of C, whose sizes are
a ``Tile``. The kernels are here to be read and measured. The library computes with ``gemm``, whose
kernel is the last rung.

``traffic`` computes the memory traffic of a rung. The notebook and the tests count it too: they run
the kernels on arrays that note accesses (``counted.py``). ``compiled.py`` shows the machine code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from scratchgan.backends.cuda.device import LARGEST, SIMULATED, address, cuda, kernel
from scratchgan.backends.cuda.tiles import (
    LARGE,
    MEDIUM,
    Tile,
    read_vector,
    tile_kernel,
    write_vector,
)
from scratchgan.errors import ShapeError

__all__ = [
    "ARGUMENTS", "LADDER", "SECTOR", "Rung", "Traffic", "coalesced", "double_buffer", "kernels",
    "launch", "naive", "register_tile", "shared_tile", "traffic", "vectorised",
]  # fmt: skip

uint32 = np.uint32

SECTOR = 32  # bytes: the smallest access to global memory, aligned to its size
MOST_DOWN = 65535  # the most blocks of a grid's second axis


# -- one thread, one sum --------------------------------------------------------------------------


@cache
def naive(tile: Tile, dtype: str) -> Any:
    """
    Make the kernel of the plain formula: each thread computes one element of C.

    Neighbouring threads compute neighbouring rows of C. At each step of k they read a column of
    A, whose elements are one row apart: 32 threads request 32 sectors and use 4 bytes of each.
    """
    rows, columns = uint32(tile.rows), uint32(tile.columns)
    zero = np.dtype(dtype).type(0)

    @kernel
    def naive(a, b, c, m, n, k):
        thread = uint32(cuda.threadIdx.x)
        i = uint32(uint32(cuda.blockIdx.x) * rows + thread % rows)  # neighbours: the next row
        j = uint32(uint32(cuda.blockIdx.y) * columns + thread // rows)
        if i < m and j < n:
            total, p = zero, uint32(0)
            while p < k:
                total += a[uint32(i * k + p)] * b[uint32(p * n + j)]
                p = uint32(p + 1)
            c[uint32(i * n + j)] = total

    return naive


@cache
def coalesced(tile: Tile, dtype: str) -> Any:
    """
    Make the same kernel, but neighbouring threads compute neighbouring columns of C.

    The 32 threads of a warp now read one element of A, which is sent to all of them, and 32
    adjacent elements of a row of B, which are 4 sectors. Nothing else has changed.
    """
    rows, columns = uint32(tile.rows), uint32(tile.columns)
    zero = np.dtype(dtype).type(0)

    @kernel
    def coalesced(a, b, c, m, n, k):
        thread = uint32(cuda.threadIdx.x)
        i = uint32(uint32(cuda.blockIdx.x) * rows + thread // columns)
        j = uint32(uint32(cuda.blockIdx.y) * columns + thread % columns)  # the next column
        if i < m and j < n:
            total, p = zero, uint32(0)
            while p < k:
                total += a[uint32(i * k + p)] * b[uint32(p * n + j)]
                p = uint32(p + 1)
            c[uint32(i * n + j)] = total

    return coalesced


@cache
def shared_tile(tile: Tile, dtype: str) -> Any:
    """
    Make a kernel whose blocks copy a square of A and a square of B to shared memory.

    A block fetches each number once. Then as many threads as the square is wide read it from
    shared memory, which is close to them. The two waits prevent a thread from reading numbers
    that are not there yet, and from overwriting numbers that another thread still reads.
    """
    assert tile.rows == tile.columns == tile.depth
    size = tile.depth
    shape, side = (size, size), uint32(size)
    real = np.dtype(dtype)
    zero = real.type(0)

    @kernel
    def shared_tile(a, b, c, m, n, k):
        a_tile = cuda.shared.array(shape, real)
        b_tile = cuda.shared.array(shape, real)
        thread = uint32(cuda.threadIdx.x)
        y, x = uint32(thread // side), uint32(thread % side)
        i = uint32(uint32(cuda.blockIdx.x) * side + y)
        j = uint32(uint32(cuda.blockIdx.y) * side + x)
        total, first = zero, uint32(0)
        while first < k:
            p, q = uint32(first + x), uint32(first + y)
            a_tile[y, x] = a[uint32(i * k + p)] if i < m and p < k else zero
            b_tile[y, x] = b[uint32(q * n + j)] if q < k and j < n else zero
            cuda.syncthreads()
            for step in range(size):
                total += a_tile[y, step] * b_tile[step, x]
            cuda.syncthreads()
            first = uint32(first + side)
        if i < m and j < n:
            c[uint32(i * n + j)] = total

    return shared_tile


# -- one thread, many sums ------------------------------------------------------------------------


@cache
def register_tile(tile: Tile, dtype: str) -> Any:
    """
    Make a kernel whose threads compute 8 × 8 elements each, with the sums in registers.

    The limit of the previous rung is shared memory: each multiply-add reads two numbers. A
    thread that holds 8 numbers of A and 8 of B does 64 multiply-adds with these 16. Between two
    rows of a thread there is one row of each other thread down the tile, and the same holds
    across. So neighbouring threads still read, and at the end write, neighbouring numbers.
    """
    rows, columns, depth = uint32(tile.rows), uint32(tile.columns), uint32(tile.depth)
    each_rows, each_columns = tile.thread_rows, tile.thread_columns
    threads, threads_down = tile.threads, tile.rows // each_rows
    threads_across = tile.columns // each_columns
    across, steps = uint32(threads_across), tile.depth
    a_size, b_size = tile.rows * tile.depth, tile.depth * tile.columns
    a_count, b_count = a_size // threads, b_size // threads  # that a thread fetches
    assert a_count * threads == a_size
    assert b_count * threads == b_size
    sums_size, real = each_rows * each_columns, np.dtype(dtype)
    zero = real.type(0)

    @kernel
    def register_tile(a, b, c, m, n, k):
        a_tile = cuda.shared.array(a_size, real)  # as in A, k runs along a row
        b_tile = cuda.shared.array(b_size, real)
        of_a = cuda.local.array(each_rows, real)
        of_b = cuda.local.array(each_columns, real)
        sums = cuda.local.array(sums_size, real)
        for s in range(sums_size):
            sums[s] = zero
        thread = uint32(cuda.threadIdx.x)
        y, x = uint32(thread // across), uint32(thread % across)
        first_row = uint32(uint32(cuda.blockIdx.x) * rows)
        first_column = uint32(uint32(cuda.blockIdx.y) * columns)
        first = uint32(0)
        while first < k:
            for q in range(a_count):
                at = uint32(thread + uint32(q * threads))
                i, p = uint32(first_row + at // depth), uint32(first + at % depth)
                a_tile[at] = a[uint32(i * k + p)] if i < m and p < k else zero
            for q in range(b_count):
                at = uint32(thread + uint32(q * threads))
                p, j = uint32(first + at // columns), uint32(first_column + at % columns)
                b_tile[at] = b[uint32(p * n + j)] if p < k and j < n else zero
            cuda.syncthreads()
            for step in range(steps):
                p = uint32(step)
                for r in range(each_rows):
                    of_a[r] = a_tile[uint32(uint32(y + uint32(r * threads_down)) * depth + p)]
                for s in range(each_columns):
                    of_b[s] = b_tile[uint32(p * columns + uint32(x + uint32(s * threads_across)))]
                for r in range(each_rows):
                    for s in range(each_columns):
                        sums[r * each_columns + s] += of_a[r] * of_b[s]
            cuda.syncthreads()
            first = uint32(first + depth)
        for r in range(each_rows):
            i = uint32(first_row + uint32(y + uint32(r * threads_down)))
            for s in range(each_columns):
                j = uint32(first_column + uint32(x + uint32(s * threads_across)))
                if i < m and j < n:
                    c[uint32(i * n + j)] = sums[r * each_columns + s]

    return register_tile


@cache
def vectorised(tile: Tile, dtype: str, wide: bool) -> Any:
    """
    Make the same with accesses of 16 bytes: a quarter of the instructions that move numbers.

    A thread's rows and columns are now in groups of four, so that a group is one access to
    shared memory. For this, A's piece is transposed when it is copied. Its rows in shared memory
    are padded by 16 bytes; otherwise threads that write down a column would have bank conflicts.
    With ``wide``, global memory is accessed in the same way; then all rows must begin at
    multiples of 16 bytes.
    """
    real = np.dtype(dtype)
    width = 16 // real.itemsize
    rows, columns, depth = uint32(tile.rows), uint32(tile.columns), uint32(tile.depth)
    each_rows, each_columns = tile.thread_rows, tile.thread_columns
    threads, steps = tile.threads, tile.depth
    row_groups, column_groups = each_rows // width, each_columns // width
    row_stride, column_stride = tile.rows // row_groups, tile.columns // column_groups
    across, group = uint32(tile.columns // each_columns), uint32(width)
    a_across, b_across = uint32(tile.depth // width), uint32(tile.columns // width)
    a_pitch = tile.rows + width
    a_size, b_size = tile.depth * a_pitch, tile.depth * tile.columns
    a_count = tile.rows * tile.depth // (width * threads)  # groups that a thread fetches
    b_count = b_size // (width * threads)
    assert a_count * width * threads == tile.rows * tile.depth
    assert b_count * width * threads == b_size
    sums_size, zero = each_rows * each_columns, real.type(0)

    @kernel
    def vectorised(a, b, c, m, n, k):
        if SIMULATED:
            a_tile = cuda.shared.array(a_size, real)
            b_tile = cuda.shared.array(b_size, real)
        else:
            a_tile = cuda.shared.array(a_size, real, alignment=16)
            b_tile = cuda.shared.array(b_size, real, alignment=16)
        held = cuda.local.array(width, real)
        of_a = cuda.local.array(each_rows, real)
        of_b = cuda.local.array(each_columns, real)
        sums = cuda.local.array(sums_size, real)
        for s in range(sums_size):
            sums[s] = zero
        thread = uint32(cuda.threadIdx.x)
        y = uint32(uint32(thread // across) * group)
        x = uint32(uint32(thread % across) * group)
        first_row = uint32(uint32(cuda.blockIdx.x) * rows)
        first_column = uint32(uint32(cuda.blockIdx.y) * columns)
        first = uint32(0)
        while first < k:
            for q in range(a_count):
                at = uint32(thread + uint32(q * threads))
                row, beside = uint32(at // a_across), uint32(uint32(at % a_across) * group)
                i, p = uint32(first_row + row), uint32(first + beside)
                for v in range(width):
                    held[v] = zero
                if wide:
                    if i < m and p < k:
                        read_vector(held, 0, a, uint32(i * k + p))
                else:
                    for v in range(width):
                        if i < m and uint32(p + uint32(v)) < k:
                            held[v] = a[uint32(i * k + uint32(p + uint32(v)))]
                for v in range(width):
                    a_tile[uint32(uint32(beside + uint32(v)) * uint32(a_pitch) + row)] = held[v]
            for q in range(b_count):
                at = uint32(thread + uint32(q * threads))
                row, beside = uint32(at // b_across), uint32(uint32(at % b_across) * group)
                p, j = uint32(first + row), uint32(first_column + beside)
                for v in range(width):
                    held[v] = zero
                if wide:
                    if p < k and j < n:
                        read_vector(held, 0, b, uint32(p * n + j))
                else:
                    for v in range(width):
                        if p < k and uint32(j + uint32(v)) < n:
                            held[v] = b[uint32(p * n + uint32(j + uint32(v)))]
                write_vector(b_tile, uint32(row * columns + beside), held, 0)
            cuda.syncthreads()
            for step in range(steps):
                for g in range(row_groups):
                    place = uint32(uint32(step * a_pitch + g * row_stride) + y)
                    read_vector(of_a, g * width, a_tile, place)
                for g in range(column_groups):
                    place = uint32(uint32(step) * columns + uint32(g * column_stride) + x)
                    read_vector(of_b, g * width, b_tile, place)
                for r in range(each_rows):
                    for s in range(each_columns):
                        sums[r * each_columns + s] += of_a[r] * of_b[s]
            cuda.syncthreads()
            first = uint32(first + depth)
        for r in range(each_rows):
            i = uint32(first_row + uint32(y + uint32(r // width * row_stride + r % width)))
            for g in range(column_groups):
                j = uint32(first_column + uint32(x + uint32(g * column_stride)))
                s = r * each_columns + g * width
                if wide:
                    if i < m and j < n:
                        write_vector(c, uint32(i * n + j), sums, s)
                else:
                    for v in range(width):
                        if i < m and uint32(j + uint32(v)) < n:
                            c[uint32(i * n + uint32(j + uint32(v)))] = sums[s + v]

    return vectorised


def double_buffer(tile: Tile, dtype: str, wide: bool) -> Any:
    """
    Make the library's kernel, ``tiles.tile_kernel``, which fetches one step ahead.

    Before the threads multiply a step's numbers, they request those of the next step. A request
    takes hundreds of cycles; meanwhile the threads multiply. The new numbers go to the other half
    of shared memory, which no thread reads, so one wait per step is enough. A warp computes a
    block of 4 × 8 thread tiles instead of two rows of them, so it reads fewer different numbers.
    The loop over a step's depth is unrolled.
    """
    return tile_kernel(tile, dtype, False, False, wide)


# -- the rungs ------------------------------------------------------------------------------------


class Rung(NamedTuple):
    """A way to compute a product, with its tile sizes."""

    name: str
    make: Callable[..., Any]  # make(tile, dtype) or make(tile, dtype, wide) returns the kernel
    tile: Tile
    vectors: bool = False  # whether it can access global memory 16 bytes at a time: ``wide``
    spare: Tile | None = None  # for ``double_buffer``: the tile without vectors, or for float64
    ahead: int = 0  # steps that are fetched in advance

    def kernel(self, dtype: str, wide: bool) -> tuple[Any, Tile]:
        """Return the kernel for a dtype, and its tile; ``wide``: rows of a multiple of 16 bytes."""
        if not self.vectors:
            return self.make(self.tile, dtype), self.tile
        if self.spare is None or (wide and dtype == "float32"):
            return self.make(self.tile, dtype, wide), self.tile
        return self.make(self.spare, dtype, False), self.spare


_DOWN = {"thread_rows": 1, "thread_columns": 1, "lane_rows": 32, "lane_columns": 1}
_ACROSS = _DOWN | {"lane_rows": 1, "lane_columns": 32}
_EIGHT = Tile(128, 128, 8, 8, 8, lane_rows=2, lane_columns=16)

LADDER = {
    rung.name: rung
    for rung in (
        Rung("naive", naive, Tile(32, 8, 1, **_DOWN)),
        Rung("coalesced", coalesced, Tile(8, 32, 1, **_ACROSS)),
        Rung("shared tile", shared_tile, Tile(32, 32, 32, **_ACROSS)),
        Rung("register tile", register_tile, _EIGHT),
        Rung("vectorised", vectorised, _EIGHT, vectors=True),
        Rung("double buffer", double_buffer, LARGE, vectors=True, spare=MEDIUM, ahead=1),
    )
}


ARGUMENTS = {rung.make: "aaa nnn" for rung in LADDER.values()}  # for compiled.signature
ARGUMENTS[double_buffer] = "aaaa nnnn cc r"


def kernels() -> Iterator[tuple[str, str, int, Any]]:
    """Make every kernel of this file: (name, dtype, threads, kernel)."""
    for rung in LADDER.values():
        if rung.make is double_buffer:
            continue
        for dtype in ("float32", "float64"):
            for wide in (False, True) if rung.vectors else (False,):
                name = f"{rung.name}, 16 bytes at a time" if wide else rung.name
                yield name, dtype, rung.tile.threads, rung.kernel(dtype, wide)[0]


def launch(rung: Rung, a: Any, b: Any, c: Any, m: int, n: int, k: int, stream: Any = 0) -> None:
    """
    Launch C = A · B by one rung.

    Parameters
    ----------
    rung : Rung
        One of ``LADDER``, or one with your own tile.
    a, b, c : device array
        (m · k,), (k · n,), (m · n,): row-major matrices, flat, all float32 or all float64.
        C overlaps no other.
    m, n, k : int
        At least 1.
    stream : stream of numba.cuda, optional

    Raises
    ------
    ShapeError
        If an array has another size, or a size is below 1.
    ValueError
        If a matrix has 2³¹ elements or more, or C has more columns of tiles than a grid can have.
    """
    sizes = {"a": (a, m, k), "b": (b, k, n), "c": (c, m, n)}
    for name, (array, down, across) in sizes.items():
        if min(down, across) < 1 or array.size != down * across:
            raise ShapeError(
                f"{rung.name}: {name} has {array.size} elements; expected {down} × {across},"
                " at least 1 × 1, as one flat array"
            )
        if array.size >= LARGEST:
            raise ValueError(f"{rung.name}: {name} has 2³¹ elements or more; expected fewer")
    width = 16 // c.dtype.itemsize
    wide = n % width == 0 and k % width == 0 and all(address(x) % 16 == 0 for x in (a, b, c))
    made, tile = rung.kernel(c.dtype.name, wide)
    grid = (-(-m // tile.rows), -(-n // tile.columns), 1)
    if grid[1] > MOST_DOWN:
        raise ValueError(f"{rung.name}: {n} columns need more blocks than a grid can have")
    numbers = tuple(map(uint32, (m, n, k)))
    if rung.make is double_buffer:  # no bias, k as one part, no flags, φ = identity
        made[grid, (tile.threads,), stream](
            a, b, c, c, *numbers, uint32(k), np.int32(0), np.int32(0), c.dtype.type(0)
        )
    else:
        made[grid, (tile.threads,), stream](a, b, c, *numbers)


# -- what a rung asks of memory -------------------------------------------------------------------


class Traffic(NamedTuple):
    """The operations and the memory traffic of a product by one rung."""

    flops: int  # multiplications and additions
    sectors: int  # of A and B, requested from global memory
    shared_bytes: int  # read from shared memory and written to it, by all threads

    @property
    def global_intensity(self) -> float:
        """FLOP per byte requested from global memory."""
        return self.flops / (self.sectors * SECTOR)

    @property
    def shared_intensity(self) -> float:
        """FLOP per byte of shared memory traffic; infinite if none is used."""
        return self.flops / self.shared_bytes if self.shared_bytes else float("inf")


def traffic(rung: Rung, m: int, n: int, k: int, itemsize: int = 4) -> Traffic:
    """
    Compute the memory traffic of a product by one rung.

    The 32 threads of a warp execute a read together. They request each sector with one of their
    numbers once. A cache may answer the request; this is not modelled. The writes of C are left
    out, because each element is written only once.

    Parameters
    ----------
    rung : Rung
        Its tile is used; for ``double_buffer``, not the spare one.
    m, n, k : int
        n and k must be multiples of the numbers in a sector (8 float32), so that each row begins
        at the start of a sector.
    itemsize : int
        Bytes of a number, 4 or 8.

    Returns
    -------
    Traffic
        Exact, also if tiles extend beyond the matrices, because nothing outside is read.

    Raises
    ------
    ValueError
        If a row does not begin at the start of a sector.

    Examples
    --------
    >>> for name, rung in LADDER.items():
    ...     print(f"{name:13} {traffic(rung, 4096, 4096, 4096).global_intensity:6.2f}")
    naive           0.06
    coalesced       0.40
    shared tile     8.00
    register tile  32.00
    vectorised     32.00
    double buffer  32.00
    """
    line = SECTOR // itemsize  # numbers in a sector
    if n % line or k % line:
        raise ValueError(
            f"traffic: rows have {k} and {n} numbers of {itemsize} bytes; expected multiples of"
            f" {line}, so that each row begins at the start of a sector"
        )
    tile = rung.tile
    if tile.depth == 1:  # no shared memory: each warp reads for itself
        across, down = -(-n // tile.lane_columns), -(-m // tile.lane_rows)
        sectors_of_b = n // min(tile.lane_columns, line)  # a row of B, by one row of warps
        return Traffic(2 * m * n * k, k * (m * across + down * sectors_of_b), 0)
    across, down, steps = -(-n // tile.columns), -(-m // tile.rows), -(-k // tile.depth)
    put = (steps + rung.ahead) * tile.depth * (tile.rows + tile.columns)
    got = steps * tile.depth * tile.threads * (tile.thread_rows + tile.thread_columns)
    return Traffic(
        flops=2 * m * n * k,
        sectors=(m * k * across + k * n * down) // line,
        shared_bytes=down * across * (put + got) * itemsize,
    )
