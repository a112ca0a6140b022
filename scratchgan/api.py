"""The public names: after ``import scratchgan as sg``, they are ``sg.Linear`` and so on."""

from scratchgan.backends import Purpose, Stream, backend_names, get_backend
from scratchgan.data import Dataset, dataset_names, load
from scratchgan.games import Game, Minimax, NonSaturating, get_game
from scratchgan.gan import (
    Generator,
    Noise,
    Player,
    Trainer,
    discriminator_step,
    generator_step,
    interpolate,
    simultaneous_step,
)
from scratchgan.gan.settings import Settings
from scratchgan.gradcheck import gradcheck, gradgradcheck
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
from scratchgan.recipes import Recipe, Sizes, recipe_names
from scratchgan.recipes import get_recipe as recipe
from scratchgan.run import Run, open_run, train

__all__ = [
    "SGD",
    "Adam",
    "Concat",
    "Context",
    "Cosine",
    "Dataset",
    "Dropout",
    "ExponentialDecay",
    "Game",
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
    "Recipe",
    "Run",
    "Sequential",
    "Settings",
    "Sigmoid",
    "Sizes",
    "Softplus",
    "Stream",
    "Tanh",
    "Trainer",
    "backend_names",
    "dataset_names",
    "discriminator_step",
    "generator_step",
    "get_backend",
    "get_game",
    "gradcheck",
    "gradgradcheck",
    "initializers",
    "interpolate",
    "load",
    "open_run",
    "recipe",
    "recipe_names",
    "simultaneous_step",
    "train",
]
