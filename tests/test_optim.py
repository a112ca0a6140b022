"""Schedules, optimisers as descriptions, and what they refuse."""

import json
import math

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.optim import (
    OPTIMIZER,
    SGD,
    Adam,
    Cosine,
    ExponentialDecay,
    LinearRamp,
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


def test_defaults():
    """Kingma & Ba's, and plain descent."""
    assert Adam().to_plain() == {
        "name": "adam", "rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
    }  # fmt: skip
    assert SGD(0.1).to_plain() == {
        "name": "sgd", "rate": 0.1, "momentum": 0.0, "nesterov": False,
    }  # fmt: skip
    assert vars(ExponentialDecay(0.1, 1.5)) == {
        "initial": 0.1, "factor": 1.5, "floor": 0.0, "period": None,
    }  # fmt: skip


def test_every_setting_reaches_the_update():
    """The second update of each, by hand; with one setting changed it is another."""

    def second(optimizer):
        theta, slots = np.zeros(1), tuple(np.zeros(1) for _ in optimizer.slots)
        for t, gradient in enumerate((2.0, 1.0)):
            optimizer.update(OPS, theta, np.array([gradient]), slots, t)
        return theta[0]

    # v: −0.2, then −0.28; plain θ = −0.48; Nesterov adds 0.9 v − 0.1 g at each update
    assert second(SGD(0.1, 0.9)) == pytest.approx(-0.48, rel=1e-14)
    ahead = (0.9 * -0.2 - 0.2) + (0.9 * -0.28 - 0.1)
    assert second(SGD(0.1, 0.9, nesterov=True)) == pytest.approx(ahead, rel=1e-14)
    # m: 1, then 1 (β₁ ½); v: 0.4, then 0.46 (β₂ 0.9), with both corrections
    first = 0.1 * (1 / 0.5) / (np.sqrt(0.4 / 0.1) + 0.5)
    then = 0.1 * (1 / 0.75) / (np.sqrt(0.46 / 0.19) + 0.5)
    assert second(Adam(0.1, 0.5, 0.9, 0.5)) == pytest.approx(-first - then, rel=1e-12)


THREES = (3, 3.0, np.int64(3), np.float32(3), np.array(3))


@pytest.mark.parametrize("three", THREES, ids=lambda value: type(value).__name__)
def test_numpy_numbers_are_numbers_and_are_kept_plain(three):
    """So that config.json and a comparison need to know of one kind."""
    made = [
        Adam(three, eps=three),
        SGD(ExponentialDecay(three, three, three, three)),
        SGD(LinearRamp(three, three, three), nesterov=np.True_),
        Adam(Cosine(three, three, three)),
    ]
    configs = [optimizer.to_plain() for optimizer in made]
    assert json.loads(json.dumps(configs)) == configs
    assert [OPTIMIZER.from_plain("optimizer", config) for config in configs] == made
    for config in configs:
        for value in config["rate"].values() if isinstance(config["rate"], dict) else [0.0]:
            assert type(value) in (str, int, float)
    assert type(made[2].rate.steps) is type(made[1].rate.period) is int
    assert type(made[0].rate) is type(made[3].rate.end) is float
    assert made[2].nesterov is True


NO_NUMBERS = [
    -1, math.nan, math.inf, "3", b"3", None, True, [3], 10**30, 10**400, np.array([3, 4]), 1 + 2j,
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:9])
def test_what_is_no_number_is_named(value):
    for make, name in (
        (lambda: Adam(value), "Adam: rate"),
        (lambda: Adam(beta1=value), "Adam: beta1"),
        (lambda: Adam(beta2=value), "Adam: beta2"),
        (lambda: Adam(eps=value), "Adam: eps"),
        (lambda: SGD(value), "SGD: rate"),
        (lambda: SGD(0.1, value), "SGD: momentum"),
        (lambda: Cosine(value, 0, 3), "Cosine: start"),
        (lambda: Cosine(1, value, 3), "Cosine: end"),
        (lambda: Cosine(1, 0, value), "Cosine: steps"),
        (lambda: LinearRamp(value, 0, 3), "LinearRamp: start"),
        (lambda: LinearRamp(1, value, 3), "LinearRamp: end"),
        (lambda: LinearRamp(1, 0, value), "LinearRamp: steps"),
        (lambda: ExponentialDecay(value, 2), "ExponentialDecay: initial"),
        (lambda: ExponentialDecay(1, value), "ExponentialDecay: factor"),
        (lambda: ExponentialDecay(1, 2, value), "ExponentialDecay: floor"),
        (lambda: ExponentialDecay(1, 2, 0, value), "ExponentialDecay: period"),
    ):
        if value is None and name.endswith("period"):
            continue
        with pytest.raises(ValueError, match=f"^{name} is .*; expected"):
            make()


