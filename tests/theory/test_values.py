"""V by integrals: against means over many samples, and against other formulas."""

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.games import GAMES, get_game
from scratchgan.theory import Normal, averaged_value, expected_value, ring, value

PAIR = Normal(0, 1), Normal(0.5, 1.2)


def D(x):
    return np.tanh(1.5 * x[:, 0]) - 0.3 * np.sin(3 * x[:, 0])


@pytest.mark.parametrize("name", [name for name in GAMES if len(get_game(name).outputs) == 1])
def test_each_game_s_exact_value_is_the_mean_of_its_d(name):
    """Its d on 400,000 pairs: the difference is that of the samples, below 0.01."""
    rng, game = np.random.default_rng(0), get_game(name)
    real, fake = (D(p.sample(400_000, rng))[:, None] for p in PAIR)
    exact = game.exact_value(D, *PAIR)
    assert exact.error <= 1e-7
    assert abs(game.d(real, fake)[0][0] - exact.value) <= 0.01


def test_the_game_of_2014():
    def log_sigmoid(v):
        return -np.logaddexp(0, -v)

    found = expected_value(D, *PAIR, log_sigmoid, lambda v: log_sigmoid(-v))
    assert found == value(D, *PAIR)


def test_a_constant_d():
    def nothing(x):
        return 0 * x[:, 0] + 5

    assert abs(averaged_value(nothing, *PAIR).value + np.log(4)) <= 1e-10


def test_refused():
    with pytest.raises(ValueError, match="D is 3; expected a function"):
        averaged_value(3, *PAIR)
    with pytest.raises(ShapeError, match="dimension 1 and p_g has dimension 2"):
        expected_value(D, Normal(), ring(), D, D)
    assert get_game("relativistic_pairing").exact_value(D, ring(), ring()) is None
