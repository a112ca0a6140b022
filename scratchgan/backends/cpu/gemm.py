"""
Kernels of matrix products C = op(A) · op(B), and the linear layer φ(x · W + b) in the same pass.

C is cut into panels of columns, each as wide as a register tile. A chunk is a few
panels of a range of rows.

A panel of B is read in place, row by row, or first copied ("packed") into scratch,
where its rows are adjacent. It is packed if B is transposed, if the panel is narrower
than its vectors, or if the chunk has so many rows that the cost of the copy is small.
A is read in place by two strides; it is packed if it is transposed and its stride is
long.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from numba import njit

from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.cpu.elementwise import apply
from scratchgan.backends.cpu.kernel import SCRATCH_BYTES, kernel, vector
from scratchgan.backends.cpu.simd import ISA, RELU, SLOPED, dots, lanes_of, size_of, tile, transpose
from scratchgan.backends.cpu.table import Kernels
from scratchgan.backends.vocabulary import Array

__all__ = ["Cut", "Products", "cut", "fits_narrow"]

TRANS_A, TRANS_B, ADD = 1, 2, 4  # flags

WIDEST = ISA.widest
HEIGHTS = tuple(ISA.tiles.get(v, 0) for v in range(WIDEST + 1))  # rows of a tile by its width

MAX_K = 512  # the longest block of the sum: a packed panel of 512 rows is 128 KiB, which fits L2
MAX_GROUP = 4  # the most panels of a chunk
MANY_ROWS = 256  # B is packed for a chunk with this many rows or more
# If neighbours in a column of a transposed A are this many bytes apart or more, a tile of A is
# packed: otherwise each number would be on another page, and all in the same cache set.
LONG_STRIDE = 8192
A_TILE = 1 << 16  # bytes of scratch for a packed tile of A


class Cut(NamedTuple):
    """How a product is cut into chunks. The cut depends only on the sizes."""

    panels: int  # a chunk has ``group`` of them, of ``rows`` rows
    group: int
    rows: int
    k_block: int
    chunks: int


@cache
def cut(m: int, n: int, k: int, itemsize: int, flags: int = 0) -> Cut:
    """
    Cut an (m, n) product with sums of length k.

    A chunk has at least 2¹⁷ operations, about two microseconds. A large product has 16
    chunks or more, for any number of threads. If B is transposed, each chunk packs its own
    panel, so it then has at least 64 rows that use the panel.
    """
    panels = -(-n // (WIDEST * ISA.lanes(itemsize)))
    # The panels of one chunk share their reads of A. Group them only if enough chunks are left.
    group = min(MAX_GROUP, max(1, panels // 8)) if m >= MANY_ROWS and panels >= 32 else 1
    across = -(-panels // group)
    wanted = min(16, 2 * m * n * k >> 17)
    least = 64 if flags & TRANS_B else 24
    down = max(1, min(-(-wanted // across), m // least))
    height = HEIGHTS[min(WIDEST, -(-n // ISA.lanes(itemsize)))]
    rows = -(-m // (down * height)) * height
    blocks = -(-k // MAX_K)
    return Cut(panels, group, rows, -(-k // blocks), across * -(-m // rows))


@njit
def pack_rows(b, b_row, k, columns, target, padded, real):
    """Copy k rows of a panel of B; zeros fill each row up to whole vectors."""
    for i in range(k):
        row = vector(b + i * b_row, columns, real)
        copy = vector(target + i * padded * size_of(real), padded, real)
        for j in range(columns):
            copy[j] = row[j]
        for j in range(columns, padded):
            copy[j] = 0


@njit
def pack_columns(b, b_row, k, columns, target, padded, real):
    """Copy k columns of ``columns`` rows as rows, in square blocks as wide as a vector."""
    lanes, size = lanes_of(real), size_of(real)
    if k >= lanes:
        for j in range(0, columns, lanes):
            for i in range(0, k, lanes):
                at = min(i, k - lanes)  # the last block overlaps the one before it
                transpose(
                    b + j * b_row + at * size, b_row, columns - j,
                    target + (at * padded + j) * size, padded * size, real,
                )  # fmt: skip
        return
    for j in range(padded):
        row = vector(b + min(j, columns - 1) * b_row, k, real)
        copy = vector(target + j * size, k * padded, real)
        for i in range(k):
            copy[i * padded] = row[i]


@njit
def pack_a(a, a_row, a_k, rows, height, k, target, real):
    """Copy the rows of a tile of op(A), k outermost, so that the tile reads contiguous memory."""
    copy = vector(target, k * height, real)
    for kk in range(k):
        for i in range(height):
            copy[kk * height + i] = vector(a + min(i, rows - 1) * a_row + kk * a_k, 1, real)[0]


@kernel(
    reads="a b bias", writes="c", integers="m n k flags code panels group rows k_block",
    numbers="slope",
)  # fmt: skip
def gemm(cells, chunk, scratch, real):
    """
    One chunk of φ(op(A) · op(B) + bias), or of C += op(A) · op(B).

    ``Cut`` explains ``panels group rows k_block``.
    """
    lanes, size = lanes_of(real), size_of(real)
    a, b, bias, c = cells.a, cells.b, cells.bias, cells.c
    m, n, k, flags = cells.m, cells.n, cells.k, cells.flags
    panels, group, rows, k_block = cells.panels, cells.group, cells.rows, cells.k_block
    code, slope = cells.code, real(cells.slope)
    a_row, a_k = k * size, size
    if flags & TRANS_A != 0:
        a_row, a_k = size, m * size
    trans_b, add = flags & TRANS_B != 0, flags & ADD != 0
    b_row = k * size if trans_b else n * size
    b_k, b_column = (size, b_row) if trans_b else (b_row, size)
    in_tile = code in (SLOPED, RELU)

    panel_size = WIDEST * lanes
    down = (m + rows - 1) // rows  # consecutive chunks use the same panel of B
    first = (chunk // down) * group
    group = min(group, panels - first)
    top = (chunk % down) * rows
    bottom = min(top + rows, m)
    pack = trans_b or rows >= MANY_ROWS
    packed_a = flags & TRANS_A != 0 and group > 1 and m * size >= LONG_STRIDE
    panel_bytes = k_block * panel_size * size

    for k0 in range(0, k, k_block):
        kc = min(k_block, k - k0)
        last = k0 + kc == k
        for p in range(group):
            j = (first + p) * panel_size
            columns = min(n - j, panel_size)
            padded = (columns + lanes - 1) // lanes * lanes
            source = b + j * b_column + k0 * b_k
            target = scratch + A_TILE + p * panel_bytes
            if trans_b:
                pack_columns(source, b_row, kc, columns, target, padded, real)
            elif pack or columns < padded:
                pack_rows(source, b_row, kc, columns, target, padded, real)
        width = min(WIDEST, (n - first * panel_size + lanes - 1) // lanes)
        height = HEIGHTS[width]
        for i in range(top, bottom, height):
            a_at, a_row_now, a_k_now = a + i * a_row + k0 * a_k, a_row, a_k
            if packed_a:
                pack_a(a_at, a_row, a_k, bottom - i, height, kc, scratch, real)
                a_at, a_row_now, a_k_now = scratch, size, height * size
            for p in range(group):
                j = (first + p) * panel_size
                columns = min(n - j, panel_size)
                width = (columns + lanes - 1) // lanes
                padded = width * lanes
                b_at, b_step = b + k0 * b_row + j * size, b_row
                if pack or columns < padded:
                    b_at, b_step = scratch + A_TILE + p * panel_bytes, padded * size
                tile(
                    width, a_at, a_row_now, a_k_now, b_at, b_step, c + (i * n + j) * size, n * size,
                    kc, min(height, bottom - i), columns, add or k0 > 0,
                    bias + j * size if last and bias != 0 else 0,
                    code if last and in_tile else 0, slope, real,
                )  # fmt: skip
    if code > 0 and not in_tile:  # a φ that needs e^x: the block is still in the cache
        j = first * panel_size
        columns = min(n - j, group * panel_size)
        for i in range(top, bottom):
            y = vector(c + (i * n + j) * size, columns, real)
            apply(code, y, y, slope)


NARROW = 4  # a product with at most this many columns of C is computed as dot products
NARROW_ROWS = 256  # rows of a chunk


@kernel(reads="a b bias", writes="c", integers="m n k flags code", numbers="slope")
def narrow(cells, chunk, scratch, real):
    """
    One chunk of φ(A · op(B) + bias), or of C += A · op(B), for a C with few columns.

    A tile would leave most lanes of its vectors unused; here the lanes run along k.
    """
    lanes, size = lanes_of(real), size_of(real)
    a, b, bias = cells.a, cells.b, cells.bias
    m, n, k, flags = cells.m, cells.n, cells.k, cells.flags
    code, slope = cells.code, real(cells.slope)
    top = chunk * NARROW_ROWS
    bottom = min(m, top + NARROW_ROWS)
    c = vector(cells.c, m * n, real)
    sums = vector(scratch, lanes, real)
    column = vector(scratch + 64 * 2, k, real)
    for j in range(n):
        b_at = b + j * k * size
        if flags & TRANS_B == 0 and n > 1:  # B's column j, made contiguous
            source = vector(b, k * n, real)
            for i in range(k):
                column[i] = source[i * n + j]
            b_at = scratch + 64 * 2
        added = vector(bias, n, real)[j] if bias != 0 else real(0)
        for i in range(top, bottom, lanes):
            rows = min(lanes, bottom - i)
            dots(a + i * k * size, k * size, b_at, k, rows, scratch, real)
            for r in range(rows):
                at = (i + r) * n + j
                c[at] = sums[r] + (c[at] if flags & ADD != 0 else added)
    if code > 0:
        y = vector(cells.c + top * n * size, (bottom - top) * n, real)
        apply(code, y, y, slope)


def fits_narrow(n: int, k: int, flags: int, itemsize: int) -> bool:
    """Whether a product uses the kernel ``narrow``."""
    return n <= NARROW and not flags & TRANS_A and (k + 64) * itemsize <= SCRATCH_BYTES


class Products(Kernels):
    """The operations of these kernels."""

    def _gemm(
        self,
        a: Array,
        b: Array,
        trans_a: bool,
        trans_b: bool,
        out: Array | None,
        accumulate: bool,
    ) -> Array:
        k, m = a.shape if trans_a else a.shape[::-1]
        n = b.shape[0] if trans_b else b.shape[1]
        c = self._target("gemm", out, (m, n), a.dtype, a, b)
        flags = trans_a * TRANS_A | trans_b * TRANS_B | (out is not None and accumulate) * ADD
        if n == 1 and trans_a:  # (k, m)ᵀ · (k, 1) is the row bᵀ · (k, m), whose columns are wide
            a, b, m, n, flags = b, a, 1, m, flags & ADD
        self._product(a, b, None, c, (m, n, k), flags)
        return self._delivered(c, out)

    def _linear(self, x: Array, weight: Array, bias: Array, phi: str, slope: float) -> Array:
        (m, k), n = x.shape, weight.shape[1]
        y = self._real("linear", (m, n), x.dtype)
        self._product(x, weight, bias, y, (m, n, k), 0, phi, slope)
        return y

    def _product(
        self,
        a: Array,
        b: Array,
        bias: Array | None,
        c: Array,
        sizes: tuple[int, int, int],
        flags: int,
        phi: str = "identity",
        slope: float = 0.0,
    ) -> None:
        m, n, k = sizes
        note, code = "", code_of(phi)
        if self._notes.recorder is not None:
            note = _note(flags, code)
        if fits_narrow(n, k, flags, c.itemsize):
            self._run(
                narrow, -(-m // NARROW_ROWS), note=note, work=2 * m * n * k, a=a, b=b, bias=bias,
                c=c, m=m, n=n, k=k, flags=flags, code=code, slope=slope,
            )  # fmt: skip
            return
        pieces = cut(m, n, k, c.itemsize, flags)
        self._run(
            gemm, pieces.chunks, note=note, work=2 * m * n * k, a=a, b=b, bias=bias, c=c, m=m,
            n=n, k=k, flags=flags, code=code, slope=slope, panels=pieces.panels,
            group=pieces.group, rows=pieces.rows, k_block=pieces.k_block,
        )  # fmt: skip


def _note(flags: int, code: int) -> str:
    """Return a product's note in a listing, such as "aᵀb +="."""
    a, b = ("ᵀ" if flags & trans else "" for trans in (TRANS_A, TRANS_B))
    return f"a{a}b{b}" + " +=" * bool(flags & ADD) + f" {ACTIVATIONS[code]}" * bool(code)
