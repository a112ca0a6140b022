"""scratchgan.testing as a user meets it: a layer of one's own, strategies, the missing extra."""

import importlib
import sys

import numpy as np
import pytest
from hypothesis import find, given

from scratchgan.backends.reference import ReferenceBackend
from scratchgan.gradcheck import assert_adjoint
from scratchgan.gradcheck.problem import LayerAt, some_params
from scratchgan.nn import Context, Dropout, Layer, Linear, ReLU, Tanh
from scratchgan.testing import (
    check_layer,
    layer_cases,
    spread_floats,
)


class Scale(Layer):
    """y = w ⊙ x, a user's own layer."""

    def init(self, rng, dtype):
        return {"w": np.ones(3, dtype)}

    def forward(self, params, x, ctx):
        return ctx.ops.multiply(x, self.rows(params, x, ctx)), (x,)

    def rows(self, params, x, ctx):
        """w for each example."""
        return ctx.ops.add_row(ctx.ops.zeros(x.shape, x.dtype), params["w"])

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        if grads is not None:
            ctx.ops.sum_rows(ctx.ops.multiply(dy, cache[0]), out=grads["w"], accumulate=True)
        return ctx.ops.multiply(dy, self.rows(params, dy, ctx)) if need_dx else None

    def jvp(self, params, cache, dx, ctx):
        return ctx.ops.multiply(dx, self.rows(params, dx, ctx))


@given(spread_floats((4, 3)))
def test_a_layer_of_ones_own_is_checked_in_one_call(x):
    report = check_layer(Scale(), x)
    assert [t.name for t in report.tensors] == ["x", "w"]
    check_layer(Scale(), x, method="complex")


class ByEntropy(Layer):
    """y = the slope of a loss: an operation that has no rule for second order."""

    def forward(self, params, x, ctx):
        ones = ctx.ops.zeros(x.shape, x.dtype)
        ctx.ops.fill_(ones, 1.0)
        y = ctx.ops.softmax_cross_entropy(x, ones)[1]  # (p · n − 1) / batch
        return y, (y, ones)

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return self.slope(cache, dy, ctx) if need_dx else None

    def jvp(self, params, cache, dx, ctx):
        return self.slope(cache, dx, ctx)

    def slope(self, cache, d, ctx):
        """p ⊙ (d − Σ p d) · n / batch: the matrix of derivatives is symmetric."""
        ops, (y, ones) = ctx.ops, cache
        batch, n = d.shape
        p = ops.scale(ops.add(ops.scale(y, float(batch)), ones), 1 / n)
        mean = ops.scale_rows(ones, ops.dot_rows(p, d))
        return ops.scale(ops.multiply(p, ops.add(d, ops.scale(mean, -1.0))), n / batch)


def test_second_order_is_checked_and_may_be_left_out():
    x = np.random.default_rng(0).normal(size=(3, 4))
    with pytest.raises(NotImplementedError, match="softmax_cross_entropy has no rule"):
        check_layer(ByEntropy(), x)
    assert check_layer(ByEntropy(), x, second_order=False)


def test_a_backend_that_forgets_the_second_derivative_is_seen():
    class Forgetful(ReferenceBackend):
        def _activation_bend(self, dy, y, y_dot, phi, slope):
            return 0 * y_dot

    x, ctx = np.random.default_rng(0).normal(size=(3, 4)), Context(Forgetful())
    with pytest.raises(AssertionError, match=r"gradgradcheck of a penalty .*FAILED"):
        check_layer(Tanh(), x, ctx=ctx)
    assert check_layer(Tanh(), x, ctx=ctx, second_order=False)


def test_a_point_at_a_kink_is_not_accepted_in_silence():
    with pytest.raises(AssertionError, match="inconclusive"):
        check_layer(ReLU(), np.zeros((2, 3)))


def test_dropout_is_drawn_with_training_on_and_off():
    for training in (False, True):
        case = find(layer_cases("dropout"), lambda c, t=training: c.ctx.training is t)
        assert isinstance(case.layer, Dropout)


def test_four_pairs_are_tried_unless_told_otherwise():
    class Counts(Tanh):
        calls = 0

        def jvp(self, params, cache, dx, ctx):
            type(self).calls += 1
            return super().jvp(params, cache, dx, ctx)

    assert_adjoint(Counts(), np.ones((1, 2)))
    assert Counts.calls == 4
    assert_adjoint(Counts(), np.ones((1, 2)), directions=2)
    assert Counts.calls == 6


def test_a_margin_is_one_in_the_units_of_the_largest_value():
    rng = np.random.default_rng(0)
    assert LayerAt(ReLU(), np.array([[0.5, 4.0]]), None, None, rng).margin() == 0.125
    assert LayerAt(ReLU(), np.array([[0.5, 0.6]]), None, None, rng).margin() == 0.5


def test_parameters_to_check_at_are_a_little_off_their_zeros():
    bias = some_params(Linear(2, 1000), np.random.default_rng(0))["bias"]
    assert 0.09 < bias.std() < 0.11
    assert abs(bias.mean()) < 0.02


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    for name in [n for n in sys.modules if n.startswith("scratchgan.testing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r'pip install "scratchgan\[test\]"'):
        importlib.import_module("scratchgan.testing")
