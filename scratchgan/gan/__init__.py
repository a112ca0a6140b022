"""How the game is played: Algorithm 1's two steps, and the trainer that repeats them."""

from scratchgan.gan.code_grid import code_grid
from scratchgan.gan.generator import Generator
from scratchgan.gan.interpolation import interpolate
from scratchgan.gan.noise import Noise
from scratchgan.gan.player import Player
from scratchgan.gan.settings import Settings
from scratchgan.gan.steps import discriminator_step, generator_step, simultaneous_step
from scratchgan.gan.trainer import Trainer

__all__ = [
    "Generator",
    "Noise",
    "Player",
    "Settings",
    "Trainer",
    "code_grid",
    "discriminator_step",
    "generator_step",
    "interpolate",
    "simultaneous_step",
]
