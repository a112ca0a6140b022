"""
Matrix products C = op(A) · op(B), and the linear layer φ(x · W + b) in the same pass.

``plan`` chooses the size of the tiles (``tiles.py``), and whether k is cut too ("split-K").
A batch of 100 has so few tiles that most of a GPU would be idle. Then each block sums a part
of k into a workspace, and ``combine`` adds the parts in order. The choice depends only on the
sizes, and there are no atomic additions: the same product has the same bits in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import uint32

from scratchgan.backends.activations import ACTIVATIONS, code_of
from scratchgan.backends.cuda.device import BLOCK, LARGEST, address, blocks_of, cuda, kernel
from scratchgan.backends.cuda.elementwise import apply
from scratchgan.backends.cuda.launch import Kernels, flat
from scratchgan.backends.cuda.replay import Launch
from scratchgan.backends.cuda.tiles import (
    ACCUMULATE,
    BIAS,
    IN_TILE,
    LARGE,
    MEDIUM,
    SMALL,
    Tile,
    tile_kernel,
)
from scratchgan.backends.recording import flops
from scratchgan.backends.vocabulary import Array

__all__ = ["MOST_PARTS", "Plan", "Products", "combine", "kernels", "plan", "product"]

Launcher = Callable[[Any, tuple[int, ...], tuple[int, ...], tuple[Any, ...]], None]

# The cost of a tile's step: the instructions of its loop, for float32, counted in the SASS.
INSTRUCTIONS = {LARGE: 600, MEDIUM: 650, SMALL: 370}

# Constants of an H200, in cycles; estimates, not measured.
MULTIPROCESSORS = 132
SCHEDULERS = 4  # per multiprocessor; each issues one instruction a cycle, for one of its warps
LATENCY = 700  # the least time from a step's fetch to its use
START = 1500  # of a block, for its first fetch and its last write
COMBINE = 4000  # of a second launch
BYTES = 2000  # per cycle, from the second-level cache to all multiprocessors

MOST_PARTS = 32
SPAN = 16  # the length of a part is a multiple of it, and so of every tile's depth
MOST_DOWN = 65535  # the most blocks of a grid's second axis


class Plan(NamedTuple):
    """How a product is cut."""

    tile: Tile
    parts: int  # of k
    span: int  # of a part


def _cycles(tile: Tile, parts: int, span: int, m: int, n: int, itemsize: int) -> float:
    """
    Estimate the cycles that a product takes.

    The busiest multiprocessor holds up to ``resident`` blocks at once. One step of all of them
    takes the time to issue their instructions, or the latency of memory if that is longer.
    """
    wide = itemsize // 4  # a float64 takes twice the instructions and registers
    blocks = -(-m // tile.rows) * -(-n // tile.columns) * parts
    waiting, resident = -(-blocks // MULTIPROCESSORS), max(1, tile.resident // wide)
    steps = -(-span // tile.depth)
    total = 0.0
    while waiting > 0:
        together = min(waiting, resident)
        rounds = max(1, waiting // resident)  # all full rounds cost the same
        warps = -(-together * tile.threads // (32 * SCHEDULERS))
        total += rounds * (START + steps * max(LATENCY, warps * INSTRUCTIONS[tile] * wide))
        waiting -= rounds * together
    if parts > 1:
        total += COMBINE + (parts + 1) * m * n * itemsize / BYTES
    return total


@cache
def plan(m: int, n: int, k: int, itemsize: int, split: bool = True) -> Plan:
    """
    Choose how to cut an (m, n) product with sums of length k.

    Parameters
    ----------
    m, n, k : int
        The sizes.
    itemsize : int
        4 or 8 bytes.
    split : bool
        Whether there is a workspace for the parts of k.

    Returns
    -------
    Plan
        The cheapest by the estimate; among equals, with the fewest parts and the smallest tile.

    Examples
    --------
    A large product has enough tiles; a batch of 100 has too few:

    >>> plan(4096, 4096, 4096, 4).parts
    1
    >>> plan(100, 1200, 784, 4).parts > 1
    True
    """
    tiles = (SMALL, MEDIUM, LARGE) if itemsize == 4 else (SMALL, MEDIUM)
    units = -(-k // SPAN)
    best = None
    for wanted in range(1, min(MOST_PARTS, units) + 1 if split else 2):
        span = -(-units // wanted) * SPAN
        parts = -(-k // span)  # fewer than wanted if the last would be empty
        for tile in tiles:
            cost = _cycles(tile, parts, span, m, n, itemsize)
            if best is None or cost < best[0]:
                best = cost, Plan(tile, parts, span)
    assert best is not None
    return best[1]


@kernel
def combine(parts, bias, c, size, n, count, flags, code, slope):
    """C = φ(part 0 + part 1 + … + bias), or C += the sum of the parts."""
    i, stride = uint32(cuda.grid(1)), uint32(cuda.gridsize(1))
    while i < size:
        total = parts[i]
        at = i
        for _ in range(1, count):
            at = uint32(at + size)
            total += parts[at]
        if flags & ACCUMULATE:
            total += c[i]
        if flags & BIAS:
            total += bias[uint32(i % n)]
        c[i] = apply(code, total, slope)
        i = uint32(i + stride)


def _fits_vectors(a: Any, b: Any, c: Any, n: int, a_line: int, b_line: int) -> bool:
    """Whether all three arrays and their rows begin at multiples of 16 bytes."""
    lines = (a_line, b_line, n)
    width = 16 // c.dtype.itemsize
    return all(line % width == 0 for line in lines) and all(
        address(array) % 16 == 0 for array in (a, b, c)
    )


def product(
    launch: Launcher,
    a: Any,
    b: Any,
    c: Any,
    m: int,
    n: int,
    k: int,
    trans_a: bool,
    trans_b: bool,
    accumulate: bool,
    bias: Any = None,
    code: int = 0,
    slope: float = 0.0,
    workspace: Callable[[int, Any], Any] | None = None,
) -> None:
    """
    Launch C = φ(op(A) · op(B) + bias); with ``accumulate`` the old C is added before φ.

    Parameters
    ----------
    launch : callable
        launch(kernel, grid, block, args).
    a, b, c : device array
        (m · k,), (k · n,), (m · n,): row-major matrices, flat. C overlaps no other.
    m, n, k : int
        The sizes.
    trans_a, trans_b : bool
        Whether A is stored (k, m), and B (n, k).
    accumulate : bool
        Whether the old C is added before φ.
    bias : device array, optional
        (n,).
    code : int
        The number of φ, from ``activations.code_of``.
    slope : float
        The slope of leaky_relu for a < 0.
    workspace : callable, optional
        workspace(size, dtype) returns a device array for the parts of a sum. Without it k is
        not cut.

    Raises
    ------
    ValueError
        If a matrix has 2³¹ elements or more.
    """
    if max(m * k, k * n, m * n) >= LARGEST:
        raise ValueError(
            f"gemm: ({m}, {k}) · ({k}, {n}) has a matrix of 2³¹ elements or more;"
            " expected fewer: use a smaller batch"
        )
    split = workspace is not None and MOST_PARTS * m * n < LARGEST
    chosen = plan(m, n, k, c.dtype.itemsize, split)
    flags = ACCUMULATE * bool(accumulate) + BIAS * (bias is not None)
    added = c if bias is None else bias  # not read without its flag
    slope = c.dtype.type(slope)
    if chosen.parts == 1 or workspace is None:
        first = code if code in IN_TILE else 0
        _run_tiles(launch, chosen, a, b, c, added, m, n, k, trans_a, trans_b, flags, first, slope)
        if code != first:  # φ needs e^x: a second launch, in place
            _run_combine(launch, c, added, c, m, n, 1, 0, code, slope)
        return
    parts = workspace(chosen.parts * m * n, c.dtype)
    _run_tiles(launch, chosen, a, b, parts, added, m, n, k, trans_a, trans_b, 0, 0, slope)
    _run_combine(launch, parts, added, c, m, n, chosen.parts, flags, code, slope)


def _run_tiles(
    launch: Launcher, chosen: Plan, a: Any, b: Any, c: Any, bias: Any, m: int, n: int, k: int,
    trans_a: bool, trans_b: bool, flags: int, code: int, slope: Any,
) -> None:  # fmt: skip
    """Launch the tiles of a plan; they write their sums, or parts of sums, to c."""
    tile = chosen.tile
    vector = _fits_vectors(a, b, c, n, m if trans_a else k, k if trans_b else n)
    if tile == LARGE and not vector:
        tile = MEDIUM  # the large tile exists only for vectors; sums are equal
    run = tile_kernel(tile, c.dtype.name, trans_a, trans_b, vector and c.dtype.itemsize == 4)
    grid = (-(-m // tile.rows), -(-n // tile.columns), chosen.parts)
    if grid[1] > MOST_DOWN:
        raise ValueError(f"gemm: {n} columns need more blocks than a grid can have")
    sizes = map(np.uint32, (m, n, k, chosen.span))
    numbers = (np.int32(flags), np.int32(code), slope)
    launch(run, grid, (tile.threads,), (a, b, c, bias, *sizes, *numbers))


def _run_combine(
    launch: Launcher, parts: Any, bias: Any, c: Any, m: int, n: int, count: int, flags: int,
    code: int, slope: Any,
) -> None:  # fmt: skip
    """Launch ``combine``."""
    sizes = (np.uint32(m * n), np.uint32(n), np.int32(count))
    numbers = (np.int32(flags), np.int32(code), slope)
    launch(combine, (blocks_of(m * n),), (BLOCK,), (parts, bias, c, *sizes, *numbers))


def kernels() -> Iterator[tuple[str, str, int, Any]]:
    """Make every tile kernel that ``product`` can launch: (name, dtype, threads, kernel)."""
    kinds = [
        (LARGE, "float32", True), (MEDIUM, "float32", True), (SMALL, "float32", True),
        (MEDIUM, "float32", False), (SMALL, "float32", False),
        (MEDIUM, "float64", False), (SMALL, "float64", False),
    ]  # fmt: skip
    for tile, dtype, vector in kinds:
        for trans_a in (False, True):
            for trans_b in (False, True):
                form = ("T" if trans_a else "N") + ("T" if trans_b else "N")
                access = "16 bytes" if vector else "one number"
                name = f"{tile.rows} × {tile.columns} × {tile.depth} {form}, {access} at a time"
                yield name, dtype, tile.threads, tile_kernel(tile, dtype, trans_a, trans_b, vector)


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
        adds = out is not None and accumulate
        self._product("gemm", (a, b), c, (m, n, k), (trans_a, trans_b, adds))
        return self._delivered(c, out)

    def _linear(self, x: Array, weight: Array, bias: Array, phi: str, slope: float) -> Array:
        (m, k), n = x.shape, weight.shape[1]
        y, flags = self._real("linear", (m, n), x.dtype), (False, False, False)
        self._product("linear", (x, weight, bias), y, (m, n, k), flags, code_of(phi), slope)
        return y

    def _product(
        self,
        name: str,
        reads: tuple[Array, ...],
        c: Array,
        sizes: tuple[int, int, int],
        flags: tuple[bool, bool, bool],
        code: int = 0,
        slope: float = 0.0,
    ) -> None:
        """C = op(A) · op(B), in one launch or several."""
        m, n, k = sizes
        parts: list[Array] = []  # of the sums, if k is cut

        def launch(
            kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
        ) -> None:
            does, phi, _ = args[-3:]  # the flags and φ of this launch
            note = " +=" * bool(does & ACCUMULATE) + f" {ACTIVATIONS[phi]}" * bool(phi)
            bias, sums = reads[2:] if does & BIAS else (), parts[0] if parts else c
            if kernel is combine:  # adds the parts, or applies φ in place
                what, read, written = "combine", (sums, *bias), c
                work = flops(what, read)  # one addition for each part
            else:
                what, read, written = "gemm", (*reads[:2], *bias), sums
                note = f"a{'ᵀ' * flags[0]}b{'ᵀ' * flags[1]}{note}"
                work = 2 * m * n * k
            self._launch(
                Launch(what, kernel, grid, block, args, read, (written,), None, note.strip(), work)
            )

        def workspace(size: int, dtype: Any) -> Array:
            parts.append(self.empty((size // (m * n), m, n), dtype))
            return flat(name, parts[0])

        a, b, *rest = (flat(name, read) for read in reads)
        product(
            launch, a, b, flat(name, c), *sizes, *flags,
            bias=rest[0] if rest else None, code=code, slope=slope, workspace=workspace,
        )  # fmt: skip
