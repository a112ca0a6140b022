"""The rungs of notebook 11 on a GPU, at real sizes: pytest -m gpu."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from scratchgan.backends.cuda.device import cuda
from scratchgan.workshop.ladders.cuda import LADDER, launch

pytestmark = [pytest.mark.gpu, pytest.mark.needs("cuda")]
SIZES = [(1, 1, 1), (33, 35, 5), (100, 1200, 784), (257, 1201, 241), (512, 384, 256)]
ROUNDING = {np.float32: 2.0**-24, np.float64: 2.0**-53}


def run(name, a, b, offset=0):
    (m, k), n = a.shape, b.shape[1]
    flat = [np.concatenate([np.zeros(offset, x.dtype), x.ravel()]) for x in (a, b)]
    on_gpu = [cuda.to_device(x)[offset:] for x in flat]
    c = cuda.to_device(np.full(m * n, np.nan, a.dtype))
    launch(LADDER[name], *on_gpu, c, m, n, k)
    return c.copy_to_host().reshape(m, n)


def random(size, dtype):
    m, n, k = size
    rng = np.random.default_rng(0)
    return rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)


def excess(got, a, b):
    """How far the error is above what rounding allows, as a ratio."""
    off = np.abs(got - a.astype(np.float64) @ b.astype(np.float64))
    # In float64 the yardstick is rounded, too.
    bound = 2 * (a.shape[1] + 1) * ROUNDING[a.dtype.type] * (np.abs(a) @ np.abs(b))
    return np.max(off / bound)


@pytest.mark.parametrize("name", LADDER)
@pytest.mark.parametrize("dtype", ROUNDING, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_rung_computes_the_product(name, dtype, size):
    a, b = random(size, dtype)
    for offset in (0, 1):  # aligned to 16 bytes, and not
        got = run(name, a, b, offset)
        assert excess(got, a, b) <= 1
        got[-1, -1] += a.dtype.type(0.01) * np.abs(a[-1]) @ np.abs(b[:, -1])
        assert excess(got, a, b) > 1  # one wrong element would be seen


@pytest.mark.parametrize("name", LADDER)
def test_twenty_runs_give_the_same_bits(name):
    """A race between threads would show as a difference, now and then."""
    a, b = random((300, 520, 784), np.float32)
    first = run(name, a, b)
    assert all(np.array_equal(run(name, a, b), first) for _ in range(19))


def test_all_rungs_give_the_same_bits():
    """A sum runs over k from first to last, one fused multiply-add after the other."""
    a, b = random((140, 264, 96), np.float32)
    results = [run(name, a, b) for name in LADDER]
    assert all(np.array_equal(results[0], other) for other in results[1:])
