"""
Two players with one number each: the directions in which they move, and whether they converge.

w = (θ, φ) are the numbers of G and D. A field gives the players' directions at w:
−∂(G's loss)/∂θ and +∂V/∂φ. An update map makes an update, and near an equilibrium the eigenvalues
of its Jacobian say whether it converges: the distance is multiplied by about the largest |λ|
(Mescheder et al. 2018, "Which training methods for GANs do actually converge?").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Points

__all__ = [
    "Field",
    "UpdateMap",
    "bilinear",
    "dirac_gan",
    "jacobian",
    "spectral_radius",
    "trajectory",
    "update_jacobian",
    "update_map",
]

Field: TypeAlias = Callable[[Points], Points]
"""w = (θ, φ), (2,), to the players' directions, (2,)."""

UpdateMap: TypeAlias = Callable[[Points], Points]
"""A state to the state after an update: (2,), or (4,) with momentum."""

_TURNS = {  # which of G and D move, turn by turn
    "simultaneous": [np.array([1.0, 1.0])],
    "alternating": [np.array([0.0, 1.0]), np.array([1.0, 0.0])],
}
_NODES = 24  # of Gauss and Hermite's quadrature: for slopes of logits, errors below 1e-9


class BothLosses(Protocol):
    """The part of a game that ``dirac_gan`` uses: both losses, with their gradients."""

    def d(self, real: Points, fake: Points, /) -> tuple[Any, Any, Any]:
        """Return V for D's outputs (n, 1) on real and on generated examples, and its gradients."""

    def g(self, fake: Points, real: Points | None = None, /) -> tuple[Any, Any, Any]:
        """Return G's loss, its gradient by ``fake``, and a value not used here."""


def bilinear(w: Points) -> Points:
    """
    Return the directions (−φ, θ) in the game V(θ, φ) = θφ, the smallest one with a saddle.

    Examples
    --------
    >>> bilinear(np.array([2.0, 3.0])).tolist()
    [-3.0, 2.0]
    """
    theta, phi = w
    return np.array([-phi, theta])


def dirac_gan(game: BothLosses, noise: float = 0.0, gamma: float = 0.0) -> Field:
    """
    Return the field of the Dirac-GAN (Mescheder et al. 2018, Definition 2.1).

    All real examples are at 0 and all samples at θ. D is linear, D(x) = φx. The equilibrium is
    θ = φ = 0.

    Parameters
    ----------
    game : object with ``d`` and ``g``, such as ``scratchgan.Minimax()``
        Its values are means over examples, or over pairs of a real and a generated example.
    noise : float
        Instance noise: the standard deviation of normal noise on real examples and on samples.
    gamma : float
        Strength of the penalty (γ/2) φ², which D's value loses. It is both R1 and R2, because
        ∇ₓD = φ everywhere.

    Examples
    --------
    In the minimax game G's direction is D(θ) φ, and D's direction is −D(θ) θ. At φ = 0, D is ½.

    >>> from scratchgan import Minimax
    >>> theta, phi = dirac_gan(Minimax())(np.array([1.0, 0.0]))
    >>> bool(theta == 0), bool(phi == -0.5)
    (True, True)
    """
    for name in ("d", "g"):
        if isinstance(game, type) or not callable(getattr(game, name, None)):
            raise ValueError(
                f"dirac_gan: game is {checks.shown(game)}; expected a game, such as"
                " scratchgan.Minimax()"
            )
    noise = checks.number("dirac_gan", "noise", noise, 0)
    gamma = checks.number("dirac_gan", "gamma", gamma, 0)
    x, apart, weights = _pairs(noise)

    def field(w: Points) -> Points:
        theta, phi = w
        real, sample = x[:, None], theta + apart[:, None]
        _, d_real, d_fake = game.d(phi * real, phi * sample)
        _, g_fake, _ = game.g(phi * sample, phi * real)
        by_phi = real * d_real + sample * d_fake
        by_theta = phi * np.asarray(g_fake)
        mean = len(x) * weights  # the game's gradients have a factor 1/n
        return np.array([-(mean @ by_theta)[0], (mean @ by_phi)[0] - gamma * phi])

    return field


def _pairs(noise: float) -> tuple[Points, Points, Points]:
    """Return noise for real examples, noise for samples, and the weights of these pairs."""
    if noise == 0:
        return np.zeros(1), np.zeros(1), np.ones(1)
    nodes, weights = hermegauss(_NODES)
    nodes, weights = noise * nodes, weights / weights.sum()
    return (
        np.repeat(nodes, _NODES),
        np.tile(nodes, _NODES),
        np.outer(weights, weights).ravel(),
    )


def update_map(
    field: Field,
    rate: float | ArrayLike,
    updates: str = "alternating",
    momentum: float | ArrayLike = 0.0,
) -> UpdateMap:
    """
    Return the map from a state to the next: one update of each player.

    With momentum, v ← βv + rate · direction and w ← w + v, as in ``optim.SGD``.

    Parameters
    ----------
    field : callable
    rate : float or (rate of G, rate of D)
        Above 0.
    updates : str
        "simultaneous", or "alternating": D first, as in Algorithm 1.
    momentum : float or (β of G, β of D)
        −1 < β < 1.

    Returns
    -------
    callable
        Of states (4,), (θ, φ, velocity of θ, velocity of φ), or (2,), (θ, φ). For states (2,) each
        update starts at velocities of 0.

    Examples
    --------
    >>> step = update_map(bilinear, rate=0.5, updates="simultaneous")
    >>> step(np.array([1.0, 0.0])).tolist()
    [1.0, 0.5]
    """
    checks.function("update_map", "field", field, "a function of w = (θ, φ)")
    turns = _TURNS[checks.one_of("kind of updates", updates, _TURNS)]
    rates, betas = _each_player("update_map", rate, momentum)

    def step(state: Points) -> Points:
        state = _state("update_map", state)
        w, v = state[:2], np.concatenate([state, np.zeros(2)])[2:4]
        for moves in turns:
            v = np.where(moves, betas * v + rates * field(w), v)
            w = w + moves * v
        return np.concatenate([w, v])[: state.size]

    return step


