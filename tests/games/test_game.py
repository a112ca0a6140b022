"""What every game keeps: its gradients are those of its values, and it says what it is."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgan.backends import get_backend
from scratchgan.games import GAMES, PROBABILITY, SCORE, Game, Optimum, get_game
from scratchgan.games.f_gan import FGAN, TABLE
from scratchgan.games.names import plain_game
from scratchgan.gradcheck import gradcheck

REFERENCE = get_backend("reference")  # it takes complex numbers
# No score is where a hinge bends: those are odd multiples of 1/1024, and ±1 is an even one.
scores = st.lists(
    st.tuples(st.integers(-2048, 2047), st.integers(-2048, 2047)), min_size=1, max_size=7
).map(lambda pairs: (np.array(pairs, np.float64).T[:, :, None] + 0.5) / 512)


def growth(game):
    """Whether some term of the game is an exponential."""
    row = TABLE[game.f] if isinstance(game, FGAN) else ({}, {})
    return "exp" if any("e^" in term for part in row for term in part) else ""


def players(game):
    """The game's d and g as functions of all scores, which return a value and its gradients."""

    def d(real, fake):
        value, d_real, d_fake = game.d(real, fake, REFERENCE)
        return value[0], {"real": d_real, "fake": d_fake}

    def g(real, fake):
        loss, d_fake, d_real = game.g(fake, real if game.needs_real else None, REFERENCE)
        return loss[0], {"fake": d_fake, "real": 0 * real if d_real is None else d_real}

    return d, g


def wrong_in(player, of, change):
    """The player with one gradient changed."""

    def other(real, fake):
        value, gradients = player(real, fake)
        return value, gradients | {of: change(gradients[of])}

    return other


def scaled(a):
    return 1.001 * a


def turned(a):
    return -a


def shifted(a):
    return a + 1e-3


def of_others(a):
    return a[::-1].copy()


OF_SCORES = sorted(name for name in GAMES if len(get_game(name).outputs) == 1)


@pytest.mark.parametrize("name", OF_SCORES)
class TestEach:
    @settings(max_examples=25)
    @given(pairs=scores)
    def test_gradients_are_those_of_the_value(self, name, pairs):
        real, fake = pairs
        for player in players(get_game(name)):
            for method in ("central", "complex"):
                gradcheck(player, {"real": real, "fake": fake}, method=method).raise_if_failed()

    @pytest.mark.parametrize("bug", [scaled, turned, shifted, of_others])
    def test_a_wrong_gradient_is_rejected(self, name, bug):
        game = get_game(name)
        values = dict(zip(("real", "fake"), np.random.default_rng(1).normal(size=(2, 5, 1)),
                          strict=True))  # fmt: skip
        seen = 0
        for player, of in zip((*players(game),) * 2, ("real", "fake", "fake", "real"), strict=True):
            right = player(**values)[1][of]
            if (bug(right) != right).any() and np.ptp(bug(right) - right) + abs(right).max() > 0:
                seen += 1
                for method in ("central", "complex"):
                    wrong = wrong_in(player, of, bug)
                    assert not gradcheck(wrong, values, method=method).ok
        assert seen >= 2 or bug is of_others

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_no_nan_at_extreme_scores(self, name, dtype):
        """Finite at ±1e4, but for the games with an exponential: ∞, and finite up to 80."""
        game = get_game(name)
        for size, exact in ((80.0, True), (1e4, "exp" not in growth(game))):
            ends = np.array([[size], [-size], [0.0]], dtype)
            for real, fake in ((ends, ends), (ends, -ends)):
                results = [*game.d(real, fake), *game.g(fake, real)]
                for a in results:
                    assert a is None or a.dtype == dtype
                    assert a is None or not np.isnan(a).any()
                    assert a is None or not exact or np.isfinite(a).all()


@pytest.mark.parametrize("name", sorted(GAMES))
def test_settings_are_written_and_read(name):
    game = get_game(name)
    assert type(game) is GAMES[name]
    assert plain_game(game) == str(game) == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        game.reading = SCORE


@pytest.mark.parametrize("name", sorted(GAMES))
def test_it_says_what_it_is(name):
    game = get_game(name)
    assert type(game).__doc__
    assert "{settings}" not in type(game).__doc__
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
