"""gradgradcheck accepts the gradient of a penalty, and rejects the slips that people make."""

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.backends.reference import ReferenceBackend
from scratchgan.errors import ShapeError
from scratchgan.gradcheck import gradgradcheck
from scratchgan.nn import Concat, Context, Dropout, Linear, Maxout, Sequential
from scratchgan.nn.layer import Layer
from scratchgan.nn.second_order import forward_taped
from scratchgan.nn.trees import leaves, rebuilt

RNG = np.random.default_rng(5)
BATCH = 4
X = RNG.normal(size=(BATCH, 3))
SMOOTH = Sequential(Linear(3, 5, "tanh"), Linear(5, 4, "softplus"), Linear(4, 1))
LEAKY = Sequential(Linear(3, 5, "leaky_relu"), Linear(5, 1))
every_method = pytest.mark.parametrize("method", ["central", "complex"])


def r1(g):
    return 0.3 / 2 * (g * g).sum(axis=1).mean(), 0.3 / len(g) * g


def wgan_gp(g):
    norm = np.sqrt((g * g).sum(axis=1, keepdims=True))
    return 10 * ((norm - 1) ** 2).mean(), 20 / len(g) * (norm - 1) / norm * g


def some_function(g):
    w = np.cos(np.arange(g.size)).reshape(g.shape)
    return (w * g**3 + np.sin(g)).sum(), 3 * w * g**2 + np.cos(g)


PENALTIES = {f.__name__: f for f in (r1, wgan_gp, some_function)}


def failed(report):
    return [t.name for t in report.failed]


@every_method
@pytest.mark.parametrize("name", PENALTIES)
def test_right_penalties_are_accepted(name, method):
    report = gradgradcheck(SMOOTH, X, PENALTIES[name], method=method)
    assert report, str(report)
    assert [t.name for t in report.tensors][:2] == ["∂P/∂g", "0.weight"]
    assert str(report).startswith("gradgradcheck of a penalty on ∇ₓ of Sequential(")


def test_the_complex_step_agrees_to_rounding():
    for penalty in PENALTIES.values():
        report = gradgradcheck(SMOOTH, X, penalty, method="complex", rtol=1e-12)
        assert report, str(report)


@pytest.mark.parametrize("method", ["central", "complex"])
def test_other_layers(method):
    label = np.eye(2)[[0, 1, 1, 0]]
    conditional = Sequential(
        Concat(Linear(3, 4, "sigmoid"), Sequential()), Linear(6, 3, "tanh"), Linear(3, 2)
    )
    assert gradgradcheck(conditional, (X, label), wgan_gp, method=method)
    pieces = Sequential(Linear(3, 8), Maxout(4, 2), Dropout(0.7), Linear(4, 1, "softplus"))
    ctx = Context(get_backend("reference"), True, Stream(seed=2))
    assert gradgradcheck(pieces, X, wgan_gp, ctx=ctx, method=method)


def test_directions_in_a_large_network():
    wide = Sequential(Linear(3, 60, "tanh"), Linear(60, 60, "sigmoid"), Linear(60, 1))
    report = gradgradcheck(wide, X, wgan_gp, mode="directional", method="complex", directions=2)
    assert report, str(report)
    assert all(t.checked == 2 for t in report.tensors)


def test_on_the_cpu_backend():
    assert gradgradcheck(SMOOTH, X, wgan_gp, ctx=Context(get_backend("cpu")))


# -- slips ------------------------------------------------------------------------------------


class WithoutBend(ReferenceBackend):
    """A reference that forgets φ″."""

    def _activation_bend(self, dy, y, y_dot, phi, slope):
        return 0 * y_dot


@every_method
def test_a_dropped_second_derivative_of_phi(method):
    ctx = Context(WithoutBend())
    report = gradgradcheck(SMOOTH, X, wgan_gp, ctx=ctx, method=method)
    assert {"0.weight", "1.weight"} <= set(failed(report))
    assert "piecewise linear" not in str(report)


def test_leaky_relu_cannot_show_a_dropped_second_derivative_and_the_report_says_so():
    report = gradgradcheck(LEAKY, X, wgan_gp, ctx=Context(WithoutBend()), method="complex")
    assert report
    assert "not checked: all activations are piecewise linear" in str(report)


def at(params, points, u, penalty, ctx, layer=SMOOTH, see=lambda v: v):
    """Second order of ⟨u, y⟩ + P, with the gradient by the input at the given points."""
    grads = rebuilt(params, map(np.zeros_like, leaves(params)))
    _, passed = forward_taped(layer, params, points, ctx)
    _, v = penalty(passed.input_gradient())
    passed.backward(u, see(v), grads)
    return grads


