"""Compute p_g, the distribution of x = G(z), from G and the density of z."""

from scratchgan.theory.pushforward.line import Atom, Pushforward, pushforward_1d
from scratchgan.theory.pushforward.plane import BinnedPushforward, pushforward_2d

__all__ = ["Atom", "BinnedPushforward", "Pushforward", "pushforward_1d", "pushforward_2d"]
