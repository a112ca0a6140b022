"""The plain recipes keep their settings: results in notebooks and documents are theirs."""

import pytest

from scratchgan.gan import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn.initializers import zeros
from scratchgan.optim import Adam, Cosine
from scratchgan.recipes import get_recipe
from scratchgan.recipes.sizes import Sizes


def adam(first, last, steps, beta1):
    return Adam(Cosine(first, last, steps), beta1=beta1, beta2=0.99)


POINTS = {
    "noise": Noise(2), "batch_size": 256, "ema": 0.995, "log_every": 100,
    "checkpoint_every": 1000,
}  # fmt: skip
KEPT = {
    "ring-plain": POINTS
    | {"data": "ring", "steps": 10_000, "sample_every": 250}
    | dict.fromkeys(("optimizer_g", "optimizer_d"), adam(1e-3, 5e-5, 10_000, 0.0)),
    "grid-plain": POINTS
    | {"data": "grid", "steps": 20_000, "sample_every": 500}
    | dict.fromkeys(("optimizer_g", "optimizer_d"), adam(1e-3, 5e-5, 20_000, 0.0)),
    "digits-plain": {
        "data": "digits", "noise": Noise(16), "batch_size": 64, "ema": 0.999, "steps": 12_000,
        "log_every": 50, "sample_every": 300, "checkpoint_every": 1000,
    }
    | dict.fromkeys(("optimizer_g", "optimizer_d"), adam(2e-3, 1e-4, 12_000, 0.5)),
}  # fmt: skip

WIDE = "Sequential(Linear(2 → 128, relu), Linear(128 → 128, relu), Linear(128 → 2))"
JUDGE = "Sequential(Linear(2 → 128, leaky_relu), Linear(128 → 128, leaky_relu), Linear(128 → 1))"
LAYERS = {
    "ring-plain": (WIDE, JUDGE),
    "grid-plain": (WIDE, JUDGE),
    "digits-plain": (
        "Sequential(Linear(16 → 192, relu), Linear(192 → 192, relu), Linear(192 → 64, sigmoid))",
        "Sequential(Linear(64 → 192, leaky_relu), Linear(192 → 192, leaky_relu), Linear(192 → 1))",
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_settings_and_networks(name):
    recipe = get_recipe(name)
    assert recipe.settings == Settings(**KEPT[name])
    width = {"digits-plain": 64}.get(name, 2)
    sizes = Sizes(recipe.settings.noise.features, width, 0, zeros())
    assert tuple(map(repr, recipe.networks(sizes))) == LAYERS[name]
