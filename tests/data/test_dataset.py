import dataclasses
import tracemalloc

import numpy as np
import pytest

from scratchgan.data import Dataset
from scratchgan.errors import DataError
from scratchgan.theory import Normal, ring


def make(**changes):
    """Return a good data set of 4 images of 2 × 3 pixels in two classes, but for the changes."""
    fields = {
        "name": "tiny",
        "x": np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6),
        "labels": np.array([0, 1, 1, 0], np.int32),
        "label_names": ("cat", "dog"),
        "image_shape": (2, 3),
        "value_range": (0.0, 1.0),
        "source": "a test",
        "licence": "MIT",
        "x_test": np.zeros((2, 6), np.float32),
        "labels_test": np.array([1, 1], np.int32),
    }
    return Dataset(**(fields | changes))


def test_properties_and_description():
    data = make()
    assert (data.n, data.features, data.classes) == (4, 6, 2)
    assert data.describe() == (
        "tiny: 4 examples and 2 held out of 2 × 3 pixels, float32\n"
        "values:  from 0 to 1\n"
        "labels:  cat, dog\n"
        "source:  a test\n"
        "licence: MIT"
    )


def test_arrays_are_float32_contiguous_and_read_only():
    wide = np.asfortranarray(np.linspace(0, 1, 24).reshape(4, 6))
    data = make(x=wide, labels=np.array([0, 1, 1, 0], np.uint8))
    assert data.x.dtype == np.float32
    assert data.x.flags.c_contiguous
    assert np.abs(data.x - wide).max() <= 1e-7
    assert data.labels.dtype == np.int32
    for array in (data.x, data.labels, data.x_test, data.labels_test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


def test_the_caller_s_array_is_left_alone():
    x = np.zeros((3, 2), np.float32)
    data = Dataset.from_array(x, name="mine")
    x[0, 0] = 7  # still writable, and no longer the data set's
    assert data.x[0, 0] == 0
    make(
        x=x,
        x_test=None,
        labels=None,
        label_names=(),
        labels_test=None,
        image_shape=None,
        value_range=(0, 7),
    )
    x[0, 0] = 8
    labels = np.zeros(3, np.int32)
    data = Dataset.from_array(x, name="mine", labels=labels)
    labels[0] = 5
    assert data.labels[0] == 0


def test_from_array_finds_out_what_it_is_not_told():
    data = Dataset.from_array(np.array([[1.0, -2.0], [0.5, 3.0]]), name="mine", labels=[1, 0])
    assert data.value_range == (-2.0, 3.0)
    assert data.label_names == ("0", "1")
    assert data.classes == 2
    images = Dataset.from_array(np.zeros((5, 4, 3)), name="images")
    assert images.x.shape == (5, 12)
    assert images.image_shape == (4, 3)
    assert images.classes == 0
    lists = Dataset.from_array([[0.0], [1.0]], name="lists", density=Normal())
    assert lists.n == 2
    assert "2 examples of 1 feature, float32" in lists.describe()


def holed(value):
    x = np.zeros((4, 6))
    x[2, 5] = value
    return x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": holed(np.nan)}, r"x has 1 values that are not finite .*\(nan\) at row 2, column 5"),
        ({"x": holed(-np.inf)}, r"\(-inf\) at row 2, column 5; remove or replace"),
        ({"x": holed(1e300)}, r"not finite in float32, the first \(1e\+300\)"),
        ({"x_test": np.full((2, 6), np.nan)}, "x_test has 12 values"),
        ({"x": np.zeros((4, 6), int)}, "dtype int64; .*astype.*divide pixels by the largest"),
        ({"x": np.zeros((4, 6), np.uint8)}, "dtype uint8"),
        ({"x": np.zeros((4, 6), bool)}, "dtype bool; expected floating point"),
        ({"x": np.full((4, 6), "a")}, "dtype <U1"),
        ({"x": np.zeros((4, 6), complex)}, "dtype complex128"),
        ({"x": [[0.0, 1.0], [2.0]]}, "x is .*; expected rows of equal length"),
        ({"x": np.zeros(6)}, r"shape \(6,\); expected \(n, features\)"),
        ({"x": np.zeros((4, 2, 3))}, r"shape \(4, 2, 3\)"),
        ({"x": np.zeros((0, 6))}, "x is empty"),
        ({"x": np.zeros((4, 0))}, "x is empty"),
        ({"x_test": np.zeros((2, 5))}, "x_test has 5 features and x has 6"),
        ({"labels": np.zeros(3, np.int32)}, r"labels has shape \(3,\); expected \(4,\)"),
        ({"labels": np.zeros((4, 1), np.int32)}, r"labels has shape \(4, 1\)"),
        ({"labels": np.zeros(4)}, "labels is float64; expected integers"),
        ({"labels": np.array([0, 1, 2, 0])}, "examples of 3 classes; expected 2"),
        (
            {"labels": np.array([0, -1, 1, 0])},
            r"the classes -1, 0, 1; expected 0, 1, 2, each with an ex",
        ),
        ({"labels_test": np.array([0, 2])}, "labels_test has values from 0 to 2"),
        ({"labels_test": np.array([0])}, r"labels_test has shape \(1,\)"),
        ({"labels_test": None}, "none for x_test; give labels_test"),
        ({"x_test": None}, "there is labels_test, and no x_test"),
        ({"labels": None, "labels_test": None}, "label_names but no labels"),
        ({"image_shape": (3, 3)}, r"image_shape \(3, 3\) has 9 pixels and x has 6"),
        ({"value_range": (0.0, 0.5)}, "x has values from 0 to 1, outside"),
        ({"x_test": np.full((2, 6), 2.0)}, "x_test has values from 2 to 2, outside"),
        ({"value_range": (1.0, 0.0)}, r"value_range is \(1.0, 0.0\); expected the lower number"),
        ({"value_range": (0.0, 1.0, 2.0)}, "expected two numbers, .low, high"),
        ({"labels": np.zeros(4, int)}, "labels holds examples of 1 classes; expected 2"),
        (
            {"labels": np.array([1, 2, 2, 1])},
            "the classes 1, 2; expected 0, 1, each with an example",
        ),
        ({"labels_test": np.array([0.0, 1.0])}, "labels_test is float64; expected integers"),
        (
            {"labels_test": np.array([-1, 1])},
            "labels_test has values from -1 to 1; expected 0 to 1",
        ),
        ({"labels_test": np.array(["a", "b"])}, "expected real numbers"),
        ({"x": np.ma.masked_greater(np.zeros((4, 6)), 1)}, "x is a masked array"),
        ({"image_shape": (6,)}, r"image_shape is \(6,\); expected two numbers"),
        ({"density": ring()}, "density has dimension 2 and x has 6"),
    ],
)
def test_bad_input_is_named_with_its_remedy(changes, message):
    with pytest.raises(DataError, match=f"data set 'tiny': .*{message}"):
        make(**changes)


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), None, "dtype uint8"),
        (np.zeros(5), None, r"to \(n, 1\) if"),
        (np.zeros((0, 2)), None, "empty"),
        ([[0.0], [1.0, 2.0]], None, "expected rows of equal length"),
        (np.zeros((2, 2)), [0.0, 1.0], "expected integers"),
        (np.zeros((2, 2)), [], r"labels has shape \(0,\)"),
        (np.zeros((2, 2)), [-1, 0], "the classes -1, 0; expected 0, 1"),
        (np.zeros((2, 2)), [0, 1, 2], r"expected \(2,\)"),
    ],
)
def test_from_array_refuses_bad_input(x, labels, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_array(x, name="mine", labels=labels)


class Table:
    shape = (3, 2)

    def to_numpy(self):
        return np.zeros(self.shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 3}, "data set: name is 3; expected a string"),
        ({"source": None}, "source is None; expected a string"),
        ({"licence": ["MIT"]}, "licence is .*; expected a string"),
        ({"label_names": "ab"}, "label_names is 'ab'; expected a tuple of names"),
        ({"label_names": (0, 1)}, "label_names is 0; expected a string"),
        ({"image_shape": 6}, "image_shape is 6; expected two numbers, .height, width"),
        ({"image_shape": "ab"}, "image_shape is 'ab'; expected two numbers"),
        ({"image_shape": (-2, -3)}, "image_shape is -2; expected a whole number, at least 1"),
        ({"image_shape": (2.5, 3)}, "image_shape is 2.5; expected a whole number"),
        ({"value_range": (np.nan, 1)}, "value_range is nan; expected a number"),
        ({"value_range": 1.0}, "value_range is 1.0; expected two numbers, .low, high"),
        ({"value_range": ("0", 1)}, "value_range is '0'; expected a number"),
        ({"density": 3}, "density is 3; expected a Density, or None"),
        ({"density": Normal}, "density is the class Normal; .*call the class"),
        ({"x": Table()}, r"x is a Table of shape \(3, 2\); .*convert it with .to_numpy\(\)"),
        ({"labels": Table()}, r"convert it with .to_numpy\(\)"),
        ({"x": None}, "x is None; expected a NumPy array"),
    ],
)
def test_arguments_of_another_kind(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_numbers_of_numpy_are_numbers():
    data = make(image_shape=[np.int64(2), 3.0], value_range=[np.float32(0), 1])
    assert data.image_shape == (2, 3)
    assert data.value_range == (0.0, 1.0)
    assert make(value_range=(0.0, 2.0)).value_range == (0.0, 2.0)
    flat = Dataset.from_array(np.zeros((2, 2)), name="zeros", value_range=(0.0, 0.0))
    assert flat.value_range == (0.0, 0.0)


def test_a_label_s_size_costs_no_memory():
    """2³¹ is a number that cannot be a class here, not two milliards of names."""
    tracemalloc.start()
    try:
        for label in (2**31, 2**62):
            with pytest.raises(DataError, match=f"labels holds the classes {label}; expected 0"):
                Dataset.from_array(np.zeros((50, 2)), name="x", labels=np.full(50, label))
        assert tracemalloc.get_traced_memory()[1] <= 1 << 20
    finally:
        tracemalloc.stop()


def test_the_last_examples_are_held_back():
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    data = Dataset.from_array(x, name="x", labels=np.array([0, 1, 0, 1, 2]))
    seen, held_back = data.split(2)
    assert seen.x.tolist() == x[:3].tolist()
    assert held_back.x.tolist() == x[3:].tolist()
    assert (seen.labels.tolist(), held_back.labels.tolist()) == ([0, 1, 0], [1, 2])
    seen, held_back = data.split(0)
    assert (len(seen.x), len(held_back.x)) == (5, 0)
    assert Dataset.from_array(x, name="x").split(2)[0].labels is None


@pytest.mark.parametrize("validation", [-1, 5, 2.5, True])
def test_something_is_left_to_train_on(validation):
    data = Dataset.from_array(np.ones((5, 2)), name="x")
    with pytest.raises(ValueError, match="data set 'x': validation is"):
        data.split(validation)
