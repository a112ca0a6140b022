"""Trainers of games with labels and codes, small enough for tests."""

import numpy as np

import scratchgan as sg
from scratchgan.games import CategoricalCode, GaussianCode, UniformCode

FEATURES, CLASSES, BATCH, EXAMPLES = 3, 4, 5, 23
CODES = (CategoricalCode(3), UniformCode(2, -1.0, 2.0), GaussianCode())
WIDTH = 3 + 2 + 1  # of the codes in z


def layers(game, labels, d_labels):
    """G from (z, y) or z, and D from (x, y) or x, with dropout in both."""
    z = 2 + sum(code.width for code in game.codes)

    def first(features, width, pairs):
        if not pairs:
            return sg.Linear(features, width, "tanh")
        return sg.Concat(sg.Linear(features, width - 2, "tanh"), sg.Linear(CLASSES, 2))

    G = sg.Sequential(first(z, 7, labels), sg.Dropout(0.9), sg.Linear(7, FEATURES))
    D = sg.Sequential(
        first(FEATURES, 9, d_labels), sg.Dropout(0.8), sg.Linear(9, len(game.outputs))
    )
    return G, D


def trainer(game, labels=None, dtype=np.float32, backend=None, **options):
    """Return a trainer at its beginning; without ``labels``, the data have them if need be."""
    labels = game.needs_labels if labels is None else labels
    G, D = (
        sg.Network(layer, seed=seed, dtype=dtype, backend=backend)
        for seed, layer in enumerate(layers(game, labels, labels and not game.needs_labels))
    )
    x = np.random.default_rng(3).normal(size=(EXAMPLES, FEATURES)).astype(dtype)
    adam = sg.Adam(1e-2, beta1=0.5)
    options = {"batch_size": BATCH, "log_every": 4, "seed": 5, **options}
    return sg.Trainer(
        G, D, x, noise=sg.Noise(2), optimizer_g=adam, optimizer_d=adam, objective=game,
        labels=np.arange(EXAMPLES) % CLASSES if labels else None, **options,
    )  # fmt: skip
