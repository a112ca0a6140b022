"""digits: real handwritten digits of 8 × 8 pixels, in under two minutes and without a download."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.recipes.recipe import Recipe, Sizes
from scratchgan.nn import Dropout, Layer, Linear, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam, Cosine

STEPS = 6000


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """Plain MLPs; 1,500 images are few, so D needs dropout lest it learns them by heart."""
    G = Sequential(
        Linear(sizes.noise, 128, "relu", weight=he()),
        Linear(128, 128, "relu", weight=he()),
        Linear(128, sizes.features, "sigmoid", bias=sizes.marginals),
    )
    D = Sequential(
        Linear(sizes.features, 256, "leaky_relu", weight=he()),
        Dropout(keep=0.7),
        Linear(256, 256, "leaky_relu", weight=he()),
        Dropout(keep=0.7),
        Linear(256, 1),
    )
    return G, D


recipe = Recipe(
    name="digits",
    about="handwritten digits, 8 × 8, embedded in scikit-learn",
    data="digits",
    networks=networks,
    noise=Noise(32),
    optimizer_g=Adam(Cosine(2e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
    optimizer_d=Adam(Cosine(2e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
    steps=STEPS,
    ema=0.999,
    log_every=50,
    sample_every=150,
    checkpoint_every=500,
)
