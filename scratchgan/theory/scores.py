"""The optimal D of each game, as a function of points: D*(x) follows from log p(x) − log q(x)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.crossings import crossings
from scratchgan.theory.densities import Density, Points, check_pair
from scratchgan.theory.game import Logit, optimal_logit

__all__ = ["hinge_score", "kantorovich_potential", "least_squares_score", "score_of_ratio"]


def score_of_ratio(
    p_data: Density, p_g: Density, score: Callable[[Points], Points]
) -> Callable[[Points], Points]:
    """
    Return D*(x) = score(r(x)), r = log p_data − log p_g; r is 0 where both densities are 0.

    Most games have such a D*, because V is a sum over points, and at each point it depends on
    p_data(x), p_g(x) and D(x) alone.
    """
    checks.function("score_of_ratio", "score", score, "a function of log-ratios (n,)")
    ratio: Logit = optimal_logit(p_data, p_g)
    return lambda x: score(ratio(x))


def least_squares_score(
    p_data: Density, p_g: Density, real: float = 1.0, fake: float = 0.0
) -> Callable[[Points], Points]:
    """
    Return D* = (real · p_data + fake · p_g)/(p_data + p_g) of the least-squares game.

    Mao et al. 2017, eq. 5. It minimises ½ E_p_data[(D − real)²] + ½ E_p_g[(D − fake)²].
    """
    return score_of_ratio(
        p_data, p_g, lambda r: fake + (real - fake) * np.exp(-np.logaddexp(0.0, -r))
    )


def hinge_score(p_data: Density, p_g: Density) -> Callable[[Points], Points]:
    """Return D* = sign(p_data − p_g) of the hinge game (Lim & Ye 2017, Lemma 1)."""
    return score_of_ratio(p_data, p_g, np.sign)


def kantorovich_potential(p_data: Density, p_g: Density) -> Callable[[Points], Points]:
    """
    Return the D* of the Wasserstein game over all D with slopes of at most 1, on the line.

    Integration by parts gives E_p_data[D] − E_p_g[D] = ∫ D′ (F_g − F_data) dx with the cdfs F. So
    D′ is the sign of F_g − F_data, and the value is ∫ |F_g − F_data| dx = W₁ (Vallender 1974).
    D* is 0 at the first landmark.

    Raises
    ------
    ShapeError
        If the densities are not on the line.

    Examples
    --------
    >>> from scratchgan.theory import Normal
    >>> D = kantorovich_potential(Normal(0, 1), Normal(3, 1))
    >>> bool(abs(D(np.array([[1.0]])) - D(np.array([[2.0]])) - 1) < 1e-12)  # it falls with slope 1
    True
    """
    check_pair("kantorovich_potential", p_data=p_data, p_g=p_g)
    if p_data.dim != 1:
        raise ShapeError(
            f"kantorovich_potential: p_data and p_g have dimension {p_data.dim}; expected 1"
        )

    def rising(x: Points) -> Points:
        apart = p_g.cdf(x) - p_data.cdf(x)
        return np.where(np.abs(apart) <= 4 * np.finfo(np.float64).eps, 0.0, np.sign(apart))

    places = np.concatenate([p_data.landmarks(), p_g.landmarks()])
    knots = np.unique(np.concatenate([places, crossings(rising, places)]))
    slopes = rising((knots[:-1] + knots[1:]) / 2)
    heights = np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))])
    return lambda x: np.interp(x[:, 0], knots, heights)
