"""The mathematics: densities, and everything that is computed from them without a network."""

from __future__ import annotations

from scratchgan.theory.curves import Curve, SwissRoll, TwoMoons
from scratchgan.theory.densities import Density, GaussianMixture, Normal, grid, ring
from scratchgan.theory.descents import least_squares_descent, non_saturating_descent
from scratchgan.theory.divergences import (
    hellinger,
    js,
    kl,
    kl_of_mixture,
    kl_to_mixture,
    pearson,
    reverse_kl,
    total_variation,
    triangular,
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
from scratchgan.theory.f_divergences import F_DIVERGENCES, FDivergence
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
from scratchgan.theory.pairs import js_of_pairs, kl_of_pairs, paired_value
from scratchgan.theory.pushforward import (
    Atom,
    BinnedPushforward,
    Pushforward,
    pushforward_1d,
    pushforward_2d,
)
from scratchgan.theory.quadrature import gauss_legendre
from scratchgan.theory.scores import (
    hinge_score,
    kantorovich_potential,
    least_squares_score,
    score_of_ratio,
)
from scratchgan.theory.values import averaged_value, expected_value

__all__ = [
    "F_DIVERGENCES",
    "Atom",
    "BinnedPushforward",
    "Curve",
    "Density",
    "DiscriminatorGap",
    "Estimate",
    "FDivergence",
    "GaussianMixture",
    "Laplace",
    "Logistic",
    "Normal",
    "Pushforward",
    "SwissRoll",
    "Tabulated",
    "TwoMoons",
    "Uniform",
    "averaged_value",
    "bilinear",
    "dirac_gan",
    "discriminator_gap",
    "expected_value",
    "gauss_legendre",
    "grid",
    "hellinger",
    "hinge_score",
    "integrate",
    "jacobian",
    "js",
    "js_of_pairs",
    "kantorovich_potential",
    "kl",
    "kl_of_mixture",
    "kl_of_pairs",
    "kl_to_mixture",
    "least_squares_descent",
    "least_squares_score",
    "non_saturating_descent",
    "optimal_discriminator",
    "optimal_logit",
    "paired_value",
    "pearson",
    "pushforward_1d",
    "pushforward_2d",
    "reverse_kl",
    "ring",
    "sample_gradient",
    "score_of_ratio",
    "spectral_radius",
    "total_variation",
    "trajectory",
    "triangular",
    "update_jacobian",
    "update_map",
    "value",
    "virtual_criterion",
    "wasserstein_1",
]
