"""How often a small bug in a network is seen: the reason for the tolerances."""

from functools import partial

import numpy as np
import pytest

from scratchgan.gradcheck import gradcheck

RNG = np.random.default_rng(6)
POINT = {
    "w1": RNG.normal(size=(6, 8)) / 2,
    "b1": RNG.normal(size=8) / 4,
    "w2": RNG.normal(size=(8, 5)) / 2,
    "b2": RNG.normal(size=5) / 4,
}
X = RNG.normal(size=(7, 6))
TRIALS = 40


def network(w1, b1, w2, b2):
    """A loss of two layers, leaky ReLU with slope 0.1 between them."""
    a = X @ w1 + b1
    h = np.where(a.real > 0, a, 0.1 * a)
    y = np.tanh(h @ w2 + b2)
    dy = y * (1 - y**2)
    da = (dy @ w2.T) * np.where(a.real > 0, 1, 0.1)
    gradients = {"w1": X.T @ da, "b1": da.sum(axis=0), "w2": h.T @ dy, "b2": dy.sum(axis=0)}
    return (y**2).sum() / 2, gradients


def rate(factor, **options):
    """Share of single weights whose gradient, times ``factor``, is rejected, and no other."""
    rng = np.random.default_rng(7)
    seen = 0
    for trial in range(TRIALS):
        name = rng.choice(["w1", "w2"])
        index = tuple(rng.integers(n) for n in POINT[name].shape)

        def bad(name=name, index=index, **inputs):
            value, gradients = network(**inputs)
            gradients[name][index] *= factor
            return value, gradients

        failed = [t.name for t in gradcheck(bad, POINT, seed=trial, **options).failed]
        assert failed in ([], [name])
        seen += bool(failed)
    return seen / TRIALS


def test_the_network_itself_is_right():
    for options in ({}, {"method": "complex"}, {"mode": "directional"}):
        assert gradcheck(network, POINT, **options).ok


def test_a_flipped_sign_of_one_weight_is_always_seen():
    assert rate(-1) == 1
    assert rate(-1, method="complex") == 1
    assert rate(-1, mode="directional") == 1


def test_an_error_of_a_tenth_of_a_percent_in_one_weight_is_seen():
    assert rate(1.001) >= 0.97
    assert rate(1.001, mode="directional") >= 0.9


def test_an_error_of_a_millionth_in_one_weight_is_seen():
    assert rate(1 + 1e-6) >= 0.97
    assert rate(1 + 1e-6, method="complex") >= 0.97


def test_beside_a_large_loss_a_fault_of_one_per_cent_is_never_ok():
    """Some entries are then too small to be told: the report says so, and never that all is ok."""
    rng = np.random.default_rng(8)
    for constant in (1e6, 1e9):
        for _ in range(4):
            name = rng.choice(["w1", "w2"])
            index = tuple(rng.integers(n) for n in POINT[name].shape)

            def bad(factor, name=name, index=index, constant=constant, **inputs):
                value, gradients = network(**inputs)
                gradients[name][index] *= factor
                return constant + value, gradients

            assert not gradcheck(partial(bad, 1.0), POINT).failed
            report = gradcheck(partial(bad, 1.01), POINT)
            assert not report
            assert {t.name for t in report.failed} <= {name}


def test_a_loose_tolerance_hides_bugs():
    assert rate(1.001, mode="directional", directions=1, rtol=1e-3) <= 0.2
    assert rate(1.001, rtol=1e-2) == 0


@pytest.mark.parametrize("mode", ["full", "directional"])
def test_a_zeroed_bias_and_a_slope_are_always_seen(mode):
    def no_bias(**inputs):
        value, gradients = network(**inputs)
        gradients["b1"][3] = 0
        return value, gradients

    def slope(**inputs):
        value, gradients = network(**inputs)
        a = X @ inputs["w1"] + inputs["b1"]
        wrong = np.where(a > 0, 1, 1.1)
        y = np.tanh(np.where(a > 0, a, 0.1 * a) @ inputs["w2"] + inputs["b2"])
        da = ((y * (1 - y**2)) @ inputs["w2"].T) * np.where(a > 0, 1, 0.1) * wrong
        gradients["w1"] = X.T @ da
        return value, gradients

    assert [t.name for t in gradcheck(no_bias, POINT, mode=mode).failed] == ["b1"]
    assert [t.name for t in gradcheck(slope, POINT, mode=mode).failed] == ["w1"]