def update_jacobian(
    J: ArrayLike,
    rate: float | ArrayLike,
    updates: str = "alternating",
    momentum: float | ArrayLike = 0.0,
) -> Points:
    """
    Return the Jacobian of ``update_map`` at an equilibrium, from the field's Jacobian J there.

    Without momentum, simultaneous updates have I + ηJ, and alternating updates have
    (I + ηJ_G)(I + ηJ_D); J_G and J_D have the other player's row set to 0. With momentum, a turn
    of both players is [[I + ηJ, βI], [ηJ, βI]] (Gidel et al. 2019, "Negative momentum for improved
    game dynamics").

    Returns
    -------
    array (4, 4)
        By (θ, φ, velocity of θ, velocity of φ). Without momentum its rows and columns 0 and 1 are
        the Jacobian by (θ, φ), and its other two eigenvalues are 0.

    Examples
    --------
    >>> J = [[0.0, -1.0], [1.0, 0.0]]                          # of ``bilinear``
    >>> update_jacobian(J, rate=0.5, updates="simultaneous")[:2, :2].tolist()
    [[1.0, -0.5], [0.5, 1.0]]
    """
    J = checks.array("update_jacobian", "J", J, (2, 2), finite=True).astype(np.float64)
    turns = _TURNS[checks.one_of("kind of updates", updates, _TURNS)]
    rates, betas = _each_player("update_jacobian", rate, momentum)
    product = np.eye(4)
    for moves in turns:
        by_w, by_v = (moves * rates)[:, None] * J, np.diag(moves * betas)
        rest = np.diag(1 - moves)  # a player that does not move keeps its velocity
        turn = np.block([[np.eye(2) + by_w, by_v], [by_w, by_v + rest]])
        product = turn @ product
    return product


def jacobian(f: Callable[[Points], Points], at: ArrayLike, h: float = 1e-5) -> Points:
    """
    Return the Jacobian of f at a point by central differences, (outputs, inputs).

    Examples
    --------
    >>> jacobian(bilinear, [0.0, 0.0]).round(9).tolist()
    [[0.0, -1.0], [1.0, 0.0]]
    """
    checks.function("jacobian", "f", f, "a function of an array (n,)")
    at = checks.array("jacobian", "at", at, (None,), finite=True).astype(np.float64)
    h = checks.number("jacobian", "h", h, 0, above=True)
    columns = [(f(at + h * e) - f(at - h * e)) / (2 * h) for e in np.eye(at.size)]
    return np.stack(columns, axis=1)


def spectral_radius(matrix: ArrayLike) -> float:
    """
    Return the largest |λ|. Below 1, repeated updates converge; above 1, they diverge.

    Examples
    --------
    >>> round(spectral_radius([[0.0, -2.0], [2.0, 0.0]]), 9)
    2.0
    """
    square = checks.array("spectral_radius", "matrix", matrix, (None, None), finite=True)
    if square.shape[0] != square.shape[1]:
        raise ShapeError(f"spectral_radius: matrix has shape {square.shape}; expected (n, n)")
    return float(np.abs(np.linalg.eigvals(square)).max())


def trajectory(step: UpdateMap, start: ArrayLike, n: int) -> Points:
    """
    Return the states of n updates, and the start: (n + 1, size of a state).

    Examples
    --------
    >>> step = update_map(bilinear, rate=0.5)                  # φ first, then θ with the new φ
    >>> trajectory(step, [1.0, 0.0], 2).tolist()
    [[1.0, 0.0], [0.75, 0.5], [0.3125, 0.875]]
    """
    checks.function("trajectory", "step", step, "a function of a state")
    states = [_state("trajectory", start)]
    for _ in range(checks.whole("trajectory", "n", n, 0)):
        states.append(step(states[-1]))
    return np.stack(states)


def _state(owner: str, state: ArrayLike) -> Points:
    found = checks.array(owner, "state", state, (None,)).astype(np.float64)
    if found.size not in (2, 4):
        raise ShapeError(
            f"{owner}: state has shape {found.shape}; expected (2,), which is (θ, φ), or (4,), with"
            " both velocities"
        )
    return found


def _each_player(
    owner: str, rate: float | ArrayLike, momentum: float | ArrayLike
) -> tuple[Points, Points]:
    """Return the rates and the momenta of G and D, each (2,)."""
    found = []
    for name, given in (("rate", rate), ("momentum", momentum)):
        numbers = checks.array(owner, name, given, finite=True).astype(np.float64)
        if numbers.shape not in ((), (2,)):
            raise ShapeError(
                f"{owner}: {name} has shape {numbers.shape}; expected a number, or one for G and"
                " one for D"
            )
        found.append(np.broadcast_to(numbers, (2,)))
    rates, betas = found
    if not (rates > 0).all():
        raise ValueError(f"{owner}: rate is {checks.shown(rate)}; expected a number above 0")
    if not (np.abs(betas) < 1).all():
        raise ValueError(
            f"{owner}: momentum is {checks.shown(momentum)}; expected a number between −1 and 1"
        )
    return rates, betas
