"""e^x, logarithms, sine: how many units in the last place they are off, and at their ends."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numba import njit

from scratchgan.backends import Stream, get_backend
from scratchgan.backends.cpu import elementary
from scratchgan.backends.cpu.maths import MATHS

ops = get_backend("cpu")
WIDE = np.longdouble
# Where a long double is no wider than a double (Windows, ARM), its own rounding comes on top.
SLACK = 0.0 if np.finfo(WIDE).eps < np.finfo(np.float64).eps else 1.0
ULPS = 4.0
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@cache
def compiled(f):
    @njit
    def loop(x, y):
        for i in range(x.size):
            y[i] = f(x[i])

    return loop


def apply(f, x):
    y = np.empty_like(x)
    compiled(f)(x, y)
    return y


def ulps(got, exact):
    """Error in units in the last place of ``exact``; NaN where one of them alone is NaN."""
    with np.errstate(under="ignore", over="ignore"):
        rounded = np.abs(exact).astype(got.dtype)
    unit = np.spacing(np.minimum(rounded, np.finfo(got.dtype).max / 2)).astype(WIDE)
    same = (got == rounded * np.sign(exact)) | (np.isnan(got) & np.isnan(exact))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0, np.abs(got - exact) / unit)


def assert_close(got, exact, bound=ULPS):
    off = ulps(got, exact)
    assert off.max() <= bound + SLACK, f"{off.max():.1f} ulps, at {np.argmax(off)}"


def dense(dtype, low, high, count=200_001):
    """Numbers of [low, high], evenly and by order of magnitude, with their neighbours."""
    info = np.finfo(dtype)
    even = np.linspace(low, high, count)
    sizes = np.logspace(np.log10(float(info.smallest_subnormal)) + 1, 0, count // 4)
    x = np.concatenate([even, low * sizes, high * sizes, [0.0, -0.0, low, high]]).astype(dtype)
    near = np.concatenate([x, np.nextafter(x, dtype(low)), np.nextafter(x, dtype(high))])
    return near[(near >= low) & (near <= high)]


def lowest_exponent(dtype):
    """The smallest x whose e^x is a normal number."""
    x = dtype(np.log(WIDE(np.finfo(dtype).tiny)))
    return x if np.exp(WIDE(x)) >= np.finfo(dtype).tiny else np.nextafter(x, dtype(0))


# -- exponentials ---------------------------------------------------------------------------------


@every_dtype
def test_exp(dtype):
    x = dense(dtype, lowest_exponent(dtype), 0)
    assert_close(apply(elementary.exp, x), np.exp(x.astype(WIDE)))


@every_dtype
def test_exp_below_the_smallest_normal_number(dtype):
    """There it may be 0, or as the formula has it; never more than the smallest normal number."""
    x = np.nextafter(lowest_exponent(dtype), dtype(-np.inf))
    x = np.concatenate([np.linspace(4 * x, x, 1001), [x, np.finfo(dtype).min, -np.inf]])
    y = apply(elementary.exp, x.astype(dtype))
    assert ((y >= 0) & (y <= np.finfo(dtype).tiny)).all()
    assert y[-1] == y[-2] == 0


@every_dtype
def test_expm1(dtype):
    x = dense(dtype, 4 * lowest_exponent(dtype), 0)
    assert_close(apply(elementary.expm1, x), np.expm1(x.astype(WIDE)))


@every_dtype
def test_exponentials_at_their_ends(dtype):
    x = np.array([0.0, -0.0, -np.inf, np.nan, -np.finfo(dtype).smallest_subnormal], dtype)
    np.testing.assert_array_equal(apply(elementary.exp, x), [1, 1, 0, np.nan, 1])
    np.testing.assert_array_equal(apply(elementary.expm1, x), [0, 0, -1, np.nan, x[-1]])


# -- logarithms -----------------------------------------------------------------------------------


@every_dtype
def test_log1p(dtype):
    x = dense(dtype, 0, 1)
    assert_close(apply(elementary.log1p, x), np.log1p(x.astype(WIDE)))
    assert np.isnan(apply(elementary.log1p, np.array([np.nan], dtype))).all()


@every_dtype
def test_log(dtype):
    info = np.finfo(dtype)
    orders = np.logspace(np.log10(float(info.tiny)), np.log10(float(info.max)) - 1e-6, 200_001)
    parts = [dense(dtype, 0.5, 2), orders, [info.tiny, info.max, 0.5**0.5, 2**0.5, 1.0]]
    x = np.concatenate([np.asarray(p, dtype) for p in parts])
    x = np.concatenate([x, np.nextafter(x, dtype(1))])
    assert_close(apply(elementary.log, x[x >= info.tiny]), np.log(x[x >= info.tiny].astype(WIDE)))


@every_dtype
def test_log_of_the_uniforms_that_normal_numbers_are_made_of(dtype):
    u = (np.arange(0, 2**24, 37) + 1).astype(dtype) / dtype(2**24)
    assert_close(apply(elementary.log, u), np.log(u.astype(WIDE)))
    assert apply(elementary.log, np.ones(1, dtype))[0] == 0


# -- sine and cosine of turns ---------------------------------------------------------------------


@njit
def sine(u):
    return elementary.sin_cos_turns(u)[0]


@njit
def cosine(u):
    return elementary.sin_cos_turns(u)[1]


@every_dtype
def test_sine_and_cosine(dtype):
    u = np.concatenate([dense(dtype, 0, 1), (np.arange(0, 2**24, 37) / 2**24).astype(dtype)])
    turn = 8 * np.arctan(WIDE(1)) * u.astype(WIDE)
    bound = (4 + SLACK) * np.finfo(dtype).eps
    assert np.abs(apply(sine, u) - np.sin(turn)).max() <= bound
    assert np.abs(apply(cosine, u) - np.cos(turn)).max() <= bound


@every_dtype
def test_quarters_of_a_turn_are_exact(dtype):
    u = np.arange(5).astype(dtype) / 4
    assert apply(sine, u).tolist() == [0, 1, 0, -1, 0]
    assert apply(cosine, u).tolist() == [1, 0, -1, 0, 1]


# -- the functions of the vocabulary --------------------------------------------------------------


def far(dtype):
    """As far as e^(−|a|) is a normal number."""
    return dense(dtype, lowest_exponent(dtype), -lowest_exponent(dtype))


def by_formula(name, a):
    """φ(a) and φ′ over long doubles, written so that nothing cancels."""
    a = a.astype(WIDE)
    e = np.exp(-np.abs(a))
    return {
        "sigmoid": lambda: np.where(a < 0, e, 1) / (1 + e),
        "tanh": lambda: np.tanh(a),
        "softplus": lambda: np.where(a < 0, 0, a) + np.log1p(e),
    }[name]()


@every_dtype
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus"])
def test_activations(name, dtype):
    a = far(dtype)
    assert_close(ops.activation(a, name), by_formula(name, a))


@every_dtype
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus"])
def test_activations_at_their_ends(name, dtype):
    big, small = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    a = np.array([-np.inf, -big, -small, -0.0, 0.0, small, big, np.inf, np.nan], dtype)
    ends = {
        "sigmoid": [0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1, np.nan],
        "tanh": [-1, -1, -small, 0, 0, small, 1, 1, np.nan],
        "softplus": [0, 0, *[dtype(np.log(2.0))] * 4, big, np.inf, np.nan],
    }
    got = ops.activation(a, name)
    assert_close(got, np.array(ends[name], dtype).astype(WIDE), 2)


@every_dtype
def test_derivatives(dtype):
    y = dense(dtype, 0, 1)
    exact = y.astype(WIDE)
    one = np.ones_like(y)
    assert_close(ops.activation_grad(one, y, "sigmoid"), exact * (1 - exact))
    y = dense(dtype, 0, -2 * lowest_exponent(dtype))
    one, exact = np.ones_like(y), -np.expm1(-y.astype(WIDE))
    assert_close(ops.activation_grad(one, y, "softplus"), exact)
    y = dense(dtype, -1, 1)
    got = ops.activation_grad(np.ones_like(y), y, "tanh")  # 1 − y² cancels: the error is absolute
    exact = y.astype(WIDE)
    assert np.abs(got - (1 - exact * exact)).max() <= np.finfo(dtype).eps


@every_dtype
def test_log_sigmoid(dtype):
    a = far(dtype)
    w = a.astype(WIDE)
    exact = np.where(w < 0, w, 0) - np.log1p(np.exp(-np.abs(w)))
    assert_close(apply(MATHS.log_sigmoid, a), exact)


@every_dtype
def test_normal_numbers_are_as_exact_as_their_parts(dtype):
    words = ops.random_words((50, 400), Stream(3))
    u = (words >> 8) / WIDE(2**24)
    radius = np.sqrt(-2 * np.log(u[:, 0::2] + WIDE(2) ** -24))
    turn = 8 * np.arctan(WIDE(1)) * u[:, 1::2]
    got = ops.normal((50, 400), Stream(3), 0.0, 1.0, dtype)
    bound = (8 + SLACK) * np.finfo(dtype).eps * radius
    assert (np.abs(got[:, 0::2] - radius * np.cos(turn)) <= bound).all()
    assert (np.abs(got[:, 1::2] - radius * np.sin(turn)) <= bound).all()


def test_a_loose_function_is_noticed():
    x = dense(np.float32, -80, 0)
    exact = np.exp(x.astype(WIDE))
    right = exact.astype(np.float32)
    assert_close(right, exact, 0.5)
    hidden = right.copy()
    hidden[100] = np.nan
    for wrong in (right * np.float32(1 + 1e-6), np.zeros_like(right), hidden, -right):
        with pytest.raises(AssertionError):
            assert_close(wrong, exact)
