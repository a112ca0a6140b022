"""
Seeded bugs: a check that has never rejected anything proves nothing.

Each mutant is a real layer with one bug in its derivatives or its manners; the
checks must reject it and name the tensor that is wrong, and accept its twin.
Most of these bugs have been in somebody's published code.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.gradcheck import assert_adjoint, gradcheck
from scratchgan.nn import (
    Concat,
    Context,
    Dropout,
    LeakyReLU,
    Linear,
    Maxout,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from scratchgan.testing import check_contract, check_layer

CTX = Context(get_backend("reference"), training=True, stream=Stream(seed=5))
SQUARE = (4, 4, "tanh")  # a square weight: a transposed one has the right shape


def x_of(shape):
    rng = np.random.default_rng(11)
    if isinstance(shape[0], tuple):
        return tuple(rng.normal(size=part) for part in shape)
    return rng.normal(size=shape)


# -- bugs in dx, dW, db: each a backward from what a right one would use ---------------------------


def mutant(base, bug):
    """`base` whose backward gives bug(layer, params, cache, dy, ctx, dx, dparams)'s dx."""

    class Mutant(base):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            own = {name: np.zeros_like(a) for name, a in params.items()}
            dx = super().backward(params, cache, dy, ctx, own)
            dx = bug(self, params, cache, dy, ctx, dx, own)
            if grads is not None:
                for name, g in own.items():
                    grads[name] += g
            return dx if need_dx else None

    return Mutant


def flips_one_weight(layer, params, cache, dy, ctx, dx, d):
    d["weight"][1, 2] *= -1
    return dx


def errs_in_one_weight(layer, params, cache, dy, ctx, dx, d):
    d["weight"][1, 2] *= 1.001
    return dx


def nan_in_one_weight(layer, params, cache, dy, ctx, dx, d):
    d["weight"][1, 2] = np.nan
    return dx


def zeroes_one_bias(layer, params, cache, dy, ctx, dx, d):
    d["bias"][0] = 0
    return dx


def bias_from_dy(layer, params, cache, dy, ctx, dx, d):
    d["bias"][...] = dy.sum(axis=0)
    return dx


def bias_of_last_example(layer, params, cache, dy, ctx, dx, d):
    d["bias"][...] = (dy * (1 - cache.y**2))[-1]
    return dx


def bias_mean_of_batch(layer, params, cache, dy, ctx, dx, d):
    d["bias"] /= len(dy)
    return dx


def weight_mean_of_batch(layer, params, cache, dy, ctx, dx, d):
    d["weight"] /= len(dy)
    return dx


def weight_without_last_example(layer, params, cache, dy, ctx, dx, d):
    d["weight"] -= np.outer(cache.x[-1], (dy * (1 - cache.y**2))[-1])
    return dx


def weight_transposed(layer, params, cache, dy, ctx, dx, d):
    d["weight"][...] = d["weight"].T.copy()
    return dx


def dx_transposed(layer, params, cache, dy, ctx, dx, d):
    return (dy * (1 - cache.y**2)) @ params["weight"]


def dx_without_activation(layer, params, cache, dy, ctx, dx, d):
    return dy @ params["weight"].T


def weight_without_activation(layer, params, cache, dy, ctx, dx, d):
    d["weight"][...] = cache.x.T @ dy
    return dx


def activation_of_input(layer, params, cache, dy, ctx, dx, d):
    """1 − a² for 1 − y²: the derivative read from the wrong side of φ."""
    a = cache.x @ params["weight"] + params["bias"]
    da = dy * (1 - a**2)
    d["weight"][...], d["bias"][...] = cache.x.T @ da, da.sum(axis=0)
    return da @ params["weight"].T


def slope_off(layer, params, cache, dy, ctx, dx, d):
    return np.where(cache.y > 0, dy, 0.11 * dy)


def linear_slope_off(layer, params, cache, dy, ctx, dx, d):
    da = np.where(cache.y > 0, dy, 0.11 * dy)
    d["weight"][...], d["bias"][...] = cache.x.T @ da, da.sum(axis=0)
    return da @ params["weight"].T


def all_pieces(layer, params, cache, dy, ctx, dx, d):
    return np.repeat(dy, layer.pieces, axis=1)


def wrong_pieces(shift):
    def bug(layer, params, cache, dy, ctx, dx, d):
        return ctx.ops.maxout_spread(dy, (cache.index + shift) % layer.pieces, layer.pieces)

    return bug


def masked_by(stream_of, factor=1.0):
    """Dropout's backward with the mask of another stream, or another scale."""

    def bug(layer, params, cache, dy, ctx, dx, d):
        return ctx.ops.dropout(dy, layer.keep, stream_of(ctx.stream)) * factor

    return bug


