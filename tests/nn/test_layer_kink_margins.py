"""How far the nearest kink is: each layer's margin against the closed form, and each default."""

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.backends.activations import phi_of
from scratchgan.nn import (
    Concat,
    Context,
    Dropout,
    LeakyReLU,
    Linear,
    Maxout,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from scratchgan.testing import check_layer

CTX = Context(get_backend("reference"), training=True, stream=Stream(seed=3))
X = np.array([[1.0, -0.25, 3.0], [-2.0, 0.5, 4.0]])
INF = float("inf")


def margin(layer, x, params=None, ctx=CTX):
    params = layer.init(np.random.default_rng(0), np.float64) if params is None else params
    return layer.kink_margin(params, x, ctx)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (ReLU(), 0.25),
        (LeakyReLU(), 0.25),
        (Sigmoid(), INF),
        (Tanh(), INF),
        (Softplus(), INF),
        (Dropout(0.5), INF),
        (Maxout(1, 3), 1.0),  # 1 against 3 and 0.5 against 4: two pieces meet halfway
        (Maxout(3, 1), INF),
        (Sequential(), INF),
    ],
    ids=repr,
)
def test_of_a_layer_without_parameters(layer, expected):
    assert margin(layer, X, ()) == expected


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_of_a_linear_layer(activation):
    layer = Linear(3, 2, activation)
    params = layer.init(np.random.default_rng(1), np.float64)
    a = X @ params["weight"] + params["bias"]
    kinks = phi_of(activation).kinks
    expected = min((abs(a - kink).min() for kink in kinks), default=INF)
    assert margin(layer, X, params) == pytest.approx(expected, rel=1e-14)
    assert abs(a).min() < 0.9 * abs(a).max()


def test_of_layers_behind_each_other_is_the_nearest():
    assert margin(Sequential(LeakyReLU(0.5), ReLU()), X) == 0.125
    shift = Linear(
        3, 3, "relu", weight=lambda r, s, d: np.eye(3), bias=lambda r, s, d: np.full(3, 0.3)
    )
    assert margin(Sequential(Tanh(), shift), X) == pytest.approx(0.3 - np.tanh(0.25))
    assert margin(Sequential(ReLU(), shift), X) == 0.25


def test_of_a_pair_is_the_nearest():
    assert margin(Concat(ReLU(), ReLU()), (X, 10 * X)) == 0.25
    assert margin(Concat(ReLU(), ReLU()), (10 * X, X)) == 0.25


def test_each_part_stands_at_its_own_place_in_the_stream():
    """Two masks in a row are two masks: forward, backward, jvp and the margin agree on them."""
    wide = np.random.default_rng(0).normal(size=(3, 40))
    one, two = Dropout(0.5), Dropout(0.5)
    for layer, x in [
        (Concat(one, Sequential(two, Linear(40, 2, "relu"))), (wide, wide)),
        (Concat(Sequential(one, two), two), (wide, wide)),
        (Sequential(one, Tanh(), two), wide),
    ]:
        check_layer(layer, x, ctx=CTX)
        assert layer.random_operations == repr(layer).count("Dropout")
    y, _ = Concat(one, two).forward(({}, {}), (wide, wide), CTX)
    assert ((y[:, :40] == 0) != (y[:, 40:] == 0)).any()
    inner = Sequential(two, Linear(40, 2, "relu"))
    params = inner.init(np.random.default_rng(0), np.float64)
    joined = margin(Concat(one, inner), (wide, wide), ({}, params))
    assert joined == margin(inner, wide, params, CTX.at(1)) != margin(inner, wide, params, CTX)


def test_default_slopes():
    x = np.array([[-1.0, 2.0]])
    for layer in (LeakyReLU(), Linear(2, 2, "leaky_relu", weight=lambda r, s, d: np.eye(2))):
        params = layer.init(np.random.default_rng(0), np.float64)
        assert layer.forward(params, x, CTX)[0].tolist() == [[-0.2, 2.0]]
