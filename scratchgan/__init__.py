"""
scratchgan: generative adversarial networks from NumPy and hand-written Numba kernels.

Its names are those of ``scratchgan.api``. They are loaded when the first of them
is used, so that ``import scratchgan`` is quick.

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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchgan.api import *  # noqa: F403

__version__ = "0.1.0"

_MODULES = (
    "backends", "checks", "course", "data", "exact", "games", "gan", "gradcheck", "metrics", "nn",
    "optim", "plots", "recipes", "runs", "theory", "workshop",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"scratchgan.{name}")
    api = importlib.import_module("scratchgan.api")
    if name not in api.__all__:
        raise AttributeError(f"module 'scratchgan' has no attribute '{name}'")
    return getattr(api, name)


def __dir__() -> list[str]:
    api = importlib.import_module("scratchgan.api")
    return sorted(["__version__", *_MODULES, *api.__all__])
