"""Products at the sizes where the code takes another path, and a check of one of them."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from scratchgan.backends.cpu import gemm as gemm_file
from scratchgan.backends.cpu.simd import ISA

FORMS = list(itertools.product([False, True], repeat=2))  # trans_a, trans_b


class Size(NamedTuple):
    """Of a product: C is (m, n), each element a sum of length k."""

    m: int
    n: int
    k: int


def around(*numbers: int) -> list[int]:
    """The numbers, one less and one more; none below 1."""
    return sorted({max(1, x + d) for x in numbers for d in (-1, 0, 1)})


def boundary_sizes(itemsize: int) -> list[Size]:
    """Sizes on both sides of every decision of ``cut`` and of the kernels."""
    lanes = ISA.lanes(itemsize)
    panel, heights = ISA.widest * lanes, sorted(set(ISA.tiles.values()))
    many, block = gemm_file.MANY_ROWS, gemm_file.MAX_K
    groups = 16 * panel  # from so many columns on, a chunk has several panels
    return [
        Size(1, 1, 1),
        *(Size(m, 3 * lanes + 1, 5) for m in around(*heights)),
        *(Size(7, n, 6) for n in around(*range(lanes, panel + 1, lanes), 2 * panel)),
        *(Size(7, n, lanes + 1) for n in range(1, 6)),
        *(Size(3, 2 * lanes + 1, k) for k in around(lanes, block, 2 * block)),
        *(Size(19, n, k) for n in (1, 4) for k in around(lanes, 3 * lanes)),
        *(Size(m, n, 3) for m in around(many, 2 * many) for n in (1, 4, panel + 1)),
        *(Size(many + d, groups + e, 2) for d in (-1, 1) for e in (-1, 1)),
        Size(many, 3 * panel + lanes + 1, block + 1),
        Size(many + 1, groups + 1, 2 * block + 1),
        Size(97, 2 * panel + 1, 131),
    ]


def few_sizes(itemsize: int) -> list[Size]:
    """A handful of them that together go through every part of the kernels."""
    lanes = ISA.lanes(itemsize)
    panel = ISA.widest * lanes
    return [
        Size(1, 1, 1),
        *(Size(13, n, lanes + 3) for n in range(1, panel + 2)),
        Size(19, 3, 3 * lanes + 1),
        Size(23, panel + lanes + 1, gemm_file.MAX_K + 1),
        Size(gemm_file.MANY_ROWS + 1, 16 * panel + 1, 33),
    ]


def whole_numbers(rng: Any, dtype: Any, *shape: int) -> Any:
    """So small that no sum is rounded, in whichever order it is taken: results are exact."""
    return rng.integers(-4, 5, shape).astype(dtype)


def operands(size: Size, form: tuple[bool, bool], dtype: Any, rng: Any, draw: Any) -> Any:
    """Return a and b as they are stored, for a form of the product."""
    m, n, k = size
    trans_a, trans_b = form
    a = draw(rng, dtype, *((k, m) if trans_a else (m, k)))
    b = draw(rng, dtype, *((n, k) if trans_b else (k, n)))
    return a, b


def by_numpy(a: Any, b: Any, form: tuple[bool, bool], dtype: Any = np.float64) -> Any:
    a, b = a.astype(dtype), b.astype(dtype)
    return (a.T if form[0] else a) @ (b.T if form[1] else b)


def assert_products_exact(gemm: Any, size: Size, form: tuple[bool, bool], dtype: Any) -> None:
    """A new product, one into ``out`` (which held NaN), and one added to what was there."""
    rng = np.random.default_rng(size)
    a, b = operands(size, form, dtype, rng, whole_numbers)
    expected = by_numpy(a, b, form)
    flags = {"trans_a": form[0], "trans_b": form[1]}
    what = f"{size}, transposed {form}, {np.dtype(dtype).name}"
    new = gemm(a, b, **flags)
    assert new.dtype == dtype, what
    np.testing.assert_array_equal(new, expected, what)
    out = np.full(expected.shape, np.nan, dtype)
    assert gemm(a, b, out=out, **flags) is out, what
    np.testing.assert_array_equal(out, expected, what)
    out = whole_numbers(rng, dtype, *expected.shape)
    expected = expected + out
    gemm(a, b, out=out, accumulate=True, **flags)
    np.testing.assert_array_equal(out, expected, f"added: {what}")


def assert_linear_exact(linear: Any, size: Size, dtype: Any) -> None:
    rng = np.random.default_rng(size)
    x, w = operands(size, (False, False), dtype, rng, whole_numbers)
    bias = whole_numbers(rng, dtype, size.n)
    a = by_numpy(x, w, (False, False)) + bias
    for activation, y in {
        "identity": a,
        "relu": np.maximum(a, 0),
        "leaky_relu": np.where(a > 0, a, 0.25 * a),
    }.items():
        got = linear(x, w, bias, activation, 0.25)
        np.testing.assert_array_equal(got, y, f"{activation}, {size}, {np.dtype(dtype).name}")


def check_few(ops: Any) -> int:
    """Hold gemm and linear to NumPy on a few sizes; return how many."""
    count = 0
    for dtype in (np.float32, np.float64):
        for size in few_sizes(np.dtype(dtype).itemsize):
            for form in FORMS:
                assert_products_exact(ops.gemm, size, form, dtype)
            assert_linear_exact(ops.linear, size, dtype)
            count += 1
    return count
