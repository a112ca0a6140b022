"""Relativistic average: TF-GAN's constants, both paths of each score, and its optimum."""

import numpy as np

from scratchgan.games import RelativisticAverage
from scratchgan.theory import Normal
from tests.games.optima import P_DATA, P_G, RATIO, P, Q, played, table, trained
from tests.games.tfgan import FAKE, REAL_OF_RELATIVISTIC, losses

GAME = RelativisticAverage()


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_tf_gan_s_constants():
    d, g = losses(GAME, REAL_OF_RELATIVISTIC, FAKE)
    assert abs(d - 4.390114) <= 1e-6
    assert abs(g - 4.9401135) <= 1e-6


def test_d_reaches_the_optimum():
    """Stationary as the docstring says, at a table that is not log p/q and a constant."""
    values, value = trained(GAME, iterations=2500)
    a, b = P @ values, Q @ values
    share_a, share_b = P @ sigmoid(b - values), Q @ sigmoid(values - a)
    off = P * (sigmoid(b - values) + share_b) - Q * (sigmoid(values - a) + share_a)
    assert np.abs(off).max() <= 1e-9
    assert np.ptp(values - RATIO) > 0.1
    for change in np.random.default_rng(0).normal(scale=0.1, size=(50, 3)):
        assert played(GAME, values + change)[0] <= value
    assert abs(GAME.exact_value(table(values), P_DATA, P_G).value - value) <= 1e-9


def test_what_is_known():
    p, q = Normal(0, 1), Normal(0, 1)
    nothing = GAME.exact_value(lambda x: 0 * x[:, 0], p, q)
    assert abs(nothing.value - GAME.optimum.value) <= 1e-9
    assert GAME.optimal_d(p, q) is None
    assert GAME.divergence is None


def test_the_mean_s_part_of_a_gradient(rng):
    """Without it, the gradients would not sum to 0, although a constant changes nothing."""
    real, fake = rng.normal(size=(2, 6, 1))
    _, d_real, d_fake = GAME.d(real, fake)
    assert abs(d_real.sum() + d_fake.sum()) <= 1e-15
    own = sigmoid(fake.mean() - real) / len(real)
    assert np.ptp(d_real - own) <= 1e-15
    assert np.abs(d_real - own).min() > 0.01
