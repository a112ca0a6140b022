"""The non-saturating loss: it keeps a gradient where D is sure."""

import numpy as np

from scratchgan.games import Minimax, NonSaturating


def test_where_g_learns():
    """Where D is sure that samples are fake, only minimax's gradient vanishes."""
    sure = np.full((1, 1), -20.0)
    assert np.abs(Minimax().g(sure)[1][0, 0]) <= 3e-9
    assert np.abs(NonSaturating().g(sure)[1][0, 0] + 1) <= 3e-9


def test_d_plays_minimax():
    real, fake = np.array([[0.3], [2.0]]), np.array([[-1.0], [0.5]])
    for one, other in zip(Minimax().d(real, fake), NonSaturating().d(real, fake), strict=True):
        assert (one == other).all()
