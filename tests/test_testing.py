"""scratchgan.testing as a user meets it: a layer of one's own, strategies, the missing extra."""

import importlib
import sys

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from scratchgan.gradcheck import assert_adjoint
from scratchgan.gradcheck.problem import LayerAt, some_params
from scratchgan.nn import Dropout, Layer, Linear, ReLU, Tanh
from scratchgan.testing import (
    KINDS,
    check_contract,
    check_layer,
    dyadics,
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


@given(layer_cases(layer=Tanh()))
def test_cases_for_a_layer_of_ones_own(case):
    check_layer(case.layer, case.x, params=case.params, ctx=case.ctx)


def test_a_point_at_a_kink_is_not_accepted_in_silence():
    with pytest.raises(AssertionError, match="inconclusive"):
        check_layer(ReLU(), np.zeros((2, 3)))


@given(spread_floats((3, 5)))
def test_spread_floats_keep_away_from_kinks_and_ties(x):
    assert x.dtype == np.float64
    assert abs(x).min() >= 1 / 64
    assert np.diff(np.sort(x.ravel())).min() >= 1 / 64
    assert abs(x).max() <= 4


@given(dyadics((2, 3)), dyadics((3, 2)))
def test_dyadics_make_sums_of_products_exact(u, w):
    exact = (u * 1024).astype(int) @ (w * 1024).astype(int)
    np.testing.assert_array_equal(u @ w, exact / 1024**2)


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data())
def test_cases_are_away_from_kinks_in_float64(kind, data):
    case = data.draw(layer_cases(kind))
    y, _ = case.layer.forward(case.params, case.x, case.ctx)
    assert y.dtype == np.float64
    assert case.layer.kink_margin(case.params, case.x, case.ctx) > 1e-3
    assert case.ctx.training in ({False, True} if case.layer.random_operations else {False})


def test_dropout_is_drawn_with_training_on_and_off():
    for training in (False, True):
        case = find(layer_cases("dropout"), lambda c, t=training: c.ctx.training is t)
        assert isinstance(case.layer, Dropout)


def test_the_margin_of_a_layer_is_looked_at_on_opaque_arrays_too():
    class Margin(ReLU):
        def kink_margin(self, params, x, ctx):
            return float(abs(x).min())

    check_layer(Margin(), np.array([[0.5, -1.0]]), vocabulary=False)
    with pytest.raises(TypeError, match="an array of a backend offers only"):
        check_layer(Margin(), np.array([[0.5, -1.0]]))


def test_a_layer_that_computes_something_else_on_another_backend_is_found():
    class Elsewhere(Tanh):
        def forward(self, params, x, ctx):
            y, cache = super().forward(params, x, ctx)
            return (ctx.ops.scale(y, 1 + 1e-6) if ctx.ops.name == "opaque" else y), cache

    with pytest.raises(AssertionError, match="y on opaque arrays differs"):
        check_layer(Elsewhere(), np.array([[0.5, -1.0]]))


def test_a_gradient_keeps_its_dtype():
    class Wider(Tanh):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            dx = super().backward(params, cache, dy, ctx, grads, need_dx)
            return dx if dx is None else ctx.ops.asarray(dx.astype(np.float64))

    with pytest.raises(AssertionError, match="float32: dx became float64"):
        check_contract(Wider(), np.array([[0.5, -1.0]]))
    check_contract(Tanh(), np.array([[0.5, -1.0]]))


def test_the_two_derivatives_agree_to_rounding():
    class Off(Tanh):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return super().backward(params, cache, ctx.ops.scale(dy, 1 + 1e-10), ctx, grads)

    with pytest.raises(AssertionError, match="jvp and backward are not adjoint"):
        assert_adjoint(Off(), np.array([[0.5, -1.0]]))
    assert_adjoint(Off(), np.array([[0.5, -1.0]]), rtol=1e-9)


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
