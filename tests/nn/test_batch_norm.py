"""Batch normalisation: running values, and that they alone decide outside training."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import (
    BatchNorm,
    Concat,
    Context,
    LayerNorm,
    Linear,
    MinibatchDiscrimination,
    Network,
    ReLU,
    Sequential,
)

OPS = get_backend("reference")
TRAINING, EVALUATION = Context(OPS, training=True), Context(OPS)


def batches(count, shape=(8, 3)):
    rng = np.random.default_rng(1)
    return [rng.normal([1.0, -2.0, 0.5], [2.0, 0.1, 1.0], shape) for _ in range(count)]


def test_running_values_are_averages_of_the_batches():
    layer = BatchNorm(3, decay=0.8)
    params = layer.init(np.random.default_rng(0), np.float64)
    mean, variance = np.zeros(3), np.ones(3)
    for x in batches(5):
        _, cache = layer.forward(params, x, TRAINING)
        layer.commit(params, cache, TRAINING)
        mean = 0.8 * mean + 0.2 * x.mean(axis=0)
        variance = 0.8 * variance + 0.2 * x.var(axis=0, ddof=1)
    np.testing.assert_allclose(params["mean"], mean, rtol=1e-13)
    np.testing.assert_allclose(params["variance"], variance, rtol=1e-13)


def test_with_decay_0_an_evaluation_is_the_training_pass_but_for_the_unbiased_variance():
    layer = BatchNorm(3, decay=0.0, eps=1e-12)
    params = layer.init(np.random.default_rng(0), np.float64)
    (x,) = batches(1)
    y, cache = layer.forward(params, x, TRAINING)
    layer.commit(params, cache, TRAINING)
    after, _ = layer.forward(params, x, EVALUATION)
    np.testing.assert_allclose(after, y * np.sqrt(7 / 8), rtol=1e-9)


def test_examples_are_independent_in_evaluation_alone():
    layer = BatchNorm(3)
    params = layer.init(np.random.default_rng(0), np.float64)
    (x,) = batches(1)
    for ctx, same in ((EVALUATION, True), (TRAINING, False)):
        together, _ = layer.forward(params, x, ctx)
        alone, _ = layer.forward(params, x[:4], ctx)
        assert np.allclose(together[:4], alone, rtol=1e-14) == same


def test_a_batch_of_one_is_the_bias():
    layer = BatchNorm(3)
    params = layer.init(np.random.default_rng(0), np.float64)
    params["bias"][...] = 1, 2, 3
    y, cache = layer.forward(params, np.full((1, 3), 7.0), TRAINING)
    assert y.tolist() == [[1, 2, 3]]
    layer.commit(params, cache, TRAINING)
    assert np.isfinite(params["variance"]).all()


def test_what_mixes_examples_says_so():
    assert not any(layer.mixes_examples for layer in (Linear(2, 2), LayerNorm(2), ReLU()))
    mixing = BatchNorm(2), MinibatchDiscrimination(2, 3)
    for layer in mixing:
        assert layer.mixes_examples
        assert Sequential(Linear(2, 2), layer).mixes_examples
        assert Concat(ReLU(), Sequential(layer)).mixes_examples


def test_layouts_and_summaries_carry_the_statistics():
    layer = Sequential(Linear(2, 3), BatchNorm(3, scale=False), ReLU(), Linear(3, 1))
    assert layer.statistics == ("1.mean", "1.variance")
    network = Network(layer, backend="reference")
    assert set(layer.statistics) <= {entry.path for entry in network.layout.entries}
    assert "1  BatchNorm(3, scale=False)         3           9" in network.summary()


def test_wrong_widths_are_told():
    with pytest.raises(ShapeError, match=r"BatchNorm\(3\) got 4 features; expected 3"):
        Sequential(Linear(2, 4), BatchNorm(3))
    with pytest.raises(ShapeError, match=r"BatchNorm\(3\) got x of shape \(2, 4\)"):
        BatchNorm(3).forward({}, np.ones((2, 4)), EVALUATION)


class StatisticsAsConstants(BatchNorm):
    """The slip: mean and variance of the batch do not move with x."""

    def normal_back(self, cache, dn, ctx):
        return super().normal_back(cache._replace(training=False), dn, ctx)


class VarianceAsAConstant(BatchNorm):
    def normal_back(self, cache, dn, ctx):
        centred = dn - dn.mean(axis=0)
        return centred / np.sqrt(cache.variance + self.eps)


class UnbiasedInBackward(BatchNorm):
    def normal_back(self, cache, dn, ctx):
        m = len(dn)
        return super().normal_back(cache._replace(variance=cache.variance * m / (m - 1)), dn, ctx)


class ScaleForgotten(BatchNorm):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        super().backward(params, cache, dy, ctx, grads, need_dx)
        return self.normal_back(cache, dy, ctx)


class ScaleOfTheInput(BatchNorm):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        moved = cache._replace(normal=cache.normal + cache.mean)
        super().backward(params, moved, dy, ctx, grads, need_dx=False)
        return super().backward(params, cache, dy, ctx, None) if need_dx else None


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        (StatisticsAsConstants, {"x"}),
        (VarianceAsAConstant, {"x"}),
        (UnbiasedInBackward, {"x"}),
        (ScaleForgotten, {"x"}),
        (ScaleOfTheInput, {"scale"}),
    ],
)
def test_gradcheck_rejects_a_bug(bug, wrong):
    (x,) = batches(1)
    report = gradcheck(bug(3), x, ctx=TRAINING)
    assert {t.name for t in report.failed} == wrong, str(report)
    assert gradcheck(BatchNorm(3), x, ctx=TRAINING)
