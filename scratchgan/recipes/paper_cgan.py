"""paper-cgan: the MNIST experiment of Mirza & Osindero 2014, conditional on the digit."""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Concat, Dropout, Layer, Linear, Maxout, Sequential
from scratchgan.nn.initializers import uniform
from scratchgan.optim import SGD, ExponentialDecay, LinearRamp
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes

EPOCH = 500  # minibatches of 100 from the first 50,000 training images


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """
    Both networks have a hidden layer for the label and one for z or x; then they join the two.

    G's dropout stays on when samples are drawn; the paper does not say whether it should. G learns
    to ignore z, and its digits differ only through the dropout masks. Without masks, G makes one
    image for each label.
    """
    if not sizes.classes:
        raise ValueError("paper-cgan is conditional; for a game without labels use paper-mnist")
    # The paper does not give its initial weights. These are those of Goodfellow et al. 2014,
    # because the paper used their code.
    wide, narrow = uniform(0.05), uniform(0.005)
    G = Sequential(
        Concat(
            Linear(sizes.noise, 200, "relu", weight=wide),
            Linear(sizes.classes, 1000, "relu", weight=wide),
        ),
        Dropout(keep=0.5, always=True),
        Linear(1200, 1200, "relu", weight=wide),
        Dropout(keep=0.5, always=True),
        Linear(1200, sizes.features, "sigmoid", weight=wide, bias=sizes.marginals),
    )
    D = Sequential(
        Concat(
            Sequential(Linear(sizes.d_features, 240 * 5, weight=narrow), Maxout(240, 5)),
            Sequential(Linear(sizes.classes, 50 * 5, weight=narrow), Maxout(50, 5)),
        ),
        Dropout(keep=0.5),
        Linear(240 + 50, 240 * 4, weight=narrow),
        Maxout(240, 4),
        Dropout(keep=0.5),
        Linear(240, sizes.outputs, weight=narrow),
    )
    return G, D


def _sgd(factor: float = 1.0) -> SGD:
    """SGD with the published schedules; ``factor`` is explained in ``paper_mnist``."""
    rate = ExponentialDecay(factor * 0.1, 1.00004, floor=factor * 1e-6)
    return SGD(rate, momentum=LinearRamp(0.5, 0.7, 249 * EPOCH))


recipe = Recipe(
    name="paper-cgan",
    about="Mirza & Osindero 2014 on MNIST, as published",
    networks=networks,
    settings=Settings(
        data="mnist",
        noise=Noise(100, "uniform", 0.0, 1.0),
        optimizer_g=_sgd(),
        optimizer_d=_sgd(0.5),
        steps=100 * EPOCH,
        updates="simultaneous",
        batch_size=100,
        conditional=True,
        log_every=EPOCH,
        sample_every=10 * EPOCH,
        checkpoint_every=5 * EPOCH,
        validation=10_000,
        measure="parzen",
        measure_every=5 * EPOCH,
    ),
)
