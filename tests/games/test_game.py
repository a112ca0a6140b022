"""What every game keeps: its gradients are those of its values, and it says what it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgan.backends import get_backend
from scratchgan.games import GAMES, PROBABILITY, SCORE, Game, Optimum, get_game
from scratchgan.gradcheck import gradcheck

REFERENCE = get_backend("reference")  # it takes complex numbers
logits = st.lists(st.integers(-4096, 4096), min_size=1, max_size=7).map(
    lambda values: np.array(values, np.float64).reshape(-1, 1) / 512
)


@pytest.mark.parametrize("name", sorted(GAMES))
class TestEach:
    @given(real=logits, fake=logits)
    def test_gradients_are_those_of_the_value(self, name, real, fake):
        game = get_game(name)

        def d(real, fake):
            value, d_real, d_fake = game.d(real, fake, REFERENCE)
            return value[0], {"real": d_real, "fake": d_fake}

        def g(fake):
            value, d_fake, _ = game.g(fake, ops=REFERENCE)
            return value[0], {"fake": d_fake}

        for method in ("central", "complex"):
            gradcheck(d, {"real": real, "fake": fake}, method=method).raise_if_failed()
            gradcheck(g, {"fake": fake}, method=method).raise_if_failed()

    def test_it_says_what_it_is(self, name):
        game = get_game(name)
        assert game.name == name
        assert type(game).__doc__
        assert game.outputs
        assert len(set(game.reading.keys)) == len(set(game.reading.labels)) == 2


def test_a_game_without_a_half_is_none():
    class Half(Game):
        name = "half"

        def d(self, real, fake, ops=None):
            raise NotImplementedError

    with pytest.raises(TypeError, match="abstract.* g"):
        Half()


def test_readings():
    """The first output, as it is or as a probability; others are the game's own."""
    outputs = np.array([[0.0, 7.0], [np.log(3), -7.0]])
    assert SCORE.of(outputs, REFERENCE).tolist() == outputs[:, :1].tolist()
    assert np.abs(PROBABILITY.of(outputs, REFERENCE) - [[0.5], [0.75]]).max() <= 1e-15
    record = {"d_real": 0.625, "d_fake": 0.25, "score_real": -1234.5, "score_fake": 1e-5}
    assert PROBABILITY.said(record) == "D(x) 0.62  D(G(z)) 0.25"
    assert SCORE.said(record) == "score of x -1.23e+03  score of G(z) +1e-05"


def test_names_of_an_optimum():
    assert Optimum(-0.25, 0.5).names() == ("−0.25", "0.5")
    assert Optimum(-1.3863, None, "−log 4").names() == ("−log 4", "")
    assert get_game("minimax").optimum.names() == ("−log 4", "½")
