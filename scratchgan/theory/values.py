"""V(G, D) of games between known densities, with integrals instead of means over minibatches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from scratchgan import checks
from scratchgan.theory.densities import Density, Points, check_pair
from scratchgan.theory.estimate import Estimate

__all__ = ["averaged_value", "expected_value"]

OfScore: TypeAlias = Callable[[Points], Points]


def expected_value(
    D: OfScore, p_data: Density, p_g: Density, on_real: OfScore, on_fake: OfScore
) -> Estimate:
    """
    E_p_data[on_real(D)] + E_p_g[on_fake(D)]: V of every game whose terms are means over D's scores.

    Parameters
    ----------
    D : callable
        Points (n, dim) to D's scores (n,).
    p_data, p_g : Density
    on_real, on_fake : callable
        Scores (n,) to terms of V (n,).

    Examples
    --------
    >>> from scratchgan.theory import Normal
    >>> v = expected_value(lambda x: x[:, 0], Normal(3, 1), Normal(1, 1), lambda v: v, lambda v: -v)
    >>> abs(v.value - 2) <= v.error <= 1e-9
    True
    """
    checks.function("expected_value", "D", D, "a function of points (n, dim)")
    check_pair("expected_value", p_data=p_data, p_g=p_g)
    real = p_data.expect(lambda x: on_real(D(x)), p_g.landmarks())
    fake = p_g.expect(lambda x: on_fake(D(x)), p_data.landmarks())
    return Estimate(real.value + fake.value, real.error + fake.error)


def averaged_value(D: OfScore, p_data: Density, p_g: Density) -> Estimate:
    """
    V = E_p_data[log σ(D − E_p_g[D])] + E_p_g[log σ(E_p_data[D] − D)].

    Of the relativistic average game. The errors of the means are added to the error, because log σ
    has a slope of at most 1.
    """
    checks.function("averaged_value", "D", D, "a function of points (n, dim)")
    check_pair("averaged_value", p_data=p_data, p_g=p_g)
    mean_real = p_data.expect(D, p_g.landmarks())
    mean_fake = p_g.expect(D, p_data.landmarks())
    found = expected_value(
        D, p_data, p_g,
        lambda v: _log_sigmoid(v - mean_fake.value), lambda v: _log_sigmoid(mean_real.value - v),
    )  # fmt: skip
    return Estimate(found.value, found.error + mean_real.error + mean_fake.error)


def _log_sigmoid(scores: Points) -> Points:
    with np.errstate(invalid="ignore"):
        return np.asarray(-np.logaddexp(0.0, -scores))
