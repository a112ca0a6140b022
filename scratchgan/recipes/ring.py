"""ring: eight narrow modes on a circle, a known test for mode collapse; RpGAN finds them all."""

from scratchgan.games import R1, R2
from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam, Cosine
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes

STEPS = 15_000


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """
    G is deep and narrow: five hidden layers of 64 ReLU units. D has three of 64 leaky ReLU units.

    G must fold the plane of z into narrow modes far apart, and each layer of ReLU folds it once
    more. A G of two wider layers left more samples between the modes.
    """

    def relu(width: int) -> Layer:
        return Linear(width, 64, "relu", weight=he())

    def leaky(width: int) -> Layer:
        return Linear(width, 64, "leaky_relu", weight=he())

    G = Sequential(
        relu(sizes.noise), relu(64), relu(64), relu(64), relu(64), Linear(64, sizes.features)
    )
    D = Sequential(leaky(sizes.d_features), leaky(64), leaky(64), Linear(64, sizes.outputs))
    return G, D


def adam(steps: int) -> Adam:
    """Return the optimiser of both players: a large rate that falls to 2 % of it, no momentum."""
    return Adam(Cosine(3e-3, 6e-5, steps), beta1=0.0, beta2=0.99)


# RpGAN with both penalties, as in Huang et al. 2024 (arXiv 2501.05441). The penalties hold the
# samples' shares of the modes even. A z of 2 dimensions is important: with 4, far fewer samples
# were near a mode.
recipe = Recipe(
    name="ring",
    about="8 Gaussians on a circle",
    networks=networks,
    settings=Settings(
        data="ring",
        noise=Noise(2),
        objective="relativistic_pairing",
        penalties=(R1(gamma=0.1), R2(gamma=0.1)),
        optimizer_g=adam(STEPS),
        optimizer_d=adam(STEPS),
        steps=STEPS,
        batch_size=256,
        ema=0.999,
        sample_every=500,
        checkpoint_every=2000,
    ),
)
