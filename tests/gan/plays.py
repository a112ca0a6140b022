"""A small training of any game, with smooth networks in float64 that fit the game."""

import dataclasses

import numpy as np

from scratchgan.backends import get_backend
from scratchgan.fields import settings_in
from scratchgan.games import GAMES, get_game
from scratchgan.gan import Noise, Settings, Trainer
from scratchgan.nn import Concat, Linear, Network, Sequential
from scratchgan.optim import Adam

FEATURES, CLASSES, BATCH = 3, 2, 4


def played(name):
    """The game of a name, for CLASSES classes where it has any."""
    kind = GAMES[name]
    asks = dataclasses.is_dataclass(kind) and "classes" in settings_in(kind)
    return get_game(name, classes=CLASSES) if asks else get_game(name)


def trainer(game="non_saturating", labels=False, backend="cpu", **settings):
    """A small trainer of a game, with as many outputs of D as the game needs."""
    game = played(game)
    labels = labels or game.needs_labels
    settings = {
        "objective": game, "batch_size": BATCH, "noise": Noise(2), "log_every": 5,
        "optimizer_g": Adam(1e-2), "optimizer_d": Adam(1e-2), **settings,
    }  # fmt: skip
    z = Settings.from_plain(settings).prior.features
    G = Concat(Linear(z, 4, "tanh"), Linear(CLASSES, 2)) if labels else Linear(z, 6, "tanh")
    D = Linear(FEATURES, 6, "softplus")
    if labels and not game.needs_labels:
        D = Concat(Linear(FEATURES, 4, "tanh"), Linear(CLASSES, 2))
    last = Sequential(Linear(6, 5, "tanh"), Linear(5, len(game.outputs)))
    ops, rng = get_backend(backend), np.random.default_rng(3)
    return Trainer(
        Network(Sequential(G, Linear(6, FEATURES)), 1, np.float64, ops),
        Network(Sequential(D, last), 2, np.float64, ops),
        rng.normal(size=(21, FEATURES)), labels=np.arange(21) % CLASSES if labels else None,
        **settings,
    )  # fmt: skip
