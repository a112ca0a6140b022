"""What G descends: a generator's parameter moves, D* stands still."""

import numpy as np
import pytest

from scratchgan.games import get_game
from scratchgan.theory import (
    F_DIVERGENCES,
    Normal,
    js,
    kl,
    kl_of_mixture,
    kl_of_pairs,
    kl_to_mixture,
    least_squares_descent,
    non_saturating_descent,
    reverse_kl,
    total_variation,
    triangular,
)

P = Normal(0, 1)
MEAN, STD, H = 0.8, 0.7, 1e-4
EPS, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


def of_g(theta):
    """p_g of G(z) = mean + std z, z ∼ N(0, 1)."""
    return Normal(*theta)


def slope_of(divergence):
    """∂ divergence / ∂ (mean, std)."""
    found = []
    for step in ((H, 0), (0, H)):
        up, down = (divergence(P, of_g(np.add((MEAN, STD), np.multiply(s, step)))) for s in (1, -1))
        found.append((up.value - down.value) / (2 * H))
    return np.array(found)


def slope_of_g(name, **settings):
    """∂/∂ (mean, std) of G's loss E_z[φ(D*(G(z)))], through G alone: φ′(D*) D*′ ∂G/∂θ."""
    game, q = get_game(name, **settings), of_g((MEAN, STD))
    best = game.optimal_d(P, q)
    x = MEAN + STD * EPS[:, None]
    score, slope = best(x), (best(x + 1e-6) - best(x - 1e-6)) / 2e-6
    felt = np.array([game.g(np.array([[v]]))[1][0, 0] for v in score]) * slope
    weights = WEIGHTS / WEIGHTS.sum()
    return np.array([weights @ felt, weights @ (felt * EPS)])


def twice(divergence):
    def doubled(p, q):
        found = divergence(p, q)
        return found._replace(value=2 * found.value)

    return doubled


DESCENDED = {
    "minimax": twice(js),
    "non_saturating": non_saturating_descent,
    "least_squares": least_squares_descent,
} | {f"f_{key}": row.divergence for key, row in F_DIVERGENCES.items() if key != "pearson"}


@pytest.mark.parametrize("name", DESCENDED)
def test_the_gradient_through_a_generator_is_that_of_the_divergence(name):
    felt = slope_of_g(name)
    assert np.abs(felt - slope_of(DESCENDED[name])).max() <= 1e-5
    other = "f_kl" if name != "f_kl" else "minimax"
    assert np.abs(felt - slope_of(DESCENDED[other])).max() > 0.01


def test_non_saturating():
    """KL(q‖p) − 2 JSD = 2 KL(m‖p); with the two slips, KL(q‖p) alone and JSD, rejected."""
    q = of_g((MEAN, STD))
    found = non_saturating_descent(P, q)
    assert abs(found.value - (reverse_kl(P, q).value - 2 * js(P, q).value)) <= 1e-9
    assert abs(found.value - 2 * kl_of_mixture(P, q).value) <= 1e-15
    felt = slope_of_g("non_saturating")
    for slip in (reverse_kl, js, twice(js), kl, kl_of_pairs, total_variation):
        assert np.abs(felt - slope_of(slip)).max() > 0.02
    assert abs(non_saturating_descent(P, P).value) <= 1e-12


def test_mixtures():
    """JSD is half of KL(p‖m) + KL(q‖m), and the two KL of p and m are not one."""
    q = of_g((MEAN, STD))
    both = (kl_to_mixture(P, q).value + kl_to_mixture(q, P).value) / 2
    assert abs(both - js(P, q).value) <= 1e-10
    assert abs(kl_of_mixture(P, q).value - kl_to_mixture(P, q).value) > 1e-4


def test_triangular():
    q = of_g((MEAN, STD))
    x = np.linspace(-9, 9, 20_001)
    p_x, q_x = P.pdf(x), q.pdf(x)
    by_hand = np.trapezoid((p_x - q_x) ** 2 / (p_x + q_x), x)
    assert abs(triangular(P, q).value - by_hand) <= 1e-9


def test_least_squares_is_a_divergence_only_for_a_high_goal():
    """Its second derivative at q = p is that of F″(1) = (goal − middle)(real − fake)/4."""
    for goal, curved in ((1.0, True), (0.0, False)):
        near = least_squares_descent(P, Normal(0.02, 1), 1.0, -1.0, goal).value
        assert (near > 1e-5) == curved
