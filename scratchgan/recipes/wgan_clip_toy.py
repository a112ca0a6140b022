"""
wgan-clip-toy: eight modes on a circle by a Wasserstein game with weight clipping.

The settings are those of the clipping variant in the toy code of Gulrajani et al. 2017 (arXiv
1704.00028; igul222/improved_wgan_training on GitHub). Its critic learns only coarse functions,
which is why that paper replaced clipping by a penalty on the gradient.
"""

from math import sqrt

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer, Linear, Sequential
from scratchgan.nn.initializers import uniform
from scratchgan.optim import Adam
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """Three hidden layers of 512 ReLU units in each player."""

    def relu(width: int) -> Layer:
        return Linear(width, 512, "relu", weight=uniform(sqrt(6 / width)))  # He's variance

    def layers(width: int, out: int) -> Layer:
        return Sequential(relu(width), relu(512), relu(512), Linear(512, out))

    return layers(sizes.noise, sizes.features), layers(sizes.d_features, sizes.outputs)


# The published optimiser is RMSProp with decay 0.9, which is Adam without momentum. Only their
# first steps differ: Adam corrects its average of g² for the start at 0, and TensorFlow's RMSProp
# starts it at 1.
_rms_prop = Adam(5e-5, beta1=0.0, beta2=0.9, eps=1e-10)

recipe = Recipe(
    name="wgan-clip-toy",
    about="8 Gaussians on a circle, by a Wasserstein game with weight clipping",
    networks=networks,
    settings=Settings(
        data="ring",
        noise=Noise(2),
        objective="wasserstein",
        clip=0.01,
        k=5,
        optimizer_g=_rms_prop,
        optimizer_d=_rms_prop,
        steps=100_000,
        batch_size=256,
        sample_every=2000,
        checkpoint_every=5000,
    ),
)
