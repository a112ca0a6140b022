"""projection-digits: digits by label, with the projection discriminator (Miyato & Koyama 2018)."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Projection, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam, Cosine
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes, joined

STEPS = 6_000


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """D takes the label at its end, and says how well the features of x fit it."""
    if not sizes.d_classes or sizes.outputs != 1:
        raise ValueError(
            "projection-digits is conditional, and its D has one output; for other games use digits"
        )
    z_first, z_width = joined(sizes.noise, sizes.classes)
    G = Sequential(
        *z_first,
        Linear(z_width, 192, "relu", weight=he()),
        Linear(192, 192, "relu", weight=he()),
        Linear(192, sizes.features, "sigmoid", bias=sizes.marginals),
    )
    features = Sequential(
        Linear(sizes.d_features, 192, "leaky_relu", weight=he()),
        Linear(192, 192, "leaky_relu", weight=he()),
    )
    return G, Projection(features, sizes.d_classes)


recipe = Recipe(
    name="projection-digits",
    about="conditional digits, 8 × 8, with the projection discriminator",
    networks=networks,
    settings=Settings(
        data="digits",
        conditional=True,
        noise=Noise(16),
        optimizer_g=Adam(Cosine(2e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
        optimizer_d=Adam(Cosine(2e-3, 1e-4, STEPS), beta1=0.5, beta2=0.99),
        steps=STEPS,
        ema=0.999,
        log_every=50,
        sample_every=300,
        checkpoint_every=1000,
    ),
)
