"""mnist: handwritten digits of 28 × 28 pixels with plain MLPs."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.recipes.recipe import Recipe, Sizes, joined
from scratchgan.nn import Dropout, Layer, Linear, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam, Cosine

STEPS = 20_000


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """G widens towards the image; D is smaller, with dropout against memorising."""
    z_first, z_width = joined(sizes.noise, sizes.classes)
    x_first, x_width = joined(sizes.features, sizes.classes)
    G = Sequential(
        *z_first,
        Linear(z_width, 256, "relu", weight=he()),
        Linear(256, 512, "relu", weight=he()),
        Linear(512, sizes.features, "sigmoid", bias=sizes.marginals),
    )
    D = Sequential(
        *x_first,
        Linear(x_width, 256, "leaky_relu", weight=he()),
        Dropout(keep=0.7),
        Linear(256, 256, "leaky_relu", weight=he()),
        Dropout(keep=0.7),
        Linear(256, 1),
    )
    return G, D


recipe = Recipe(
    name="mnist",
    about="MNIST's handwritten digits, 28 × 28",
    data="mnist",
    networks=networks,
    noise=Noise(64),
    optimizer_g=Adam(Cosine(1e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
    optimizer_d=Adam(Cosine(1e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
    steps=STEPS,
    batch_size=100,
    ema=0.999,
    log_every=100,
    sample_every=500,
    checkpoint_every=1000,
)
