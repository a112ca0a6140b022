"""
Products on the cuda backend against NumPy, in the simulator.

It is slow, so tiles here are tiny; the real ones are tried at one size each. Every C lies
between sentinels, which must not change.
"""

from __future__ import annotations

import itertools
import types
from pathlib import Path

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, get_backend
from scratchgan.backends.cuda import gemm, tiles
from scratchgan.backends.cuda.device import SIMULATED, cuda
from scratchgan.backends.cuda.tiles import LARGE, MEDIUM, SMALL, Tile

assert SIMULATED

BY_VECTORS = Tile(8, 8, 4, 4, 4, lane_rows=2, lane_columns=1)
BY_NUMBERS = Tile(16, 16, 4, 4, 4, lane_rows=2, lane_columns=4)
DOUBLE = Tile(8, 8, 4, 2, 2, lane_rows=2, lane_columns=4)

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-14}
FORMS = list(itertools.product([False, True], repeat=2))
MARGIN, SENTINEL = 4, -77.0


def launch(kernel, grid, block, args):
    kernel[grid, block](*args)


def workspace(size, dtype):
    return cuda.to_device(np.full(size, np.nan, dtype))


def numbers(rng, shape, dtype):
    return rng.uniform(-1, 1, shape).astype(dtype)


def activated(y, code, slope):
    return get_backend("reference").activation(y, ACTIVATIONS[code], slope)


class Case:
    """A product, its arrays, and what NumPy makes of it."""

    def __init__(self, rng, m, n, k, dtype, trans_a=False, trans_b=False, accumulate=False,
                 bias=False, code=0, slope=0.25, offset=0):  # fmt: skip
        self.m, self.n, self.k, self.forms = m, n, k, (trans_a, trans_b)
        self.a = numbers(rng, (k, m) if trans_a else (m, k), dtype)
        self.b = numbers(rng, (n, k) if trans_b else (k, n), dtype)
        self.c = numbers(rng, (m, n), dtype)
        self.bias = numbers(rng, n, dtype) if bias else None
        self.accumulate, self.code, self.slope = accumulate, code, slope
        self.offset = offset  # of all arrays in memory, in numbers

    def expected(self):
        trans_a, trans_b = self.forms
        a = (self.a.T if trans_a else self.a).astype(np.float64)
        b = (self.b.T if trans_b else self.b).astype(np.float64)
        y = a @ b + (self.c if self.accumulate else 0)
        return activated(y + (0 if self.bias is None else self.bias), self.code, self.slope)

    def place(self, array):
        flat = np.full(array.size + self.offset, SENTINEL, array.dtype)
        flat[self.offset :] = array.ravel()
        return cuda.to_device(flat)[self.offset :]

    def run(self, module=gemm, split=True):
        size, start = self.c.size, MARGIN + self.offset
        whole = np.full(start + size + MARGIN, SENTINEL, self.c.dtype)
        whole[start : start + size] = self.c.ravel()
        held = cuda.to_device(whole)
        bias = None if self.bias is None else self.place(self.bias)
        module.product(
            launch, self.place(self.a), self.place(self.b), held[start : start + size],
            self.m, self.n, self.k, *self.forms, self.accumulate, bias=bias, code=self.code,
            slope=self.slope, workspace=workspace if split else None,
        )  # fmt: skip
        got = held.copy_to_host()
        assert np.all(got[:start] == SENTINEL)
        assert np.all(got[start + size :] == SENTINEL)
        return got[start : start + size].reshape(self.m, self.n)

    def check(self, **options):
        got, expected = self.run(**options), self.expected()
        error = np.abs(got - expected).max()
        assert error <= TOLERANCE[self.c.dtype.type] * (1 + self.k), f"off by {error}"
        return got


