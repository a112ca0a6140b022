"""ring: eight narrow modes on a circle, a known test for mode collapse."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam, Cosine
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes

STEPS = 10_000


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """Plain MLPs of width 128, as toy experiments use them."""
    G = Sequential(
        Linear(sizes.noise, 128, "relu", weight=he()),
        Linear(128, 128, "relu", weight=he()),
        Linear(128, sizes.features),
    )
    D = Sequential(
        Linear(sizes.d_features, 128, "leaky_relu", weight=he()),
        Linear(128, 128, "leaky_relu", weight=he()),
        Linear(128, sizes.outputs),
    )
    return G, D


# A z of 2 dimensions and no momentum (beta1 = 0) are important: with 64 dimensions and
# beta1 = 0.5, the same networks collapsed to one mode.
recipe = Recipe(
    name="ring",
    about="8 Gaussians on a circle",
    networks=networks,
    settings=Settings(
        data="ring",
        noise=Noise(2),
        optimizer_g=Adam(Cosine(1e-3, 5e-5, STEPS), beta1=0.0, beta2=0.99),
        optimizer_d=Adam(Cosine(1e-3, 5e-5, STEPS), beta1=0.0, beta2=0.99),
        steps=STEPS,
        batch_size=256,
        ema=0.995,
        sample_every=250,
        checkpoint_every=1000,
    ),
)
