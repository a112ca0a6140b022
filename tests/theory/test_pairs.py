"""Pairs and swapped pairs: against sums over histograms and over grids."""

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.theory import (
    Normal,
    Tabulated,
    Uniform,
    js,
    js_of_pairs,
    kl_of_pairs,
    paired_value,
    ring,
)

P, Q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.55, 0.25, 0.15, 0.05])
P_DATA, P_G = (Tabulated(np.arange(5), masses) for masses in (P, Q))


def test_against_sums():
    one, other, real = np.outer(P, Q), np.outer(Q, P), np.outer(P, P)
    middle = (one + other) / 2
    jsd = ((one * np.log(one / middle)).sum() + (other * np.log(other / middle)).sum()) / 2
    assert abs(js_of_pairs(P_DATA, P_G).value - jsd) <= 1e-9
    assert abs(kl_of_pairs(P_DATA, P_G).value - (middle * np.log(middle / real)).sum()) <= 1e-9


def test_bounds():
    p = Normal()
    assert abs(js_of_pairs(p, p).value) <= 1e-9
    assert abs(kl_of_pairs(p, p).value) <= 1e-9
    apart = Uniform(0, 1), Uniform(2, 3)
    assert abs(js_of_pairs(*apart).value - np.log(2)) <= 1e-9
    assert kl_of_pairs(*apart).value == np.inf


def D(x):
    return np.tanh(1.5 * x[:, 0]) - 0.3 * np.sin(3 * x[:, 0])


def on_a_grid(f, p, q, n=700):
    """∫∫ f dx dy over [−9, 9]², with the trapezoid rule."""
    x = np.linspace(-9, 9, n)
    each = (x[1] - x[0]) ** 2
    return (f(p.pdf(x)[:, None], q.pdf(x)[:, None], p.pdf(x)[None], q.pdf(x)[None])).sum() * each


def test_between_densities():
    """From p⊗q, q⊗p and p⊗p themselves."""
    p, q = Normal(0, 1), Normal(0.7, 1.3)

    def js_terms(p_x, q_x, p_y, q_y):
        one, other = p_x * q_y, q_x * p_y
        return (
            one * np.log(2 * one / (one + other)) + other * np.log(2 * other / (one + other))
        ) / 2

    def kl_terms(p_x, q_x, p_y, q_y):
        middle = (p_x * q_y + q_x * p_y) / 2
        return middle * np.log(middle / (p_x * p_y))

    assert abs(js_of_pairs(p, q).value - on_a_grid(js_terms, p, q)) <= 1e-8
    assert abs(kl_of_pairs(p, q).value - on_a_grid(kl_terms, p, q)) <= 1e-8
    assert js_of_pairs(p, q).value > js(p, q).value + 0.01  # a pair tells more than a sample


def test_any_d():
    p, q = Normal(0, 1), Normal(0.5, 1.2)
    x = np.linspace(-9, 9, 1001)
    apart = D(x[:, None])[:, None] - D(x[:, None])
    by_hand = -(p.pdf(x)[:, None] * q.pdf(x) * np.logaddexp(0, -apart)).sum() * (x[1] - x[0]) ** 2
    found = paired_value(D, p, q)
    assert abs(found.value - by_hand) <= found.error + 1e-9
    assert found.error <= 1e-7


def test_a_kink_is_in_the_error():
    p = Normal()
    found = paired_value(lambda x: np.abs(x[:, 0] - 0.3), p, p)
    x = np.linspace(-9, 9, 1501)
    apart = np.abs(x - 0.3)[:, None] - np.abs(x - 0.3)
    by_hand = -(p.pdf(x)[:, None] * p.pdf(x) * np.logaddexp(0, -apart)).sum() * (x[1] - x[0]) ** 2
    assert abs(found.value - by_hand) <= found.error + 1e-6


def test_refused():
    with pytest.raises(ValueError, match="D is 3; expected a function"):
        paired_value(3, Normal(), Normal())
    with pytest.raises(ShapeError, match="dimension 2; expected 1"):
        js_of_pairs(ring(), ring())
