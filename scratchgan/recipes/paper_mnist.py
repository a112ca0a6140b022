"""paper-mnist: the MNIST experiment of Goodfellow et al. 2014, with every published setting."""

from math import sqrt

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Dropout, Layer, Linear, Maxout, Sequential
from scratchgan.nn.initializers import uniform
from scratchgan.optim import SGD, ExponentialDecay, LinearRamp
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes, joined

EPOCH = 500  # minibatches of 100 from the first 50,000 training images


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """G with two ReLU layers; D with two maxout layers, each after dropout."""
    z_first, z_width = joined(sizes.noise, sizes.classes)
    x_first, x_width = joined(sizes.d_features, sizes.d_classes)
    wide, narrow = uniform(0.05), uniform(0.005)
    G = Sequential(
        *z_first,
        Linear(z_width, 1200, "relu", weight=wide),
        Linear(1200, 1200, "relu", weight=wide),
        Linear(1200, sizes.features, "sigmoid", weight=wide, bias=sizes.marginals),
    )
    D = Sequential(
        *x_first,
        Dropout(keep=0.8),
        Linear(x_width, 240 * 5, weight=narrow),
        Maxout(240, 5),
        Dropout(keep=0.5),
        Linear(240, 240 * 5, weight=narrow),
        Maxout(240, 5),
        Dropout(keep=0.5),
        Linear(240, sizes.outputs, weight=narrow),
    )
    return G, D


def published_sgd(factor: float = 1.0) -> SGD:
    """
    SGD with the paper's schedules: the rate falls and the momentum rises with each minibatch.

    The paper's code multiplies D's loss by ½. With SGD, this halves D's updates. Here ``factor``
    multiplies D's rate instead, so that V keeps the formula of the paper.
    """
    rate = ExponentialDecay(factor * 0.1, 1.000004, floor=factor * 1e-6)
    # From epoch 1 to epoch 250 there are 249 epochs; in the paper's code, the momentum rose once
    # per epoch.
    return SGD(rate, momentum=LinearRamp(0.5, 0.7, 249 * EPOCH))


recipe = Recipe(
    name="paper-mnist",
    about="Goodfellow et al. 2014 on MNIST, as published",
    networks=networks,
    settings=Settings(
        data="mnist",
        noise=Noise(100, "uniform", -sqrt(3), sqrt(3)),
        optimizer_g=published_sgd(),
        optimizer_d=published_sgd(0.5),
        steps=500 * EPOCH,
        batch_size=100,
        log_every=EPOCH,
        sample_every=10 * EPOCH,
        checkpoint_every=5 * EPOCH,
        validation=10_000,
        measure="parzen",
        measure_every=5 * EPOCH,
    ),
)
