"""gradcheck of a learner's own function: what it accepts, what it refuses, what it finds."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError, UnknownNameError
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import Concat, Context, Dropout, Linear, Sequential, Tanh

RNG = np.random.default_rng(2)
POINT = {"x": RNG.normal(size=(6, 3)), "w": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}
MEASURES = [("full", "central"), ("full", "complex"), ("directional", "central")]


def loss(x, w, b):
    """Half the squared output of a tanh layer, with its backward pass."""
    y = np.tanh(x @ w + b)
    da = y * (1 - y**2)
    return (y**2).sum() / 2, {"x": da @ w.T, "w": x.T @ da, "b": da.sum(axis=0)}


def spoiled(f, name, spoil):
    """f with one of its gradients changed in place."""

    def bad(**inputs):
        value, gradients = f(**inputs)
        spoil(gradients[name])
        return value, gradients

    return bad


@pytest.mark.parametrize(("mode", "method"), MEASURES)
def test_right_gradients_are_ok(mode, method):
    report = gradcheck(loss, POINT, mode=mode, method=method)
    assert report
    assert report.ok
    assert report.raise_if_failed() is report
    assert [t.name for t in report.tensors] == ["x", "w", "b"]
    assert [t.checked for t in report.tensors] == ([18, 6, 2] if mode == "full" else [4, 4, 4])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("mode", "method"), MEASURES)
def test_a_gradient_that_is_not_finite_fails(value, mode, method):
    def spoil(g):
        g[1, 0] = value

    report = gradcheck(spoiled(loss, "w", spoil), POINT, mode=mode, method=method)
    assert [t.name for t in report.failed] == ["w"]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("method", ["central", "complex"])
def test_a_value_that_is_not_finite_fails(method):
    def f(x):
        return np.log(x).sum(), {"x": 1 / x}

    assert gradcheck(f, {"x": np.array([1.0, -1.0])}, method="central").failed
    assert gradcheck(lambda x: (x.sum() * np.inf, {"x": x}), {"x": np.ones(2)}).failed


def test_complex_step_has_fourteen_digits_where_differences_have_eleven():
    worst = {}
    for method in ("central", "complex"):
        report = gradcheck(loss, POINT, method=method, rtol=0)
        worst[method] = max(t.error / max(abs(t.analytic), 1) for t in report.tensors)
    assert worst["complex"] < 1e-14
    assert 1e-14 < worst["central"] < 1e-11


def test_a_steep_or_large_scale_is_measured_with_smaller_steps():
    def reciprocal(x):
        return (1 / x).sum(), {"x": -1 / x**2}

    assert gradcheck(reciprocal, {"x": np.array([1e-3, 2.0, 50.0])}).ok
    assert gradcheck(loss, {**POINT, "x": 30 * POINT["x"]}).ok

    def large(x):
        return (x**2).sum() / 2, {"x": x}

    assert gradcheck(large, {"x": np.array([1e4, 1e8])}).ok
    assert gradcheck(lambda x: (np.sin(x).sum(), {"x": np.cos(x)}), {"x": np.array([1e3])}).ok


@pytest.mark.parametrize("slip", [1e-4, 1e-5, 3e-6])
def test_a_small_bug_on_a_curved_function_fails_and_is_not_taken_for_a_kink(slip):
    def curved(x):
        return (x**4).sum(), {"x": 4 * x**3 * (1 + slip)}

    report = gradcheck(curved, {"x": np.array([0.5, 1.0, 2.0])})
    assert report.failed
    assert not report.inconclusive
    assert gradcheck(lambda x: ((x**4).sum(), {"x": 4 * x**3}), {"x": np.array([0.5, 1.0, 2.0])})


def test_numbers_are_arrays_without_axes():
    def f(a, b):
        return a * b, {"a": b, "b": a}

    for mode, method in MEASURES:
        assert gradcheck(f, {"a": 2.0, "b": -3.0}, mode=mode, method=method).ok


def test_an_input_on_which_f_does_not_depend_may_have_zero_gradient():
    def f(x, unused):
        return (x**2).sum(), {"x": 2 * x, "unused": np.zeros(3)}

    for mode, method in MEASURES:
        assert gradcheck(f, {"x": np.ones(2), "unused": np.ones(3)}, mode=mode, method=method).ok


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128])
def test_only_float64_is_taken(dtype):
    x = np.ones((2, 3), dtype)
    for target, inputs in [(loss, {**POINT, "x": x}), (Linear(3, 2), x)]:
        with pytest.raises(ShapeError, match=f"x is {np.dtype(dtype)}; expected float64"):
            gradcheck(target, inputs)


def test_float32_is_refused_with_the_reason_and_the_remedy():
    params = Linear(3, 2).init(np.random.default_rng(0), np.float32)
    with pytest.raises(
        ShapeError, match=r"weight is float32.*errors of 1e-4.*astype\(np.float64\)"
    ):
        gradcheck(Linear(3, 2), np.ones((4, 3)), params=params)
    with pytest.raises(ShapeError, match=r"dtype float32; expected one number of float64"):
        gradcheck(lambda x: (np.float32(x.sum()), {"x": np.ones(3)}), {"x": np.ones(3)})


def test_a_function_that_is_not_analytic_is_refused_by_the_complex_step():
    def size(x):
        return np.abs(x).sum(), {"x": np.sign(x)}

    def cast(x):
        return float(x.sum()), {"x": np.ones(3)}

    assert gradcheck(size, {"x": np.array([1.0, -2.0, 3.0])}).ok
    with pytest.raises(TypeError, match="real value for complex inputs.*use method='central'"):
        gradcheck(size, {"x": np.array([1.0, -2.0, 3.0])}, method="complex")
    with pytest.raises(TypeError, match="does not accept complex numbers.*use method='central'"):
        gradcheck(cast, {"x": np.ones(3)}, method="complex")


def test_random_numbers_that_are_not_fixed_are_named():
    rng = np.random.default_rng(0)

    def noisy(x):
        mask = rng.random(x.shape) < 0.5
        return (x * mask).sum(), {"x": mask * 1.0}

    with pytest.raises(ValueError, match="at the same point.*fix its random numbers"):
        gradcheck(noisy, {"x": RNG.normal(size=50)})


def test_a_function_that_changes_its_input_is_refused():
    def careless(x):
        x -= x.mean()
        return (x**2).sum(), {"x": 2 * x}

    with pytest.raises(ValueError, match="read-only"):
        gradcheck(careless, {"x": np.ones(3)})


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda x: x.sum(), TypeError, r"expected \(value, gradients\)"),
        (lambda x: (x, {"x": x}), ShapeError, "expected one number"),
        (lambda x: (x.sum(), x), ShapeError, "gradients ndarray; expected a mapping with x"),
        (lambda x: (x.sum(), {"y": x}), ShapeError, "gradients y; expected a mapping with x"),
        (lambda x: (x.sum(), {}), ShapeError, "functools.partial"),
        (lambda x: (x.sum(), {"x": 1.0}), ShapeError, r"x's derivative is \(\); expected \(3,\)"),
    ],
)
def test_an_answer_of_another_form_is_refused(answer, error, message):
    with pytest.raises(error, match=message):
        gradcheck(answer, {"x": np.ones(3)})


def test_bad_arguments_are_refused():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="expected a mapping of its argument names to arrays"):
        gradcheck(loss, x)
    with pytest.raises(ShapeError, match="x is empty"):
        gradcheck(loss, {**POINT, "x": np.ones((0, 3))})
    with pytest.raises(UnknownNameError, match="did you mean 'full'"):
        gradcheck(loss, POINT, mode="ful")
    with pytest.raises(UnknownNameError, match="unknown method 'centre'"):
        gradcheck(loss, POINT, method="centre")
    with pytest.raises(ValueError, match="directions is 0"):
        gradcheck(loss, POINT, mode="directional", directions=0)
    with pytest.raises(ValueError, match=r"step is -1\.0; expected a number at least 1e-300"):
        gradcheck(loss, POINT, step=-1.0)
    with pytest.raises(TypeError, match="are for a Layer"):
        gradcheck(loss, POINT, params={})


# -- layers ----------------------------------------------------------------------------------------


def test_a_pair_and_nested_parameters_are_named():
    layer = Sequential(Concat(Linear(2, 2), Tanh()), Linear(5, 1))
    x = RNG.normal(size=(4, 2)), RNG.normal(size=(4, 3))
    report = gradcheck(layer, x)
    names = ["x[0]", "x[1]", "0.0.weight", "0.0.bias", "1.weight", "1.bias"]
    assert [t.name for t in report.tensors] == names
    assert report.ok


def test_given_parameters_and_context_are_used():
    layer, x = Dropout(0.5), RNG.normal(size=(4, 3))
    ctx = Context(get_backend("reference"), training=True)
    assert gradcheck(layer, x, ctx=ctx).tensors != gradcheck(layer, x).tensors
    params = {"weight": np.zeros((3, 2)), "bias": np.ones(2)}
    (dx, *_) = gradcheck(Linear(3, 2), x, params=params).tensors
    assert dx.analytic == 0
    assert dx.status == "ok"


def test_the_same_seed_gives_the_same_report():
    a, b, c = (
        str(gradcheck(Linear(3, 2, "tanh"), POINT["x"], mode="directional", seed=seed))
        for seed in (1, 1, 2)
    )
    assert a == b != c


def test_a_layer_with_a_parameter_named_x_or_a_wrong_dx_is_refused():
    class Named(Linear):
        def init(self, rng, dtype):
            return {"x": np.ones(3)}

    class Pair(Tanh):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return dy, dy

    class NoDx(Tanh):
        def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
            return None

    with pytest.raises(ValueError, match="has a parameter 'x'"):
        gradcheck(Named(3, 3), POINT["x"])
    with pytest.raises(ShapeError, match="backward returned dx"):
        gradcheck(Pair(), POINT["x"])
    with pytest.raises(ShapeError, match="backward returned dx = None"):
        gradcheck(NoDx(), POINT["x"])
