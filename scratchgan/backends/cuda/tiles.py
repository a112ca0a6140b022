"""
The product kernel: a block of threads computes a tile of C = φ(op(A) · op(B) + bias).

The tile is cut along k into steps of ``depth``. In each step, the threads copy a piece of
op(A) and a piece of op(B) from global memory to shared memory, k outermost in both. Then
each thread multiplies its rows with its columns; all sums are in registers::

    for each step along k:
        fetch the next step's pieces         # global memory → registers, not waited for
        wait until all threads have put      # this step's pieces
        for kk in range(depth):              # unrolled
            sums += outer(A[kk, rows], B[kk, columns])
        put what was fetched                 # registers → the other half of shared memory

With 8 × 8 sums per thread, there are 64 multiplications for each 16 numbers read from shared
memory. Shared memory has two halves, one to read and one to write ("double buffer"), so there
is only one wait per step. A thread's rows and columns are in groups of 16 bytes: it reads four
float32 at once, and neighbours read neighbouring groups. The 4 × 8 threads of a warp share
their reads.

Every sum runs over k in ascending order, one fused multiply-add after another. So the bits of
the result do not depend on the tile's shape.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from scratchgan.backends.activations import TABLE, code_of
from scratchgan.backends.cuda.device import SIMULATED, cuda, kernel
from scratchgan.backends.cuda.maths import MATHS
from scratchgan.backends.scalar import choice

__all__ = ["ACCUMULATE", "BIAS", "IN_TILE", "LARGE", "MEDIUM", "SMALL", "Tile", "tile_kernel"]

uint32, int64 = np.uint32, np.int64

BIAS, ACCUMULATE = 1, 2  # flags
IN_TILE = {code_of(name): MATHS.phi[name].value for name, phi in TABLE.items() if phi.linear}
"""The φ that a tile computes in its registers; with e^x, 64 copies would be a long program."""


class Tile(NamedTuple):
    """The sizes that a product kernel is compiled for."""

    rows: int  # of C that a block computes
    columns: int
    depth: int  # of a step along k
    thread_rows: int  # of C that a thread computes
    thread_columns: int
    resident: int = 1  # blocks that a multiprocessor must hold at once: it limits the registers
    lane_rows: int = 4  # threads of a warp down the tile
    lane_columns: int = 8  # threads of a warp across the tile

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.rows // self.thread_rows * (self.columns // self.thread_columns)


LARGE = Tile(128, 128, 8, 8, 8, resident=2)  # 256 threads; the fewest reads for each product
MEDIUM = Tile(64, 64, 16, 8, 4, resident=6)  # 128 threads
SMALL = Tile(32, 32, 16, 4, 4, resident=16)  # 64 threads; the most blocks for a given C


# -- 16 bytes at once -----------------------------------------------------------------------------


def _inlined(function: Any) -> Any:
    """Inline a function into the kernels that call it: their sums must stay in registers."""
    return function if SIMULATED else cuda.jit(device=True, forceinline=True)(function)


def _bounded(tile: Tile, real: Any) -> Any:
    """Return a decorator that limits a kernel's registers, so that ``tile.resident`` blocks fit."""
    if SIMULATED:
        return kernel
    bounds = (tile.threads, max(1, tile.resident * 4 // real.itemsize))
    # With link-time optimisation (Numba's default) the large tile spills a register.
    # (cuda.jit(lto=False), without the function, does not work: numba-cuda drops the option.)
    return lambda function: cuda.jit(function, launch_bounds=bounds, lto=False)


def _address(builder: Any, context: Any, kind: Any, array: Any, index: Any) -> Any:
    """Return the LLVM pointer to array[index]."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


def _vector(context: Any, kind: Any) -> tuple[Any, int]:
    """Return the LLVM type of a vector of 16 bytes, and its length."""
    size = 16 // (kind.dtype.bitwidth // 8)
    return ir.VectorType(context.get_data_type(kind.dtype), size), size


@intrinsic
def _read_vector(typing: Any, target: Any, t: Any, source: Any, s: Any) -> Any:
    """target[t : t + 4] = source[s : s + 4]; the source is read as one vector."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, t, of, s = arguments
        vector, size = _vector(context, source)
        place = _address(builder, context, source, of, s)
        value = builder.load(builder.bitcast(place, vector.as_pointer()), align=16)
        first = _address(builder, context, target, to, t)
        for i in range(size):
            number = builder.extract_element(value, ir.Constant(ir.IntType(32), i))
            builder.store(number, builder.gep(first, [ir.Constant(ir.IntType(64), i)]))
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), codegen


@intrinsic
def _write_vector(typing: Any, target: Any, t: Any, source: Any, s: Any) -> Any:
    """target[t : t + 4] = source[s : s + 4]; the target is written as one vector."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, t, of, s = arguments
        vector, size = _vector(context, target)
        first = _address(builder, context, source, of, s)
        value = ir.Constant(vector, ir.Undefined)
        for i in range(size):
            number = builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), i)]))
            value = builder.insert_element(value, number, ir.Constant(ir.IntType(32), i))
        place = _address(builder, context, target, to, t)
        builder.store(value, builder.bitcast(place, vector.as_pointer()), align=16)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), codegen


def _copy_vector(target: Any, t: Any, source: Any, s: Any) -> None:
    """Do the same as the two above, in the simulator; check the alignment that a device needs."""
    width = 16 // target.itemsize
    assert t % width == 0
    assert s % width == 0
    for i in range(width):
        target[t + i] = source[s + i]


read_vector = _copy_vector if SIMULATED else _read_vector
write_vector = _copy_vector if SIMULATED else _write_vector


def _unrolled(body: Any, count: int) -> Any:
    """
    Return a function that calls body(0, …), body(1, …), …, body(count − 1, …).

    The compiler unrolls a loop only if its body is small. Without unrolling, an array that is
    indexed by the loop variable cannot be in registers.
    """
    if count == 1:
        return body
    half = count // 2
    low = _unrolled(body, half)
    high = low if 2 * half == count else _unrolled(body, count - half)

    @_inlined
    def both(i, *arguments):
        low(i, *arguments)
        high(i + half, *arguments)

    return both


# -- from global to shared memory -----------------------------------------------------------------
# (The functions are cached: compiling is slow, and the four forms share them.)


@cache
def _mover(tile: Tile, extent: int, along_k: bool, width: int, real: Any) -> tuple[Any, Any, int]:
    """
    Return (fetch, put, count): functions for an operand's pieces, and the numbers per thread.

    The operand X is the rows of op(A) or the columns of op(B): a tile has ``extent`` of the
    ``size`` of them. Its contiguous axis is k if ``along_k``. A thread moves ``width`` numbers
    at a time; neighbouring threads move neighbouring numbers.
    """
    pitch = uint32(extent + 16 // real.itemsize)  # of a row in shared memory, with padding
    across = uint32((tile.depth if along_k else extent) // width)  # threads for a line of X
    down = tile.threads // int(across)  # lines that the block reads at once
    count = extent * tile.depth // (width * tile.threads)
    zero, length = real.type(0), uint32(width)
    assert down * across == tile.threads
    assert count * width * tile.threads == extent * tile.depth

    @_inlined
    def fetch_piece(i, x, size, k, first, k_at, k_end, thread, held):
        fast = uint32(uint32(thread % across) * length)
        slow = uint32(uint32(thread // across) + uint32(i * down))
        if along_k:
            at, kk = uint32(first + slow), uint32(k_at + fast)
            index = uint32(uint32(at * k) + kk)
        else:
            at, kk = uint32(first + fast), uint32(k_at + slow)
            index = uint32(uint32(kk * size) + at)
        for v in range(width):
            held[i * width + v] = zero
        if at < size and kk < k_end:
            if width > 1:
                read_vector(held, i * width, x, index)
            else:
                held[i] = x[index]

    @_inlined
    def put_piece(i, held, shared, start, thread):
        fast = uint32(uint32(thread % across) * length)
        slow = uint32(uint32(thread // across) + uint32(i * down))
        if along_k:
            place = uint32(start + uint32(uint32(fast * pitch) + slow))
            for v in range(width):
                shared[uint32(place + uint32(v * pitch))] = held[i * width + v]
        else:
            place = uint32(start + uint32(uint32(slow * pitch) + fast))
            if width > 1:
                write_vector(shared, place, held, i * width)
            else:
                shared[place] = held[i]

    return _unrolled(fetch_piece, count), _unrolled(put_piece, count), count * width


# -- the sums -------------------------------------------------------------------------------------


@cache
def _multiplier(tile: Tile, a_pitch: int, b_pitch: int, b_start: int, real: Any) -> Any:
    """Return the function that adds one step's products to a thread's sums."""
    width = 16 // real.itemsize
    rows, columns = tile.thread_rows, tile.thread_columns
    row_groups, column_groups = rows // width, columns // width
    row_stride, column_stride = tile.lane_rows * width, tile.lane_columns * width

    @_inlined
    def multiply(kk, shared, a_at, b_at, sums):
        a = cuda.local.array(rows, real)
        b = cuda.local.array(columns, real)
        for g in range(row_groups):
            read_vector(a, g * width, shared, a_at + (kk * a_pitch + g * row_stride))
        for g in range(column_groups):
            place = b_at + (b_start + kk * b_pitch + g * column_stride)
            read_vector(b, g * width, shared, place)
        for i in range(rows):
            for j in range(columns):
                sums[i * columns + j] += a[i] * b[j]

    return _unrolled(multiply, tile.depth)


@cache
def _writer(tile: Tile, vector: bool, real: Any) -> Any:
    """
    Return the function that computes y = φ(sum + bias) of a thread's sums and writes it to C.

    Each branch is taken once for all sums; a branch at each sum would be taken 64 times.
    """
    width = 16 // real.itemsize
    rows, columns = tile.thread_rows, tile.thread_columns
    row_stride, column_stride = tile.lane_rows * width, tile.lane_columns * width
    sums_size, zero = rows * columns, real.type(0)

    @_inlined
    def row_of(i, row):
        return uint32(row + uint32(i // width * row_stride + i % width))

    @_inlined
    def column_of(j, column):
        return uint32(column + uint32(j // width * column_stride + j % width))

    @_inlined
    def add_row(i, sums, c, start, m, n, row, column):
        at = row_of(i, row)
        for j in range(columns):
            beside = column_of(j, column)
            if at < m and beside < n:
                sums[i * columns + j] += c[uint32(start + uint32(uint32(at * n) + beside))]

    @_inlined
    def add_bias(j, sums, bias, n, column):
        beside = column_of(j, column)
        value = bias[beside] if beside < n else zero
        for i in range(rows):
            sums[i * columns + j] += value

    @_inlined
    def write_row(i, sums, c, start, m, n, row, column):
        at = row_of(i, row)
        for j in range(0, columns, width):
            beside = column_of(j, column)
            place = uint32(start + uint32(uint32(at * n) + beside))
            if vector:
                if at < m and beside < n:
                    write_vector(c, place, sums, i * columns + j)
            else:
                for v in range(width):
                    if at < m and uint32(beside + uint32(v)) < n:
                        c[uint32(place + uint32(v))] = sums[i * columns + j + v]

    def loop(formula):
        @_inlined
        def over_sums(sums, slope):
            for i in range(sums_size):
                sums[i] = formula(sums[i], slope)

        return over_sums

    apply = choice(_inlined, {code: loop(formula) for code, formula in IN_TILE.items()})
    add_rows, write_rows = _unrolled(add_row, rows), _unrolled(write_row, rows)
    add_biases = _unrolled(add_bias, columns)

    @_inlined
    def write(sums, c, start, bias, m, n, row, column, flags, code, slope):
        if flags & ACCUMULATE:
            add_rows(0, sums, c, start, m, n, row, column)
        if flags & BIAS:
            add_biases(0, sums, bias, n, column)
        apply(code, sums, slope)
        write_rows(0, sums, c, start, m, n, row, column)

    return write


# -- the kernel -----------------------------------------------------------------------------------


@cache
def tile_kernel(tile: Tile, dtype: str, trans_a: bool, trans_b: bool, vector: bool) -> Any:
    """
    Make the kernel of a tile.

    Parameters
    ----------
    tile : Tile
        The sizes of the tile.
    dtype : str
        float32 or float64.
    trans_a, trans_b : bool
        Whether A is stored (k, m), and B (n, k).
    vector : bool
        Whether global memory is accessed 16 bytes at a time. Then all arrays must be aligned
        to 16 bytes, and the lengths of all rows must be multiples of 16 bytes.

    Returns
    -------
    kernel
        kernel(a, b, c, bias, m, n, k, span, flags, code, slope), for a grid of (tiles down,
        tiles across, parts). Part z sums over k from z · span to (z + 1) · span and writes to
        c[z · m · n] and on.
    """
    real = np.dtype(dtype)
    width = 16 // real.itemsize
    fetch_a, put_a, held_a = _mover(tile, tile.rows, not trans_a, width if vector else 1, real)
    fetch_b, put_b, held_b = _mover(tile, tile.columns, trans_b, width if vector else 1, real)
    a_pitch, b_pitch = tile.rows + width, tile.columns + width
    b_start = tile.depth * a_pitch
    half = uint32(b_start + tile.depth * b_pitch)
    shared_size = 2 * int(half)
    multiply = _multiplier(tile, a_pitch, b_pitch, b_start, real)
    write = _writer(tile, vector, real)

    rows, columns, depth = uint32(tile.rows), uint32(tile.columns), uint32(tile.depth)
    lanes, lane_columns = uint32(tile.lane_rows * tile.lane_columns), uint32(tile.lane_columns)
    warp_rows = uint32(tile.lane_rows * tile.thread_rows)
    warp_columns = uint32(tile.lane_columns * tile.thread_columns)
    warps_across = uint32(tile.columns // int(warp_columns))
    group, b_offset = uint32(width), uint32(b_start)
    sums_size, zero = tile.thread_rows * tile.thread_columns, real.type(0)

    @_bounded(tile, real)
    def product(a, b, c, bias, m, n, k, span, flags, code, slope):
        if SIMULATED:
            shared = cuda.shared.array(shared_size, real)
        else:
            shared = cuda.shared.array(shared_size, real, alignment=16)
        sums = cuda.local.array(sums_size, real)
        next_a = cuda.local.array(held_a, real)
        next_b = cuda.local.array(held_b, real)
        for i in range(sums_size):
            sums[i] = zero

        thread = uint32(cuda.threadIdx.x)
        warp, lane = uint32(thread // lanes), uint32(thread % lanes)
        row = uint32(
            uint32(uint32(warp // warps_across) * warp_rows)
            + uint32(uint32(lane // lane_columns) * group)
        )
        column = uint32(
            uint32(uint32(warp % warps_across) * warp_columns)
            + uint32(uint32(lane % lane_columns) * group)
        )
        first_row = uint32(uint32(cuda.blockIdx.x) * rows)
        first_column = uint32(uint32(cuda.blockIdx.y) * columns)
        part = uint32(cuda.blockIdx.z)
        k_at = uint32(part * span)
        k_end = min(k, uint32(k_at + span))

        fetch_a(0, a, m, k, first_row, k_at, k_end, thread, next_a)
        fetch_b(0, b, n, k, first_column, k_at, k_end, thread, next_b)
        put_a(0, next_a, shared, uint32(0), thread)
        put_b(0, next_b, shared, b_offset, thread)
        now = uint32(0)  # the half of shared memory that is read
        while k_at < k_end:
            k_at = uint32(k_at + depth)
            # After the last step everything is out of range: zeros are put and never read.
            fetch_a(0, a, m, k, first_row, k_at, k_end, thread, next_a)
            fetch_b(0, b, n, k, first_column, k_at, k_end, thread, next_b)
            # The wait is here and not after the last put: the compiler moves no read past it to
            # the place of its use. So global memory is read while ``multiply`` runs.
            cuda.syncthreads()
            multiply(0, shared, int64(now) + int64(row), int64(now) + int64(column), sums)
            now = uint32(half - now)
            put_a(0, next_a, shared, now, thread)
            put_b(0, next_b, shared, uint32(now + b_offset), thread)

        start = uint32(uint32(part * m) * n)
        write(
            sums, c, start, bias, m, n, uint32(first_row + row), uint32(first_column + column),
            flags, code, slope,
        )  # fmt: skip

    return product