def dx_is(formula):
    """An activation's backward from dy and y alone."""
    return lambda layer, params, cache, dy, ctx, dx, d: formula(dy, cache.y)


def keeps(stream):
    return stream


class Bug(NamedTuple):
    layer: Any
    twin: Any
    shape: Any
    wrong: set  # names of the tensors that gradcheck must fail, these and no others


def linear(bug, wrong, arguments=SQUARE, **options):
    return Bug(
        mutant(Linear, bug)(*arguments, **options), Linear(*arguments, **options), (5, 4), wrong
    )


def simple(base, bug, *arguments, shape=(5, 4)):
    return Bug(mutant(base, bug)(*arguments), base(*arguments), shape, {"x"})


class SplitOffByOne(Concat):
    """Each branch gets the columns one to the left of its own: the shapes still fit."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        rolled = np.roll(dy, 1, axis=1)
        return super().backward(params, cache, rolled, ctx, grads, need_dx)


class SwapsBranches(Concat):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        dx = super().backward(params, cache, dy, ctx, grads, need_dx)
        return dx[::-1] if need_dx else None


class SkipsOneBackward(Sequential):
    """A missing line in a hand-written chain: the tanh between two Linears."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        first, _, last = self.layers
        g = (None,) * 3 if grads is None else grads
        dy = last.backward(params[2], cache[2], dy, ctx, g[2])
        return first.backward(params[0], cache[0], dy, ctx, g[0], need_dx)


class BackwardInForwardOrder(Sequential):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        g = (None,) * len(self.layers) if grads is None else grads
        for layer, p, c, each in zip(self.layers, params, cache, g, strict=True):
            dy = layer.backward(p, c, dy, ctx, each)
        return dy if need_dx else None


