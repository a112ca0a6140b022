"""Schedules, optimisers as descriptions, and what they refuse."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.optim import (
    SGD,
    Adam,
    Cosine,
    ExponentialDecay,
    LinearRamp,
    optimizer_from_config,
    optimizer_to_config,
    value_at,
)

OPS = get_backend("reference")


def test_schedules():
    decay = ExponentialDecay(0.1, 1.000004, 1e-6)  # Goodfellow et al. 2014
    assert [decay(0), decay(1)] == [0.1, pytest.approx(0.1 / 1.000004, rel=1e-14)]
    assert decay(250_000) == pytest.approx(0.1 / np.e, rel=1e-5)
    assert decay(10**9) == 1e-6
    again = ExponentialDecay(0.1, 1.000004, 1e-6, period=1000)
    assert [again(t) for t in (0, 999, 1000, 2001)] == [decay(t) for t in (0, 999, 0, 1)]
    ramp = LinearRamp(0.5, 0.7, 249)
    assert [ramp(0), ramp(249), ramp(10**6)] == pytest.approx([0.5, 0.7, 0.7], rel=1e-15)
    cosine = Cosine(1.0, 0.2, 100)
    assert [cosine(0), cosine(50), cosine(100), cosine(200)] == pytest.approx([1, 0.6, 0.2, 0.2])
    assert value_at(3, 7) == 3.0


@pytest.mark.parametrize("make", [lambda r: SGD(r), lambda r: SGD(r, 0.9), lambda r: Adam(r)])
def test_ascend_mirrors_descend(make):
    """Ascending a value is descending its negative."""
    gradient = np.array([1.0, -2.0, 3.0])
    up, down = np.zeros(3), np.zeros(3)
    slots = [tuple(np.zeros(3) for _ in make(0.1).slots) for _ in range(2)]
    for t in range(3):
        make(0.1).update(OPS, up, gradient, slots[0], t, ascend=True)
        make(0.1).update(OPS, down, -gradient, slots[1], t)
    assert np.abs(up - down).max() <= 1e-15
    assert (np.sign(up) == np.sign(gradient)).all()


def test_adam_counts_its_updates():
    """Without its t, the first step would be 1/√10 of the rate instead of the rate."""
    theta, slots = np.zeros(1), (np.zeros(1), np.zeros(1))
    Adam(0.1, eps=1e-12).update(OPS, theta, np.array([5.0]), slots, t=0)
    assert theta[0] == pytest.approx(-0.1, rel=1e-10)


def test_numpy_numbers_are_numbers():
    assert Adam(np.float32(0.5)).rate_at(3) == 0.5


def test_schedules_reach_the_update():
    theta, slots = np.zeros(1), (np.zeros(1),)
    sgd = SGD(LinearRamp(1.0, 0.0, 2), LinearRamp(0.0, 0.5, 2))
    for t in range(3):
        sgd.update(OPS, theta, np.ones(1), slots, t)
    # v: −1; 0.25·(−1) − 0.5 = −0.75; 0.5·(−0.75) − 0 = −0.375
    assert theta[0] == pytest.approx(-1 - 0.75 - 0.375, rel=1e-15)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1, LinearRamp(0.5, 0.7, 10), nesterov=True),
        SGD(ExponentialDecay(0.1, 1.01, 1e-3)),
        SGD(ExponentialDecay(0.1, 1.01, period=100)),
        Adam(Cosine(1e-3, 1e-4, 50), 0.5, 0.9, 1e-7),
    ],
)
def test_config_round_trip(optimizer):
    assert optimizer_from_config(optimizer_to_config(optimizer)) == optimizer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(-1e-3), "Adam: rate is -0.001; expected 0 or more"),
        (lambda: Adam(float("nan")), "rate is nan"),
        (lambda: Adam("fast"), "rate is 'fast'; expected a number or a schedule"),
        (lambda: Adam(beta1=1.0), "beta1 is 1.0; expected 0 or more, below 1"),
        (lambda: Adam(beta1=Cosine(0.9, 0.5, 10)), "beta1 is Cosine.*expected a number"),
        (lambda: SGD(0.1, LinearRamp(0.5, 5.0, 10)), "momentum is 5.0; expected 0 or more, below"),
        (lambda: Adam(eps=0.0), "eps is 0.0; expected above 0"),
        (lambda: SGD(0.1, momentum=1.5), "momentum is 1.5"),
        (lambda: Cosine(0.1, -0.1, 5), "end is -0.1"),
        (lambda: LinearRamp(0.1, 0.2, 0), "steps is 0; expected at least 1"),
        (lambda: ExponentialDecay(0.1, 0.5), "factor is 0.5"),
        (lambda: ExponentialDecay(0.1, 1.01, period=0), "period is 0; expected at least 1"),
        (lambda: optimizer_from_config({"name": "adm"}), "did you mean 'adam'"),
        (lambda: optimizer_from_config({"name": "adam", "lr": 1}), "unknown setting of adam 'lr'"),
        (lambda: optimizer_from_config({"name": "sgd"}), "sgd: .*rate"),
        (lambda: optimizer_from_config({"name": "sgd", "rate": {"name": "cos"}}), "schedule 'cos'"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
