"""
The rungs of notebook 10: ways to compute C = A · B, each faster than the one before.

Every rung is a function ``rung(a, b, c)`` of C-contiguous arrays of one dtype,
float32 or float64: A (m, k), B (k, n) and C (m, n), which it overwrites. The rungs
are here to be read and timed. The library computes with ``gemm``, which extends the
last rung to all transposes and sizes, without Python between the tiles.

The notebook's tools for measurements are at the end: a loop of only multiply-adds, a
walk through memory, and a model of a cache that counts misses.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import jit, njit, typeof
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from scratchgan.backends.cpu.cache import keep
from scratchgan.backends.cpu.kernel import OPTIONS, SOURCES
from scratchgan.backends.cpu.simd import ISA, RELU, Vectors, i64, lanes_of, tile

__all__ = [
    "ISA", "LADDER", "assembly", "blocked", "contracted", "dot", "dot_contracted",
    "dot_reordered", "fma", "fma_chains", "in_an_array", "linear_relu", "misses", "packed_tiles",
    "registers", "rounded_once", "row_by_row", "threaded_tiles", "tiles", "triad", "triple_loop",
]  # fmt: skip

Matrix = NDArray[Any]

WIDEST = ISA.widest  # vectors of columns in a tile
HEIGHTS = tuple(ISA.tiles.get(v, 0) for v in range(WIDEST + 1))  # rows of a tile, by its vectors
K_BLOCK = 256  # a panel reads B in blocks of this many rows: they fit the cache next to the core


_SOURCES = hashlib.sha256(SOURCES.encode() + Path(__file__).read_bytes()).hexdigest()


def kept(function: Any) -> Any:
    """Keep a function's compiled code on disk, until this file or a file of kernels changes."""
    return keep(function, _SOURCES)


# -- loops ----------------------------------------------------------------------------------------


@kept
@njit(nogil=True)
def triple_loop(a, b, c):
    """Compute C = A · B by the formula: each element of C is a sum over k."""
    m, k = a.shape
    n = b.shape[1]
    for i in range(m):
        for j in range(n):
            total = a.dtype.type(0)
            for p in range(k):
                total += a[i, p] * b[p, j]  # down a column of B: the next element is a row away
            c[i, j] = total


@kept
@njit(nogil=True)
def row_by_row(a, b, c):
    """Compute C = A · B with two loops exchanged: now the inner one runs along rows of B and C."""
    m, k = a.shape
    n = b.shape[1]
    c[:] = 0
    for i in range(m):
        c_row = c[i]
        for p in range(k):
            x, b_row = a[i, p], b[p]  # rows as arrays, so that LLVM sees contiguous memory
            for j in range(n):
                c_row[j] += x * b_row[j]


@kept
@njit(nogil=True, fastmath={"contract"})
def contracted(a, b, c):
    """Compute C = A · B by the same loops; now x · y + z may become one instruction."""
    m, k = a.shape
    n = b.shape[1]
    c[:] = 0
    for i in range(m):
        c_row = c[i]
        for p in range(k):
            x, b_row = a[i, p], b[p]
            for j in range(n):
                c_row[j] += x * b_row[j]


@kept
@njit(nogil=True, fastmath={"contract"})
def blocked(a, b, c, k_block=32, n_block=1024):
    """Compute C = A · B by blocks of B: a block stays in the cache while all rows of A use it."""
    m, k = a.shape
    n = b.shape[1]
    c[:] = 0
    for j0 in range(0, n, n_block):
        j1 = min(n, j0 + n_block)
        for p0 in range(0, k, k_block):
            for i in range(m):
                c_row = c[i, j0:j1]
                for p in range(p0, min(k, p0 + k_block)):
                    x, b_row = a[i, p], b[p, j0:j1]
                    for j in range(j1 - j0):
                        c_row[j] += x * b_row[j]