class OneStreamForAll(Sequential):
    """Backward gives every dropout the first one's mask."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        g = (None,) * len(self.layers) if grads is None else grads
        for i in reversed(range(len(self.layers))):
            dy = self.layers[i].backward(params[i], cache[i], dy, ctx, g[i])
        return dy if need_dx else None


def chain(base, *layers, shape=(5, 4), wrong):
    return Bug(base(*layers), Sequential(*layers), shape, wrong)


BACKWARD = {
    "one weight's sign flipped": linear(flips_one_weight, {"weight"}),
    "one weight off by 0.1 %": linear(errs_in_one_weight, {"weight"}),
    "NaN in one weight": linear(nan_in_one_weight, {"weight"}),
    "one bias gradient zeroed": linear(zeroes_one_bias, {"bias"}),
    "bias gradient without φ′": linear(bias_from_dy, {"bias"}),
    "bias gradient of the last example": linear(bias_of_last_example, {"bias"}),
    "bias gradient a mean": linear(bias_mean_of_batch, {"bias"}),
    "weight gradient a mean": linear(weight_mean_of_batch, {"weight"}),
    "weight gradient without an example": linear(weight_without_last_example, {"weight"}),
    "weight gradient transposed": linear(weight_transposed, {"weight"}),
    "weight gradient without φ′": linear(weight_without_activation, {"weight"}),
    "dx by the weight untransposed": linear(dx_transposed, {"x"}),
    "dx without φ′, the rest right": linear(dx_without_activation, {"x"}),
    "φ′ of a for φ′ of y": linear(activation_of_input, {"x", "weight", "bias"}),
    "fused leaky slope 0.11 for 0.1": linear(
        linear_slope_off, {"x", "weight", "bias"}, (4, 4, "leaky_relu"), slope=0.1
    ),
    "leaky slope 0.11 for 0.1": simple(LeakyReLU, slope_off, 0.1),
    "leaky slope on the wrong side": simple(
        LeakyReLU, dx_is(lambda dy, y: np.where(y > 0, 0.1 * dy, dy)), 0.1
    ),
    "ReLU: y >= 0 for y > 0": simple(ReLU, dx_is(lambda dy, y: dy * (y >= 0))),
    "ReLU: mask of dy": simple(ReLU, dx_is(lambda dy, y: dy * (dy > 0))),
    "sigmoid: σ′(y) for σ′(x)": simple(
        Sigmoid, dx_is(lambda dy, y: dy / (2 + np.exp(y) + np.exp(-y)))
    ),
    "sigmoid: y for y (1 − y)": simple(Sigmoid, dx_is(lambda dy, y: dy * y)),
    "tanh: 1 − y for 1 − y²": simple(Tanh, dx_is(lambda dy, y: dy * (1 - y))),
    "softplus: y for 1 − e^(−y)": simple(Softplus, dx_is(lambda dy, y: dy * y)),
    "softplus: σ(y) for σ(x)": simple(Softplus, dx_is(lambda dy, y: dy / (1 + np.exp(-y)))),
    "maxout: the next piece": simple(Maxout, wrong_pieces(1), 2, 3, shape=(5, 6)),
    "maxout: all pieces": simple(Maxout, all_pieces, 2, 3, shape=(5, 6)),
    "dropout: no mask in backward": simple(
        Dropout, lambda layer, params, cache, dy, ctx, dx, d: dy, 0.5
    ),
    "dropout: mask without scale": simple(Dropout, masked_by(keeps, 0.5), 0.5),
    "dropout: scaled twice": simple(Dropout, masked_by(keeps, 2.0), 0.5),
    "dropout: a fresh mask": simple(Dropout, masked_by(lambda s: s.at(1)), 0.5),
    "Concat: split off by one": Bug(
        SplitOffByOne(Linear(4, 3), Sequential()),
        Concat(Linear(4, 3), Sequential()),
        ((5, 4), (5, 2)),
        {"x[0]", "x[1]", "0.weight", "0.bias"},
    ),
    "Concat: dx swapped": Bug(
        SwapsBranches(Linear(4, 4), Sequential()),
        Concat(Linear(4, 4), Sequential()),
        ((5, 4), (5, 4)),
        {"x[0]", "x[1]"},
    ),
    "Sequential: one backward left out": chain(
        SkipsOneBackward,
        Linear(4, 4),
        Tanh(),
        Linear(4, 2),
        wrong={"x", "0.weight", "0.bias"},
    ),
    "Sequential: backward in forward order": chain(
        BackwardInForwardOrder,
        Linear(4, 4),
        Tanh(),
        Linear(4, 4),
        wrong={"x", "0.weight", "0.bias", "2.weight", "2.bias"},
    ),
    "Sequential: one mask for two dropouts": chain(
        OneStreamForAll,
        Linear(4, 4),
        Dropout(0.5),
        Linear(4, 4),
        Dropout(0.5),
        wrong={"x", "0.weight", "0.bias", "2.weight", "2.bias"},
    ),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_wrong_gradients_are_rejected_by_name(name):
    bug = BACKWARD[name]
    x = x_of(bug.shape)
    for mode, method in [("full", "central"), ("full", "complex"), ("directional", "central")]:
        report = gradcheck(bug.layer, x, ctx=CTX, mode=mode, method=method)
        assert {t.name for t in report.failed} == bug.wrong, str(report)
        assert not report
    with pytest.raises(AssertionError):
        check_layer(bug.layer, x, ctx=CTX, vocabulary=False)


@pytest.mark.parametrize("name", BACKWARD)
def test_the_twins_are_accepted(name):
    check_layer(BACKWARD[name].twin, x_of(BACKWARD[name].shape), ctx=CTX)


# -- bugs in jvp, with a right backward ------------------------------------------------------------


class JvpWithoutActivation(Linear):
    def jvp(self, params, cache, dx, ctx):
        return dx @ params["weight"]


class JvpWithBias(Linear):
    def jvp(self, params, cache, dx, ctx):
        return (dx @ params["weight"] + params["bias"]) * (1 - cache.y**2)


class JvpSlopeOff(LeakyReLU):
    def jvp(self, params, cache, dx, ctx):
        return np.where(cache.y > 0, dx, 0.11 * dx)


class JvpMaxOfTangents(Maxout):
    def jvp(self, params, cache, dx, ctx):
        return ctx.ops.maxout(dx, self.pieces)[0]


class JvpUnmasked(Dropout):
    def jvp(self, params, cache, dx, ctx):
        return dx


class JvpSwapsBranches(Concat):
    def jvp(self, params, cache, dx, ctx):
        return super().jvp(params, cache, dx[::-1], ctx)


class JvpInReverse(Sequential):
    def jvp(self, params, cache, dx, ctx):
        for layer, p, c in zip(self.layers[::-1], params[::-1], cache[::-1], strict=True):
            dx = layer.jvp(p, c, dx, ctx)
        return dx


JVP = {
    "without φ′": (JvpWithoutActivation(*SQUARE), (5, 4)),
    "bias added": (JvpWithBias(*SQUARE), (5, 4)),
    "leaky slope": (JvpSlopeOff(0.1), (5, 4)),
    "maxout of the tangents": (JvpMaxOfTangents(2, 3), (5, 6)),
    "dropout without mask": (JvpUnmasked(0.5), (5, 4)),
    "Concat's branches swapped": (JvpSwapsBranches(Tanh(), Sequential()), ((5, 4), (5, 4))),
    "Sequential in reverse": (JvpInReverse(Linear(4, 4), Tanh(), Linear(4, 4)), (5, 4)),
}


@pytest.mark.parametrize("name", JVP)
def test_a_wrong_jvp_is_rejected_where_backward_is_right(name):
    layer, shape = JVP[name]
    assert gradcheck(layer, x_of(shape), ctx=CTX).ok
    with pytest.raises(AssertionError, match="jvp and backward are not adjoint"):
        assert_adjoint(layer, x_of(shape), ctx=CTX)
    with pytest.raises(AssertionError, match="jvp and backward are not adjoint"):
        check_layer(layer, x_of(shape), ctx=CTX)


def test_jvp_and_backward_wrong_together_are_rejected():
    """They are adjoint to each other, and neither is the derivative of forward."""

    class Both(JvpSlopeOff):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return np.where(cache.y > 0, dy, 0.11 * dy) if need_dx else None

    for method in ("central", "complex"):
        with pytest.raises(AssertionError, match="jvp of Both"):
            assert_adjoint(Both(0.1), x_of((5, 4)), method=method)


# -- bad manners: every derivative right at first sight --------------------------------------------


class OverwritesGradients(Linear):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        if grads is not None:
            for g in grads.values():
                g[...] = 0
        return super().backward(params, cache, dy, ctx, grads, need_dx)


class RemembersGradients(Linear):
    """G's step through D then changes D's gradients."""

    last = None

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        self.last = grads if grads is not None else self.last
        return super().backward(params, cache, dy, ctx, self.last, need_dx)


class RemembersInput(Linear):
    """The cache of the last forward, whichever backward asks: D's real and fake passes mix."""

    def forward(self, params, x, ctx):
        y, self.cache = super().forward(params, x, ctx)
        return y, self.cache

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return super().backward(params, self.cache, dy, ctx, grads, need_dx)


