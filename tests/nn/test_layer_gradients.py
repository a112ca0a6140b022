"""Every layer, and small networks of them: dx, every parameter, jvp, adjoint, contract."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.gradcheck import assert_adjoint, gradcheck
from scratchgan.nn import (
    Activation,
    BatchNorm,
    Concat,
    Context,
    Dropout,
    LayerNorm,
    LeakyReLU,
    Linear,
    Maxout,
    MinibatchDiscrimination,
    Projection,
    ReferenceBatch,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
    VirtualBatchNorm,
)
from scratchgan.nn.initializers import he
from scratchgan.nn.initializers import normal as normal_values
from scratchgan.testing import KINDS, check_contract, check_layer, dyadics, layer_cases

REFERENCE = get_backend("reference")
TRAINING = Context(REFERENCE, training=True, stream=Stream(seed=3))


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(st.data())
@pytest.mark.slow
def test_derivatives(kind, data):
    """jvp at every example, and one of three measures of dx and the parameters' gradients."""
    case = data.draw(layer_cases(kind))
    at = {"params": case.params, "ctx": case.ctx}
    mode, method = data.draw(
        st.sampled_from([("full", "central"), ("full", "complex"), ("directional", "central")])
    )
    report = gradcheck(case.layer, case.x, **at, mode=mode, method=method)
    assert report.ok, str(report)
    assert_adjoint(case.layer, case.x, **at, method=method, directions=1)


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(st.data())
@pytest.mark.slow
def test_contract(kind, data):
    case = data.draw(layer_cases(kind))
    check_contract(case.layer, case.x, params=case.params, ctx=case.ctx)


# -- each layer by name, at one point, with all measures -------------------------------------------

EVERY = {
    **{f"Linear {name}": (Linear(4, 3, name), (5, 4)) for name in ACTIVATIONS},
    **{f"Activation {name}": (Activation(name, 0.3), (5, 4)) for name in ACTIVATIONS},
    "ReLU": (ReLU(), (5, 4)),
    "LeakyReLU": (LeakyReLU(0.1), (5, 4)),
    "Sigmoid": (Sigmoid(), (5, 4)),
    "Tanh": (Tanh(), (5, 4)),
    "Softplus": (Softplus(), (5, 4)),
    "Maxout": (Maxout(2, 3), (5, 6)),
    "Dropout": (Dropout(0.5), (5, 4)),
    "Concat": (Concat(Linear(4, 3), Sequential()), ((5, 4), (5, 2))),
    "LayerNorm": (LayerNorm(4), (5, 4)),
    "LayerNorm bare": (LayerNorm(4, scale=False, bias=False), (5, 4)),
    "BatchNorm": (BatchNorm(4), (5, 4)),
    "BatchNorm bare": (BatchNorm(4, scale=False, bias=False), (5, 4)),
    "MinibatchDiscrimination": (MinibatchDiscrimination(4, 3, 2, weight=he()), (5, 4)),
    "Projection": (Projection(Linear(4, 3, "tanh"), 2), ((5, 4), (5, 2))),
    "VirtualBatchNorm": (ReferenceBatch(VirtualBatchNorm(4), 3, normal_values(1.0)), (5, 4)),
    "VirtualBatchNorm bare": (
        ReferenceBatch(
            Sequential(Linear(4, 3, "tanh"), VirtualBatchNorm(3, scale=False, bias=False)),
            *(2, normal_values(1.0)),
        ),
        (5, 4),
    ),
    "Sequential of none": (Sequential(), (5, 4)),
    "Sequential nested": (Sequential(Sequential(Linear(4, 3), Tanh()), Linear(3, 2)), (5, 4)),
    "G": (Sequential(Linear(8, 12, "relu"), Linear(12, 12, "relu"), Linear(12, 5, "tanh")), (6, 8)),
    "D with norms": (
        Sequential(
            *(Linear(8, 6), LayerNorm(6), Tanh(), Dropout(0.8), Linear(6, 4), BatchNorm(4)),
            *(Softplus(), MinibatchDiscrimination(4, 3, 2, weight=he()), Linear(7, 1)),
        ),
        (6, 8),
    ),
    "D": (
        Sequential(
            *(Dropout(0.8), Linear(8, 15), Maxout(5, 3)),
            *(Dropout(0.5), Linear(5, 8), Maxout(4, 2)),
            *(Dropout(0.5), Linear(4, 1)),
        ),
        (6, 8),
    ),
}