@kept
@njit(nogil=True, fastmath={"contract"})
def registers(a, b, c, k_block=32, n_block=1024):
    """
    Compute C = A · B with two rows of C and four steps of k at a time.

    Eight multiply-adds now take six vector loads and two stores. In the rungs before, each
    multiply-add takes two loads and one store.
    """
    m, k = a.shape
    n = b.shape[1]
    c[:] = 0
    for j0 in range(0, n, n_block):
        j1 = min(n, j0 + n_block)
        for p0 in range(0, k, k_block):
            p1 = min(k, p0 + k_block)
            for i in range(0, m, 2):
                r, s = i, min(i + 1, m - 1)
                c_r, c_s = c[r, j0:j1], c[s, j0:j1]
                for p in range(p0, p1 - 3, 4):
                    r0, r1, r2, r3 = a[r, p], a[r, p + 1], a[r, p + 2], a[r, p + 3]
                    s0, s1, s2, s3 = a[s, p], a[s, p + 1], a[s, p + 2], a[s, p + 3]
                    b0, b1 = b[p, j0:j1], b[p + 1, j0:j1]
                    b2, b3 = b[p + 2, j0:j1], b[p + 3, j0:j1]
                    if r < s:
                        for j in range(j1 - j0):
                            y0, y1, y2, y3 = b0[j], b1[j], b2[j], b3[j]
                            c_r[j] = c_r[j] + r0 * y0 + r1 * y1 + r2 * y2 + r3 * y3
                            c_s[j] = c_s[j] + s0 * y0 + s1 * y1 + s2 * y2 + s3 * y3
                    else:  # a last row without a partner
                        for j in range(j1 - j0):
                            y0, y1, y2, y3 = b0[j], b1[j], b2[j], b3[j]
                            c_r[j] = c_r[j] + r0 * y0 + r1 * y1 + r2 * y2 + r3 * y3
                for p in range(p1 - (p1 - p0) % 4, p1):  # the remaining steps
                    b0 = b[p, j0:j1]
                    for j in range(j1 - j0):
                        c_r[j] += a[r, p] * b0[j]
                    if r < s:
                        for j in range(j1 - j0):
                            c_s[j] += a[s, p] * b0[j]


@kept
@njit(nogil=True, fastmath={"contract"})
def in_an_array(a, b, c):
    """
    Compute C = A · B with a block of C in a small array: the natural way to write it.

    This is not a rung. Even a small array is memory: each multiply-add loads its
    accumulator and stores it again. The rungs that follow keep it in a register during
    the whole sum.
    """
    m, k = a.shape
    n = b.shape[1]
    block = np.empty((4, 64), a.dtype)
    for i0 in range(0, m, 4):
        for j0 in range(0, n, 64):
            rows, columns = min(4, m - i0), min(64, n - j0)
            for i in range(rows):
                sums = block[i]
                for j in range(columns):
                    sums[j] = 0
            for p in range(k):
                b_row = b[p, j0 : j0 + columns]
                for i in range(rows):
                    x, sums = a[i0 + i, p], block[i]
                    for j in range(columns):
                        sums[j] += x * b_row[j]
            for i in range(rows):
                sums, c_row = block[i], c[i0 + i, j0 : j0 + columns]
                for j in range(columns):
                    c_row[j] = sums[j]


# -- tiles ----------------------------------------------------------------------------------------