def cut(monkeypatch, tile, parts=1, span=None, module=gemm):
    """Let every product be cut so; ``span`` need not be what ``plan`` would take."""

    def plan(m, n, k, itemsize, split=True):
        length = span or k
        return gemm.Plan(tile, -(-k // length) if parts > 1 else 1, length)

    monkeypatch.setattr(module, "plan", plan)


KINDS = {
    "vectors": (BY_VECTORS, np.float32, [(4, 4, 4), (12, 20, 8)], True),
    "numbers": (BY_NUMBERS, np.float32, [(2, 3, 1), (17, 3, 5), (5, 19, 9)], False),
    "float64": (DOUBLE, np.float64, [(3, 1, 2), (9, 7, 5), (3, 11, 9)], False),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("forms", FORMS)
def test_every_form_flag_and_activation(rng, monkeypatch, kind, forms):
    tile, dtype, sizes, vector = KINDS[kind]
    cut(monkeypatch, tile)
    made = []
    make = gemm.tile_kernel
    monkeypatch.setattr(gemm, "tile_kernel", lambda *args: made.append(args[-1]) or make(*args))
    for flags in itertools.product([False, True], [False, True], range(len(ACTIVATIONS))):
        Case(rng, *sizes[0], dtype, *forms, *flags).check()
    for size in sizes[1:]:
        Case(rng, *size, dtype, *forms, accumulate=True, bias=True, code=1).check()
    assert set(made) == {vector}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("forms", FORMS)
def test_parts_of_a_sum_add_up(rng, monkeypatch, kind, forms):
    """Each part is a whole number of steps; the last may be shorter."""
    tile, dtype, sizes, _ = KINDS[kind]
    m, n, k = sizes[-1]
    case = Case(rng, m, n, k, dtype, *forms, accumulate=True, bias=True, code=3)
    cut(monkeypatch, tile)
    whole = case.check()
    cut(monkeypatch, tile, parts=2, span=4)
    split = case.check()
    assert np.abs(split - whole).max() <= TOLERANCE[dtype] * (1 + k)
    assert np.array_equal(split, case.run())  # the same bits again


def test_a_tile_does_not_change_a_bit(rng, monkeypatch):
    case = Case(rng, 12, 8, 20, np.float32, bias=True, code=1)
    results = []
    for tile in (BY_VECTORS, BY_NUMBERS, SMALL):
        case.offset = 1 if tile == BY_NUMBERS else 0
        cut(monkeypatch, tile)
        results.append(case.check())
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize(
    ("tile", "dtype", "size", "offset"),
    [
        (SMALL, np.float32, (33, 36, 20), 0),
        (SMALL, np.float32, (33, 35, 17), 0),
        (SMALL, np.float64, (5, 33, 3), 0),
        (MEDIUM, np.float32, (3, 68, 4), 0),
        (MEDIUM, np.float32, (65, 4, 2), 1),
        (MEDIUM, np.float64, (2, 65, 3), 0),
        (LARGE, np.float32, (4, 132, 4), 0),
        (LARGE, np.float32, (4, 132, 4), 1),  # not aligned: a medium tile takes its place
    ],
)
def test_the_real_tiles(rng, monkeypatch, tile, dtype, size, offset):
    cut(monkeypatch, tile)
    Case(rng, *size, dtype, False, True, bias=True, code=1, offset=offset).check()


def test_as_planned(rng):
    for size in [(1, 1, 1), (3, 5, 40), (2, 1, 33)]:
        for split in (False, True):
            Case(rng, *size, np.float32, accumulate=True, bias=True, code=4).check(split=split)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_nan_and_infinity_go_where_they_belong_and_no_further(rng, monkeypatch, kind, value):
    tile, dtype, sizes, _ = KINDS[kind]
    for parts, code in [(1, 0), (1, 1), (1, 2), (2, 0)]:
        cut(monkeypatch, tile, parts, 4 if parts > 1 else None)
        case = Case(rng, *sizes[1], dtype, code=code, bias=True)
        case.a[-1, -1] = value  # of the last row, at the edge of every tile
        got, expected = case.run(), case.expected()
        assert np.array_equal(np.isnan(got), np.isnan(expected))
        assert np.array_equal(np.isinf(got), np.isinf(expected))
        assert np.isfinite(got[:-1]).all()
        assert not np.isfinite(got[-1]).all()


def test_16_bytes_only_where_all_is_aligned(rng):
    a = cuda.to_device(np.zeros(64, np.float32))
    assert gemm._fits_vectors(a, a, a, 8, 4, 16)
    assert gemm._fits_vectors(a[4:], a[8:], a, 8, 4, 16)
    for arrays in ((a[1:], a, a), (a, a[2:], a), (a, a, a[3:])):
        assert not gemm._fits_vectors(*arrays, 8, 4, 16)
    for lines in ((6, 4, 4), (4, 1, 4), (4, 4, 7)):
        assert not gemm._fits_vectors(a, a, a, *lines)


# -- the plan --------------------------------------------------------------------------------------


def test_plans_cover_k_and_know_no_empty_part():
    for m, n, k in itertools.product([1, 100, 1200], [1, 240, 1600], [1, 15, 16, 100, 784, 5000]):
        for itemsize in (4, 8):
            for split in (False, True):
                tile, parts, span = gemm.plan(m, n, k, itemsize, split)
                assert span % tile.depth == 0
                assert (parts - 1) * span < k <= parts * span
                assert parts == 1 if not split else 1 <= parts <= gemm.MOST_PARTS
                assert tile != LARGE or itemsize == 4


def test_plans_choose_large_tiles_for_large_products_and_parts_for_small_batches():
    assert gemm.plan(4096, 4096, 4096, 4)[:2] == (LARGE, 1)
    for m, n, k in [(100, 1200, 784), (100, 784, 1200), (100, 240, 784)]:
        tile, parts, _ = gemm.plan(m, n, k, 4)
        assert -(-m // tile.rows) * -(-n // tile.columns) * parts > 100


def test_a_matrix_too_large_to_count_is_refused():
    c = types.SimpleNamespace(dtype=np.dtype(np.float32))
    with pytest.raises(ValueError, match="2³¹ elements or more"):
        gemm.product(launch, c, c, c, 1 << 20, 4, 1 << 13, False, False, False)


# -- seeded mistakes -------------------------------------------------------------------------------

MISTAKES = {
    "reads beyond the rows": ("if at < size and kk < k_end:", "if kk < k_end:"),
    "reads beyond the sum": ("if at < size and kk < k_end:", "if at < size:"),
    "strides swapped": ("uint32(uint32(at * k) + kk)", "uint32(uint32(at * size) + kk)"),
    "reads the half that is written": ("now = uint32(half - now)", "now = uint32(half - half)"),
    "skips a step": ("k_at = uint32(k_at + depth)", "k_at = uint32(k_at + depth + depth)"),
    "bias of another column": ("value = bias[beside]", "value = bias[column]"),
    "columns of a group mixed up": ("+ j % width)", "+ (width - 1 - j % width))"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("mistake", [None, *MISTAKES])
def test_a_wrong_kernel_is_rejected(rng, monkeypatch, mistake):
    source = Path(tiles.__file__).read_text(encoding="utf-8")
    if mistake is not None:
        right, wrong = MISTAKES[mistake]
        assert source.count(right) == 1
        source = source.replace(right, wrong)
    seeded = types.ModuleType("seeded")
    monkeypatch.setitem(__import__("sys").modules, "seeded", seeded)
    exec(compile(source, "seeded.py", "exec"), seeded.__dict__)
    monkeypatch.setattr(gemm, "tile_kernel", seeded.tile_kernel)
    case = Case(rng, 12, 20, 8, np.float32, bias=True)
    cut(monkeypatch, BY_VECTORS)
    if mistake is None:
        case.check()
    else:
        with pytest.raises((AssertionError, IndexError)):
            case.check()
