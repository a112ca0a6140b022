"""Distances as a matrix product against differences written out."""

import math

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.metrics.distances import matrices, measurable, squared_distances, squares


def error(distances):
    """The largest error over random rows, in units of what rounding may add."""
    worst = 0.0
    for n, m, features in ((1, 1, 1), (7, 4, 3), (20, 30, 784)):
        rng = np.random.default_rng(n)
        a, b = rng.normal(size=(n, features)), rng.normal(size=(m, features))
        exact = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        scale = np.finfo(float).eps * features * (squares(a)[:, None] + squares(b))
        worst = np.maximum(worst, (np.abs(distances(a, b) - exact) / scale).max())
    return worst


def test_against_differences():
    assert error(squared_distances) <= 1
    assert error(lambda a, b: squared_distances(a, b, squares(a), squares(b))) <= 1
    assert error(lambda a, b: squared_distances(b, a).T) <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, b: squared_distances(a, b, squares(a)[::-1].copy() + 1),
        lambda a, b: squared_distances(a, -b),
        lambda a, b: squares(a)[:, None] + squares(b) - a @ b.T,
        lambda a, b: np.sqrt(squared_distances(a, b)),
        lambda a, b: np.full((len(a), len(b)), np.nan),
    ],
)
def test_a_wrong_variant_is_rejected(wrong):
    assert not error(wrong) <= 1e3


def test_rounding_brings_nothing_below_zero():
    rng = np.random.default_rng(0)
    x = 100 + rng.random((50, 300))
    expanded = squares(x)[:, None] - 2 * x @ x.T + squares(x)
    assert expanded.min() < 0
    assert squared_distances(x, x).min() == 0


def test_nan_stays():
    a = np.array([[np.nan, 0.0], [1.0, 0.0]])
    assert np.isnan(squared_distances(a, np.zeros((2, 2)))).tolist() == [[True] * 2, [False] * 2]


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((0, 3),), ((3, 0),), ((3,),), ((1, 2, 3),)])
def test_what_is_no_matrix_is_named(shapes):
    arrays = {f"x{i}": np.zeros(shape) for i, shape in enumerate(shapes)}
    with pytest.raises(ShapeError, match=r"^x0 \(.*expected matrices \(examples, features\)"):
        matrices(**arrays)
    x = np.zeros((9, 2))
    assert matrices(x0=np.zeros((1, 2)), x1=x)[1] is x
    assert matrices(x0=[[1, 2], [3, 4]])[0].shape == (2, 2)


@pytest.mark.parametrize("value", [0.0, 1e150, -1e150])
def test_what_can_be_measured(value):
    for bad in (math.nan, math.inf, -math.inf, 1.01e150, -1.01e150):
        assert not measurable(np.array([[0.0, value], [bad, 1.0]]))
    assert measurable(np.array([[0.0, value]]))
    assert not measurable(np.array([[2.0]]), farthest=np.float64(1))
    assert measurable(np.ones((2, 2), np.uint8))
