"""Virtual batch normalisation: TF-GAN's own test, and that examples do not depend on each other."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import (
    BatchNorm,
    Concat,
    Context,
    Linear,
    Network,
    ReferenceBatch,
    ReLU,
    Sequential,
    VirtualBatchNorm,
)
from scratchgan.nn.initializers import constant, normal

OPS = get_backend("reference")
CTX = Context(OPS)
X = np.random.default_rng(0).normal(1.0, 2.0, (6, 3))


def test_each_example_with_the_others_as_reference_is_a_row_of_batch_norm():
    """TF-GAN: virtual_batchnorm_test, test_syntax and test_numerics."""
    expected, _ = BatchNorm(3, eps=1e-3, scale=False).forward(
        {"bias": np.zeros(3)}, X, Context(OPS, training=True)
    )
    layer = VirtualBatchNorm(3, scale=False, bias=False)
    for i in range(6):
        x = np.concatenate([np.delete(X, i, axis=0), X[i : i + 1]])
        y, _ = layer.forward({}, x, Context(OPS, reference=5))
        np.testing.assert_allclose(y[5], expected[i], rtol=1e-13)


def test_the_reference_itself_is_batch_normalised():
    layer = VirtualBatchNorm(3, scale=False, bias=False)
    y, _ = layer.forward({}, X, Context(OPS, reference=4))
    np.testing.assert_allclose(y[:4].mean(axis=0), 0, atol=1e-15)


LAYER = ReferenceBatch(
    Sequential(Linear(3, 4, "tanh"), VirtualBatchNorm(4), Linear(4, 2)), 5, normal(1.0)
)


def test_examples_do_not_depend_on_each_other():
    params = LAYER.init(np.random.default_rng(1), np.float64)
    y, cache = LAYER.forward(params, X, CTX)
    for i in range(6):
        np.testing.assert_allclose(LAYER.forward(params, X[i : i + 1], CTX)[0], y[i : i + 1])
        dy = np.zeros_like(y)
        dy[i] = 1
        dx = LAYER.backward(params, cache, dy, CTX)
        assert [j for j in range(6) if dx[j].any()] == [i]
    assert not LAYER.mixes_examples


def test_the_reference_is_a_parameter_that_nothing_moves():
    layer = ReferenceBatch(Sequential(Linear(3, 4), VirtualBatchNorm(4)), 6, constant(X))
    network = Network(layer, dtype=np.float64, backend="reference")
    assert layer.statistics == ("0.examples",)
    np.testing.assert_array_equal(network.params[0]["examples"], X)
    _, grads = network.new_buffer()
    y, cache = layer.forward(network.params, X, CTX)
    layer.backward(network.params, cache, np.cos(y), CTX, grads)
    assert not grads[0]["examples"].any()
    assert "0  ReferenceBatch(size=6)" in network.summary()
    assert "1.1  VirtualBatchNorm(4)" in network.summary()


class ReferenceHeldConstant(VirtualBatchNorm):
    """The slip: no gradient through the reference, so the weights before it learn too little."""

    def normal_back(self, cache, dn, ctx):
        dx = super().normal_back(cache, dn, ctx)
        dx[: ctx.reference] = 0
        return dx


class ItselfHeldConstant(VirtualBatchNorm):
    """The slip: an example's own part of its mean and variance does not move."""

    def normal_back(self, cache, dn, ctx):
        dx = super().normal_back(cache, dn, ctx)
        n = ctx.reference
        dx[n:] = dn[n:] * cache.inverse
        return dx


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        (ReferenceHeldConstant, {"1.0.weight", "1.0.bias"}),
        (ItselfHeldConstant, {"x", "1.0.weight", "1.0.bias"}),
    ],
)
def test_gradcheck_rejects_a_bug(bug, wrong):
    for kind, failed in ((bug, wrong), (VirtualBatchNorm, set())):
        layer = ReferenceBatch(Sequential(Linear(3, 4, "tanh"), kind(4)), 5, normal(1.0))
        report = gradcheck(layer, X, ctx=CTX)
        assert {t.name for t in report.failed} == failed, str(report)


def test_what_is_missing_is_told():
    with pytest.raises(ShapeError, match="got 0 reference examples .*put the network into a Ref"):
        VirtualBatchNorm(3, scale=False, bias=False).forward({}, X, CTX)
    with pytest.raises(ShapeError, match="expected one number"):
        ReferenceBatch(Concat(Linear(2, 2), Linear(2, 2)), 3, normal(1.0))
    with pytest.raises(ShapeError, match="takes None features; expected one number"):
        ReferenceBatch(ReLU(), 3, normal(1.0))
    with pytest.raises(ValueError, match="ReferenceBatch: examples is .*expected an initialiser"):
        ReferenceBatch(Linear(2, 2), 3, X)
    with pytest.raises(ShapeError, match=r"got x of shape \(6, 2\); expected \(batch, 3\)"):
        LAYER.forward({}, X[:, :2], CTX)
