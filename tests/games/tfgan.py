"""The inputs of TF-GAN's own tests of its losses, and how its numbers relate to ours."""

import numpy as np

REAL = np.array([[-5.0], [1.4], [12.5], [2.7]])
FAKE = np.array([[10.0], [4.4], [-5.5], [3.6]])
REAL_OF_RELATIVISTIC = np.array([[-2.0], [0.4], [12.5], [2.7]])


def losses(game, real=REAL, fake=FAKE):
    """What TF-GAN minimises for each player: −V for D, and G's loss."""
    return -float(game.d(real, fake)[0][0]), float(game.g(fake, real)[0][0])