def normal(shape, seed=1):
    rng = np.random.default_rng(seed)
    if isinstance(shape[0], tuple):
        return tuple(rng.normal(size=part) for part in shape)
    return rng.normal(size=shape)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("ctx", [Context(REFERENCE), TRAINING], ids=["off", "training"])
def test_every_layer_keeps_every_promise(name, ctx):
    """And speaks the vocabulary alone: `check_layer` runs it on opaque arrays, too."""
    layer, shape = EVERY[name]
    check_layer(layer, normal(shape), ctx=ctx)
    check_layer(layer, normal(shape), ctx=ctx, method="complex")
    check_layer(layer, normal(shape), ctx=ctx, mode="directional")


@pytest.mark.parametrize("name", EVERY)
def test_complex_step_leaves_fourteen_digits(name):
    layer, shape = EVERY[name]
    report = gradcheck(layer, normal(shape), ctx=TRAINING, method="complex", rtol=1e-14)
    assert report.ok, str(report)


# -- dyadic rationals: sums and products are exact, so linear identities hold with == --------------

EXACT = {
    "Linear": (Linear(3, 2), 3),
    "Linear square": (Linear(3, 3), 3),
    "Linear relu": (Linear(3, 2, "relu"), 3),
    "Linear leaky_relu": (Linear(3, 2, "leaky_relu", slope=0.25), 3),
    "ReLU": (ReLU(), 3),
    "LeakyReLU": (LeakyReLU(0.25), 3),
    "Maxout": (Maxout(2, 2), 4),
    "Dropout": (Dropout(0.5), 3),
    "Concat": (Concat(Linear(2, 2), Sequential()), (2, 1)),
    "Sequential": (Sequential(Linear(3, 4), Maxout(2, 2), Dropout(0.25)), 3),
}


def draw_dyadic(data, features, batch):
    if isinstance(features, tuple):
        return tuple(draw_dyadic(data, width, batch) for width in features)
    return data.draw(dyadics((batch, features)))


def draw_params(data, tree):
    if isinstance(tree, dict):
        return {name: data.draw(dyadics(a.shape)) for name, a in tree.items()}
    return tuple(draw_params(data, part) for part in tree)


def inner(a, b):
    if isinstance(a, tuple):
        return sum(inner(p, q) for p, q in zip(a, b, strict=True))
    return (a * b).sum()


@pytest.mark.parametrize("name", EXACT)
@given(st.data())
def test_jvp_and_backward_are_adjoint_exactly(name, data):
    layer, features = EXACT[name]
    batch = data.draw(st.integers(1, 3))
    params = draw_params(data, layer.init(np.random.default_rng(0), np.float64))
    y, cache = layer.forward(params, draw_dyadic(data, features, batch), TRAINING)
    u, v = data.draw(dyadics(y.shape)), draw_dyadic(data, features, batch)
    du = layer.backward(params, cache, u, TRAINING)
    assert inner(u, layer.jvp(params, cache, v, TRAINING)) == inner(du, v)


@given(st.data())
def test_linear_parameters_are_adjoint_exactly(data):
    """y is linear in W and in b: ⟨dW, H⟩ = ⟨u, x H⟩ and ⟨db, h⟩ = ⟨u, 1 h⟩."""
    batch, fan_in, fan_out = (data.draw(st.integers(1, 3)) for _ in range(3))
    layer = Linear(fan_in, fan_out)
    params = draw_params(data, layer.init(np.random.default_rng(0), np.float64))
    x, u = data.draw(dyadics((batch, fan_in))), data.draw(dyadics((batch, fan_out)))
    h_weight, h_bias = data.draw(dyadics((fan_in, fan_out))), data.draw(dyadics((fan_out,)))
    _, cache = layer.forward(params, x, TRAINING)
    grads = {"weight": np.zeros((fan_in, fan_out)), "bias": np.zeros(fan_out)}
    layer.backward(params, cache, u, TRAINING, grads, need_dx=False)
    assert inner(grads["weight"], h_weight) == inner(u, x @ h_weight)
    assert inner(grads["bias"], h_bias) == inner(u, np.ones((batch, 1)) * h_bias)
