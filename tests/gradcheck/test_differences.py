"""At a kink a difference measures neither slope: inconclusive, apart from right and from wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.gradcheck import assert_adjoint, gradcheck
from scratchgan.nn import LeakyReLU, Linear, Maxout, ReLU, Sequential

RNG = np.random.default_rng(4)
NETWORK = Sequential(Linear(3, 6), ReLU(), Linear(6, 6), Maxout(3, 2), Linear(3, 1))


def relu_sum(x):
    return np.maximum(x, 0).sum(), {"x": (x > 0) * 1.0}


def status(report):
    return {t.name: t.status for t in report.tensors}


def test_the_kink_of_a_function_is_inconclusive():
    report = gradcheck(relu_sum, {"x": np.array([-1.0, 0.0, 2.0])})
    (x,) = report.tensors
    assert (x.status, x.inconclusive, x.failed, x.worst_index) == ("inconclusive", 1, 0, (1,))
    assert (x.analytic, x.numeric) == (0, 0.5)
    assert not report.ok
    assert not report.failed
    assert report.inconclusive == (x,)
    report.raise_if_failed()


@given(st.floats(1e-12, 1e-4), st.sampled_from([-1.0, 1.0]))
def test_near_a_kink_right_gradients_never_fail(distance, sign):
    assert not gradcheck(relu_sum, {"x": np.array([sign * distance, 1.0])}).failed


@pytest.mark.parametrize("distance", [1e-6, 3e-6, 6e-6, 1e-5, 1e-3])
def test_a_kink_within_the_first_step_alone_is_stepped_over(distance):
    assert gradcheck(relu_sum, {"x": np.array([distance, -distance])}).ok


def test_a_bug_elsewhere_still_fails_in_a_tensor_with_a_kink():
    def bad(x):
        return np.maximum(x, 0).sum(), {"x": (x > 0) * np.array([1.0, 1.0, 1.001])}

    (x,) = gradcheck(bad, {"x": np.array([-1.0, 0.0, 2.0])}).tensors
    assert (x.status, x.failed, x.inconclusive, x.worst_index) == ("FAILED", 1, 1, (2,))


@pytest.mark.parametrize("layer", [ReLU(), LeakyReLU(0.1)])
def test_the_kink_of_a_layer_is_inconclusive(layer):
    x = RNG.normal(size=(3, 4))
    x[1, 2] = 0
    assert status(gradcheck(layer, x)) == {"x": "inconclusive"}
    assert status(gradcheck(layer, x, mode="directional")) == {"x": "inconclusive"}
    assert gradcheck(layer, x, method="complex").ok
    with pytest.raises(AssertionError, match="inconclusive"):
        assert_adjoint(layer, x)


def test_a_tie_is_inconclusive():
    x = RNG.normal(size=(3, 4))
    x[1, 2] = x[1, 3]
    assert status(gradcheck(Maxout(2, 2), x)) == {"x": "inconclusive"}
    assert gradcheck(Maxout(2, 2), x, method="complex").ok


@pytest.mark.parametrize("seed", range(20))
def test_many_kinks_at_one_point_are_inconclusive_and_never_failed(seed):
    """Zero biases and an empty example: every unit of that example is at its kink."""
    x = np.random.default_rng(seed).normal(size=(4, 3))
    x[2] = 0
    params = NETWORK.init(np.random.default_rng(seed), np.float64)
    report = gradcheck(NETWORK, x, params=params)
    assert not report.failed, str(report)
    assert report.inconclusive
    assert gradcheck(NETWORK, x, params=params, method="complex").ok


def test_a_bug_away_from_the_kinks_of_a_network_still_fails():
    class AlwaysOpen(ReLU):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return dy if need_dx else None

    layer = Sequential(Linear(3, 6), AlwaysOpen(), Linear(6, 1))
    x = RNG.normal(size=(4, 3))
    x[2] = 0
    params = layer.init(np.random.default_rng(0), np.float64)
    assert {t.name for t in gradcheck(layer, x, params=params).failed} >= {"x", "0.weight"}