def rung(function: Callable[..., Any]) -> Any:
    """Compile a function with the options of the library's kernels, and keep it on disk."""
    return kept(njit(**OPTIONS)(function))


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a · b + c for three numbers of one type, rounded once: the smallest intrinsic."""
    signature = a(a, a, a)  # three numbers in, one out, all of the type of the first

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, z = arguments
        return builder.fma(x, y, z)  # LLVM translates it to the processor's instruction

    return signature, codegen


@rung
def rounded_once(a, b, c):
    """Return a · b + c by the intrinsic above; only compiled code can call an intrinsic."""
    return fma(a, b, c)


@rung
def column_panel(a, b, c, j0, pack, bias, epilogue):
    """
    Compute a panel of C tile by tile: columns j0 and on, one tile wide.

    With ``pack``, K_BLOCK rows of the panel of B are first copied, so that they are
    adjacent. A panel that extends beyond B is always copied, because a tile reads whole
    vectors. ``bias`` is a row of n numbers, or empty.
    """
    real = a.dtype
    m, k = a.shape
    n = b.shape[1]
    lanes = lanes_of(real)
    columns = min(WIDEST * lanes, n - j0)
    width = (columns + lanes - 1) // lanes  # in vectors; the last may be partly used
    height = HEIGHTS[width]
    padded = width * lanes
    pack = pack or columns < padded
    panel = np.zeros((min(k, K_BLOCK), padded) if pack else (0, 0), b.dtype)
    size = a.itemsize
    zero = b.dtype.type(0)
    for p0 in range(0, k, K_BLOCK):
        p1 = min(k, p0 + K_BLOCK)
        if pack:
            for p in range(p0, p1):
                source, target = b[p, j0 : j0 + columns], panel[p - p0]
                for j in range(columns):
                    target[j] = source[j]
            b_at, b_step = panel.ctypes.data, padded * size
        else:
            b_at, b_step = b.ctypes.data + (p0 * n + j0) * size, n * size
        last = p1 == k  # bias and activation wait until the sums are complete
        bias_at = bias.ctypes.data + j0 * size if last and bias.size > 0 else 0
        for i in range(0, m, height):
            a_at = a.ctypes.data + (i * k + p0) * size
            c_at = c.ctypes.data + (i * n + j0) * size
            tile(
                width, a_at, k * size, size, b_at, b_step, c_at, n * size,
                p1 - p0, min(height, m - i), columns,
                p0 > 0, bias_at, epilogue if last else 0, zero, real,
            )  # fmt: skip


@rung
def tiles(a, b, c):
    """Compute C = A · B by register tiles that read B in place."""
    for j0 in range(0, b.shape[1], WIDEST * lanes_of(a.dtype)):
        column_panel(a, b, c, j0, False, b[0, :0], 0)


@rung
def packed_tiles(a, b, c):
    """Compute C = A · B by register tiles that read a copy of B, panel by panel."""
    for j0 in range(0, b.shape[1], WIDEST * lanes_of(a.dtype)):
        column_panel(a, b, c, j0, True, b[0, :0], 0)


@rung
def linear_relu(x, weight, bias, y):
    """Compute Y = max(X · W + b, 0): bias and ReLU are applied while a tile is in registers."""
    for j0 in range(0, weight.shape[1], WIDEST * lanes_of(x.dtype)):
        column_panel(x, weight, y, j0, False, bias, RELU)


def threaded_tiles(a: Matrix, b: Matrix, c: Matrix, threads: int = 2) -> None:
    """
    Compute C = A · B with several threads; each takes panels of columns.

    With ``nogil``, a compiled panel does not hold Python's lock. The bits of a panel do not
    depend on the thread, and no two threads write the same element.
    """
    wide = WIDEST * ISA.lanes(a.itemsize)
    nothing = b[0, :0]

    def panel(j0: int) -> None:
        column_panel(a, b, c, j0, False, nothing, 0)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(panel, range(0, b.shape[1], wide)))  # a list, so that errors come out


LADDER: dict[str, Callable[..., None]] = {
    "1 triple loop": triple_loop,
    "2 row by row": row_by_row,
    "3 contracted": contracted,
    "4 blocked": blocked,
    "5 registers": registers,
    "6 tiles": tiles,
    "7 packed tiles": packed_tiles,
    "9 two threads": threaded_tiles,
}  # rung 8, linear_relu, computes more than a product


# -- to measure with ------------------------------------------------------------------------------


@kept
@njit(nogil=True)
def dot(x, y):
    """Return Σ x y, added in order."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kept
