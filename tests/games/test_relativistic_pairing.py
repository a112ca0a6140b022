"""Relativistic pairing: constants, pairs against swapped pairs, and what G descends."""

import numpy as np

from scratchgan.games import RelativisticPairing
from scratchgan.theory import Normal, js, js_of_pairs, kl_of_pairs, reverse_kl
from tests.games.optima import MIDDLES, P_DATA, P_G, RATIO, P, Q, moved, of_g, trained
from tests.games.tfgan import losses

GAME = RelativisticPairing()


def test_constants():
    """Not TF-GAN's, which has no such loss; computed by hand on its inputs."""
    d, g = losses(GAME)
    assert abs(d - 4.82244) <= 5e-6
    assert abs(g - 4.59744) <= 5e-6


def swapped():
    return np.outer(P, Q), np.outer(Q, P)


def test_d_reaches_the_optimum():
    values, value = trained(GAME)
    assert np.ptp(values - RATIO) <= 1e-9
    one, other = swapped()
    middle = (one + other) / 2
    jsd = ((one * np.log(one / middle)).sum() + (other * np.log(other / middle)).sum()) / 2
    assert abs(value - (jsd - np.log(2))) <= 1e-12
    assert abs(js_of_pairs(P_DATA, P_G).value - jsd) <= 1e-9
    assert np.ptp(GAME.optimal_d(P_DATA, P_G)(MIDDLES) - values) <= 1e-9


def test_the_best_d_between_densities():
    p, q = Normal(0, 1), Normal(1, 1.5)
    best = GAME.exact_value(GAME.optimal_d(p, q), p, q)
    assert abs(best.value - (js_of_pairs(p, q).value - np.log(2))) <= 1e-8
    at_p = GAME.exact_value(GAME.optimal_d(p, p), p, p).value
    assert abs(at_p - GAME.optimum.value) <= 1e-11


def test_what_g_descends():
    """KL(M‖p⊗p), which is KL(q‖p) − JSD(p⊗q‖q⊗p); and not JSD, not 2 KL(m‖p)."""
    felt = of_g(GAME, RATIO)
    assert np.abs(felt - moved(kl_of_pairs)).max() <= 1e-8
    for other in (js_of_pairs, reverse_kl, js):
        assert np.abs(felt - moved(other)).max() > 0.02


def test_a_constant_changes_nothing(rng):
    real, fake = rng.normal(size=(2, 5, 1))
    for player in (GAME.d, lambda real, fake: GAME.g(fake, real)):
        for one, other in zip(player(real, fake), player(real + 3, fake + 3), strict=True):
            assert np.abs(one - other).max() <= 1e-15
