"""Layer normalisation: each example alone."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import Context, LayerNorm

CTX = Context(get_backend("reference"))
X = np.random.default_rng(0).normal(1.0, 3.0, (5, 6))


def test_each_example_has_mean_0_and_variance_1():
    y, _ = LayerNorm(6, eps=1e-12, scale=False, bias=False).forward({}, X, CTX)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-11)


def test_an_example_does_not_depend_on_the_others_nor_on_its_scale_and_offset():
    layer = LayerNorm(6, eps=1e-12, scale=False, bias=False)
    y, _ = layer.forward({}, X, CTX)
    np.testing.assert_array_equal(layer.forward({}, X[2:3], CTX)[0], y[2:3])
    np.testing.assert_allclose(layer.forward({}, 5 * X - 2, CTX)[0], y, rtol=1e-11)


def test_settings_are_shown():
    assert repr(LayerNorm(6)) == "LayerNorm(6)"
    assert repr(LayerNorm(6, scale=False, bias=False)) == "LayerNorm(6, scale=False, bias=False)"
    assert LayerNorm(6, scale=False, bias=False).init(np.random.default_rng(0), np.float64) == {}


class OverTheBatch(LayerNorm):
    """The slip: the means of backward over the other axis."""

    def normal_back(self, cache, dn, ctx):
        rest = dn - dn.mean(axis=0) - cache.normal * (cache.normal * dn).mean(axis=0)
        return rest / np.sqrt(cache.variance + self.eps)[:, None]


class WithoutTheMean(LayerNorm):
    def normal_back(self, cache, dn, ctx):
        rest = dn - cache.normal * (cache.normal * dn).mean(axis=1, keepdims=True)
        return rest / np.sqrt(cache.variance + self.eps)[:, None]


class WithoutEps(LayerNorm):
    def normal_back(self, cache, dn, ctx):
        dx = super().normal_back(cache, dn, ctx)
        return dx * np.sqrt(1 + self.eps / cache.variance)[:, None]


@pytest.mark.parametrize("bug", [OverTheBatch, WithoutTheMean, WithoutEps])
def test_gradcheck_rejects_a_bug(bug):
    report = gradcheck(bug(6, eps=0.1), X, ctx=CTX)
    assert {t.name for t in report.failed} == {"x"}, str(report)
    assert gradcheck(LayerNorm(6, eps=0.1), X, ctx=CTX)
