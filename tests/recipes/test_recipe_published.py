"""Recipes that repeat published experiments on toy sets: their networks and settings."""

import numpy as np

from scratchgan.games import Wasserstein, WassersteinGP
from scratchgan.nn.initializers import zeros
from scratchgan.optim import Adam
from scratchgan.recipes import get_recipe
from scratchgan.recipes.sizes import Sizes


def shapes(name):
    """Shapes of the weights of G and D."""
    recipe = get_recipe(name)
    sizes = Sizes(recipe.settings.noise.features, 2, 0, zeros(), pack=recipe.settings.pack)
    drawn = (layer.init(np.random.default_rng(0), np.float32) for layer in recipe.networks(sizes))
    return [[p["weight"].shape for p in params if "weight" in p] for params in drawn]


def test_the_unrolled_ring_of_metz_et_al():
    settings = get_recipe("unrolled-ring").settings
    assert shapes("unrolled-ring") == [
        [(256, 128), (128, 128), (128, 2)], [(2, 128), (128, 128), (128, 1)],
    ]  # fmt: skip
    assert (settings.unroll, settings.k, settings.objective) == (5, 1, "minimax")
    assert (settings.batch_size, settings.steps, settings.noise.features) == (512, 25_000, 256)
    assert settings.optimizer_g == Adam(1e-3, beta1=0.5)
    assert settings.optimizer_d == Adam(1e-4, beta1=0.5)


def test_the_clipped_critic_of_gulrajani_et_al():
    settings = get_recipe("wgan-clip-toy").settings
    hidden = [(2, 512), (512, 512), (512, 512)]
    assert shapes("wgan-clip-toy") == [[*hidden, (512, 2)], [*hidden, (512, 1)]]
    assert (settings.clip, settings.k, settings.objective) == (0.01, 5, "wasserstein")
    assert (settings.batch_size, settings.steps, settings.data) == (256, 100_000, "ring")
    trainer = get_recipe("wgan-clip-toy").trainer(backend="reference", batch_size=8)
    assert isinstance(trainer.objective, Wasserstein)
    trainer.step()
    assert np.abs(trainer.arrays()["D.params"]).max() == np.float32(0.01)
    assert np.abs(trainer.arrays()["G.params"]).max() > 1


def test_the_penalised_critic_of_gulrajani_et_al():
    settings = get_recipe("wgan-gp-toy").settings
    assert shapes("wgan-gp-toy") == shapes("wgan-clip-toy")
    assert settings.penalties == (WassersteinGP(0.1),)
    assert settings.penalties[0].target == 1
    assert not settings.penalties[0].one_sided
    assert (settings.clip, settings.k, settings.objective) == (None, 5, "wasserstein")
    assert (settings.batch_size, settings.steps, settings.data) == (256, 100_000, "ring")
    assert settings.optimizer_g == settings.optimizer_d == Adam(1e-4, beta1=0.5, beta2=0.9)


def test_pacgan_4():
    settings = get_recipe("pacgan-grid").settings
    G, D = shapes("pacgan-grid")
    assert G == [(2, 400), (400, 400), (400, 400), (400, 400), (400, 2)]
    assert D == [(4 * 2, 1000), (200, 1000), (200, 1000), (200, 1)]
    assert (settings.pack, settings.batch_size, settings.steps) == (4, 400, 400_000)
    assert settings.optimizer_g == settings.optimizer_d == Adam(1e-4, beta1=0.8)
    trainer = get_recipe("pacgan-grid").trainer(backend="reference", batch_size=8)
    trainer.step()
    assert trainer.last[0].real_outputs.shape == (2, 1)  # of 8 rows
    assert trainer.samples(3).shape == (3, 2)
