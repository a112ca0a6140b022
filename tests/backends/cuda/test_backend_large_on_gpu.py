"""
What only large or special arrays reach on a GPU: pytest -m gpu.

The largest tiles of a product, the second round of a loop over elements, and the tests of
special values that otherwise run in the simulator alone.
"""

from __future__ import annotations

import numpy as np
import pytest

from scratchgan.backends import get_backend
from tests.backends import test_reference as vocabulary
from tests.backends.cases import DTYPES, VOCABULARY, assert_same, calls, run

pytestmark = [pytest.mark.gpu, pytest.mark.needs("cuda")]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
reference = get_backend("reference")
COMPUTING = [name for name in VOCABULARY if name not in {"asarray", "empty", "to_numpy", "view"}]


@pytest.fixture(scope="module")
def ops():
    return get_backend("cuda")


# -- products -------------------------------------------------------------------------------------

# 128 × 128 tiles with and without 16-byte access, then the small ones with it.
PRODUCTS = [(2048, 2048, 2048), (2049, 2047, 515), (132, 68, 36)]


def off(c, a, b, start=0.0):
    """Largest error, in units of what rounding each of k terms once may cost."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    bound = np.finfo(c.dtype).eps * (np.abs(a) @ np.abs(b) + np.abs(start))
    return np.max(np.abs(c - (a @ b + start)) / bound)


@every_dtype
@pytest.mark.parametrize("trans_b", [False, True], ids=["b", "bT"])
@pytest.mark.parametrize("trans_a", [False, True], ids=["a", "aT"])
@pytest.mark.parametrize("size", PRODUCTS, ids=str)
def test_large_products(ops, size, trans_a, trans_b, dtype):
    """A new one, and one that is added to a view at an odd place."""
    m, n, k = size
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n)))
    start = rng.standard_normal((m, n)).astype(dtype)
    left = ops.asarray(a.T if trans_a else a)
    right = ops.asarray(b.T if trans_b else b)
    buffer = ops.asarray(np.concatenate([np.zeros(3, dtype), start.ravel()]))
    out = ops.view(buffer, 3, (m, n))
    new = ops.to_numpy(ops.gemm(left, right, trans_a=trans_a, trans_b=trans_b))
    ops.gemm(left, right, trans_a=trans_a, trans_b=trans_b, out=out, accumulate=True)
    assert off(new, a, b) <= 4
    assert off(ops.to_numpy(out), a, b, start) <= 4
    new[m // 2, n // 2] -= a[m // 2, k - 1] * b[k - 1, n // 2]  # one term forgotten
    assert off(new, a, b) > 4
    again = ops.to_numpy(ops.gemm(left, right, trans_a=trans_a, trans_b=trans_b))
    new[m // 2, n // 2] = again[m // 2, n // 2]
    assert new.tobytes() == again.tobytes()


# -- more elements than threads -------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("operation", ["copy_", "fill_", "activation", "dropout", "normal"])
def test_more_elements_than_threads(ops, operation, dtype):
    """2.4 million, where a grid has at most 4096 × 256 threads: each takes several in turn."""
    for call in list(calls(operation, (1201, 1, 2001), dtype))[:2]:
        expected = run(reference, call)
        changed = (*expected.results, *expected.arguments.values())
        assert max(np.size(a) for a in changed) > 4096 * 256
        assert_same(run(ops, call), expected, call)


@every_dtype
def test_optimisers_of_many_parameters(ops, dtype):
    n = 2_384_401
    rng = np.random.default_rng(1)
    params, grads, m = (rng.standard_normal(n).astype(dtype) for _ in range(3))
    results = []
    for each in (ops, reference):
        p, g, first, second, average = map(
            each.asarray, (params.copy(), grads, m.copy(), m * m, m.copy())
        )
        each.adam_(p, g, first, second, 1e-3, 7, 0.5, 0.999, 1e-8)
        each.ema_(average, p, 0.999)
        results.append([each.to_numpy(a) for a in (p, first, second, average)])
    for got, expected in zip(*results, strict=True):
        error = np.abs(got.astype(np.float64) - expected)
        assert np.max(error) <= 32 * np.finfo(dtype).eps * np.max(np.abs(expected))


# -- special values -------------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("operation", COMPUTING)
def test_nan_and_infinity_propagate_as_the_formula_says(ops, operation, dtype):
    with np.errstate(all="ignore"):
        for call in calls(operation, (33, 65, 129), dtype, True):
            assert_same(run(ops, call), run(reference, call), call)


@every_dtype
@pytest.mark.parametrize("operation", COMPUTING)
def test_arrays_may_be_views_of_a_flat_buffer(ops, operation, dtype):
    vocabulary.test_arrays_may_be_views_of_a_flat_buffer(ops, dtype, 3, operation)


@every_dtype
@pytest.mark.parametrize("size", [1e2, 1e30])
def test_losses_at_the_ends(ops, dtype, size):
    vocabulary.test_log_sigmoid_mean_at_the_ends(ops, dtype, size)
    vocabulary.test_exp_mean_at_the_ends(ops, dtype, 10 * size)
    vocabulary.test_softmax_cross_entropy_at_the_ends(ops, dtype, size)


@every_dtype
def test_maxout_takes_the_first_of_equals(ops, dtype):
    vocabulary.test_maxout_takes_the_first_of_equals(ops, dtype)
