"""
The minimax game between known densities: its value and its best D; D's gradient to a sample.

Equations are those of Goodfellow et al. 2014, §4. D is given by its logit l, D(x) = σ(l(x)).
If D is close to 1, 1 − D rounds to 0 and its logarithm is −∞. The formula with the logit,
log(1 − D) = −log(1 + e^l), stays exact.
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
        The logit of D.
    p_data, p_g : Density

    Examples
    --------
    For D = ½ everywhere, V = −log 4 with any densities.

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


def optimal_logit(
    p_data: Density, p_g: Density, targets: tuple[float, float] = (1.0, 0.0)
) -> Logit:
    """
    Return the logit of D*: log p_data(x) − log p_g(x), the log of the density ratio.

    With smoothed ``targets`` (a, b), the probabilities of being real that D is told of real and of
    generated examples, D* = (a p_data + b p_g)/(p_data + p_g).
    """
    check_pair("optimal_logit", p_data=p_data, p_g=p_g)

    def logit(x: Points) -> Points:
        log_data, log_g = p_data.log_pdf(x), p_g.log_pdf(x)
        with np.errstate(invalid="ignore"):
            ratio = log_data - log_g
        # If both densities are 0, any D* is optimal; it is set to ½. At a NaN it is NaN.
        return np.where(log_data == log_g, 0.0, ratio)

    a, b = (checks.number("optimal_logit", "a target", target, 0, 1) for target in targets)
    if (a, b) == (1.0, 0.0):
        return logit

    def smoothed(x: Points) -> Points:  # log D* − log(1 − D*), D* = a σ(r) + b σ(−r)
        of_data, of_g = _log_sigmoid(logit(x)), _log_sigmoid(-logit(x))
        with np.errstate(divide="ignore"):
            log_a, log_b, log_not_a, log_not_b = np.log([a, b, 1 - a, 1 - b])
        log_d = np.logaddexp(log_a + of_data, log_b + of_g)
        return np.asarray(log_d - np.logaddexp(log_not_a + of_data, log_not_b + of_g))

    return smoothed


def optimal_discriminator(p_data: Density, p_g: Density) -> Callable[[Points], Points]:
    """
    Return D*(x) = p_data(x) / (p_data(x) + p_g(x)), Proposition 1, as a function of x (n, dim).

    Examples
    --------
    >>> from scratchgan.theory import Normal
    >>> D = optimal_discriminator(Normal(0, 1), Normal(2, 1))
    >>> D(np.array([[1.0]])).tolist()                       # half way, both densities are equal
    [0.5]
    """
    logit = optimal_logit(p_data, p_g)
    return lambda x: _sigmoid(logit(x))


def virtual_criterion(p_data: Density, p_g: Density) -> Estimate:
    """
    C(G) = max_D V(G, D) = V(G, D*), Theorem 1, in nats.

    It equals −log 4 + 2 JS(p_data‖p_g), but it is computed in another way: both expectations of
    eq. 4 are integrated directly.
    """
    return value(optimal_logit(p_data, p_g), p_data, p_g)


class DiscriminatorGap(NamedTuple):
    """How far a D is from D*."""

    value: float  # V(G, D*) − V(G, D), nats: 0 or more up to the quadrature's error
    distance: float  # mean of |D − D*| for x from (p_data + p_g)/2; NaN if D* is unbounded
    error: float  # of value


def discriminator_gap(logit: Logit, p_data: Density, p_g: Density) -> DiscriminatorGap:
    """
    Return the difference between D and D*: in V, and as the mean |D − D*|.

    The mean is over (p_data + p_g)/2, the distribution of D's inputs in training. The logit of
    a network must be float64 (``Network.in_float64``): in float32, the quadrature would refine
    rounding errors without end.
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
    """The part of a game that ``sample_gradient`` uses: G's loss, a mean, with its gradient."""

    def g(self, fake: Points, real: Points | None = None, /) -> tuple[Any, Any, Any]:
        """Return the loss for D's outputs (n, 1), its gradient, and a value not used here."""


def sample_gradient(
    output: Points, doutput: Points, game: GeneratorLoss, real: Points | None = None
) -> Points:
    """
    Return the gradient that a sample x gets from D, ∂ loss / ∂x; G's loss is a mean over samples.

    With D's output l and G's loss φ(l), the gradient is φ′(l) l′(x). Two examples, for a logit l:

    - minimax, log(1 − D): −D(x) l′(x). It vanishes if D is sure that x is fake (D → 0).
    - non-saturating, −log D: −(1 − D(x)) l′(x). It does not vanish there.

    (Goodfellow et al. 2014, §3; Arjovsky & Bottou 2017, Theorem 2.4, for D → D*.)

    Parameters
    ----------
    output : array (n,)
        l(x).
    doutput : array (n,) or (n, dim)
        ∂l/∂x.
    game : object with ``g``, such as ``scratchgan.Minimax()``
        ``g(outputs)`` returns G's loss, the mean over outputs (n, 1), and its gradient.
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
    if real is None and getattr(game, "needs_real", False):
        raise ValueError(
            f"sample_gradient: real is missing; the game '{getattr(game, 'name', game)}' compares"
            " samples with real examples"
        )
    if real is not None:
        real = checks.array("sample_gradient", "real", real, (None,))[:, None]
    _, slope, _ = game.g(output[:, None].astype(np.float64), real)
    weight = len(output) * np.asarray(slope)  # the gradient of the mean has a factor 1/n
    return (weight[:, 0] if doutput.ndim == 1 else weight) * doutput


def _sigmoid(logit: Points) -> Points:
    return np.asarray(np.exp(_log_sigmoid(logit)))


def _log_sigmoid(logit: Points) -> Points:
    """log σ(l) = −log(1 + e^(−l)), without overflow and without a warning for NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(-np.logaddexp(0.0, -logit))
