"""gaussian-1d: the smallest game; its optimum is known in closed form."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Sequential
from scratchgan.optim import Adam, Cosine
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes

STEPS = 4000


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """Two small networks with smooth activations, so that p_g has a density everywhere."""
    G = Sequential(
        Linear(sizes.noise, 32, "softplus"),
        Linear(32, sizes.features),
    )
    D = Sequential(
        Linear(sizes.d_features, 32, "tanh"),
        Linear(32, 32, "tanh"),
        Linear(32, sizes.outputs),
    )
    return G, D


recipe = Recipe(
    name="gaussian-1d",
    about="a normal density on a line, the smallest game",
    networks=networks,
    settings=Settings(
        data="gaussian-1d",
        noise=Noise(1),
        optimizer_g=Adam(Cosine(1e-3, 5e-5, STEPS), beta1=0.5, beta2=0.99),
        optimizer_d=Adam(Cosine(2e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
        steps=STEPS,
        batch_size=256,
        ema=0.99,
        log_every=50,
        sample_every=100,
    ),
)
