"""Checks of arguments: what is taken becomes plain, what is not is named with its value."""

import math
import re

import numpy as np
import pytest

from scratchgan import checks
from scratchgan.errors import DataError, ShapeError, UnknownNameError

NO_NUMBERS = ["3", b"3", None, True, np.True_, [3], 1 + 2j, np.array([3, 4]), int, {}]


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.uint8(3), np.array(3)])
def test_whole_numbers_become_an_int(value):
    found = checks.whole("Trainer", "k", value, 1, 3)
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0, 4, 1.5, math.nan, math.inf, -math.inf, 10**400])
def test_what_is_no_whole_number_in_the_range(value):
    with pytest.raises(ValueError, match=r"Trainer: k is .*; expected a whole number from 1 to 3$"):
        checks.whole("Trainer", "k", value, 1, 3)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int8(1), np.array(1.0)])
def test_numbers_become_a_float(value):
    found = checks.number("Adam", "rate", value, 0, 1)
    assert found == 1
    assert type(found) is float


@pytest.mark.parametrize("value", [*NO_NUMBERS, -0.1, 1.1, math.nan, math.inf, 10**400])
def test_what_is_no_number_in_the_range(value):
    with pytest.raises(ValueError, match=r"^rate is .*; expected a number at least 0 and at most"):
        checks.number("", "rate", value, 0, 1)


def test_bounds_may_be_left_out():
    assert checks.number("a", "b", 0.5, 0, 1, above=True, below=True) == 0.5
    for value, sides in ((0, {"above": True}), (1, {"below": True})):
        assert checks.number("a", "b", value, 0, 1) == value
        with pytest.raises(ValueError, match="a: b is"):
            checks.number("a", "b", value, 0, 1, **sides)
    assert checks.number("a", "b", -1e300) == -1e300
    with pytest.raises(ValueError, match="expected a number$"):
        checks.number("a", "b", math.inf)


@pytest.mark.parametrize("value", [1, 0, "True", None, np.array([True])])
def test_flags(value):
    assert checks.flag("SGD", "nesterov", np.True_) is True
    assert checks.flag("SGD", "nesterov", False) is False
    with pytest.raises(ValueError, match="nesterov is .*; expected True or False"):
        checks.flag("SGD", "nesterov", value)


@pytest.mark.parametrize("value", [-1, 2**64, None, "1", 0.5])
def test_seeds(value):
    assert checks.seed("Trainer", "seed", 2**64 - 1) == 2**64 - 1
    assert checks.seed("Trainer", "seed", np.int64(0)) == 0
    with pytest.raises(ValueError, match="0 ≤ seed < 2⁶⁴"):
        checks.seed("Trainer", "seed", value)


@pytest.mark.parametrize("name", ["cpa", None, ["cpu"], {}, 3])
def test_names(name):
    assert checks.one_of("backend", "cpu", {"cpu": 1, "cuda": 2}) == "cpu"
    with pytest.raises(UnknownNameError, match="Known: cpu, cuda"):
        checks.one_of("backend", name, ["cpu", "cuda"])


def test_instances_and_their_classes():
    assert checks.instance("a", "b", "x", str, "a string") == "x"
    with pytest.raises(ValueError, match=re.escape("the class str; expected a string (call the")):
        checks.instance("a", "b", str, (str, int), "a string")
    with pytest.raises(ValueError, match=r"a: b is 2; expected a string$"):
        checks.instance("a", "b", 2, str, "a string")
    with pytest.raises(ValueError, match=r"b is 2; expected a string$"):
        checks.text("a", "b", 2)
    assert checks.function("a", "b", len) is len
    for value in (3, None, str):
        with pytest.raises(ValueError, match="expected a function"):
            checks.function("a", "b", value)


class Table:
    shape = (3, 2)

    def to_numpy(self):
        return np.zeros(self.shape)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            Table(),
            "a Table of shape (3, 2); expected a NumPy array of numbers (convert it with .to_nu",
        ),
        ("abc", "'abc'; expected a NumPy array"),
        (None, "None; expected a NumPy array"),
        ([[1.0], [1.0, 2.0]], "expected rows of equal length"),
        (np.array(["a"]), "expected real numbers"),
        (np.zeros((2, 2), complex), "of dtype complex128; expected real numbers"),
        (np.array([object()]), "expected real numbers"),
        (np.zeros(4), "shape (4,); expected (any, 2) (give a single feature as a column"),
        (np.zeros((4, 3)), "shape (4, 3); expected (any, 2)"),
        (np.zeros((1, 2)), "1 rows; expected at least 2"),
    ],
)
def test_what_is_no_array(value, said):
    with pytest.raises(ShapeError, match=re.escape(said)):
        checks.array("evaluate", "x", value, (None, 2), rows=2)


def test_arrays():
    x = np.ones((3, 2), np.float32)
    assert checks.array("a", "x", x, (None, 2), finite=True) is x
    assert checks.array("a", "x", [[1, 2]]).dtype == np.int64
    with pytest.raises(DataError, match="masked"):
        checks.array("a", "x", np.ma.masked_greater(x, 0))
    x[0, 0], x[1, 1] = np.nan, np.inf
    assert checks.array("a", "x", x) is x
    with pytest.raises(DataError, match="2 values that are NaN or infinite"):
        checks.array("a", "x", x, finite=True)


def test_labels():
    """Classes from 0 on with an example of each, whatever kind of integers they are."""
    for kind in (np.uint8, np.int64, np.uint64, ">i4"):
        found = checks.labels("a", "y", np.array([2, 0, 1, 1], kind), 4)
        assert found.tolist() == [2, 0, 1, 1]
        assert found.dtype == np.int32
    assert checks.labels("a", "y", [0, 0], 2, classes=1).tolist() == [0, 0]
    assert checks.labels("a", "y", np.unique([7, 3, 9], return_inverse=True)[1], 3).max() == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            [1, 2, 3],
            "a: y holds the classes 1, 2, 3; expected 0, 1, 2, each with an example (np.un",
        ),
        ([0, 2, 2], "holds the classes 0, 2; expected 0, 1,"),
        ([-1, 0, 1], "holds the classes -1, 0, 1; expected"),
        ([0, 0, 2**31], "holds the classes 0, 2147483648; expected 0, 1"),
        (np.array([0, 1, 2**63], np.uint64), "the classes 0, 1, 9223372036854775808"),
        ([0.0, 1.0, 2.0], "float64; expected integers (number the classes from 0)"),
        ([True, False, True], "bool; expected integers"),
        (["a", "b", "a"], "expected real numbers, one label for each example"),
        ([0, 1], "has shape (2,); expected (3,), one label for each example"),
        ([[0], [1], [0]], "has shape (3, 1); expected (3,)"),
        (np.ma.masked_greater(np.array([0, 1, 2]), 1), "masked"),
        (None, "a: y is None"),
        ([0, 1, 0], "holds examples of 2 classes; expected 3"),
        ([0, 0, 0], "holds examples of 1 classes; expected 3"),
    ],
)
def test_what_are_no_labels(value, said):
    with pytest.raises(DataError, match=re.escape(said)):
        checks.labels("a", "y", value, 3, classes=3)


def test_many_classes_are_named_briefly():
    with pytest.raises(DataError, match=re.escape("classes 0, 2, …, 18; expected 0, 1, …, 9,")):
        checks.labels("a", "y", np.arange(0, 20, 2), 10)


def test_long_values_are_cut():
    assert len(checks.shown("x" * 1000)) < 100
    assert checks.shown(10**5000) == "a int"
