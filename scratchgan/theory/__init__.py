"""What the mathematics says: densities, and all that is computed from them without a network."""

from __future__ import annotations

from scratchgan.theory.curves import Curve, SwissRoll, TwoMoons
from scratchgan.theory.densities import Density, GaussianMixture, Normal, grid, ring
from scratchgan.theory.quadrature import gauss_legendre

__all__ = [
    "Curve",
    "Density",
    "GaussianMixture",
    "Normal",
    "SwissRoll",
    "TwoMoons",
    "gauss_legendre",
    "grid",
    "ring",
]
