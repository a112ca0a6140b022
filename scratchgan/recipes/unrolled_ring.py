"""
unrolled-ring: eight modes on a circle, where G's step looks at a D that is five updates ahead.

The settings are those of the authors' demonstration of Metz et al. 2017 (arXiv 1611.02163;
poolio/unrolled_gan on GitHub). Two things differ. The gradient through D's updates is left out
(gan/unrolled.py). And their ring has radius 1 and σ = 0.01, while ours is √2 times as large.
"""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Sequential
from scratchgan.nn.initializers import orthogonal
from scratchgan.optim import Adam
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """Two hidden layers of 128 tanh units in each player, with orthogonal weights."""
    weight = orthogonal(1.4)

    def layers(width: int, out: int) -> Layer:
        return Sequential(
            Linear(width, 128, "tanh", weight=weight),
            Linear(128, 128, "tanh", weight=weight),
            Linear(128, out, weight=weight),
        )

    return layers(sizes.noise, sizes.features), layers(sizes.d_features, sizes.outputs)


recipe = Recipe(
    name="unrolled-ring",
    about="8 Gaussians on a circle, by unrolled updates of D (Metz et al. 2017)",
    networks=networks,
    settings=Settings(
        data="ring",
        noise=Noise(256),
        objective="minimax",
        unroll=5,
        optimizer_g=Adam(1e-3, beta1=0.5),
        optimizer_d=Adam(1e-4, beta1=0.5),
        steps=25_000,
        batch_size=512,
        sample_every=1000,
        checkpoint_every=2500,
    ),
)
