"""What each layer promises; a layer that breaks it is found."""

import numpy as np
import pytest

from scratchgan.gradcheck import assert_adjoint
from scratchgan.nn import ReLU, Tanh
from scratchgan.testing import (
    check_contract,
    check_layer,
)


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
