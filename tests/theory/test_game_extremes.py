"""A D that says nothing, or has diverged."""

import numpy as np
import pytest

from scratchgan import theory
from scratchgan.errors import ShapeError
from scratchgan.games import GAMES, Minimax, get_game
from scratchgan.theory import (
    Normal,
    Uniform,
    integrate,
)


def test_a_free_discriminator_says_half():
    """Where neither density has mass."""
    D = theory.optimal_discriminator(Uniform(0, 1), Uniform(2, 3))
    assert D(np.array([[0.5], [1.5], [2.5]])).tolist() == [1.0, 0.5, 0.0]


def test_a_d_that_has_diverged_has_no_value():
    p, q = Normal(), Normal(1)
    assert np.isnan(theory.value(lambda x: x[:, 0] * np.nan, p, q).value)
    gap = theory.discriminator_gap(lambda x: x[:, 0] * np.nan, p, q)
    assert np.isnan(gap.value)
    assert np.isnan(gap.distance)


def test_a_gradient_of_nan_is_nan():
    for name in GAMES:
        game = get_game(name)
        if len(game.outputs) > 1:
            continue
        real = np.zeros(2) if game.needs_real else None
        slope = np.array([[1.0, 1.0], [np.nan, 1.0]])
        sent = theory.sample_gradient(np.array([0.0, np.nan]), slope, game, real)
        assert np.isnan(sent[1, 0]), name
        assert np.isnan(sent[0]).all() == (name == "relativistic_average")  # NaN is in the mean


def test_a_game_that_needs_real_examples():
    for name in ("relativistic_pairing", "relativistic_average"):
        with pytest.raises(ValueError, match=f"real is missing; the game '{name}' compares"):
            theory.sample_gradient(np.zeros(2), np.zeros(2), get_game(name))


def test_a_single_number_is_the_value_everywhere():
    assert integrate(lambda x: 2.0, [0, 3]).value == pytest.approx(6)


def test_a_gradient_of_another_length():
    with pytest.raises(ShapeError, match=r"doutput has shape \(3,\); expected \(2,\)"):
        theory.sample_gradient(np.zeros(2), np.zeros(3), Minimax())
