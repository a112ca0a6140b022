"""A game on the line held against its optimum, where that is known in closed form."""

import math
import re

import numpy as np
import pytest

from scratchgan.cli import main
from scratchgan.errors import ShapeError
from scratchgan.exact.game import exact_density, exact_game, exact_output
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.optim import Adam
from scratchgan.theory import Normal, js


def affine(scale, shift):
    """G(z) = scale · z + shift, so p_g = N(shift, scale²)."""
    G = Network(Linear(1, 1))
    G.params["weight"][:] = scale
    G.params["bias"][:] = shift
    return G


def logistic(a, b):
    """D(x) = σ(a + b x), which is D* for two normals of one width."""
    return affine(b, a)


def game(G, D, **options):
    x = np.random.default_rng(0).normal(3, 0.5, (100, 1)).astype(np.float32)
    return Trainer(
        G, D, x, noise=Noise(1), optimizer_g=Adam(), optimizer_d=Adam(), batch_size=10, **options
    )


def test_normals_of_one_width_and_their_best_d():
    """p_data = N(3, ½²), p_g = N(2, ½²): the logit of D* is (x − 2.5) · 1/0.25."""
    exact = exact_game(game(affine(0.5, 2.0), logistic(-10.0, 4.0)), Normal(3, 0.5))
    truth = js(Normal(3, 0.5), Normal(2, 0.5))
    assert abs(exact.js.value - truth.value) <= exact.js.error + truth.error
    assert abs(exact.value.value - (-math.log(4) + 2 * truth.value)) <= 1e-9
    assert abs(exact.gap.value) <= 1e-9
    assert exact.gap.distance <= 1e-9
    assert exact.js_average is None


def test_a_d_that_knows_nothing():
    """D = ½ everywhere: V = −log 4, and what it misses is 2 JSD."""
    exact = exact_game(game(affine(0.5, 2.0), logistic(0.0, 0.0)), Normal(3, 0.5))
    assert abs(exact.value.value + math.log(4)) <= 1e-12
    assert abs(exact.gap.value - 2 * exact.js.value) <= 1e-9
    assert exact.gap.distance > 0.1


@pytest.mark.parametrize(
    ("objective", "D"),
    [
        ("f_kl", logistic(-9.0, 4.0)),  # 1 + log p/q
        ("f_reverse_kl", logistic(-10.0, 4.0)),
        ("f_squared_hellinger", logistic(-5.0, 2.0)),  # half of it
        ("relativistic_pairing", logistic(7.0, 4.0)),  # and any constant
    ],
)
def test_other_games_best_d(objective, D):
    exact = exact_game(game(affine(0.5, 2.0), D, objective=objective), Normal(3, 0.5))
    assert abs(exact.gap.value) <= exact.gap.error + 1e-8
    assert math.isnan(exact.gap.distance)  # D* is unbounded
    assert "mean |D" not in str(exact)


def test_the_average_has_a_jsd_of_its_own():
    trainer = game(affine(0.5, 3.0), logistic(0.0, 0.0), ema=0.9)
    exact = exact_game(trainer, Normal(3, 0.5))
    assert exact.js.value == exact.js_average.value
    assert abs(exact.js.value) <= 1e-9  # p_g = p_data
    trainer.G.network.params["bias"][:] = 2.0
    moved = exact_game(trainer, Normal(3, 0.5))
    assert moved.js.value > 0.2
    assert moved.js_average.value == exact.js_average.value


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "softplus"])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_any_network_on_the_line(activation, kind):
    """The density agrees with a histogram of many samples; a shifted one does not."""
    G = Network(Sequential(Linear(1, 16, activation), Linear(16, 8, activation), Linear(8, 1)), 7)
    noise = Noise(1, kind)
    p_g = exact_density(G, noise)
    mass = p_g.mass()
    assert abs(mass.value - 1) <= mass.error + 1e-9
    z = (np.arange(20_000) + 0.5) / 20_000
    z = 2 * z - 1 if kind == "uniform" else np.quantile(Normal().sample(200_000, rng()), z)
    x = np.sort(G.in_float64()(z.reshape(-1, 1)).ravel())
    places = np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9])
    empirical = np.searchsorted(x, places, side="right") / x.size
    assert np.abs(p_g.cdf(places) - empirical).max() <= 0.01
    shifted = places + 0.3 * np.std(x)
    assert np.abs(p_g.cdf(shifted) - empirical).max() > 0.02


def rng():
    return np.random.default_rng(1)


def test_logit_is_smooth():
    """float32 steps would keep quadrature from converging."""
    logit = exact_output(Network(Sequential(Linear(1, 8, "tanh"), Linear(8, 1)), 3))
    x = np.linspace(0, 1e-9, 11)[:, None]
    assert len(set(logit(x))) == 11


def test_more_dimensions_are_refused():
    with pytest.raises(ShapeError, match="z has 2 dimensions; expected 1, because p_g"):
        exact_density(Network(Linear(2, 1)), Noise(2))


@pytest.mark.slow
def test_train_prints_how_far_the_optimum_is(tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert main(["train", "gaussian-1d", "--steps", "1500", "--out", folder]) == 0
    said = capsys.readouterr().out
    value = float(re.search(r"V\(G, D\) +(-?[\d.]+)", said).group(1))
    distance = float(re.search(r"mean \|D − D\*\| +([\d.e-]+)", said).group(1))
    divergence = float(re.search(r"JSD +(-?[\d.e-]+)", said).group(1))
    assert abs(value + math.log(4)) <= 0.05 * math.log(4)
    assert -1e-6 <= divergence <= 0.02
    assert distance <= 0.1
    assert main(["evaluate", folder]) == 0
    assert f"V(G, D)        {value:.6g}" in capsys.readouterr().out


def test_uniform_noise_keeps_its_bounds():
    G = Network(Linear(1, 1), dtype=np.float64)
    G.params["weight"][:], G.params["bias"][:] = 2.0, 1.0
    assert exact_density(G, Noise(1, "uniform", low=0.0, high=3.0)).support == (1.0, 7.0)
