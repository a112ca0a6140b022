"""Small games in float64, whose V can be differenced."""

import numpy as np

from scratchgan.gan import Noise, Player, Trainer
from scratchgan.nn import Concat, Dropout, Linear, Maxout, Network, Sequential
from scratchgan.optim import SGD, Adam

FEATURES, NOISE, CLASSES, BATCH = 3, 2, 3, 5


def generator(labels):
    first = Concat(Linear(NOISE, 4, "tanh"), Linear(CLASSES, 2)) if labels else Linear(NOISE, 6)
    return Sequential(first, Dropout(0.8), Linear(6, FEATURES, "sigmoid"))


def discriminator(labels):
    first = Concat(Linear(FEATURES, 5), Linear(CLASSES, 3)) if labels else Linear(FEATURES, 8)
    return Sequential(first, Maxout(4, 2), Dropout(0.5), Linear(4, 5, "softplus"), Linear(5, 1))


def networks(labels=False, dtype=np.float64, ops=None):
    G = Network(generator(labels), seed=1, dtype=dtype, backend=ops)
    D = Network(discriminator(labels), seed=2, dtype=dtype, backend=ops)
    return G, D


def players(labels=False, rate=0.1, ops=None):
    G, D = networks(labels, ops=ops)
    return Player(D, SGD(rate)), Player(G, SGD(rate))


def batch(labels=False, seed=0):
    """A minibatch x and noise z, both with labels where asked."""
    rng = np.random.default_rng(seed)
    x, z = rng.random((BATCH, FEATURES)), rng.normal(size=(BATCH, NOISE))
    if not labels:
        return x, z
    y, y_fake = np.eye(CLASSES)[rng.integers(0, CLASSES, (2, BATCH))]
    return (x, y), (z, y_fake)


def trainer(labels=False, dtype=np.float64, optimizer=None, **options):
    G, D = networks(labels, dtype)
    rng = np.random.default_rng(3)
    x = rng.random((23, FEATURES)).astype(dtype)
    y = rng.integers(0, CLASSES, 23) if labels else None
    optimizer = optimizer or Adam(1e-2)
    options = {"batch_size": BATCH, "log_every": 1, "seed": 5, **options}
    return Trainer(
        G, D, x,
        noise=Noise(NOISE), optimizer_g=optimizer, optimizer_d=optimizer,
        labels=y, **options,
    )  # fmt: skip
