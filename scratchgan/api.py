"""The names that a learner imports: ``import scratchgan as sg``, then ``sg.Linear`` and so on."""

from scratchgan.backends import Purpose, Stream, backend_names, get_backend
from scratchgan.data import Dataset, load
from scratchgan.games import Minimax, NonSaturating, get_objective
from scratchgan.gan import (
    Generator,
    Noise,
    Player,
    Trainer,
    discriminator_step,
    generator_step,
    simultaneous_step,
)
from scratchgan.nn import (
    Concat,
    Context,
    Dropout,
    Layer,
    LeakyReLU,
    Linear,
    Maxout,
    Network,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
    initializers,
)
from scratchgan.optim import SGD, Adam, Cosine, ExponentialDecay, LinearRamp

__all__ = [
    "SGD",
    "Adam",
    "Concat",
    "Context",
    "Cosine",
    "Dataset",
    "Dropout",
    "ExponentialDecay",
    "Generator",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LinearRamp",
    "Maxout",
    "Minimax",
    "Network",
    "Noise",
    "NonSaturating",
    "Player",
    "Purpose",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Stream",
    "Tanh",
    "Trainer",
    "backend_names",
    "discriminator_step",
    "generator_step",
    "get_backend",
    "get_objective",
    "initializers",
    "load",
    "simultaneous_step",
]
