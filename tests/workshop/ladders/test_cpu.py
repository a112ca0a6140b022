"""Every rung of the ladder computes C = A · B; so do the instruments what they say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scratchgan.workshop.ladders import cpu as ladder

RUNGS = {**ladder.LADDER, "in an array": ladder.in_an_array}
SHAPES = [  # m, k, n: ones, odd, primes, one more and one less than a tile, several blocks
    (1, 1, 1), (1, 7, 1), (5, 1, 3), (2, 3, 63), (3, 31, 65), (7, 13, 17), (13, 257, 131),
    (6, 64, 64), (4, 256, 24), (29, 35, 1031),
]  # fmt: skip
NAMES = [name.replace(" ", "-") for name in RUNGS]
every_rung = pytest.mark.parametrize("rung", RUNGS.values(), ids=NAMES)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def integers(shape, dtype, seed=0):
    """Whole numbers, so small that no sum is rounded, in whichever order it is taken."""
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(dtype)


def surrounded(a):
    """A copy of ``a`` in the middle of NaN, and the whole: what is read beside it shows."""
    page = np.full(a.size + 512, np.nan, a.dtype)
    inside = page[256 : 256 + a.size].reshape(a.shape)
    inside[...] = a
    return inside, page


def equals_numpy(rung, m, k, n, dtype):
    a, _ = surrounded(integers((m, k), dtype, 1))
    b, _ = surrounded(integers((k, n), dtype, 2))
    c, page = surrounded(np.full((m, n), np.nan, dtype))
    rung(a, b, c)
    untouched = np.isnan(page[:256]).all() and np.isnan(page[256 + c.size :]).all()
    return bool(np.array_equal(c, a @ b) and untouched)


@every_dtype
@every_rung
@pytest.mark.slow
def test_a_rung_equals_numpy(rung, dtype):
    for m, k, n in SHAPES:
        assert equals_numpy(rung, m, k, n, dtype), (m, k, n)


@every_dtype
@every_rung
def test_a_rung_is_as_exact_as_its_sums_allow(rung, dtype):
    m, k, n = 11, 523, 70
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n)))
    c = np.empty((m, n), dtype)
    rung(a, b, c)
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    bound = k * np.finfo(dtype).eps / 2 * (np.abs(a) @ np.abs(b))
    assert (np.abs(c - exact) <= bound).all()


def forgets_the_last_row(a, b, c):
    ladder.tiles(a[: len(a) // 2 * 2], b, c[: len(a) // 2 * 2])


def adds_to_what_was_there(a, b, c):
    c += a @ b


def takes_one_step_less(a, b, c):
    np.matmul(a[:, :-1], b[:-1], out=c)


def writes_behind_the_end(a, b, c):
    np.matmul(a, b, out=c)
    c.base[256 + c.size] = 0


@pytest.mark.parametrize(
    "bug",
    [forgets_the_last_row, adds_to_what_was_there, takes_one_step_less, writes_behind_the_end],
)
def test_a_wrong_rung_is_rejected(bug):
    assert not equals_numpy(bug, 13, 7, 17, np.float32)


@every_rung
def test_nan_stays_where_it_belongs(rung):
    a, b = integers((9, 40), np.float32, 4), integers((40, 70), np.float32, 5)
    a[4, 17] = np.nan
    c = np.empty((9, 70), np.float32)
    rung(a, b, c)
    assert np.isnan(c[4]).all()
    others = np.delete(np.arange(9), 4)
    assert np.array_equal(c[others], a[others] @ b)


@every_dtype
@pytest.mark.slow
def test_the_fused_layer_equals_its_parts(dtype):
    for m, k, n in SHAPES:
        x, weight, bias = (
            integers(shape, dtype, seed) for seed, shape in enumerate(((m, k), (k, n), (n,)))
        )
        y = np.full((m, n), np.nan, dtype)
        ladder.linear_relu(x, weight, bias, y)
        assert np.array_equal(y, np.maximum(x @ weight + bias, 0))
        assert n == 1 or not np.array_equal(y, np.maximum(x @ weight, 0) + bias)


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(6)
    a, b = (rng.normal(size=s).astype(np.float32) for s in ((37, 301), (301, 1000)))
    results = []
    for threads in (1, 2, 4, 7):
        c = np.empty((37, 1000), np.float32)
        ladder.threaded_tiles(a, b, c, threads)
        results.append(c.tobytes())
    assert len(set(results)) == 1


# -- what the notebook measures with ---------------------------------------------------------------


def test_dots_equal_numpy():
    x, y = integers(1003, np.float32, 7), integers(1003, np.float32, 8)
    for dot in (ladder.dot, ladder.dot_contracted, ladder.dot_reordered):
        assert dot(x, y) == x @ y


def test_triad():
    x, y, z = integers(101, np.float32, 9), integers(101, np.float32, 10), np.empty(101, "f4")
    ladder.triad(x, y, z, 2)
    assert np.array_equal(z, x / 2 + y)


@every_dtype
def test_fma_rounds_once(dtype):
    eps = np.finfo(dtype).eps
    a = dtype(1 + 2 * eps)  # its square is 1 + 4 eps + 4 eps², of which the last part is lost
    square = dtype(a * a)
    assert ladder.rounded_once(a, a, -square) == 4 * eps * eps
    assert a * a - square == 0


@pytest.mark.parametrize("chains", [1, 3, 40])
def test_chains_compute_what_they_say(chains):
    run = ladder.fma_chains(chains)
    for steps in (1, 5):
        ends = np.arange(chains, dtype=np.float64)
        for _ in range(steps):
            ends = 0.5 * ends + 1
        assert run(steps, np.float64(0.5)) == ends.sum()


def lru(addresses, sets, ways, line):
    """The same cache, with lists."""
    held = [[] for _ in range(sets)]
    missed = []
    for address in addresses:
        number = int(address) // line
        lines = held[number % sets]
        missed.append(number not in lines)
        if number in lines:
            lines.remove(number)
        lines.append(number)
        del lines[:-ways]
    return np.array(missed)


@pytest.mark.parametrize(("sets", "ways", "line"), [(1, 4, 64), (8, 1, 16), (4, 3, 32)])
def test_the_cache_forgets_what_was_used_longest_ago(sets, ways, line):
    addresses = np.random.default_rng(11).integers(0, 2048, 3000)
    expected = lru(addresses, sets, ways, line)
    assert np.array_equal(ladder.misses(addresses, sets, ways, line), expected)
    assert 0 < expected.sum() < expected.size
    assert not np.array_equal(ladder.misses(addresses, sets, ways + 1, line), expected)


def test_assembly_shows_the_code_of_a_rung():
    a = np.ones((3, 3), np.float32)
    for rung in (ladder.row_by_row, ladder.registers):
        text = ladder.assembly(rung, a, a, a)
        assert len(re.findall(r"^\t\w+", text, re.MULTILINE)) > 100
