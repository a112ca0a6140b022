"""
Each φ of the table: derivatives against a complex step, code of one number against NumPy.

A new entry is tested here, and wherever a test runs over ``ACTIVATIONS``, without an edit.
"""

from dataclasses import replace
from itertools import pairwise
from math import inf, isnan, nan

import numpy as np
import pytest
from numba import njit

from scratchgan.backends.activations import ACTIVATIONS, TABLE, code_of, phi_of
from scratchgan.backends.cpu.maths import MATHS
from scratchgan.errors import UnknownNameError

SLOPE = 0.2
H = 1e-30  # of a complex step, which has no rounding error
A = np.random.default_rng(0).normal(scale=2, size=200)
ENDS = np.array([-700.0, -50.0, -1e-9, 1e-9, 50.0, 700.0])
POINTS = np.concatenate([A, ENDS])

every_phi = pytest.mark.parametrize("phi", TABLE.values(), ids=ACTIVATIONS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def by_step(f, a):
    """f′(a): Im f(a + ih) / h."""
    return f(a + 1j * H).imag / H


def check_derivatives(phi, a=A):
    """Hold φ′, dφ′/dy and φ″ to complex steps through φ and through φ′."""
    value, grad, bend = phi.numpy
    y = value(a, SLOPE)
    dy = np.linspace(-2, 3, a.size)
    first = grad(np.ones_like(a), y, SLOPE)
    exact = by_step(lambda a: value(a, SLOPE), a)
    np.testing.assert_allclose(first, exact, rtol=1e-13, atol=1e-15)  # 1 − y² cancels
    np.testing.assert_allclose(grad(dy, y, SLOPE), dy * first, rtol=1e-13)
    by_y = by_step(lambda y: grad(dy.astype(complex), y, SLOPE), y)
    np.testing.assert_allclose(bend(dy, y, SLOPE), by_y, rtol=1e-13)

    def first_of(a):
        return grad(np.ones_like(a), value(a, SLOPE), SLOPE)

    second = bend(first, y, SLOPE)  # φ″ = dφ′/dy · φ′
    np.testing.assert_allclose(second, by_step(first_of, a), rtol=1e-12, atol=1e-15)
    h = 1e-5
    central = (first_of(a + h) - first_of(a - h)) / (2 * h)
    np.testing.assert_allclose(second, central, rtol=1e-6, atol=1e-9)


def check_kinks(phi):
    """Hold that φ′ jumps at a kink, where it is the slope on the left, and nowhere else."""
    value, grad, _ = phi.numpy
    places = np.array(sorted({*phi.kinks, -2.5, -1.0, 0.0, 1.0, 2.5}))
    first = grad(np.ones_like(places), value(places, SLOPE), SLOPE)
    h = 1e-6
    middle = value(places, SLOPE)
    left = (middle - value(places - h, SLOPE)) / h
    right = (value(places + h, SLOPE) - middle) / h
    np.testing.assert_allclose(first, left, atol=1e-5)
    np.testing.assert_array_equal(abs(right - left) > 1e-3, np.isin(places, phi.kinks))


@every_phi
def test_derivatives(phi):
    check_derivatives(phi)


@every_phi
def test_kinks(phi):
    check_kinks(phi)
    assert phi.margin(np.array([[-0.5, 3.0], [4.0, 0.25]])) == (
        min(abs(a - k) for a in (-0.5, 3.0, 4.0, 0.25) for k in phi.kinks) if phi.kinks else inf
    )


def test_a_wrong_entry_is_rejected():
    softplus, tanh, leaky = phi_of("softplus"), phi_of("tanh"), phi_of("leaky_relu")
    sigmoid = phi_of("sigmoid")

    def with_bend(phi, bend):
        return replace(phi, numpy=phi.numpy._replace(bend=bend))

    def with_grad(phi, grad):
        return replace(phi, numpy=phi.numpy._replace(grad=grad))

    for wrong in (
        with_bend(softplus, lambda dy, y, slope: np.zeros_like(dy)),
        with_bend(softplus, lambda dy, y, slope: dy * np.exp(-2 * y)),
        with_bend(sigmoid, lambda dy, y, slope: dy * y * (1 - y) * (1 - 2 * y)),  # φ″ itself
        with_bend(tanh, lambda dy, y, slope: dy * 2 * y),
        with_bend(tanh, lambda dy, y, slope: -2 * y),
        with_bend(tanh, lambda dy, y, slope: dy * nan),
        with_grad(tanh, lambda dy, y, slope: dy * (1 - y)),
        with_grad(leaky, lambda dy, y, slope: np.where(y.real > 0, dy, 0.3 * dy)),
    ):
        with pytest.raises(AssertionError):
            check_derivatives(wrong)
    at_right = with_grad(leaky, lambda dy, y, slope: np.where(y.real >= 0, dy, slope * dy))
    for wrong in (replace(leaky, kinks=()), replace(tanh, kinks=(0.0,)), at_right):
        with pytest.raises(AssertionError):
            check_kinks(wrong)


@every_phi
def test_the_formula_as_one_would_write_it(phi):
    np.testing.assert_allclose(phi.formula(A, SLOPE), phi.numpy.value(A, SLOPE), rtol=1e-12)


@every_phi
@every_dtype
def test_numpy_keeps_the_dtype_and_gives_a_new_array(phi, dtype):
    a = A.astype(dtype)
    y = phi.numpy.value(a, SLOPE)
    results = y, phi.numpy.grad(a, y, SLOPE), phi.numpy.bend(a, y, SLOPE)
    for result in results:
        assert result.dtype == dtype
        assert not np.may_share_memory(result, a)
        assert np.isfinite(result).all()


# -- of one number --------------------------------------------------------------------------------


@every_phi
def test_one_number_in_plain_python(phi):
    y = phi.numpy.value(POINTS, SLOPE)
    ones = np.array([phi.number.value(a, SLOPE) for a in POINTS.tolist()])
    np.testing.assert_allclose(ones, y, rtol=1e-15, atol=1e-300)
    for name in ("grad", "bend"):
        of_one, over_arrays = getattr(phi.number, name), getattr(phi.numpy, name)
        got = np.array([of_one(3.0, y_i, SLOPE) for y_i in y.tolist()])
        expected = over_arrays(np.full(y.shape, 3.0), y, SLOPE)
        np.testing.assert_allclose(got, expected, rtol=1e-15, atol=1e-300)
    assert isnan(phi.number.value(nan, SLOPE))
    assert np.isnan(phi.numpy.value(np.array([nan]), SLOPE)).all()


@njit
def over(formula, dy, y, slope, out):
    for i in range(y.size):
        out[i] = formula(dy[i], y[i], slope)


@njit
def type_kept(formula, dy, y, slope):
    return formula(dy, y, slope)


@every_phi
@every_dtype
def test_one_number_compiled(phi, dtype):
    """What no operation uses yet, dφ′/dy, and the type of all: a float64 would be slow."""
    _, grad, bend = MATHS.phi[phi.name]
    y = phi.numpy.value(POINTS, SLOPE).astype(dtype)
    dy, out = np.full(y.shape, 3, dtype), np.empty_like(y)
    over(bend, dy, y, dtype(SLOPE), out)
    rounding = 8 * np.finfo(dtype).eps
    expected = phi.numpy.bend(dy.astype(float), y.astype(float), SLOPE)
    np.testing.assert_allclose(out, expected, rtol=rounding, atol=np.finfo(dtype).tiny)
    for formula in (grad, bend):
        type_kept(formula, dtype(1), dtype(0.5), dtype(SLOPE))
        assert type_kept.nopython_signatures[-1].return_type.bitwidth == 8 * dtype(0).itemsize


# -- what the entry says --------------------------------------------------------------------------


@every_phi
@pytest.mark.parametrize("slope", [0.0, 0.2, 0.999])
def test_values_lie_in_the_range(phi, slope):
    y = phi.numpy.value(np.linspace(-700, 700, 20_001), slope)
    low, high = phi.range
    assert low <= y.min()
    assert y.max() <= high


@every_phi
def test_the_range_is_no_wider_than_the_values(phi):
    y = phi.numpy.value(np.linspace(-700, 700, 20_001), 0.999)
    low, high = phi.range
    assert y.min() < (-600 if low == -inf else low + 0.01)
    assert y.max() > (600 if high == inf else high - 0.01)


@every_phi
def test_piecewise_linear_or_not(phi):
    cells = np.sort([-4.0, 4.0, *phi.kinks])
    bent = 0.0
    for left, right in pairwise(cells):
        y = phi.numpy.value(np.linspace(left, right, 9), SLOPE)
        bent = max(bent, abs(np.diff(y, 2)).max())
    assert bent < 1e-14 if phi.linear else bent > 1e-3


@every_phi
def test_sloped_or_not(phi):
    one, other = phi.numpy.value(A, 0.1), phi.numpy.value(A, 0.2)
    assert (one != other).any() == phi.sloped


def test_codes_are_places_and_identity_is_none():
    assert [code_of(name) for name in ACTIVATIONS] == list(range(len(ACTIVATIONS)))
    assert [phi_of(name).name for name in ACTIVATIONS] == list(TABLE)
    assert code_of("identity") == 0  # a product without φ has the code 0


@pytest.mark.parametrize("name", ["Relu", "", None, ["relu"], 3])
@pytest.mark.parametrize("find", [phi_of, code_of])
def test_an_unknown_name_lists_the_known_ones(find, name):
    with pytest.raises(UnknownNameError, match=r"unknown activation .* Known: .*relu"):
        find(name)
