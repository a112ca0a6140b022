"""
The minimax game between known densities: its value, its best D; and what D tells G in any game.

Equations are those of Goodfellow et al. 2014, §4. D is given by its logit l,
D(x) = σ(l(x)): where D is sure, 1 − D rounds to 0 and its logarithm is lost, but
log(1 − D) = −log(1 + e^l) is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, Points, check_pair
from scratchgan.theory.estimate import Estimate

__all__ = [
    "DiscriminatorGap",
    "GeneratorLoss",
    "Logit",
    "discriminator_gap",
    "optimal_discriminator",
    "optimal_logit",
    "sample_gradient",
    "value",
    "virtual_criterion",
]

Logit: TypeAlias = Callable[[Points], Points]
"""l: points (n, dim) to logits (n,), D(x) = σ(l(x))."""


def value(logit: Logit, p_data: Density, p_g: Density) -> Estimate:
    """
    V(G, D) = E_{x∼p_data}[log D(x)] + E_{x∼p_g}[log(1 − D(x))], eq. 1, in nats.

    Parameters
    ----------
    logit : callable
        D's logit.
    p_data, p_g : Density

    Examples
    --------
    A D that says ½ everywhere: V = −log 4, whatever the densities.

    >>> from scratchgan.theory import Normal
    >>> v = value(lambda x: 0 * x[:, 0], Normal(0, 1), Normal(5, 1))
    >>> abs(v.value + np.log(4)) <= v.error <= 1e-9
    True
    """
    checks.function("value", "logit", logit, "a function of points (n, dim)")
    check_pair("value", p_data=p_data, p_g=p_g)
    real = p_data.expect(lambda x: _log_sigmoid(logit(x)), p_g.landmarks())
    fake = p_g.expect(lambda x: _log_sigmoid(-logit(x)), p_data.landmarks())
    return Estimate(real.value + fake.value, real.error + fake.error)


def optimal_logit(p_data: Density, p_g: Density) -> Logit:
    """Return the logit of D*: log p_data(x) − log p_g(x), the log of the density ratio."""
    check_pair("optimal_logit", p_data=p_data, p_g=p_g)

    def logit(x: Points) -> Points:
        log_data, log_g = p_data.log_pdf(x), p_g.log_pdf(x)
        with np.errstate(invalid="ignore"):
            ratio = log_data - log_g
        # Where neither has mass, D* is free: ½. At a NaN it is NaN.
        return np.where(log_data == log_g, 0.0, ratio)

    return logit


def optimal_discriminator(p_data: Density, p_g: Density) -> Callable[[Points], Points]:
    """
    Return D*(x) = p_data(x) / (p_data(x) + p_g(x)), Proposition 1, as a function of x (n, dim).

    Examples
    --------
    >>> from scratchgan.theory import Normal
    >>> D = optimal_discriminator(Normal(0, 1), Normal(2, 1))
    >>> D(np.array([[1.0]])).tolist()                       # half way, both are as likely
    [0.5]
    """
    logit = optimal_logit(p_data, p_g)
    return lambda x: _sigmoid(logit(x))


def virtual_criterion(p_data: Density, p_g: Density) -> Estimate:
    """
    C(G) = max_D V(G, D) = V(G, D*), Theorem 1, in nats.

    It equals −log 4 + 2 JS(p_data‖p_g), but is not computed so: both expectations
    of eq. 4 are evaluated as they stand.
    """
    return value(optimal_logit(p_data, p_g), p_data, p_g)


class DiscriminatorGap(NamedTuple):
    """How far a D is from D*."""

    value: float  # V(G, D*) − V(G, D), nats: 0 or more up to the quadrature's error
    distance: float  # mean of |D − D*| where x is drawn from p_data and p_g alike
    error: float  # of value


def discriminator_gap(logit: Logit, p_data: Density, p_g: Density) -> DiscriminatorGap:
    """
    Return how far D is from D*: what it misses of V, and the mean |D − D*|.

    The mean is over (p_data + p_g)/2, what D is shown in training. Give a network's
    logit in float64 (``Network.in_float64``): in float32 the quadrature chases rounding.
    """
    best = virtual_criterion(p_data, p_g)
    reached = value(logit, p_data, p_g)
    D_star = optimal_discriminator(p_data, p_g)

    def off(x: Points) -> Points:
        return np.abs(_sigmoid(logit(x)) - D_star(x))

    one = p_data.expect(off, p_g.landmarks())
    two = p_g.expect(off, p_data.landmarks())
    return DiscriminatorGap(
        best.value - reached.value, (one.value + two.value) / 2, best.error + reached.error
    )


class GeneratorLoss(Protocol):
    """What ``sample_gradient`` asks of a game: the loss of G, a mean, with its gradient."""

    def g(self, fake: Points, real: Points | None = None, /) -> tuple[Any, Any, Any]:
        """Return the loss for D's outputs (n, 1), its gradient by them, and one not used here."""


def sample_gradient(
    output: Points, doutput: Points, game: GeneratorLoss, real: Points | None = None
) -> Points:
    """
    Gradient that D sends to a sample x: ∂ loss / ∂x, of which G descends the mean.

    With D's output l and the loss φ(l) that the game has for G, it is φ′(l) l′(x). For a logit
    l: minimax, log(1 − D), has −D(x) l′(x), which vanishes where D is sure that x is fake
    (D → 0); non-saturating, −log D, has −(1 − D(x)) l′(x), which does not.
    (Goodfellow et al. 2014, §3; Arjovsky & Bottou 2017, Theorem 2.4, for D → D*.)

    Parameters
    ----------
    output : array (n,)
        l(x).
    doutput : array (n,) or (n, dim)
        ∂l/∂x.
    game : object with ``g``, such as ``scratchgan.Minimax()``
        ``g(outputs)`` returns G's loss, the mean over outputs (n, 1), and its gradient by them.
    real : array (m,), optional
        D's outputs on real examples, for a game that compares samples with them.
    """
    output = checks.array("sample_gradient", "output", output, (None,))
    doutput = checks.array("sample_gradient", "doutput", doutput)
    if doutput.ndim not in (1, 2) or len(doutput) != len(output):
        raise ShapeError(
            f"sample_gradient: doutput has shape {doutput.shape}; expected ({len(output)},) or"
            f" ({len(output)}, dim)"
        )
    if isinstance(game, type) or not callable(getattr(game, "g", None)):
        raise ValueError(
            f"sample_gradient: game is {checks.shown(game)}; expected a game, such as"
            " scratchgan.Minimax()"
        )
    if real is not None:
        real = checks.array("sample_gradient", "real", real, (None,))[:, None]
    _, slope, _ = game.g(output[:, None].astype(np.float64), real)
    weight = len(output) * np.asarray(slope)  # the mean's gradient has a factor 1/n
    return (weight[:, 0] if doutput.ndim == 1 else weight) * doutput


def _sigmoid(logit: Points) -> Points:
    return np.asarray(np.exp(_log_sigmoid(logit)))


def _log_sigmoid(logit: Points) -> Points:
    """log σ(l) = −log(1 + e^(−l)), which neither overflows nor warns of a NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(-np.logaddexp(0.0, -logit))
