"""Products: exact where they can be, as exact as rounding allows where not, and nothing beside."""

from __future__ import annotations

import inspect
import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgan.backends import get_backend
from scratchgan.backends.cpu import gemm as gemm_file
from scratchgan.backends.cpu.isa import INSTRUCTION_SETS
from scratchgan.backends.cpu.kernel import SCRATCH_BYTES
from scratchgan.backends.cpu.simd import ISA
from tests.backends.cpu.child import start
from tests.backends.cpu.products import (
    FORMS,
    Size,
    assert_linear_exact,
    assert_products_exact,
    boundary_sizes,
    by_numpy,
    operands,
    whole_numbers,
)

ops = get_backend("cpu")
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_form = pytest.mark.parametrize("form", FORMS, ids=["ab", "abᵀ", "aᵀb", "aᵀbᵀ"])
sizes = st.builds(Size, *[st.integers(1, 200)] * 3)
dtypes = st.sampled_from([np.float32, np.float64])


# -- the product ----------------------------------------------------------------------------------


@given(sizes, st.sampled_from(FORMS), dtypes)
def test_whole_numbers_give_exact_products(size, form, dtype):
    assert_products_exact(ops.gemm, size, form, dtype)


@every_dtype
@every_form
def test_exact_at_the_boundaries(form, dtype):
    for size in boundary_sizes(np.dtype(dtype).itemsize):
        assert_products_exact(ops.gemm, size, form, dtype)


@every_dtype
def test_the_layer_is_exact_at_the_boundaries(dtype):
    for size in boundary_sizes(np.dtype(dtype).itemsize):
        assert_linear_exact(ops.linear, size, dtype)


@every_dtype
def test_long_sums_on_both_sides_of_what_scratch_holds(dtype):
    """A dot product's column is kept in scratch while it fits, with some room for sums."""
    longest = SCRATCH_BYTES // np.dtype(dtype).itemsize
    for k in (longest - 65, longest - 64, longest - 63, longest, longest + 1):
        for form in FORMS:
            assert_products_exact(ops.gemm, Size(2, 2, k), form, dtype)


def adds_always(a, b, out=None, accumulate=False, **form):
    return ops.gemm(a, b, out=out, accumulate=out is not None, **form)


def forgets_to_add(a, b, out=None, accumulate=False, **form):
    return ops.gemm(a, b, out=out, **form)


def takes_one_step_less(a, b, trans_a=False, trans_b=False, **rest):
    b = b.copy()
    b[(slice(None), -1) if trans_b else -1] = 0
    return ops.gemm(a, b, trans_a=trans_a, trans_b=trans_b, **rest)


@pytest.mark.parametrize("wrong", [adds_always, forgets_to_add, takes_one_step_less])
@every_form
def test_a_wrong_product_is_refused(wrong, form):
    with pytest.raises(AssertionError):
        assert_products_exact(wrong, Size(5, 6, 7), form, np.float32)


# -- rounding -------------------------------------------------------------------------------------


def normal(rng, dtype, *shape):
    return rng.normal(size=shape).astype(dtype)


def assert_well_rounded(gemm, size, form, dtype):
    """
    |error| ≤ k u |A||B| / (1 − k u), u half an ulp, whatever the order of the sum (Higham 2002).

    That is with or without fused multiply-adds; k + 1 for what is added.
    """
    rng = np.random.default_rng(size)
    a, b = operands(size, form, dtype, rng, normal)
    c = normal(rng, dtype, size.m, size.n)
    wide = np.float64 if dtype is np.float32 else np.longdouble
    unit = (size.k + 1) * np.finfo(dtype).eps / 2
    magnitudes = by_numpy(np.abs(a), np.abs(b), form)
    flags = {"trans_a": form[0], "trans_b": form[1]}
    for there in (0, c):
        out = c.copy()
        gemm(a, b, out=out, accumulate=there is c, **flags)
        error = np.abs(out - (by_numpy(a, b, form, wide) + there))
        assert (error <= unit / (1 - unit) * (magnitudes + np.abs(there))).all()


@given(sizes, st.sampled_from(FORMS))
@example(Size(3, 40, 2 * gemm_file.MAX_K + 1), (True, True))
def test_rounding_in_float32(size, form):
    assert_well_rounded(ops.gemm, size, form, np.float32)


@given(st.builds(Size, *[st.integers(1, 50)] * 3), st.sampled_from(FORMS))
@example(Size(3, 40, 2 * gemm_file.MAX_K + 1), (True, True))
def test_rounding_in_float64(size, form):
    assert_well_rounded(ops.gemm, size, form, np.float64)


def test_lost_digits_are_noticed():
    def through_float32(a, b, out, **rest):
        there = out.astype(np.float32)
        ops.gemm(a.astype(np.float32), b.astype(np.float32), out=there, **rest)
        out[...] = there

    def gives_nan(a, b, out, **rest):
        out[...] = np.nan

    for wrong in (through_float32, gives_nan):
        with pytest.raises(AssertionError):
            assert_well_rounded(wrong, Size(9, 9, 9), (False, False), np.float64)