@every_method
def test_a_stopped_gradient(method):
    """Of g itself, and of the norm alone."""

    def of_g(params, x, u, penalty, ctx):
        return at(params, x, u, penalty, ctx, see=lambda v: None)

    report = gradgradcheck(SMOOTH, X, wgan_gp, gradients=of_g, method=method)
    assert "∂P/∂g" not in failed(report)
    assert "0.weight" in failed(report)

    def of_the_norm(g):
        norm = np.sqrt((g * g).sum(axis=1, keepdims=True))
        value = ((g - g / norm) ** 2).sum(axis=1).mean()  # (‖g‖ − 1)², written with g / ‖g‖ fixed
        return value, 2 / len(g) * (g - g / norm) * (1 - 1 / norm)

    report = gradgradcheck(SMOOTH, X, of_the_norm, method=method)
    assert {"∂P/∂g", "0.weight"} <= set(failed(report))


@every_method
def test_an_interpolation_weight_per_pixel(method):
    real, fake = RNG.normal(size=(2, BATCH, 3))
    alpha = RNG.random((BATCH, 3))
    mixed = alpha[:, :1] * real + (1 - alpha[:, :1]) * fake  # one weight an example

    def per_example(params, x, u, penalty, ctx):
        return at(params, mixed, u, penalty, ctx)

    def per_pixel(params, x, u, penalty, ctx):
        return at(params, alpha * real + (1 - alpha) * fake, u, penalty, ctx)

    assert gradgradcheck(SMOOTH, mixed, wgan_gp, gradients=per_example, method=method)
    report = gradgradcheck(SMOOTH, mixed, wgan_gp, gradients=per_pixel, method=method)
    assert "0.weight" in failed(report)


def mean_of_g(g):
    """λ (‖mean g‖ − 1)²: the mean over the batch inside the norm."""
    mean = g.mean(axis=0)
    norm = np.sqrt((mean * mean).sum())
    return wgan_gp(g)[0], 20 / len(g) * (norm - 1) / norm * np.ones_like(g) * mean


def mean_of_squares(g):
    """‖g‖² as a mean over the features, not a sum."""
    norm = np.sqrt((g * g).mean(axis=1, keepdims=True))
    return wgan_gp(g)[0], 20 / len(g) * (norm - 1) / norm * g


def without_two(g):
    return wgan_gp(g)[0], wgan_gp(g)[1] / 2


@every_method
@pytest.mark.parametrize("wrong", [mean_of_g, mean_of_squares, without_two])
def test_a_wrong_slope_of_the_penalty(wrong, method):
    report = gradgradcheck(SMOOTH, X, wrong, method=method)
    assert {"∂P/∂g", "0.weight"} <= set(failed(report))


class Square(Layer):
    """y = x²; ``forgets`` a factor in backward, as a user's own layer may."""

    def __init__(self, forgets=False):
        self.forgets = forgets

    def forward(self, params, x, ctx):
        return ctx.ops.multiply(x, x), x

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        dx = ctx.ops.multiply(dy, cache)
        return dx if self.forgets else ctx.ops.scale(dx, 2.0)

    def jvp(self, params, cache, dx, ctx):
        return ctx.ops.scale(ctx.ops.multiply(dx, cache), 2.0)


@every_method
def test_a_layer_of_the_users_own(method):
    assert gradgradcheck(Sequential(Linear(3, 2), Square(), Linear(2, 1)), X, r1, method=method)
    wrong = Sequential(Linear(3, 2), Square(forgets=True), Linear(2, 1))
    assert "0.weight" in failed(gradgradcheck(wrong, X, r1, method=method))


# -- arguments --------------------------------------------------------------------------------


def test_a_layer_without_parameters_has_the_penalty_checked():
    assert [t.name for t in gradgradcheck(Maxout(1, 3), X, r1).tensors] == ["∂P/∂g"]


def test_what_a_penalty_must_return():
    with pytest.raises(TypeError, match=r"penalty returned .*; expected a pair, \(P, ∂P/∂g\)"):
        gradgradcheck(SMOOTH, X, lambda g: (g * g).sum())
    with pytest.raises(ShapeError, match=r"gradient of shape \(4,\); expected one number and"):
        gradgradcheck(SMOOTH, X, lambda g: ((g * g).sum(), g[:, 0]))
    with pytest.raises(ValueError, match="penalty is 3"):
        gradgradcheck(SMOOTH, X, 3)


def test_an_operation_without_a_rule():
    class Loss(Layer):
        def forward(self, params, x, ctx):
            return ctx.ops.softmax_cross_entropy(x, x)[1], None

        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return dy

        def jvp(self, params, cache, dx, ctx):
            return dx

    with pytest.raises(NotImplementedError, match="softmax_cross_entropy has no rule"):
        gradgradcheck(Sequential(Linear(3, 3), Loss()), X, r1)
