"""The best D of each game: no change of it, in any direction, makes V larger."""

import numpy as np
import pytest

from scratchgan.errors import ShapeError
from scratchgan.games import GAMES, get_game
from scratchgan.theory import (
    Laplace,
    Normal,
    Uniform,
    hinge_score,
    kantorovich_potential,
    least_squares_score,
    optimal_logit,
    ring,
    score_of_ratio,
    wasserstein_1,
)

KNOWN = [name for name in GAMES if get_game(name).optimal_d(Normal(), Normal()) is not None]


@pytest.mark.parametrize("name", KNOWN)
def test_v_is_largest_at_the_best_d(name, rng):
    """V is concave in D: its slope along random waves is 0 at D*, and it falls on both sides."""
    game, p, q = get_game(name), Normal(0, 1), Normal(0.5, 1.1)
    best = game.optimal_d(p, q)
    most = game.exact_value(best, p, q)
    for _ in range(2):
        height, length, shift = rng.normal(1, 0.1), rng.uniform(1, 2), rng.uniform(0, 6)

        def moved(by, height=height, length=length, shift=shift):
            return lambda x: best(x) + by * height * np.sin(length * x[:, 0] + shift)

        up, down = (game.exact_value(moved(by), p, q).value for by in (0.01, -0.01))
        assert max(up, down) < most.value - 1e-7
        if name != "hinge":
            assert abs(up - down) <= 0.02 * (2 * most.value - up - down) + 1e-9


def test_a_score_of_the_ratio():
    p, q = Normal(0, 1), Normal(2, 1)
    x = np.array([[0.0], [1.0], [7.0]])
    ratio = optimal_logit(p, q)(x)
    assert (score_of_ratio(p, q, lambda r: 2 * r)(x) == 2 * ratio).all()
    assert hinge_score(p, q)(x).tolist() == [1, 0, -1]
    assert (
        np.abs(least_squares_score(p, q, 3, 1)(x) - (1 + 2 / (1 + np.exp(-ratio)))).max() <= 1e-15
    )
    apart = Uniform(0, 1), Uniform(2, 3)
    assert least_squares_score(*apart)(np.array([[0.5], [2.5], [9.0]])).tolist() == [1, 0, 0.5]
    with pytest.raises(ValueError, match="score is 3; expected a function"):
        score_of_ratio(p, q, 3)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Normal(0, 1), Normal(1, 3)),
        (Normal(0, 1), Laplace(0, 2)),
        (Uniform(0, 1), Uniform(2, 5)),
        (Uniform(2, 5), Uniform(0, 9)),
    ],
    ids=str,
)
def test_kantorovich_s_potential(p, q):
    """Its slopes are at most 1, and its value is W₁."""
    D = kantorovich_potential(p, q)
    x = np.linspace(-9, 9, 5001)[:, None]
    slopes = np.diff(D(x)) / np.diff(x[:, 0])
    assert np.abs(slopes).max() <= 1 + 1e-9
    value = get_game("wasserstein").exact_value(D, p, q)
    assert abs(value.value - wasserstein_1(p, q).value) <= 1e-6


def test_no_potential_in_the_plane():
    with pytest.raises(ShapeError, match="dimension 2; expected 1"):
        kantorovich_potential(ring(), ring())