# -- how a product is cut -------------------------------------------------------------------------


def on(monkeypatch, isa):
    """Cut for another instruction set."""
    monkeypatch.setattr(gemm_file, "ISA", isa)
    monkeypatch.setattr(gemm_file, "WIDEST", isa.widest)
    heights = tuple(isa.tiles.get(v, 0) for v in range(isa.widest + 1))
    monkeypatch.setattr(gemm_file, "HEIGHTS", heights)
    return inspect.unwrap(gemm_file.cut)  # what it keeps is for this machine


def ceil(a, b):
    return -(-a // b)


def assert_covers_once(pieces, m, n, k, itemsize, isa):
    """Every element belongs to one chunk, and the blocks of k to the whole sum."""
    panel = isa.widest * isa.lanes(itemsize)
    assert pieces.panels == ceil(n, panel)
    across, down = ceil(pieces.panels, pieces.group), ceil(m, pieces.rows)
    assert pieces.chunks == across * down
    # The kernel reads its place from the chunk's number like this:
    panels = [range(i * pieces.group, (i + 1) * pieces.group) for i in range(across)]
    rows = [range(i * pieces.rows, min((i + 1) * pieces.rows, m)) for i in range(down)]
    assert [p for some in panels for p in some if p < pieces.panels] == list(range(pieces.panels))
    assert [i for some in rows for i in some] == list(range(m))
    assert all(len(some) for some in rows)
    assert 1 <= pieces.k_block <= gemm_file.MAX_K


def scratch_used(pieces, isa, itemsize):
    """Bytes from the start of scratch to the end of what a chunk may touch."""
    tile_of_a = pieces.k_block * max(isa.tiles.values()) * itemsize
    assert pieces.group == 1 or tile_of_a <= gemm_file.A_TILE
    panel = isa.widest * isa.lanes(itemsize) * itemsize
    return gemm_file.A_TILE + pieces.group * pieces.k_block * panel


some_length = st.one_of(st.integers(1, 300), st.integers(1, 40_000))


@pytest.mark.parametrize("isa", INSTRUCTION_SETS.values(), ids=INSTRUCTION_SETS)
@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("flags", [0, gemm_file.TRANS_A, gemm_file.TRANS_B])
def test_a_cut_covers_the_product_once_and_fits_into_scratch(isa, itemsize, flags):
    with pytest.MonkeyPatch.context() as patch:
        cut = on(patch, isa)

        @given(some_length, some_length, some_length)
        @example(1, 1, 1)
        @example(gemm_file.MANY_ROWS, 40_000, gemm_file.MAX_K)
        def holds(m, n, k):
            pieces = cut(m, n, k, itemsize, flags)
            assert_covers_once(pieces, m, n, k, itemsize, isa)
            assert scratch_used(pieces, isa, itemsize) <= SCRATCH_BYTES
            assert cut(m, n, k, itemsize, flags) == pieces

        holds()


def test_the_column_of_a_dot_product_fits_into_scratch():
    for isa, itemsize in itertools.product(INSTRUCTION_SETS.values(), (4, 8)):
        k = next(k for k in itertools.count(1) if not gemm_file.fits_narrow(1, k, 0, itemsize))
        assert isa.vector_bytes + 64 + (k - 1) * itemsize <= SCRATCH_BYTES


def test_a_wrong_cut_is_refused(monkeypatch):
    isa = INSTRUCTION_SETS["avx512"]
    cut = on(monkeypatch, isa)
    right = cut(300, 5000, 600, 4)
    for wrong in (
        right._replace(rows=right.rows - 1),  # a strip of rows that no chunk has
        right._replace(chunks=right.chunks - 1),
        right._replace(k_block=600),
    ):
        with pytest.raises(AssertionError):
            assert_covers_once(wrong, 300, 5000, 600, 4, isa)
    assert scratch_used(right._replace(group=16), isa, 4) > SCRATCH_BYTES


def test_large_products_have_chunks_for_many_threads():
    assert gemm_file.cut(100, 1200, 1200, 4).chunks >= 16
    assert gemm_file.cut(2, 3, 4, 4).chunks == 1


def test_chunks_do_not_follow_the_number_of_threads():
    from numba import get_num_threads, set_num_threads

    before, pieces = get_num_threads(), []
    cut = inspect.unwrap(gemm_file.cut)
    for threads in {1, before}:
        set_num_threads(threads)
        pieces.append(cut(100, 784, 1200, 4))
    set_num_threads(before)
    assert len(set(pieces)) == 1


# -- nothing beside the arrays --------------------------------------------------------------------


def surrounded(a, offset):
    """A copy of ``a`` between NaN, ``offset`` elements from an aligned address; and the whole."""
    raw = np.full(a.size + 192, np.nan, a.dtype)
    first = -raw.ctypes.data % 64 // a.itemsize + 64 + offset
    inside = raw[first : first + a.size].reshape(a.shape)
    inside[...] = a
    return inside, raw, slice(first, first + a.size)


def untouched(raw, inside):
    return np.isnan(np.delete(raw, np.arange(inside.start, inside.stop))).all()


@every_dtype
@every_form
def test_any_alignment_and_nothing_written_beside(form, dtype):
    lanes = ISA.lanes(np.dtype(dtype).itemsize)
    rng = np.random.default_rng(1)
    for offset in range(lanes):
        for size in (Size(9, 2 * lanes + 1, lanes + 3), Size(5, lanes, 4), Size(3, 2, lanes + 1)):
            a, b = operands(size, form, dtype, rng, whole_numbers)
            there = whole_numbers(rng, dtype, size.m, size.n)
            expected = by_numpy(a, b, form)
            a, *_ = surrounded(a, offset)
            b, *_ = surrounded(b, (3 * offset + 1) % lanes)
            c, raw, inside = surrounded(there, (5 * offset + 2) % lanes)
            flags = {"trans_a": form[0], "trans_b": form[1], "out": c}
            ops.gemm(a, b, accumulate=True, **flags)
            np.testing.assert_array_equal(c, expected + there)
            ops.gemm(a, b, **flags)
            np.testing.assert_array_equal(c, expected)
            assert untouched(raw, inside), (size, offset)


def test_a_stray_write_is_noticed():
    _, raw, inside = surrounded(np.zeros(3), 0)
    assert untouched(raw, inside)
    raw[inside.stop] = 0
    assert not untouched(raw, inside)


@pytest.mark.skipif(
    not hasattr(__import__("mmap"), "PROT_READ"),
    reason="guard pages are POSIX's: that no kernel reads outside its arrays was not checked",
)
@pytest.mark.parametrize("side", ["before", "behind"])
@pytest.mark.slow
def test_nothing_is_read_outside_either(side):
    """Every array begins, or ends, at a page that may not be touched: straying kills the child."""
    done = start(f"from tests.backends.cpu import guarded; guarded.main({side!r})")
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout[-500:]}{done.stderr}"
    assert "all inside" in done.stdout


