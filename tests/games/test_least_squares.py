"""Least squares: TF-GAN's constants, its optimum, and what G descends, for several targets."""

import numpy as np
import pytest

from scratchgan.games import LeastSquares
from scratchgan.theory import (
    Normal,
    kl_to_mixture,
    least_squares_descent,
    optimal_discriminator,
    triangular,
)
from tests.games.optima import MIDDLES, P_DATA, P_G, P, Q, moved, of_g, trained
from tests.games.tfgan import losses

TARGETS = [(1, 0, 1), (1, -1, 0), (1, -1, 1), (2, 0.5, 3)]


def test_tf_gan_s_constants():
    d, g = losses(LeastSquares())
    assert abs(d - 41.73375) <= 1e-12
    assert abs(g - 17.69625) <= 1e-12


@pytest.mark.parametrize("targets", TARGETS)
def test_d_reaches_the_optimum(targets):
    game, (real, fake, _) = LeastSquares(*targets), targets
    values, value = trained(game)
    assert np.abs(values - (real * P + fake * Q) / (P + Q)).max() <= 1e-12
    assert np.abs(game.optimal_d(P_DATA, P_G)(MIDDLES) - values).max() <= 1e-12
    assert abs(value + (real - fake) ** 2 / 2 * (P * Q / (P + Q)).sum()) <= 1e-12
    assert abs(game.exact_value(game.optimal_d(P_DATA, P_G), P_DATA, P_G).value - value) <= 1e-9


def test_with_usual_targets_d_is_a_probability():
    p, q = Normal(0, 1), Normal(1, 2)
    x = np.linspace(-3, 3, 7)[:, None]
    apart = LeastSquares().optimal_d(p, q)(x) - optimal_discriminator(p, q)(x)
    assert np.abs(apart).max() <= 1e-15


@pytest.mark.parametrize("targets", TARGETS)
def test_what_g_descends(targets):
    game = LeastSquares(*targets)
    felt = of_g(game, game.optimal_d(P_DATA, P_G)(MIDDLES))
    assert np.abs(felt).max() > 0.01
    exact = moved(lambda p, q: least_squares_descent(p, q, *targets))
    assert np.abs(felt - exact).max() <= 1e-8
    # The paper's χ²(m‖q)-like divergence ½ (b − a)² … differs: it differentiates D* too.
    claimed = moved(triangular)
    shares = felt @ claimed / (claimed @ claimed)
    assert np.abs(felt - shares * claimed).max() > 1e-3 * np.abs(felt).max()


def test_a_goal_below_the_real_target_is_no_divergence():
    """Mao et al.'s targets −1, 1, 0: below 0 somewhere. With the goal 1 never."""
    p = Normal()
    for mean in (0.3, 1.0, 2.0):
        q = Normal(mean, 0.8)
        usual = least_squares_descent(p, q)
        assert usual.value > 10 * usual.error
        assert abs(usual.value - (kl_to_mixture(p, q).value - triangular(p, q).value / 8)) <= 1e-12
    assert min(least_squares_descent(p, Normal(0, s), 1, -1, 0).value for s in (0.8, 1.25)) < -1e-4


def test_what_it_says():
    assert LeastSquares().optimum.names() == ("−¼", "½")
    assert LeastSquares(1, -1, 0).optimum == (-1.0, 0.0, "", "")
    assert LeastSquares().divergence is not None
    assert LeastSquares(goal=0.5).divergence is None
    assert "goal : float, default 1.0" in LeastSquares.__doc__
    with pytest.raises(ValueError, match=r"real and fake are 1\.0; expected two targets"):
        LeastSquares(1, 1)
