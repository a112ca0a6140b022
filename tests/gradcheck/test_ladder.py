"""What differences can resolve: steps that fit f, a tolerance that could hide a fault, float32."""

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.gradcheck import gradcheck
from scratchgan.gradcheck.ladder import Ladder, rounding_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))
W = RNG.normal(size=(4, 3))


def square(x):
    return (x**2).sum(), {"x": 2 * x}


def forgotten(x):
    return (x**2).sum(), {"x": 0 * x}


def under(constant, factor=1.0, index=...):
    """x² beside a large constant, one entry's gradient (or all) times a factor."""

    def f(x):
        g = 2 * x
        g[index] *= factor
        return constant + (x**2).sum(), {"x": g}

    return f


def tanh(cast):
    """A layer whose backward is cast somewhere."""

    def f(x):
        y = np.tanh(x @ W)
        return (y**2).sum(), {"x": cast((2 * y * (1 - y**2)) @ W.T)}

    return f


# -- steps -----------------------------------------------------------------------------------------

SCALES = {
    "log": lambda s: (lambda x: (np.log(x).sum(), {"x": 1 / x}), s * (1 + abs(X))),
    "sin": lambda s: (lambda x: (np.sin(x / s).sum(), {"x": np.cos(x / s) / s}), X),
    "likelihood": lambda s: (lambda x: ((x**2).sum() / s**2, {"x": 2 * x / s**2}), s * X),
}


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-5, 1e-6, 1e-7])
@pytest.mark.parametrize("name", SCALES)
def test_steps_fit_a_function_that_varies_on_a_small_scale(name, scale):
    f, x = SCALES[name](scale)

    def wrong(x):
        value, gradients = f(x)
        gradients["x"][1, 2] *= 1.001
        return value, gradients

    if (name, scale) == ("sin", 1e-7):  # x itself is rounded to 10⁻⁹ of its period
        x = 1e-3 * x
    assert gradcheck(f, {"x": x}), str(gradcheck(f, {"x": x}))
    (tensor,) = gradcheck(wrong, {"x": x}).tensors
    assert (tensor.status, tensor.failed, tensor.worst_index) == ("FAILED", 1, (1, 2))


