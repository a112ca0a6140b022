"""Minimax: extreme logits, and its optimum."""

import numpy as np
import pytest

from scratchgan.games import GAMES, Minimax, NonSaturating
from scratchgan.theory import GaussianMixture, Normal, js, kl, optimal_logit

LOGIT_GAMES = [Minimax(), NonSaturating()]


@pytest.mark.parametrize("game", LOGIT_GAMES)
class TestBothForms:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_finite_at_extreme_logits(self, game, dtype):
        big = np.array([[1e4], [-1e4], [0.0]], dtype)
        value, d_real, d_fake = game.d(big, big)
        loss, dg, _ = game.g(big)
        for a in (value, d_real, d_fake, loss, dg):
            assert np.isfinite(a).all()
            assert a.dtype == dtype
        # log σ(±1e4) is 0 and −1e4, log σ(0) = −log 2
        assert np.abs(value[0] + 2 * (1e4 + np.log(2)) / 3) <= 1e-3

    def test_at_the_optimum(self, game):
        """Where D says ½ everywhere, V = −log 4."""
        zero = np.zeros((4, 1))
        value, d_real, d_fake = game.d(zero, zero)
        assert np.abs(value[0] + np.log(4)) <= 1e-15
        assert (d_real == 1 / 8).all()
        assert (d_fake == -1 / 8).all()
        assert abs(game.optimum.value - value[0]) <= 1e-15

    def test_held_against_the_best_d(self, game):
        p, q = Normal(0, 1), Normal(1, 1)
        best = game.exact_value(game.optimal_d(p, q), p, q)
        assert abs(best.value - (2 * js(p, q).value - np.log(4))) <= 1e-9
        nothing = game.exact_value(lambda x: 0 * x[:, 0], p, q)
        assert abs(nothing.value + np.log(4)) <= 1e-12


def test_what_g_descends_against_the_best_d():
    """The divergences that the games name have the gradient that G gets from D*, as p_g moves."""
    p, h = Normal(0, 1), 1e-4

    def mixture(mean):
        return GaussianMixture([0.0, mean], 1.0)  # m = (p + q)/2

    def js_2(mean):
        return 2 * js(p, Normal(mean, 1)).value

    def kl_2(mean):
        return 2 * kl(mixture(mean), p).value

    D_star = optimal_logit(p, Normal(1, 1))  # held while q moves

    def minimax(x):
        return -np.logaddexp(0, D_star(x))

    def non_saturating(x):
        return np.logaddexp(0, -D_star(x))

    for name, loss, divergence, said in (
        ("minimax", minimax, js_2, "2 JSD(p‖q) − log 4"),
        ("non_saturating", non_saturating, kl_2, "2 KL(m‖p)"),
    ):
        assert GAMES[name].divergence == said
        up, down = (Normal(mean, 1).expect(loss).value for mean in (1 + h, 1 - h))
        truth = (divergence(1 + h) - divergence(1 - h)) / (2 * h)
        assert abs((up - down) / (2 * h) - truth) <= 1e-6
    assert abs(js_2(1 + h) - kl_2(1 + h)) > 0.01  # the two are told apart
