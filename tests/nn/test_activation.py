"""Activations as layers: any φ by its name, and a class for each of daily use."""

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, get_backend
from scratchgan.errors import UnknownNameError
from scratchgan.nn import Activation, Context, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh

OPS = get_backend("reference")
X = np.random.default_rng(0).normal(size=(4, 3))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (ReLU(), "relu"),
        (LeakyReLU(0.3), "leaky_relu"),
        (Sigmoid(), "sigmoid"),
        (Tanh(), "tanh"),
        (Softplus(), "softplus"),
    ],
    ids=repr,
)
def test_a_class_is_its_activation(layer, name):
    y, cache = layer.forward({}, X, Context(OPS))
    np.testing.assert_array_equal(y, OPS.activation(X, name, 0.3))
    dx = layer.backward({}, cache, X, Context(OPS))
    np.testing.assert_array_equal(dx, OPS.activation_grad(X, y, name, 0.3))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_by_name(name):
    layer = Activation(name, 0.3)
    y, cache = layer.forward({}, X, Context(OPS))
    np.testing.assert_array_equal(y, OPS.activation(X, name, 0.3))
    assert cache.y is y
    assert layer.backward({}, cache, X, Context(OPS), need_dx=False) is None


def test_what_is_printed():
    layers = Activation("tanh"), Activation("leaky_relu", 0.1), LeakyReLU(), ReLU(), Softplus()
    printed = ["Activation(tanh)", "Activation(leaky_relu, 0.1)", "LeakyReLU(0.2)"]
    assert [repr(layer) for layer in layers] == [*printed, "ReLU()", "Softplus()"]


def test_wrong_arguments():
    with pytest.raises(UnknownNameError, match="unknown activation 'softpluss'; did you mean 'sof"):
        Activation("softpluss")
    with pytest.raises(ValueError, match=r"Activation: slope is 1\.0"):
        Activation("leaky_relu", 1.0)
    with pytest.raises(ValueError, match="LeakyReLU: slope is -1"):
        LeakyReLU(-1)
