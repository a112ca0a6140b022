"""f-GANs: each row of the table is a conjugate pair, and its D finds the divergence."""

import numpy as np
import pytest

from scratchgan.games import GAMES, Minimax, NonSaturating, get_game
from scratchgan.games.f_gan import FGAN, TABLE, at
from scratchgan.theory import F_DIVERGENCES, Normal
from tests.games.optima import MIDDLES, P_DATA, P_G, RATIO, P, Q, moved, of_g, trained

NAMES = [name for name, kind in GAMES.items() if issubclass(kind, FGAN)]
each = pytest.mark.parametrize("name", NAMES)


def test_each_row_has_its_game():
    assert [GAMES[name].f for name in NAMES] == list(TABLE) == list(F_DIVERGENCES)
    assert [f"f_{key}" for key in TABLE] == NAMES


@each
def test_g_and_the_conjugate_are_a_pair(name):
    """f*(f′(u)) = u f′(u) − f(u), with g(v) = f′(u) for the best v."""
    row, f = TABLE[GAMES[name].f], F_DIVERGENCES[GAMES[name].f]
    u = np.array([0.01, 0.3, 1.0, 2.0, 50.0])
    v = f.score(np.log(u))
    assert np.abs(at(row.g, v) - f.slope(u)).max() <= 1e-13 * np.abs(f.slope(u)).max()
    conjugate = u * f.slope(u) - f.f(u)
    np.testing.assert_allclose(at(row.conjugate, v), conjugate, rtol=1e-12, atol=1e-13)


@each
def test_d_reaches_the_optimum(name):
    game, f = get_game(name), F_DIVERGENCES[GAMES[name].f]
    values, value = trained(game)
    assert np.abs(values - f.score(RATIO)).max() <= 1e-9
    assert abs(value - (Q * f.f(P / Q)).sum()) <= 1e-12
    assert abs(f.divergence(P_DATA, P_G).value - value) <= 1e-8
    assert np.abs(game.optimal_d(P_DATA, P_G)(MIDDLES) - values).max() <= 1e-9


@each
def test_the_best_d_between_densities(name):
    game, f, p, q = get_game(name), F_DIVERGENCES[GAMES[name].f], Normal(0, 1), Normal(0.4, 1.1)
    best = game.exact_value(game.optimal_d(p, q), p, q)
    assert abs(best.value - f.divergence(p, q).value) <= 1e-8
    assert game.best_value(p, q) == f.divergence(p, q)
    at_p = game.exact_value(game.optimal_d(p, p), p, p).value
    assert abs(at_p - game.optimum.value) <= 1e-12


@each
@pytest.mark.parametrize("saturating", [True, False])
def test_what_g_descends(name, saturating):
    game, f = get_game(name, saturating=saturating), F_DIVERGENCES[GAMES[name].f]
    felt = of_g(game, f.score(RATIO))
    divergence = f.divergence if saturating else f.non_saturating
    assert np.abs(felt - moved(divergence)).max() <= 1e-7
    assert np.abs(felt - moved(f.non_saturating if saturating else f.divergence)).max() > 1e-3
    assert game.divergence == (f.name if saturating else f.non_saturating_name)


def test_two_are_the_games_of_2014(rng):
    real, fake = rng.normal(size=(2, 5, 1))
    for name, constant in (("f_gan", 0), ("f_jensen_shannon", np.log(4))):
        value, *slopes = get_game(name).d(real, fake)
        expected, *known = Minimax().d(real, fake)
        assert abs(value - expected - constant) <= 1e-15
        assert all((a == b).all() for a, b in zip(slopes, known, strict=True))
        for saturating, game in ((True, Minimax()), (False, NonSaturating())):
            slope = get_game(name, saturating=saturating).g(fake)[1]
            assert (slope == game.g(fake)[1]).all()


def test_what_it_says():
    assert get_game("f_kl").optimum[:2] == (0.0, 1.0)
    assert get_game("f_jensen_shannon").optimum[1] == 0.5  # its reading is a probability
    assert "saturating : bool, default True" in GAMES["f_kl"].__doc__