@pytest.mark.skipif(not hasattr(__import__("mmap"), "PROT_READ"), reason="guard pages are POSIX's")
@pytest.mark.parametrize("side", ["before", "behind"])
def test_a_guard_page_kills(side):
    done = start(f"from tests.backends.cpu import guarded; guarded.stray({side!r})")
    assert done.returncode < 0, "ended by a signal"
    assert done.stdout == "alive so far\n"


# -- NaN and infinity -----------------------------------------------------------------------------


@every_dtype
@every_form
def test_nan_and_infinity_go_where_numpy_has_them(form, dtype):
    """Each stays in its row or column, beside masked columns and rows computed twice as well."""
    lanes = ISA.lanes(np.dtype(dtype).itemsize)
    panel, rng = ISA.widest * lanes, np.random.default_rng(2)
    for size in (Size(7, panel + 2, lanes + 2), Size(10, 2, 2 * lanes + 1), Size(3, lanes - 1, 4)):
        for value, at in itertools.product((np.nan, np.inf, -np.inf), (0, -1)):
            a, b = operands(size, form, dtype, rng, whole_numbers)
            b_bad, a_bad = b.copy(), a.copy()
            (b_bad if form[1] else b_bad.T)[at, at] = value  # in one column of op(B)
            (a_bad.T if form[0] else a_bad)[at, at] = value  # in one row of op(A)
            with np.errstate(invalid="ignore"):
                for left, right in ((a, b_bad), (a_bad, b), (a_bad, b_bad)):
                    got = ops.gemm(left, right, trans_a=form[0], trans_b=form[1])
                    np.testing.assert_array_equal(got, by_numpy(left, right, form))


def test_what_scratch_held_is_gone():
    """A product whose packed panel is narrower than the one before must not see its NaN."""
    b = np.full((40, 61), np.nan, np.float32)
    assert np.isnan(ops.gemm(np.ones((9, 40), np.float32), b)).all()
    size = Size(9, 33, 21)
    for form in FORMS:
        assert_products_exact(ops.gemm, size, form, np.float32)


def test_a_leaking_nan_is_noticed():
    def leaks(a, b, **flags):
        c = ops.gemm(a, b, **flags)
        c[np.isnan(c).any(axis=1)] = np.nan
        return c

    a, b = np.ones((2, 3)), np.ones((3, 4))
    b[0, 0] = np.nan
    for f, right in ((ops.gemm, True), (partial(leaks), False)):
        assert np.array_equal(f(a, b), by_numpy(a, b, (False, False)), equal_nan=True) == right
