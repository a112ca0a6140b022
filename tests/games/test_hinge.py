"""Hinge: TF-GAN's constants, D* = sign(p − q), and the total variation."""

import numpy as np

from scratchgan.games import Hinge
from scratchgan.theory import Normal, total_variation
from tests.games.optima import MIDDLES, P_DATA, P_G, P, Q, moved, of_g, trained
from tests.games.tfgan import losses

TV = np.abs(P - Q).sum() / 2


def test_tf_gan_s_constants():
    d, g = losses(Hinge())
    assert abs(d - 6.75) <= 1e-12
    assert abs(g + 3.125) <= 1e-12


def test_d_reaches_the_optimum():
    values, value = trained(Hinge(), decay=0.1)
    assert np.abs(values[[0, 2]] - [1, -1]).max() <= 1e-2
    assert abs(values[1]) <= 1  # where p = q, D is free
    assert abs(value + 2 * (1 - TV)) <= 1e-2
    best = Hinge().optimal_d(P_DATA, P_G)
    assert best(MIDDLES).tolist() == [1, 0, -1]
    assert abs(Hinge().exact_value(best, P_DATA, P_G).value + 2 * (1 - TV)) <= 1e-12


def test_the_best_d_between_densities():
    p, q = Normal(0, 1), Normal(1.5, 1)
    best = Hinge().exact_value(Hinge().optimal_d(p, q), p, q)
    assert abs(best.value + 2 * (1 - total_variation(p, q).value)) <= 1e-6


def test_what_g_descends():
    """2 TV: its gradient is sign(q − p), at the points where the two differ."""
    felt = of_g(Hinge(), [1.0, 0.0, -1.0])
    exact = 2 * moved(total_variation)
    assert np.abs(felt[[0, 2]] - exact[[0, 2]]).max() <= 1e-9
