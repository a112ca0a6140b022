"""
pacgan-grid: 25 modes by packing, where D judges four samples at once.

The settings are those of PacGAN4 (Lin et al. 2018, arXiv 1712.04086, §4.1; fjxmlzn/PacGAN on
GitHub): a minibatch has 100 packs of four rows, and both players are updated from the same pass.
Two things differ. Their grid is {−4, −2, 0, 2, 4}² with σ = 0.05, and ours is divided by 2.828.
And their points are new in each epoch's file of 100,000, while our data set has 65,536.
"""

from scratchgan.gan.noise import Noise
from scratchgan.gan.settings import Settings
from scratchgan.nn import BatchNorm, Layer, Linear, Maxout, ReLU, Sequential
from scratchgan.nn.initializers import normal
from scratchgan.optim import Adam
from scratchgan.recipes.recipe import Recipe
from scratchgan.recipes.sizes import Sizes

EPOCH = 1000  # minibatches of 100 packs from 100,000
WEIGHT = normal(0.02)


def networks(sizes: Sizes) -> tuple[Layer, Layer]:
    """G has four hidden layers with batch norm, and D three of maxout, 200 units of 5 pieces."""

    def normalised(width: int) -> tuple[Layer, ...]:
        return Linear(width, 400, weight=WEIGHT), BatchNorm(400, decay=0.95, eps=1e-4), ReLU()

    def maxout(width: int) -> tuple[Layer, ...]:
        return Linear(width, 200 * 5, weight=WEIGHT), Maxout(200, 5)

    G = Sequential(
        *normalised(sizes.noise),
        *normalised(400),
        *normalised(400),
        *normalised(400),
        Linear(400, sizes.features, weight=WEIGHT),
    )
    D = Sequential(
        *maxout(sizes.d_features),
        *maxout(200),
        *maxout(200),
        Linear(200, sizes.outputs, weight=WEIGHT),
    )
    return G, D


recipe = Recipe(
    name="pacgan-grid",
    about="25 Gaussians on a square grid, four samples packed as one (PacGAN)",
    networks=networks,
    settings=Settings(
        data="grid",
        noise=Noise(2),
        pack=4,
        batch_size=4 * 100,
        updates="simultaneous",
        optimizer_g=Adam(1e-4, beta1=0.8),
        optimizer_d=Adam(1e-4, beta1=0.8),
        steps=400 * EPOCH,
        sample_every=10 * EPOCH,
        checkpoint_every=10 * EPOCH,
    ),
)
