"""f-divergences: each formula is E_q[f(p/q)], f is convex, and f′ its derivative."""

import numpy as np
import pytest

from scratchgan.theory import F_DIVERGENCES, Normal, Tabulated

each = pytest.mark.parametrize("key", F_DIVERGENCES)
U = np.linspace(0.05, 8, 60)
P, Q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.55, 0.25, 0.15, 0.05])


@each
def test_f(key):
    row = F_DIVERGENCES[key]
    assert np.abs(row.f(U + 1e-20j).imag / 1e-20 - row.slope(U)).max() <= 1e-12 * 400
    assert (np.diff(row.slope(U)) > 0).all()
    at_1 = row.f(np.ones(1))[0]
    assert abs(at_1 - (-np.log(4) if key == "gan" else 0)) <= 1e-15


@each
def test_its_formula(key):
    row = F_DIVERGENCES[key]
    histograms = (Tabulated(np.arange(5), masses) for masses in (P, Q))
    assert abs(row.divergence(*histograms).value - (Q * row.f(P / Q)).sum()) <= 1e-8
    p, q = Normal(0, 1), Normal(0.4, 1.1)
    x = np.linspace(-7, 7, 20_001)
    exact = np.trapezoid(q.pdf(x) * row.f(p.pdf(x) / q.pdf(x)), x)
    assert abs(row.divergence(p, q).value - exact) <= 1e-6


@each
def test_what_a_non_saturating_g_descends(key):
    """E_p[F(q/p)] with F′(u) = −f′(1/u), up to a constant: by the difference of two q."""
    row, u = F_DIVERGENCES[key], np.linspace(1e-4, 6, 200_001)
    slope = -row.slope(1 / u)
    F = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(u))])
    other = np.array([0.3, 0.3, 0.2, 0.2])

    def by_hand(masses):
        return (P * np.interp(masses / P, u, F)).sum()

    p = Tabulated(np.arange(5), P)
    one, two = (
        row.non_saturating(p, Tabulated(np.arange(5), masses)).value for masses in (Q, other)
    )
    assert abs((one - two) - (by_hand(Q) - by_hand(other))) <= 1e-5
    assert abs(row.non_saturating(p, p).value) <= 1e-9
