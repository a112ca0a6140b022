"""
scratchgan: generative adversarial networks from NumPy and hand-written Numba kernels.

The package has the names of ``scratchgan.api``. They are loaded at first use, so that
``import scratchgan`` is fast.

Examples
--------
>>> import numpy as np
>>> import scratchgan as sg
>>> G = sg.Network(sg.Sequential(sg.Linear(1, 8, "tanh"), sg.Linear(8, 1)), seed=1)
>>> D = sg.Network(sg.Sequential(sg.Linear(1, 8, "tanh"), sg.Linear(8, 1)), seed=2)
>>> x = np.random.default_rng(0).normal(3, 0.5, (1000, 1)).astype(np.float32)
>>> adam = sg.Adam(1e-3, beta1=0.5)
>>> game = sg.Trainer(G, D, x, noise=sg.Noise(1), optimizer_g=adam, optimizer_d=adam)
>>> history = game.train(200)
>>> game.samples(5).shape
(5, 1)
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_MODULES = (
    "backends", "course", "data", "errors", "exact", "games", "gan", "metrics", "nn", "optim",
    "plots", "recipes", "runs", "testing", "theory", "trials",
)  # fmt: skip

if TYPE_CHECKING:  # for editors and type checkers
    from scratchgan import backends as backends
    from scratchgan import course as course
    from scratchgan import data as data
    from scratchgan import errors as errors
    from scratchgan import exact as exact
    from scratchgan import games as games
    from scratchgan import gan as gan
    from scratchgan import metrics as metrics
    from scratchgan import nn as nn
    from scratchgan import optim as optim
    from scratchgan import plots as plots
    from scratchgan import recipes as recipes
    from scratchgan import runs as runs
    from scratchgan import testing as testing
    from scratchgan import theory as theory
    from scratchgan import trials as trials
    from scratchgan.api import *  # noqa: F403
else:

    def __getattr__(name: str) -> Any:
        if importlib.util.find_spec(f"scratchgan.{name}"):
            return importlib.import_module(f"scratchgan.{name}")
        if name == "__all__":  # ``from scratchgan import *``; testing needs hypothesis
            return [each for each in __dir__() if each not in ("__version__", "testing")]
        api = importlib.import_module("scratchgan.api")
        if name not in api.__all__:
            raise AttributeError(f"module 'scratchgan' has no attribute '{name}'")
        return getattr(api, name)


def __dir__() -> list[str]:
    api = importlib.import_module("scratchgan.api")
    return sorted(["__version__", *_MODULES, *api.__all__])
