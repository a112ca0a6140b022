"""``close`` decides what it can, and raises on what it cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.course.claims import close
from scratchgan.errors import NonFiniteError, ShapeError
from scratchgan.theory.estimate import Estimate

numbers = st.floats(allow_nan=False, allow_infinity=True)
finite = st.floats(-1e150, 1e150)


@given(numbers)
def test_a_number_equals_itself(a):
    assert close(a, a, 0)


@given(numbers, numbers, st.floats(0, 1e-3))
def test_the_order_of_the_sides_does_not_matter(a, b, tolerance):
    assert close(a, b, tolerance) == close(b, a, tolerance)


@given(finite, st.floats(1e-12, 1e-3))
def test_the_tolerance_is_the_line_between_equal_and_not(a, tolerance):
    scale = max(1.0, abs(a))
    assert close(a, a + 0.9 * tolerance * scale, tolerance)
    assert not close(a, a + 1.1 * tolerance * scale, tolerance)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1.0, 1.0 + 1e-10, True),
        (1.0, 1.0 + 1e-8, False),
        (0.0, 1e-10, True),
        (1e9, 1e9 + 0.5, True),
        (1e9, 1e9 + 5, False),
        (np.float32(0.1), 0.1, False),
        (0.5, -0.5, False),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (np.inf, 1.0, False),
        (-1.0, -np.inf, False),
        (np.array([1.0, np.inf]), np.array([1.0, np.inf]), True),
        (np.array([1.0, np.inf]), np.array([2.0, np.inf]), False),
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.1]), False),
        (np.array([0, 1], np.uint8), np.array([1, 0], np.uint8), False),
        ([[1, 2]], np.array([[1.0, 2.0]]), True),
        (True, 1, True),
        (True, True, True),
        (True, False, False),
    ],
)
def test_cases(left, right, equal):
    assert close(left, right) is equal
    assert close(right, left) is equal


@pytest.mark.parametrize(
    ("left", "right"), [(np.nan, np.nan), (0.0, np.nan), ([np.nan, 1.0], [0.0, 2.0])]
)
def test_nan_decides_nothing(left, right):
    with pytest.raises(NonFiniteError, match="expected numbers"):
        close(left, right)
    with pytest.raises(NonFiniteError, match="expected numbers"):
        close(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [(np.ones(3), 1.0), (np.ones((3, 1)), np.ones(3)), (np.ones((2, 3)), np.ones((3, 2)))],
)
def test_nothing_is_broadcast(left, right):
    with pytest.raises(ShapeError, match="expected the same shape"):
        close(left, right)


def test_empty_arrays_decide_nothing():
    with pytest.raises(ShapeError, match="expected numbers to compare"):
        close(np.ones((0, 3)), np.ones((0, 3)))


@pytest.mark.parametrize("side", ["1", 1j, None, [np.array(1j)]])
def test_other_things_than_real_numbers_are_refused(side):
    with pytest.raises(TypeError, match="expected real numbers"):
        close(side, side)


@pytest.mark.parametrize("side", [np.ma.masked_greater([1.0, 2.0], 1), [np.ma.masked]])
def test_masks_are_not_lost(side):
    with pytest.raises(TypeError, match="mask"):
        close(side, side)


def test_rows_of_several_lengths():
    with pytest.raises(ShapeError, match="right has rows of several lengths"):
        close([[1], [2]], [[1], [1, 2]])


@pytest.mark.parametrize("tolerance", [-1e-9, np.inf, np.nan, 1, 1e300, "1e-9", None, True])
def test_a_bad_tolerance_is_refused(tolerance):
    assert close(1.0, 1.1, np.float32(0.25))
    with pytest.raises(ValueError, match="tolerance is"):
        close(1.0, 1.0, tolerance)


def test_the_value_of_an_estimate_counts_and_its_error_does_not_join_the_comparison():
    assert close(Estimate(2.0, 1e-12), 2.0)
    assert not close(Estimate(2.0, 1e-12), 2.1)
    assert close(Estimate(2.0, 1e-12), Estimate(2.0, 1e-14))
    assert close(Estimate(np.inf, 0.0), np.inf)
    assert close([Estimate(2.0, 1e-12), Estimate(3.0, 0.0)], np.array([2.0, 3.0]))
    with pytest.raises(ShapeError):
        close(Estimate(2.0, 1e-12), (2.0, 1e-12))


@pytest.mark.parametrize("error", [1e-6, np.inf, np.nan])
def test_an_estimate_coarser_than_the_tolerance_decides_nothing(error):
    with pytest.raises(ValueError, match="larger than the tolerance"):
        close(Estimate(2.0, error), 2.0)
    with pytest.raises(ValueError, match="larger than the tolerance"):
        close(np.array([2.0, 1.0]), [Estimate(3.0, error), Estimate(1.0, 0.0)])
    assert close(Estimate(2.0, 1e-6), 2.0, 1e-5)


def test_the_larger_side_is_the_scale():
    assert close(1.0, 2.0, 0.6)
    assert close(2.0, 1.0, 0.6)
    assert not close(1.0, 2.0, 0.4)


def test_the_errors_of_both_sides_add_up():
    half = Estimate(0.5, 0.6e-9)
    assert close(half, 0.5)
    with pytest.raises(ValueError, match="larger than the tolerance"):
        close(half, half)