@pytest.mark.parametrize("constant", [0.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("size", [1.0, 0.01])
def test_a_fault_of_one_per_cent_in_any_entry_is_seen_beside_a_large_loss(constant, size):
    x = {"x": size * X}
    assert gradcheck(under(constant), x)
    for index in np.ndindex(X.shape):
        (tensor,) = gradcheck(under(constant, 1.01, index), x).tensors
        assert (tensor.status, tensor.worst_index) == ("FAILED", index)


def test_a_gradient_that_was_forgotten_is_seen_beside_a_large_loss():
    assert gradcheck(under(1e9, 0.0), {"x": 0.001 * X}).failed
    assert gradcheck(lambda x: (np.float64(1e9), {"x": 0 * x}), {"x": X})


def test_a_small_entry_beside_large_ones_is_compared_on_its_own_scale():
    x, slopes = np.ones(5), np.array([1e6, 1.0, 1e-3, 1e-6, 0.0])
    assert gradcheck(lambda x: ((slopes * x**2).sum(), {"x": 2 * slopes * x}), {"x": x})
    for i in range(4):
        factors = np.ones(5)
        factors[i] = 1.01
        report = gradcheck(lambda x, k=factors: ((slopes * x**2).sum(), {"x": 2 * k * slopes * x}),
                           {"x": x})  # fmt: skip
        assert [t.worst_index for t in report.failed] == [(i,)]


def test_a_function_that_cancels_large_numbers_inside_is_no_fault_of_its_gradient():
    """|f| does not tell its rounding; what the differences change by does."""

    def inside(x, factor=1.0):
        return (x**2 + 1e7).sum() - 1e7 * x.size, {"x": 2 * factor * x}

    assert gradcheck(inside, {"x": X})
    assert gradcheck(lambda x: inside(x, 1.001), {"x": X}).failed


def test_a_forward_in_float32_is_told_by_its_coarseness():
    def f(x, factor=1.0):
        return np.float64((x.astype(np.float32) ** 2).sum()), {"x": 2 * factor * x}

    report = gradcheck(f, {"x": X})
    assert report
    assert 1e-8 < max(t.coarseness for t in report.tensors) < 5e-3
    assert gradcheck(lambda x: f(x, 1.01), {"x": X}).failed


def test_rounding_is_measured_to_a_factor_of_ten():
    rng = np.random.default_rng(3)
    for sigma in (1e-9, 1e-13):
        noisy = [Ladder(lambda t: np.exp(t) + rng.normal(0, sigma), 1.0, 2.0**-9) for _ in "abcd"]  # noqa: B023
        assert sigma / 10 < rounding_of((ladder, 1.0) for ladder in noisy) < 10 * sigma


# -- what is no check ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1e-300, 1e-30, 1e-14, 1e300])
@pytest.mark.parametrize("f", [square, forgotten])
def test_a_step_that_measures_nothing_is_inconclusive(f, step):
    (x,) = (report := gradcheck(f, {"x": X}, step=step)).tensors
    assert not report
    assert (x.status, x.inconclusive, x.unresolved) == ("inconclusive", 20, 20)
    assert "the tolerance is too large, compared with the derivative" in str(report)
    assert "kink" not in str(report)


@pytest.mark.parametrize("step", [1e-6, 1e-3, 1.0])
def test_a_step_that_is_given_is_the_widest(step):
    for wrong in (False, True):
        (x,) = gradcheck(forgotten if wrong else square, {"x": X}, step=step).tensors
        assert x.status == ("FAILED" if wrong else "ok")
        assert x.step <= step


@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize("rtol", [1.0, 1e9])
def test_a_tolerance_above_the_values_is_no_check(method, rtol):
    report = gradcheck(square, {"x": X}, method=method, rtol=rtol)
    assert not report
    assert report.inconclusive
    assert not report.failed
    assert gradcheck(square, {"x": X}, method=method, rtol=0.5)


@pytest.mark.parametrize("rtol", [-1e-300, -1, np.nan, np.inf, "1", True])
def test_a_tolerance_is_a_number_of_at_least_0(rtol):
    with pytest.raises(ValueError, match="gradcheck: rtol is .*; expected a number at least 0"):
        gradcheck(square, {"x": X}, rtol=rtol)


def test_a_gradient_below_the_rounding_of_f_is_inconclusive():
    for claimed in (1e-9, 5e-9):
        report = gradcheck(lambda x, g=claimed: (1e9 + 1e-9 * x.sum(), {"x": g + 0 * x}), {"x": X})
        assert report.inconclusive
        assert not report
    saturated = gradcheck(tanh(np.copy), {"x": 300 * X})
    assert not saturated.failed
    assert gradcheck(lambda x: (1e9 + 1e-9 * x.sum(), {"x": 1e-9 + 0 * x}), {"x": X},
                     method="complex").inconclusive  # fmt: skip


def test_a_point_at_the_edge_of_the_domain_is_inconclusive():
    with np.errstate(all="ignore"):
        report = gradcheck(lambda x: (np.sqrt(x).sum(), {"x": 0 * x}), {"x": np.array([0.0, 1.0])})
    assert report.tensors[0].status == "FAILED"  # the second
    assert (report.tensors[0].failed, report.tensors[0].unresolved) == (1, 1)


def test_what_passes_could_not_have_hidden_a_fault_of_half_a_per_cent():
    seen = set()
    for step in np.geomspace(1e-13, 1e-9, 17):
        (x,) = gradcheck(lambda x: (x**2, {"x": 2 * x}), {"x": 1.0}, step=step).tensors
        assert x.status == ("ok" if x.tolerance <= 5e-3 * 2 else "inconclusive"), x
        seen.add(x.status)
    assert seen == {"ok", "inconclusive"}


def test_an_entry_is_resolved_to_a_millionth_of_its_tensor():
    """Rounding over this step is 5·10⁻⁷ of the rms, or 5·10⁻⁶: the second entry is smaller."""
    slopes = np.array([1.0, 1e-8])

    def f(x):
        return 1e6 + (slopes * x**2).sum(), {"x": 2 * slopes * x}

    for step, status in [(0.03, "ok"), (0.003, "inconclusive")]:
        (x,) = gradcheck(f, {"x": np.ones(2)}, step=step).tensors
        assert (x.status, x.unresolved) == (status, int(status != "ok"))


def test_a_gradient_that_is_0_but_for_rounding_is_measured_beside_the_others():
    """As a bias before a softmax, or before batch norm."""

    def f(x, b):
        logits = x + b
        p = np.exp(logits) / np.exp(logits).sum()
        g = p - 1 / p.size
        return np.log(np.exp(logits).sum()) - logits.mean(), {"x": g, "b": g.sum()}

    point = {"x": X, "b": np.array(0.1)}
    assert abs(f(**point)[1]["b"]) < 1e-15
    for method in ("central", "complex"):
        assert gradcheck(f, point, method=method), str(gradcheck(f, point, method=method))


def test_x_itself_is_rounded():
    def far(x):
        y = np.tanh(x - 1e8)
        return y.sum(), {"x": 1 - y**2}

    assert gradcheck(far, {"x": 1e8 + np.linspace(-1, 1, 9)})


def test_rounding_as_large_as_it_is_measured_does_not_fail():
    """200 entries with a rounding of 10⁻⁹ each: none is blamed, and one wrong one is."""

    def f(x, factor=1.0):
        noise = np.sin(1e12 * x).sum() + np.cos(3e12 * x[::-1] * x).sum()
        g = 2 * x
        g[7] *= factor
        return (x**2).sum() + 1e-9 * noise, {"x": g}

    x = 1 + RNG.random(200)
    assert gradcheck(f, {"x": x}), str(gradcheck(f, {"x": x}))
    assert gradcheck(lambda x: f(x, 1.001), {"x": x}).failed


def test_along_a_direction_the_tolerance_is_relative_to_the_tensor():
    """Where a derivative along a line cancels, nothing is to be relative to."""

    def f(x):
        return x.sum(), {"x": np.array([1.001, 1.0])}

    point = {"x": np.array([0.5, 0.25])}
    options = {"mode": "directional", "directions": 8}
    assert gradcheck(f, point, rtol=1e-2, **options)
    assert gradcheck(f, point, rtol=1e-5, **options).failed


@pytest.mark.parametrize(
    ("method", "seen", "hidden"), [("central", 5e-9, 2e-10), ("complex", 5e-10, 2e-11)]
)
def test_the_tolerance_that_is_taken_unless_given(method, seen, hidden):
    point = {"x": np.array([0.3, 0.5])}
    f = lambda x, slip: ((x**2).sum(), {"x": 2 * x * (1 + slip)})  # noqa: E731
    assert gradcheck(lambda x: f(x, seen), point, method=method).failed
    assert gradcheck(lambda x: f(x, hidden), point, method=method)


# -- precision that is lost ------------------------------------------------------------------------


def float32_inside(g):
    return g.astype(np.float32).astype(np.float64)


def float32_before(g):
    """A cast further back: no entry is a number of float32."""
    return 1.7 * (g.astype(np.float32) / np.float32(1.7)).astype(np.float64)


@pytest.mark.parametrize("cast", [float32_inside, float32_before])
@pytest.mark.parametrize("method", ["central", "complex"])
def test_a_cast_to_float32_in_backward_is_seen_and_named(cast, method):
    if method == "complex":
        cast_real = lambda g: cast(np.real(g))  # noqa: E731
        report = gradcheck(tanh(cast_real), {"x": X}, method="complex")
    else:
        report = gradcheck(tanh(cast), {"x": X})
    (x,) = report.failed
    assert x.failed > x.checked / 2
    assert x.narrow
    assert "the size of float32 rounding; look for a cast" in str(report)
    assert gradcheck(tanh(np.copy), {"x": X})


def test_an_error_larger_than_float32s_is_not_taken_for_one():
    report = gradcheck(tanh(lambda g: g * (1 + 1e-5)), {"x": X})
    assert report.failed
    assert not report.failed[0].narrow
    assert "float32" not in str(report)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_gradient_of_fewer_digits_is_refused(dtype):
    with pytest.raises(
        ShapeError, match=f"x's derivative is {np.dtype(dtype)}, which has too few digits"
    ):
        gradcheck(tanh(lambda g: g.astype(dtype)), {"x": X})


@pytest.mark.parametrize("other", [complex, object, str])
def test_a_gradient_that_is_no_real_number_is_refused(other):
    with pytest.raises(ShapeError, match="x's derivative is .*; expected"):
        gradcheck(tanh(lambda g: g.astype(other)), {"x": X})


def test_the_report_says_how_little_was_resolved():
    assert "precision: f is large compared with its changes" in str(
        gradcheck(under(1e9), {"x": X * 0.01})
    )
    assert "precision" not in str(gradcheck(square, {"x": X}))