def test_the_ends_of_the_ranges_belong_to_them():
    Adam(0, 0, 0, 1e15)
    Adam(eps=1e-37)
    SGD(1e15, 0)
    assert Cosine(0, 0, 1)(0) == LinearRamp(0, 0, 10**12)(5) == ExponentialDecay(0, 1, 0, 1)(9) == 0


def test_a_function_of_t_is_a_schedule():
    own = Adam(lambda t: 1 / (1 + t))
    assert [own.rate_at(t) for t in (0, 1)] == [1.0, 0.5]


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
    assert OPTIMIZER.from_plain("optimizer", optimizer.to_plain()) == optimizer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(-1e-3), "Adam: rate is -0.001; expected a number at least 0 and at most 1e"),
        (lambda: Adam(float("nan")), "rate is nan"),
        (lambda: Adam("fast"), "rate is 'fast'; expected a number .*or a schedule"),
        (lambda: Adam(beta1=1.0), "beta1 is 1.0; expected a number at least 0 and below 1$"),
        (lambda: Adam(beta2=1.0), "beta2 is 1.0"),
        (lambda: Adam(beta1=Cosine(0.9, 0.5, 10)), "beta1 is Cosine.*expected a number"),
        (lambda: SGD(0.1, LinearRamp(0.5, 5.0, 10)), "momentum at update 1,000,000,000,000 is 5.0"),
        (lambda: SGD(LinearRamp(0.5, 5.0, 10), Cosine(1.0, 0.1, 2)), "momentum at update 0 is 1.0"),
        (lambda: Adam(lambda t: -t), "rate at update 1,000,000,000,000 is -1000000000000"),
        (lambda: Adam(lambda: 0.1), "Adam: rate is not a function of t: .*0 positional arguments"),
        (lambda: Adam(print), "Adam: rate at update 0 is None; expected a number"),
        (lambda: Adam(Cosine), "rate is the class Cosine; expected a number"),
        (lambda: Adam(eps=0.0), "eps is 0.0; expected a number at least 1e-37 and at most 1e"),
        (lambda: Adam(eps=1e-300), "eps is 1e-300; expected a number at least 1e-37"),
        (lambda: SGD(0.1, momentum=1.5), "momentum is 1.5"),
        (lambda: SGD(0.1, nesterov=1), "SGD: nesterov is 1; expected True or False"),
        (lambda: Cosine(-0.1, 0.1, 5), "Cosine: start is -0.1"),
        (lambda: Cosine(0.1, -0.1, 5), "Cosine: end is -0.1"),
        (lambda: Cosine(0.1, 0.1, math.inf), "steps is inf; expected a whole number from 1 to 1,"),
        (lambda: LinearRamp(0.1, 0.2, 0), "LinearRamp: steps is 0; expected a whole number"),
        (lambda: LinearRamp(0.1, 0.2, 1.5), "steps is 1.5; expected a whole number"),
        (lambda: ExponentialDecay(-0.1, 1.5), "ExponentialDecay: initial is -0.1"),
        (lambda: ExponentialDecay(0.1, 0.5), "factor is 0.5; expected a number at least 1"),
        (lambda: ExponentialDecay(0.1, 1.5, -1e-9), "floor is -1e-09"),
        (lambda: ExponentialDecay(0.1, 1.01, period=0), "period is 0; expected a whole number"),
        (lambda: Adam(lambda t: 0.1).to_plain(), "expected a schedule from scratchgan.optim"),
        (
            lambda: OPTIMIZER.check("", "optimizer", OPTIMIZER.from_plain("optimizer", "adam")),
            "optimizer is 'adam'; expected an optimizer, such as Adam.., or a table",
        ),
        (lambda: OPTIMIZER.from_plain("optimizer", {"name": ["adam"]}), "unknown optimizer"),
        (lambda: OPTIMIZER.from_plain("optimizer", {"name": "adm"}), "did you mean 'adam'"),
        (
            lambda: OPTIMIZER.from_plain("optimizer", {"name": "adam", "lr": 1}),
            "unknown setting of adam 'lr'",
        ),
        (lambda: OPTIMIZER.from_plain("optimizer", {"name": "sgd"}), "sgd: .*rate"),
        (
            lambda: OPTIMIZER.from_plain("optimizer", {"name": "sgd", "rate": {"name": "cos"}}),
            "schedule 'cos'",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
