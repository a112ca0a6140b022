"""The mathematics: densities, and everything that is computed from them without a network."""

from __future__ import annotations

from scratchgan.theory.curves import Curve, SwissRoll, TwoMoons
from scratchgan.theory.densities import Density, GaussianMixture, Normal, grid, ring
from scratchgan.theory.divergences import (
    hellinger,
    js,
    kl,
    reverse_kl,
    total_variation,
    wasserstein_1,
)
from scratchgan.theory.dynamics import (
    bilinear,
    dirac_gan,
    jacobian,
    spectral_radius,
    trajectory,
    update_jacobian,
    update_map,
)
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.game import (
    DiscriminatorGap,
    discriminator_gap,
    optimal_discriminator,
    optimal_logit,
    sample_gradient,
    value,
    virtual_criterion,
)
from scratchgan.theory.integrate import integrate
from scratchgan.theory.line import Laplace, Logistic, Tabulated, Uniform
from scratchgan.theory.pushforward import (
    Atom,
    BinnedPushforward,
    Pushforward,
    pushforward_1d,
    pushforward_2d,
)
from scratchgan.theory.quadrature import gauss_legendre

__all__ = [
    "Atom",
    "BinnedPushforward",
    "Curve",
    "Density",
    "DiscriminatorGap",
    "Estimate",
    "GaussianMixture",
    "Laplace",
    "Logistic",
    "Normal",
    "Pushforward",
    "SwissRoll",
    "Tabulated",
    "TwoMoons",
    "Uniform",
    "bilinear",
    "dirac_gan",
    "discriminator_gap",
    "gauss_legendre",
    "grid",
    "hellinger",
    "integrate",
    "jacobian",
    "js",
    "kl",
    "optimal_discriminator",
    "optimal_logit",
    "pushforward_1d",
    "pushforward_2d",
    "reverse_kl",
    "ring",
    "sample_gradient",
    "spectral_radius",
    "total_variation",
    "trajectory",
    "update_jacobian",
    "update_map",
    "value",
    "virtual_criterion",
    "wasserstein_1",
]