@njit(nogil=True, fastmath={"contract"})
def dot_contracted(x, y):
    """Return Σ x y by fused multiply-adds, in order."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kept
@njit(nogil=True, fastmath={"contract", "reassoc"})
def dot_reordered(x, y):
    """Return Σ x y, added in any order: LLVM may use many partial sums at once."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kept
@njit(nogil=True, fastmath={"contract"})
def triad(x, y, z, repeats):
    """Compute z = ½ x + y ``repeats`` times: it moves three arrays and computes very little."""
    half = x.dtype.type(0.5)
    for _ in range(repeats):
        for i in range(x.size):
            z[i] = half * x[i] + y[i]


@intrinsic(prefer_literal=True)
def _chains(typing: Any, chains: Any, steps: Any, factor: Any) -> Any:
    """Write a loop of ``chains`` independent multiply-adds."""
    number, count = factor, chains.literal_value

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, steps, factor = arguments
        on = Vectors(builder, number, ISA)
        x, y = on.splat(factor), on.splat(ir.Constant(on.scalar, 1.0))
        # The chains start with different values; otherwise LLVM would keep only one of them.
        starts = [on.splat(ir.Constant(on.scalar, float(i))) for i in range(count)]
        before = builder.block
        loop, after = builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        left = builder.phi(steps.type)
        left.add_incoming(steps, before)
        sums = [builder.phi(on.type) for _ in range(count)]
        following = [on.multiply_add(x, phi, y) for phi in sums]  # each waits for its own chain
        for phi, start, value in zip(sums, starts, following, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, loop)
        fewer = builder.sub(left, i64(1))
        left.add_incoming(fewer, loop)
        builder.cbranch(builder.icmp_signed(">", fewer, i64(0)), loop, after)
        builder.position_at_end(after)
        total = following[0]
        for value in following[1:]:
            total = builder.fadd(total, value)
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return number(chains, types.intp, number), codegen


def fma_chains(chains: int) -> Any:
    """
    Return ``f(steps, factor)``: each step does ``chains`` vector multiply-adds.

    Each of them waits only for its own result of the previous step; there is no memory
    access. The function is compiled for this number of chains.
    """

    @njit(nogil=True)
    def run(steps, factor):
        return _chains(chains, steps, factor)

    return run


@kept
@njit
def misses(addresses, sets=64, ways=8, line=64):
    """
    Return which of these accesses miss in a cache.

    A line of memory belongs to the set given by its number modulo ``sets``, and takes one
    of the ``ways`` places of the set. If all are taken, it replaces the line that was used
    least recently (LRU). The caches of processors are almost like this. The default has
    32 KiB.

    Parameters
    ----------
    addresses : int64 array (n,)
        In bytes, in the order of the accesses.
    sets, ways, line : int
        ``sets · ways`` lines of ``line`` bytes.

    Returns
    -------
    bool array (n,)
    """
    held = np.full((sets, ways), -1)
    used = np.zeros((sets, ways), np.int64)
    missed = np.zeros(addresses.size, np.bool_)
    for time in range(addresses.size):
        number = addresses[time] // line
        here, when = held[number % sets], used[number % sets]
        way = 0
        while way < ways and here[way] != number:
            way += 1
        if way == ways:
            missed[time] = True
            way = when.argmin()
            here[way] = number
        when[way] = time + 1
    return missed


def assembly(function: Any, *arguments: Any) -> str:
    """Return the machine code of a rung, as text, for arguments of these types."""
    fresh = jit(**function.targetoptions)(
        function.py_func
    )  # a function loaded from disk has no text
    bound = inspect.signature(function.py_func).bind(*arguments)
    bound.apply_defaults()
    signature = tuple(typeof(a) for a in bound.args)
    fresh.compile(signature)
    return str(fresh.inspect_asm(signature))
