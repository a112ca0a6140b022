"""The terms of games: each is a mean with its gradient."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.games import terms
from scratchgan.gradcheck import gradcheck
from scratchgan.testing.opaque import OpaqueBackend

OPS = get_backend("reference")
SCORES = np.array([[0.3], [-1.2], [2.0]])
TERMS = {
    "mean": (terms.mean, lambda a: a),
    "mean_square": (terms.mean_square, lambda a: a**2 / 2),
    "mean_relu": (terms.mean_relu, lambda a: np.maximum(a, 0)),
    "mean_exp": (lambda a, ops: terms.mean_exp(a, -1.0, ops), lambda a: np.exp(-a)),
    "mean_log_sigmoid": (
        lambda a, ops: terms.mean_log_sigmoid(a, -1.0, ops), lambda a: -np.log(1 + np.exp(a)),
    ),
    "sum": (
        lambda a, ops: terms.plus(
            terms.add(terms.mean(a, ops), terms.scale(terms.mean_square(a, ops), 3.0, ops), ops),
            5.0, ops,
        ),
        lambda a: a + 1.5 * a**2 + 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TERMS)
def test_a_term(name):
    term, formula = TERMS[name]
    value, slope = term(SCORES, OPS)
    assert value.shape == (1,)
    assert abs(value[0] - formula(SCORES).mean()) <= 1e-15
    assert slope.shape == SCORES.shape

    def of(scores):
        value, slope = term(scores, OPS)
        return value[0], {"scores": slope}

    for method in ("central", "complex"):
        gradcheck(of, {"scores": SCORES}, method=method).raise_if_failed()


@pytest.mark.parametrize("name", TERMS)
def test_from_named_operations_alone(name):
    ops = OpaqueBackend()
    for dtype in (np.float32, np.float64):
        value, slope = TERMS[name][0](ops.asarray(SCORES.astype(dtype)), ops)
        assert value.dtype == slope.dtype == dtype


def test_at_the_kink_of_the_hinge_the_slope_is_0():
    assert terms.mean_relu(np.zeros((2, 1)), OPS).slope.tolist() == [[0], [0]]


def test_what_players_return():
    one, other = terms.mean(SCORES, OPS), terms.mean_square(SCORES, OPS)
    value, d_real, d_fake = terms.value(one, other, OPS)
    assert value == one.value + other.value
    assert d_real is one.slope
    assert d_fake is other.slope
    assert terms.loss(one) == (one.value, one.slope, None)
    assert terms.minus(SCORES, SCORES, OPS).tolist() == [[0]] * 3
    assert terms.shift(SCORES, 2, OPS).tolist() == (SCORES + 2).tolist()