class AlwaysGivesDx(Linear):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return super().backward(params, cache, dy, ctx, grads)


class NoDxNoGradients(Linear):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return super().backward(params, cache, dy, ctx, grads, need_dx) if need_dx else None


class NoGradientsNoActivation(Linear):
    """dx is right only while gradients are asked for."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        if grads is None:
            return dy @ params["weight"].T
        return super().backward(params, cache, dy, ctx, grads, need_dx)


class ChangesDy(Tanh):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        dy *= 1 - cache.y**2
        return dy if need_dx else None


class ChangesX(Tanh):
    def forward(self, params, x, ctx):
        y, cache = super().forward(params, x, ctx)
        x *= 0
        return y, cache


class Float64Inside(Tanh):
    def forward(self, params, x, ctx):
        return super().forward(params, x + np.zeros(1), ctx)


class WrongWidth(Linear):
    def output_width(self, in_features):
        return self.out_features + 1


MANNERS = {
    "gradients overwritten": (OverwritesGradients(*SQUARE), "must be added"),
    "gradients touched without grads": (RemembersGradients(*SQUARE), "of an earlier call"),
    "cache in the layer": (RemembersInput(*SQUARE), "second forward"),
    "dx unasked": (AlwaysGivesDx(*SQUARE), "need_dx=False gave a dx"),
    "no gradients without dx": (NoDxNoGradients(*SQUARE), "need_dx=False changed"),
    "another dx without gradients": (NoGradientsNoActivation(*SQUARE), "grads=None changed dx"),
    "dy changed": (ChangesDy(), "x, dy or params were changed"),
    "x changed": (ChangesX(), "x, dy or params were changed"),
    "float32 left": (Float64Inside(), "float32: y became float64"),
    "wrong width": (WrongWidth(*SQUARE), "output_width says"),
}


@pytest.mark.parametrize("name", MANNERS)
def test_bad_manners_are_rejected(name):
    layer, message = MANNERS[name]
    assert gradcheck(layer, x_of((5, 4)), ctx=CTX).ok
    with pytest.raises(AssertionError, match=message):
        check_contract(layer, x_of((5, 4)), ctx=CTX)
    with pytest.raises(AssertionError, match=message):
        check_layer(layer, x_of((5, 4)), ctx=CTX, vocabulary=False)


def test_arithmetic_outside_the_vocabulary_is_rejected():
    class Operators(Tanh):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return dy * (1 - cache.y * cache.y) if need_dx else None

    check_layer(Operators(), x_of((5, 4)), vocabulary=False)
    with pytest.raises(TypeError, match="use a named operation"):
        check_layer(Operators(), x_of((5, 4)))


def test_without_training_dropout_must_not_mask():
    class AlwaysMasks(Dropout):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return ctx.ops.dropout(dy, self.keep, ctx.stream) if need_dx else None

    check_layer(AlwaysMasks(0.5), x_of((5, 4)), ctx=CTX)
    assert gradcheck(AlwaysMasks(0.5), x_of((5, 4)), ctx=replace(CTX, training=False)).failed
