"""The projection discriminator: a linear score whose weight depends on the label."""

import re

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import BatchNorm, Context, Linear, Network, Projection, ReLU, Sequential

CTX = Context(get_backend("reference"))
PHI = Sequential(Linear(3, 5, "tanh"), Linear(5, 4, "relu"))
LAYER = Projection(PHI, classes=2)
RNG = np.random.default_rng(0)
X, LABEL = RNG.normal(size=(6, 3)), np.eye(2)[[0, 1, 1, 0, 1, 0]]


def test_each_class_has_its_own_linear_score():
    params = LAYER.init(np.random.default_rng(1), np.float64)
    y, _ = LAYER.forward(params, (X, LABEL), CTX)
    h, _ = PHI.forward(params[0], X, CTX)
    for c in (0, 1):
        weight = params[1]["weight"][:, 0] + params[2]["embedding"][c]
        own = LABEL[:, c] == 1
        np.testing.assert_allclose(y[own, 0], h[own] @ weight, rtol=1e-13)


def test_a_network_of_it_names_its_parts():
    network = Network(LAYER, backend="reference")
    assert [e.path for e in network.layout.entries] == [
        "0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias", "1.weight", "1.bias", "2.embedding",
    ]  # fmt: skip
    summary = network.summary()
    assert re.search(r"Projection\(classes=2\) +1 +8", summary)
    assert re.search(r"input +3, 2", summary)
    assert re.search(rf"total +{network.layout.count}", summary)


def test_statistics_of_the_features_are_passed_on():
    layer = Projection(Sequential(Linear(3, 4), BatchNorm(4)), 2)
    assert layer.statistics == ("0.1.mean", "0.1.variance")
    assert layer.mixes_examples
    params = layer.init(np.random.default_rng(1), np.float64)
    training = Context(CTX.ops, training=True)
    _, cache = layer.forward(params, (X, LABEL), training)
    layer.commit(params, cache, training)
    assert params[0][1]["mean"].any()


class LabelForgotten(Projection):
    """The slip: φ learns from ψ alone."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return super().backward(
            params, cache._replace(rows=0 * cache.rows), dy, ctx, grads, need_dx
        )


class EmbeddingWithoutDy(Projection):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        if grads is not None:
            grads[2]["embedding"][...] += cache.label.T @ (cache.h - dy * cache.h)
        return super().backward(params, cache, dy, ctx, grads, need_dx)


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        (LabelForgotten, {"x[0]", "0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias"}),
        (EmbeddingWithoutDy, {"2.embedding"}),
    ],
)
def test_gradcheck_rejects_a_bug(bug, wrong):
    phi = Sequential(Linear(3, 5, "tanh"), Linear(5, 4, "tanh"))
    report = gradcheck(bug(phi, 2), (X, LABEL), ctx=CTX)
    assert {t.name for t in report.failed} == wrong, str(report)
    assert gradcheck(Projection(phi, 2), (X, LABEL), ctx=CTX)


def test_what_does_not_fit_is_told():
    with pytest.raises(ShapeError, match=r"number of outputs of ReLU\(\) is not known"):
        Projection(ReLU(), 2)
    params = LAYER.init(np.random.default_rng(1), np.float64)
    with pytest.raises(ShapeError, match="Projection got one array; expected a pair"):
        LAYER.forward(params, X, CTX)
    with pytest.raises(ShapeError, match=r"labels of shape \(6, 3\); expected \(batch, 2\)"):
        LAYER.forward(params, (X, np.ones((6, 3))), CTX)
    with pytest.raises(ShapeError, match="got 5 features; expected a pair"):
        Sequential(Linear(2, 5), LAYER)
    assert LAYER.output_width((3, 2)) == 1
    with pytest.raises(ShapeError, match="labels of 3 classes; expected 2"):
        LAYER.output_width((3, 3))
