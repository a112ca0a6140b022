"""The functions of one number without a compiler: log σ, Philox, the choice of a function."""

import math

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, scalar

plain = scalar.build(lambda f: f, math.exp, math.expm1, math.log1p)


@pytest.mark.parametrize("a", [-700.0, -30.0, -1.5, -1e-9, 0.0, 1e-9, 0.3, 2.0, 30.0, 700.0])
def test_plain_python_equals_maths_functions(a):
    def close(x, y):
        return math.isclose(x, y, rel_tol=1e-15, abs_tol=1e-300)

    sigmoid = 1 / (1 + math.exp(-a))
    value = {name: phi.value(a, 0.25) for name, phi in plain.phi.items()}
    assert close(value["sigmoid"], sigmoid)
    assert close(value["tanh"], math.tanh(a))
    assert close(value["softplus"], math.log1p(math.exp(a)))
    assert close(plain.log_sigmoid(a), -math.log1p(math.exp(-a)))
    assert math.isclose(plain.power(a), math.exp(a), rel_tol=1e-15)
    assert value["relu"] == max(a, 0.0)
    assert value["leaky_relu"] == (a if a > 0 else a / 4)
    grad = {name: phi.grad for name, phi in plain.phi.items()}
    assert close(grad["softplus"](3.0, value["softplus"], 0.0), 3 * sigmoid)
    assert grad["sigmoid"](3.0, 0.25, 0.0) == 3 * 0.25 * 0.75
    assert grad["tanh"](3.0, -0.5, 0.0) == 3 * 0.75
    assert grad["relu"](3.0, a, 0.0) == (3 if a > 0 else 0)
    assert grad["leaky_relu"](3.0, a, 0.25) == (3 if a > 0 else 0.75)


def test_nan_stays_nan_in_plain_python():
    for name in ACTIVATIONS:
        assert math.isnan(plain.phi[name].value(math.nan, 0.5)), name
    assert math.isnan(plain.log_sigmoid(math.nan))
    assert math.isnan(plain.power(math.nan))
    assert plain.phi["relu"].grad(3.0, math.nan, 0.0) == 3


def test_a_power_that_is_too_large_is_infinite():
    assert (plain.power(800.0), plain.power(-800.0)) == (math.inf, 0.0)
    assert (plain.power(math.inf), plain.power(-math.inf)) == (math.inf, 0.0)


def test_a_target_s_own_functions_are_used():
    asked = []

    def exp(x):
        asked.append(x)
        return math.exp(x)

    own = scalar.build(lambda f: f, exp, math.expm1, math.log1p)
    assert own.phi["sigmoid"].value(2.0, 0.0) == plain.phi["sigmoid"].value(2.0, 0.0)
    assert asked == [-2.0]


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, [2**32 - 1] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_known_answers(counter, key, words):
    with np.errstate(over="ignore"):  # 32-bit words wrap around
        got = plain.philox(*map(np.uint32, (*counter, *key)))
    assert " ".join(f"{int(word):08x}" for word in got) == words


def test_choice_runs_the_function_of_a_code_and_that_of_0_otherwise():
    functions = {0: lambda x: "none", 2: lambda x: x + 1, 5: lambda x: -x}
    chosen = scalar.choice(lambda f: f, functions)
    assert [chosen(code, 7) for code in range(7)] == ["none", "none", 8, "none", "none", -7, "none"]
