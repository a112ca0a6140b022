"""The optimal D of each game, as a function of points: D*(x) follows from log p(x) − log q(x)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgan import checks
from scratchgan.theory.densities import Density, Points
from scratchgan.theory.game import Logit, optimal_logit

__all__ = ["hinge_score", "least_squares_score", "score_of_ratio"]


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
