"""Wasserstein: TF-GAN's constants, and W₁ over all D with slopes of at most 1."""

import numpy as np

from scratchgan.games import Hinge, Wasserstein
from scratchgan.theory import Normal, Uniform, kantorovich_potential, wasserstein_1
from tests.games.optima import P, Q, played
from tests.games.tfgan import FAKE, REAL, losses


def test_tf_gan_s_constants():
    d, g = losses(Wasserstein())
    assert abs(d - 0.225) <= 1e-12
    assert abs(g + 3.125) <= 1e-12


def test_d_reaches_w1():
    """D is the sum of its slopes between three points, each kept in [−1, 1]: W₁ = ∫ |F_p − F_q|."""
    slopes = np.zeros(2)
    for _ in range(100):
        slope = played(Wasserstein(), np.concatenate([[0.0], np.cumsum(slopes)]))[1]
        slopes = np.clip(slopes + np.array([slope[1:].sum(), slope[2]]), -1, 1)
    value = played(Wasserstein(), np.concatenate([[0.0], np.cumsum(slopes)]))[0]
    assert abs(value - np.abs(np.cumsum(P - Q)).sum()) <= 1e-12


def test_the_best_d_between_densities():
    game = Wasserstein()
    for p, q in ((Normal(0, 1), Normal(1, 3)), (Uniform(0, 1), Uniform(2, 5))):
        D = kantorovich_potential(p, q)
        assert abs(game.exact_value(D, p, q).value - wasserstein_1(p, q).value) <= 1e-7
    assert game.optimal_d(p, q) is None  # without a constraint there is none


def test_g_plays_as_in_the_hinge_game():
    for one, other in zip(Wasserstein().g(FAKE), Hinge().g(FAKE), strict=True):
        assert (one is other is None) or (one == other).all()


def test_a_constant_changes_nothing():
    one, other = Wasserstein().d(REAL, FAKE)[0], Wasserstein().d(REAL + 7, FAKE + 7)[0]
    assert abs(one - other) <= 1e-12
