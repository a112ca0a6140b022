"""mnist: handwritten digits of 28 × 28 pixels, by plain MLPs."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Dropout, Layer, Linear, Maxout, Sequential
from scratchgan.nn.initializers import he
from scratchgan.optim import Adam, Cosine
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes, joined

EPOCH = 500  # minibatches of 100 from the first 50,000 training images
STEPS = 150 * EPOCH


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """
    G's layers widen towards the image. D is the one of paper-mnist with larger initial weights.

    With two hidden layers in G instead of three, more images were mixtures of two digits.
    """
    z_first, z_width = joined(sizes.noise, sizes.classes)
    x_first, x_width = joined(sizes.d_features, sizes.d_classes)
    G = Sequential(
        *z_first,
        Linear(z_width, 512, "relu", weight=he()),
        Linear(512, 512, "relu", weight=he()),
        Linear(512, 1024, "relu", weight=he()),
        Linear(1024, sizes.features, "sigmoid", bias=sizes.marginals),
    )
    D = Sequential(
        *x_first,
        Dropout(keep=0.8),
        Linear(x_width, 240 * 5, weight=he()),
        Maxout(240, 5),
        Dropout(keep=0.5),
        Linear(240, 240 * 5, weight=he()),
        Maxout(240, 5),
        Dropout(keep=0.5),
        Linear(240, sizes.outputs),
    )
    return G, D


# β₁ = ½, because with Adam's usual 0.9 the players overshoot.
_adam = Adam(Cosine(1e-3, 3e-4, STEPS), beta1=0.5, beta2=0.99)

recipe = Recipe(
    name="mnist",
    about="MNIST's handwritten digits, 28 × 28",
    networks=networks,
    settings=Settings(
        data="mnist",
        noise=Noise(64),
        optimizer_g=_adam,
        optimizer_d=_adam,
        steps=STEPS,
        updates="simultaneous",
        batch_size=100,
        # An average over about 10 epochs. G still moves then: the last rate is not 0.
        ema=0.9998,
        log_every=EPOCH,
        sample_every=5 * EPOCH,
        checkpoint_every=5 * EPOCH,
        validation=10_000,
        # The Parzen measure peaks before the digits are at their best. It is recorded, but does
        # not choose the generator.
        measure="parzen",
        keep_best=False,
        measure_every=10 * EPOCH,
    ),
)
