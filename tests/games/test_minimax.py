"""Minimax: extreme logits, and its optimum."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.games import Minimax, NonSaturating, get_game
from scratchgan.gradcheck import gradcheck
from scratchgan.theory import (
    GaussianMixture,
    Normal,
    Uniform,
    js,
    kl,
    non_saturating_descent,
    optimal_logit,
)
from tests.games.optima import MIDDLES, P_DATA, P_G, P, Q, moved, of_g, trained
from tests.games.tfgan import losses

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
        assert game.best_value(p, q) == best
        nothing = game.exact_value(lambda x: 0 * x[:, 0], p, q)
        assert abs(nothing.value + np.log(4)) <= 1e-12


def test_tf_gan_s_constants():
    """Its default smoothing is 0.25; its G's loss has a constant, log σ(1), of no effect."""
    d, g = losses(Minimax())
    assert abs(d - 5.83387) <= 5e-6
    assert abs(g + 4.51082) <= 5e-6
    assert abs(g - np.log1p(np.exp(-1)) + 4.82408) <= 5e-6
    smoothed, same = losses(Minimax(smoothing=0.25))
    assert abs(smoothed - 6.19637) <= 5e-6
    assert same == g
    assert abs(losses(NonSaturating())[1] - 1.38582) <= 5e-6
    assert abs(losses(NonSaturating(smoothing=0.25))[0] - 6.19637) <= 5e-6


SMOOTHED = [Minimax(0.25), Minimax(0.5, two_sided=True), NonSaturating(1.0)]


@pytest.mark.parametrize("game", [*LOGIT_GAMES, *SMOOTHED], ids=str)
def test_d_reaches_the_optimum(game):
    a, b = game.targets
    values, value = trained(game, iterations=1500)
    best = (a * P + b * Q) / (P + Q)
    assert np.abs(1 / (1 + np.exp(-values)) - best).max() <= 1e-9
    assert np.abs(game.optimal_d(P_DATA, P_G)(MIDDLES) - values).max() <= 1e-8
    assert abs(game.exact_value(game.optimal_d(P_DATA, P_G), P_DATA, P_G).value - value) <= 1e-9
    at_p = game.exact_value(game.optimal_d(P_DATA, P_DATA), P_DATA, P_DATA).value
    assert abs(at_p - game.optimum.value) <= 1e-12
    assert abs(game.optimum.reading - (a + b) / 2) <= 1e-15


@pytest.mark.parametrize("game", SMOOTHED, ids=str)
def test_gradients_with_smoothing(game, rng):
    def d(real, fake):
        value, d_real, d_fake = game.d(real, fake, get_backend("reference"))
        return value[0], {"real": d_real, "fake": d_fake}

    real, fake = rng.normal(size=(2, 4, 1))
    for method in ("central", "complex"):
        gradcheck(d, {"real": real, "fake": fake}, method=method).raise_if_failed()


def test_smoothing_keeps_d_s_logits_small():
    """A sure D is pulled back: its gradient changes sign at the logit of the target."""
    sure, unsure = np.array([[5.0]]), np.array([[1.0]])
    for game, sign in ((Minimax(), 1), (Minimax(0.25), -1)):
        assert np.sign(game.d(sure, sure)[1][0, 0]) == sign
        assert game.d(unsure, sure)[1][0, 0] > 0
    fake = Minimax(0.25, two_sided=True).d(sure, -sure)[2]
    assert fake[0, 0] > 0 > Minimax(0.25).d(sure, -sure)[2][0, 0]


def test_one_sided_smoothing_leaves_what_non_saturating_descends():
    felt = [
        of_g(game, game.optimal_d(P_DATA, P_G)(MIDDLES))
        for game in (NonSaturating(), NonSaturating(0.5), NonSaturating(0.5, two_sided=True))
    ]
    assert np.abs(felt[0] - moved(non_saturating_descent)).max() <= 1e-8
    assert np.abs(felt[1] - felt[0]).max() <= 1e-12
    assert np.abs(felt[2] - felt[0]).max() > 0.01
    assert NonSaturating(0.5).divergence == "2 KL(m‖p)"
    assert NonSaturating(0.5, two_sided=True).divergence is Minimax(0.5).divergence is None


def test_disjoint_supports():
    """Smoothed, D* is finite: the targets themselves."""
    p, q = Uniform(0, 1), Uniform(2, 3)
    logits = Minimax(0.5, two_sided=True).optimal_d(p, q)(np.array([[0.5], [2.5]]))
    assert np.abs(1 / (1 + np.exp(-logits)) - [0.75, 0.25]).max() <= 1e-12
    assert Minimax(0.5).optimal_d(p, q)(np.array([[2.5]]))[0] == -np.inf


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
        assert get_game(name).divergence == said
        up, down = (Normal(mean, 1).expect(loss).value for mean in (1 + h, 1 - h))
        truth = (divergence(1 + h) - divergence(1 - h)) / (2 * h)
        assert abs((up - down) / (2 * h) - truth) <= 1e-6
    assert abs(js_2(1 + h) - kl_2(1 + h)) > 0.01  # the two are told apart
