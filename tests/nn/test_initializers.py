"""Initialisers draw from the distribution that their formula names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scratchgan.errors import DataError, ShapeError
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.nn.initializers import (
    constant,
    data_marginals,
    glorot,
    he,
    normal,
    orthogonal,
    uniform,
    zeros,
)

SHAPE = (300, 500)
UNIFORM, NORMAL = math.sqrt(3), math.inf  # largest value over standard deviation


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (2, 30)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_orthogonal(shape, dtype):
    w = orthogonal(1.5)(np.random.default_rng(0), shape, dtype)
    assert (w.shape, w.dtype) == (shape, dtype)
    product = w.T @ w if shape[0] >= shape[1] else w @ w.T
    error = np.abs(product - 1.5**2 * np.eye(min(shape))).max()
    assert error <= 30 * np.finfo(dtype).eps
    other = orthogonal(1.5)(np.random.default_rng(1), shape, dtype)
    assert (w != other).any()


def test_orthogonal_has_no_preferred_signs():
    """QR alone gives R a diagonal of fixed signs, and so Q a bias."""
    rng = np.random.default_rng(0)
    corners = np.array([orthogonal()(rng, (3, 3), np.float64)[0, 0] for _ in range(2000)])
    assert abs(corners.mean()) <= 4.5 * math.sqrt(1 / 3 / 2000)
    assert abs((corners**2).mean() - 1 / 3) <= 0.03


@pytest.mark.parametrize(
    ("initializer", "std", "reach"),
    [
        (uniform(0.05), 0.05 / math.sqrt(3), UNIFORM),
        (glorot(), math.sqrt(2 / 800), UNIFORM),  # Var = r² / 3 = 2 / (fan_in + fan_out)
        (he(), math.sqrt(2 / 300), NORMAL),
        (normal(0.02), 0.02, NORMAL),
    ],
    ids=["uniform", "glorot", "he", "normal"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spread(initializer, std, reach, dtype):
    draw = initializer(np.random.default_rng(0), SHAPE, dtype)
    assert draw.shape == SHAPE
    assert draw.dtype == dtype
    w = draw.astype(float) / std
    n = w.size
    assert abs(w.mean()) <= 4.5 / math.sqrt(n)
    kurtosis = 9 / 5 if reach == UNIFORM else 3
    assert abs((w**2).mean() - 1) <= 4.5 * math.sqrt((kurtosis - 1) / n)
    assert abs((w**4).mean() - kurtosis) <= 4.5 * math.sqrt(96 / n)  # tells uniform from normal
    assert np.abs(w).max() <= reach * (1 + 1e-6)
    again = initializer(np.random.default_rng(0), SHAPE, dtype)
    other = initializer(np.random.default_rng(1), SHAPE, dtype)
    np.testing.assert_array_equal(draw, again)
    assert (draw != other).mean() > 0.99


def test_zeros_and_constant():
    rng = np.random.default_rng(0)
    assert zeros()(rng, (2, 3), np.float32).tolist() == [[0, 0, 0], [0, 0, 0]]
    values = np.array([1.0, 2.0, 3.0])
    drawn = constant(values)(rng, (3,), np.float32)
    assert drawn.tolist() == [1, 2, 3]
    assert drawn.dtype == np.float32
    drawn[:] = 0  # the caller's values are not the parameter
    assert values.tolist() == [1, 2, 3]
    assert constant(0.5)(rng, (2,), np.float64).tolist() == [0.5, 0.5]
    with pytest.raises(ShapeError, match=r"constant: values have shape \(3,\); .* \(4,\)"):
        constant(values)(rng, (4,), np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_data_marginals_make_the_mean_image(dtype):
    """A sigmoid layer whose weights are 0 then answers with the mean of the data."""
    rng = np.random.default_rng(0)
    data = (rng.random((200, 6)) < [0.1, 0.3, 0.5, 0.7, 0.9, 0.99]).astype(dtype)
    layer = Linear(4, 6, "sigmoid", weight=zeros(), bias=data_marginals(data))
    image = Network(Sequential(layer), dtype=np.float64)(np.ones((1, 4)))
    np.testing.assert_allclose(image[0], data.mean(axis=0), rtol=1e-6)


def test_data_marginals_of_constant_pixels_are_finite():
    data = np.array([[0.0, 1.0, 0.5], [0.0, 1.0, 0.5]])
    bias = data_marginals(data, eps=1e-3)(np.random.default_rng(0), (3,), np.float64)
    np.testing.assert_allclose(bias, [-math.log(999), math.log(999), 0], rtol=1e-12)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            np.array([[0.0, 1.5]]),
            r"data_marginals: data has values in \[0, 1\.5\]; expected \[0, 1\]",
        ),
        (np.array([[-1.0, 1.0]]), r"\[-1, 1\]; expected \[0, 1\], the range of a sigmoid"),
        (np.array([[0.5, np.nan]]), "data_marginals: .*nan"),
        (np.zeros((0, 4)), "data_marginals: .*empty"),
    ],
    ids=["above 1", "below 0", "nan", "empty"],
)
def test_data_outside_the_range_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        data_marginals(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(-0.1), "uniform: r is -0.1; expected a number at least 0"),
        (lambda: uniform(math.nan), "uniform: r is nan"),
        (lambda: normal(-1), "normal: std is -1; expected a number at least 0"),
    ],
)
def test_negative_spreads_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_means_are_clipped_to_a_ten_millionth_unless_told_otherwise():
    data = np.array([[0.0, 1.0]])
    for options, eps in [({}, 1e-7), ({"eps": 1e-3}, 1e-3)]:
        drawn = data_marginals(data, **options)(np.random.default_rng(0), (2,), np.float64)
        np.testing.assert_allclose(
            drawn, [np.log(eps / (1 - eps)), np.log((1 - eps) / eps)], rtol=1e-8
        )
