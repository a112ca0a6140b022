"""paper-mnist-tuned: the 2014 experiment with the fewest changes that reach the paper's figure."""

from dataclasses import replace

from scratchgan.gan.recipes.paper_mnist import EPOCH
from scratchgan.gan.recipes.paper_mnist import recipe as published

recipe = replace(
    published,
    name="paper-mnist-tuned",
    about="paper-mnist with a moving average of G, for longer",
    # As the 2014 code, not as its Algorithm 1: a fifth less arithmetic, and no worse.
    updates="simultaneous",
    # Parzen's windows reward a G that is smooth. The average over some 40 epochs is; it is a
    # copy, and the game goes on as if it were not there.
    ema=0.99995,
    # Nobody published how long to train. After 500 epochs the figure still rises.
    steps=1000 * EPOCH,
)
