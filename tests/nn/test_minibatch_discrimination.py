"""Minibatch discrimination: D sees a collapse."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import Context, MinibatchDiscrimination
from scratchgan.nn.initializers import he

CTX = Context(get_backend("reference"), training=True)
X = np.random.default_rng(0).normal(size=(6, 4))
LAYER = MinibatchDiscrimination(4, 3, 2, weight=he())
PARAMS = LAYER.init(np.random.default_rng(1), np.float64)


def closeness(x):
    return LAYER.forward(PARAMS, x, CTX)[0][:, 4:] - PARAMS["bias"]


def test_equal_examples_are_as_close_as_can_be():
    assert (closeness(np.ones((6, 4))) == 5).all()
    assert (closeness(X) < 5).all()
    assert (closeness(1e4 * X) < 1e-3).all()


def test_the_features_are_kept_and_the_order_of_the_examples_does_not_count():
    y, _ = LAYER.forward(PARAMS, X, CTX)
    np.testing.assert_array_equal(y[:, :4], X)
    np.testing.assert_allclose(LAYER.forward(PARAMS, X[::-1], CTX)[0][::-1], y, rtol=1e-14)


def test_an_example_alone_is_close_to_none():
    assert not closeness(X[:1]).any()


def test_defaults_are_those_of_the_papers_code():
    params = MinibatchDiscrimination(30).init(np.random.default_rng(0), np.float64)
    assert params["weight"].shape == (30, 50 * 5)
    assert abs(params["weight"].std() - 0.05) < 0.002
    assert (params["bias"] == -1).all()


class OneSided(MinibatchDiscrimination):
    """The slip: example i moves its own o_i alone, not the o_j of the others."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        n, do = self.in_features, dy[:, self.in_features :]
        groups = cache.m.reshape(len(do), self.kernels, self.dims)
        apart = groups[:, None] - groups[None]
        e = np.exp(-abs(apart).sum(axis=3)) * (1 - np.eye(len(do)))[:, :, None]
        dm = -((do[:, None] * e)[..., None] * np.sign(apart)).sum(axis=1).reshape(cache.m.shape)
        if grads is not None:
            grads["bias"] += do.sum(axis=0)
            grads["weight"] += cache.x.T @ dm
        return dy[:, :n] + dm @ params["weight"].T if need_dx else None


class FeaturesForgotten(MinibatchDiscrimination):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        dx = super().backward(params, cache, dy, ctx, grads, need_dx)
        return dx - dy[:, : self.in_features] if need_dx else None


@pytest.mark.parametrize(
    ("bug", "wrong"), [(OneSided, {"x", "weight"}), (FeaturesForgotten, {"x"})]
)
def test_gradcheck_rejects_a_bug(bug, wrong):
    report = gradcheck(bug(4, 3, 2, weight=he()), X, params=PARAMS, ctx=CTX)
    assert {t.name for t in report.failed} == wrong, str(report)
    assert gradcheck(LAYER, X, params=PARAMS, ctx=CTX)


def test_the_kink_is_where_two_examples_meet_in_a_number():
    assert LAYER.kink_margin(PARAMS, np.ones((2, 4)), CTX) == 0
    assert LAYER.kink_margin(PARAMS, X[:1], CTX) == np.inf
    m = np.array([[0.0], [0.5]])
    line = MinibatchDiscrimination(1, 1, 1)
    assert line.kink_margin({"weight": np.ones((1, 1))}, m, CTX) == 0.25
