"""ml-tutorial-mlp: the small MLP of a well-known tutorial (ML-Tutorial-Experiment, jiqizhixin)."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes, joined


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """G and D with one hidden layer of 128 units each."""
    z_first, z_width = joined(sizes.noise, sizes.classes)
    x_first, x_width = joined(sizes.d_features, sizes.d_classes)
    G = Sequential(
        *z_first,
        Linear(z_width, 128, "relu", weight=he()),
        Linear(128, sizes.features, "sigmoid", weight=he()),
    )
    D = Sequential(
        *x_first,
        Linear(x_width, 128, "relu", weight=he()),
        Linear(128, sizes.outputs, weight=he()),
    )
    return G, D


recipe = Recipe(
    name="ml-tutorial-mlp",
    about="a tutorial's MLP on MNIST: 128 hidden units",
    networks=networks,
    settings=Settings(
        data="mnist",
        noise=Noise(100, "uniform", -1.0, 1.0),
        optimizer_g=Adam(),
        optimizer_d=Adam(),
        steps=20_000,
        batch_size=128,
        sample_every=500,
        checkpoint_every=1000,
        validation=10_000,
        measure="parzen",
        measure_every=1000,
    ),
)
