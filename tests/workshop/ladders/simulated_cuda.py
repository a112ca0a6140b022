"""
The rungs of notebook 11 against NumPy, and what they ask of memory, in the simulator.

It is slow, so tiles here are tiny; the real ones are tried once each. Every C lies between
sentinels, which must not change.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from scratchgan.backends.cuda.device import SIMULATED, cuda, kernel
from scratchgan.backends.cuda.tiles import Tile
from scratchgan.errors import ShapeError
from scratchgan.workshop.ladders import counted
from scratchgan.workshop.ladders import cuda as ladder
from scratchgan.workshop.ladders.counted import Counted, measure
from scratchgan.workshop.ladders.cuda import LADDER, Traffic, launch, traffic

assert SIMULATED

TINY = {
    "naive": Tile(4, 2, 1, 1, 1),
    "coalesced": Tile(2, 4, 1, 1, 1),
    "shared tile": Tile(4, 4, 4, 1, 1),
    "register tile": Tile(8, 8, 4, 4, 2),
    "vectorised": Tile(8, 16, 4, 4, 4),
    "double buffer": Tile(8, 8, 4, 4, 4, lane_rows=2, lane_columns=1),
}
DOUBLE = TINY | {"double buffer": Tile(8, 8, 4, 2, 2, lane_rows=2, lane_columns=4)}
SPARE = Tile(16, 16, 4, 4, 4, lane_rows=2, lane_columns=4)  # that reads numbers one by one
AWKWARD = [(1, 1, 1), (2, 3, 1), (5, 17, 7), (9, 4, 6), (17, 5, 3)]
EVEN = [(4, 4, 4), (12, 20, 8), (3, 36, 4)]  # rows of whole 16 bytes
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
MARGIN, SENTINEL = 4, -77.0
every_rung = pytest.mark.parametrize("name", LADDER)


def tiny(name, dtype="float32", module=ladder):
    tiles = DOUBLE if dtype == "float64" else TINY
    rung = module.LADDER[name]._replace(tile=tiles[name])
    return rung._replace(spare=tiles[name] if dtype == "float64" else SPARE) if rung.spare else rung


class Case:
    """A product, its arrays, and what NumPy makes of it."""

    def __init__(self, rng, m, n, k, dtype="float32", offset=0):
        self.m, self.n, self.k, self.dtype = m, n, k, dtype
        self.a = rng.uniform(-1, 1, (m, k)).astype(dtype)
        self.b = rng.uniform(-1, 1, (k, n)).astype(dtype)
        self.offset = offset  # of all arrays in memory, in numbers

    def expected(self):
        return self.a.astype(np.float64) @ self.b.astype(np.float64)

    def place(self, array):
        flat = np.full(array.size + self.offset, SENTINEL, array.dtype)
        flat[self.offset :] = array.ravel()
        return cuda.to_device(flat)[self.offset :]

    def run(self, rung, module=ladder):
        size, start = self.m * self.n, MARGIN + self.offset
        held = cuda.to_device(np.full(start + size + MARGIN, SENTINEL, self.dtype))
        c = held[start : start + size]
        module.launch(rung, self.place(self.a), self.place(self.b), c, self.m, self.n, self.k)
        got = held.copy_to_host()
        assert np.all(got[:start] == SENTINEL)
        assert np.all(got[start + size :] == SENTINEL)
        return got[start : start + size].reshape(self.m, self.n)

    def check(self, rung, **options):
        error = np.abs(self.run(rung, **options) - self.expected()).max()
        assert error <= TOLERANCE[self.dtype] * (1 + self.k), f"off by {error}"


@every_rung
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_rung_computes_the_product(rng, name, dtype):
    for size in AWKWARD + EVEN:
        Case(rng, *size, dtype).check(tiny(name, dtype))


@every_rung
def test_arrays_may_begin_anywhere(rng, name, monkeypatch):
    made = []
    rung = tiny(name)
    make = rung.make
    rung = rung._replace(make=lambda *rest: made.append(rest[2:]) or make(*rest))
    for offset in (0, 1, 4):
        if name == "double buffer":
            monkeypatch.setattr(ladder, "double_buffer", rung.make)
        Case(rng, 12, 20, 8, offset=offset).check(rung)
    vectors = name in ("vectorised", "double buffer")
    assert made == ([(True,), (False,), (True,)] if vectors else [()] * 3)


@every_rung
def test_the_real_tiles(rng, name):
    rows, columns = {"naive": (33, 9), "coalesced": (9, 33)}.get(name, (33, 35))
    sizes = [(rows, columns, 5)]
    if LADDER[name].vectors:
        sizes.append((4, 132, 12))
    for size in sizes:
        Case(rng, *size).check(LADDER[name])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@every_rung
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_row(rng, name, value):
    for size in [(5, 17, 7), (12, 20, 8)]:
        case = Case(rng, *size)
        case.a[-1, -1] = value
        got = case.run(tiny(name))
        assert np.isfinite(got[:-1]).all()
        assert not np.isfinite(got[-1]).any()


def test_rungs_with_the_same_order_give_the_same_bits(rng):
    """All of them: a sum runs over k from first to last. (A device also fuses, in all of them.)"""
    case = Case(rng, 9, 20, 12)
    results = [case.run(tiny(name)) for name in LADDER]
    assert all(np.array_equal(results[0], other) for other in results[1:])


# -- what launch refuses ---------------------------------------------------------------------------


def test_launch_refuses_arrays_that_do_not_fit(rng):
    rung = tiny("naive")
    a, b, c = (cuda.to_device(np.zeros(size, np.float32)) for size in (6, 12, 8))
    launch(rung, a, b, c, 2, 4, 3)
    with pytest.raises(ShapeError, match=r"naive: b has 12 elements; expected 2 × 4"):
        launch(rung, a, b, c, 3, 4, 2)
    with pytest.raises(ShapeError, match=r"at least 1 × 1"):
        launch(rung, a[:0], b, c, 2, 4, 0)


def test_launch_refuses_what_kernels_cannot_count():
    class Huge:
        dtype, size = np.dtype(np.float32), 1 << 31

    with pytest.raises(ValueError, match="2³¹ elements or more"):
        launch(tiny("naive"), Huge, Huge, Huge, 1 << 16, 1 << 15, 1 << 15)
    one = cuda.to_device(np.zeros(1, np.float32))
    wide = cuda.to_device(np.zeros(65536 * 2 + 1, np.float32))
    with pytest.raises(ValueError, match="131073 columns need more blocks than a grid can have"):
        launch(tiny("naive"), one, wide, wide, 1, 65536 * 2 + 1, 1)


# -- traffic ---------------------------------------------------------------------------------------

WARPS = {  # whole warps of 32 threads
    "naive": Tile(32, 2, 1, 1, 1, lane_rows=32, lane_columns=1),
    "coalesced": Tile(2, 32, 1, 1, 1, lane_rows=1, lane_columns=32),
    "shared tile": Tile(8, 8, 8, 1, 1),
    "register tile": Tile(64, 32, 8, 8, 8),
    "vectorised": Tile(64, 32, 8, 8, 8),
    "double buffer": Tile(64, 32, 8, 8, 8, lane_rows=8, lane_columns=4),
}


@every_rung
def test_traffic_is_what_is_counted(name):
    rung = LADDER[name]._replace(tile=WARPS[name])
    for size in [(32, 32, 8), (36, 40, 16)]:
        said, found = traffic(rung, *size), measure(rung, *size)
        assert said.flops == 2 * np.prod(size)
        assert found["sectors"] == said.sectors
        assert found["shared_bytes"] == said.shared_bytes
        assert found["error"] <= 16 * 2.0**-24


def test_traffic_in_float64():
    rung = LADDER["shared tile"]._replace(tile=WARPS["shared tile"])
    said, found = traffic(rung, 12, 20, 16, itemsize=8), measure(rung, 12, 20, 16, "float64")
    assert (found["sectors"], found["shared_bytes"]) == (said.sectors, said.shared_bytes)
    assert found["error"] <= 1e-15


def test_a_kernel_that_reads_otherwise_is_counted_otherwise():
    """The count follows the kernel, not the formula: coalesced, with the tile of naive."""
    rung = LADDER["coalesced"]._replace(tile=WARPS["naive"])
    assert measure(rung, 32, 8, 8)["sectors"] != traffic(LADDER["naive"], 32, 8, 8).sectors
    ahead = LADDER["vectorised"]._replace(tile=WARPS["vectorised"], ahead=1)
    assert measure(ahead, 32, 32, 8)["shared_bytes"] != traffic(ahead, 32, 32, 8).shared_bytes


def test_traffic_refuses_rows_that_begin_within_a_sector():
    for size, itemsize in [((8, 12, 8), 4), ((8, 8, 12), 4), ((8, 6, 8), 8)]:
        with pytest.raises(ValueError, match="start of a sector"):
            traffic(LADDER["naive"], *size, itemsize)
    assert traffic(LADDER["naive"], 8, 12, 8, 8).flops == 2 * 8 * 12 * 8


def test_intensities():
    assert Traffic(640, 10, 320).global_intensity == 2
    assert Traffic(640, 10, 320).shared_intensity == 2
    assert Traffic(640, 10, 0).shared_intensity == float("inf")


@kernel
def strided(a, out, stride):
    out[cuda.threadIdx.x] = a[cuda.threadIdx.x * stride]


@kernel
def twice(a, out, stride):
    for step in range(2):
        out[cuda.threadIdx.x] = a[cuda.threadIdx.x + step]


@pytest.mark.parametrize(("stride", "sectors"), [(0, 1), (1, 4), (2, 8), (8, 32), (16, 32)])
def test_a_request_costs_the_sectors_that_it_touches(stride, sectors):
    a, out = Counted(counted._aligned(np.zeros(32 * 16, "f4"))), np.zeros(64, "f4")
    strided[1, 32](a, out, stride)
    assert a.sectors() == sectors
    strided[1, 64](Counted(np.zeros(1024, "f4")), out, stride)


def test_warps_and_rounds_of_a_loop_are_requests_of_their_own():
    a, out = Counted(counted._aligned(np.zeros(128, "f4"))), np.zeros(64, "f4")
    twice[1, 64](a, out, 1)
    assert a.sectors() == 2 * 4 + 2 * 5  # the second round begins within a sector


# -- seeded mistakes -------------------------------------------------------------------------------

MISTAKES = {
    "naive reads beyond the rows": ("naive", "if i < m and j < n:", "if i < uint32(m + 1):"),
    "naive walks along B": ("naive", "b[uint32(p * n + j)]", "b[uint32(j * k + p)]"),
    "coalesced stands in the wrong row": ("coalesced", "thread // columns)", "thread // rows)"),
    "no wait before reading": (
        "shared tile",
        "            cuda.syncthreads()\n            for step in range(size):",
        "            for step in range(size):",
    ),
    "squares beyond k": ("shared tile", "if i < m and p < k else zero", "if i < m else zero"),
    "zeros forgotten": ("shared tile", "if q < k and j < n else zero", "if j < n else zero"),
    "a register of another row": ("register tile", "r * threads_down", "r * threads_across"),
    "columns of B not bounded": ("register tile", "if p < k and j < n else", "if p < k else"),
    "the piece of A not turned": ("vectorised", "uint32(a_pitch) + row)", "uint32(a_pitch))"),
    "a group stored elsewhere": ("vectorised", "s = r * each_columns + g * width", "s = r"),
    "an edge not written": (
        "vectorised",
        "if i < m and uint32(j + uint32(v)) < n:",
        "if i < m and uint32(j + uint32(width)) < n:",
    ),
    "part of k": ("launch", "*numbers, uint32(k), np", "*numbers, uint32(4), np"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mistake", [None, *MISTAKES])
def test_a_wrong_rung_is_rejected(rng, monkeypatch, mistake):
    source = Path(ladder.__file__).read_text(encoding="utf-8")
    name = "vectorised"
    if mistake is not None:
        name, right, wrong = MISTAKES[mistake]
        before, middle, after = source.partition(f"\ndef {name.replace(' ', '_')}(")
        head, found, tail = after.partition(right)
        assert found
        assert "\ndef " not in head  # it is this function that is changed
        source = before + middle + head + wrong + tail
    seeded = types.ModuleType("seeded")
    monkeypatch.setitem(sys.modules, "seeded", seeded)
    exec(compile(source, "seeded.py", "exec"), seeded.__dict__)
    rung = tiny("double buffer" if name == "launch" else name, module=seeded)
    cases = [Case(rng, 5, 17, 7), Case(rng, 12, 20, 8)]

    def check():
        for case in cases:
            case.check(rung, module=seeded)

    if mistake is None:
        check()
    else:
        with pytest.raises((AssertionError, IndexError)):
            check()
