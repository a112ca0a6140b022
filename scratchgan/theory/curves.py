"""Densities along curves in the plane, blurred by Gaussian noise: swiss roll and two moons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, GaussianMixture, Points, _on_circle
from scratchgan.theory.quadrature import gauss_legendre

__all__ = ["Arc", "Curve", "SwissRoll", "TwoMoons"]

Arc: TypeAlias = tuple[Callable[[Points], Points], float, float]
"""(c, start, stop): c(t) gives points (n, 2) for parameters t (n,) from start to stop."""

_MOST_NODES = 4096  # n nodes take n² operations to find, and n operations for each point's density


class Curve(Density):
    """
    The density of c(t) + std · ε, where t is uniform on its interval and ε is N(0, I).

    p(x) = 1/(b − a) ∫_a^b N(x; c(t), std² I) dt; with several arcs, p is the mean over them.
    The integral is a Gauss–Legendre sum, so p is evaluated as a mixture with one Gaussian for
    each node. There are two nodes for each std of length, counted at the curve's greatest speed.

    On the swiss roll log p is then exact to 1e-10 within a few std of the curve (a test doubles
    the nodes). Far away the integrand is narrow, and only the leading term of log p,
    −distance² / 2 std², is exact: at |x| = 50 the error is 0.7 in −1,000,000.

    Parameters
    ----------
    arcs : sequence of (c, start, stop)
        All are equally likely.
    std : float
        Standard deviation of the noise along each axis; positive.
    name : str

    Raises
    ------
    ShapeError
        If an arc's c does not give points (n, 2).
    ValueError
        If std is not positive, or is so small that an arc needs more than 4096 nodes; if there
        is no arc; or if an arc is not (c, start, stop).
    """

    dim = 2

    def __init__(self, arcs: Sequence[Arc], std: float, name: str = "curve") -> None:
        name = checks.text("Curve", "name", name)
        self.std = checks.number(name, "std", std, 0, above=True)
        self.arcs = _checked(name, arcs)
        self.name = name
        self._nodes = [self._nodes_needed(arc) for arc in self.arcs]
        if max(self._nodes) > _MOST_NODES:
            least = self.std * max(self._nodes) / _MOST_NODES
            raise ValueError(
                f"{name}: noise of std {std:g} is too small to integrate along the curve;"
                f" expected {least:.2g} or more"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(std={self.std:g})"

    def _nodes_needed(self, arc: Arc) -> int:
        c, start, stop = arc
        steps = 1000
        chords = np.diff(c(np.linspace(start, stop, steps + 1)), axis=0)
        greatest_speed = np.sqrt((chords**2).sum(axis=1)).max() * steps
        # The limit keeps the number finite for any std; _MOST_NODES refuses it in any case.
        needed = min(2 * float(greatest_speed) / self.std, 1e15)
        return max(32, int(np.ceil(needed)))

    @cached_property
    def _mixture(self) -> GaussianMixture:
        means, weights = [], []
        for (c, start, stop), nodes in zip(self.arcs, self._nodes, strict=True):
            u, w = gauss_legendre(nodes)
            means.append(c((start + stop) / 2 + (stop - start) / 2 * u))
            weights.append(w / w.sum() / len(self.arcs))
        return GaussianMixture(np.concatenate(means), self.std, np.concatenate(weights))

    def _log_pdf(self, x: Points) -> Points:
        return self._mixture.log_pdf(x)

    def landmarks(self) -> tuple[Points, Points]:
        nodes = self._mixture.means
        low, high = nodes.min(axis=0) - 8 * self.std, nodes.max(axis=0) + 8 * self.std
        cells = np.ceil((high - low) / (5 * self.std)).astype(int)  # small enough to see each bump
        return (
            np.linspace(low[0], high[0], cells[0] + 1),
            np.linspace(low[1], high[1], cells[1] + 1),
        )

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        which = rng.integers(len(self.arcs), size=n)
        u = rng.random(n)
        x = self.std * rng.standard_normal((n, 2))
        for i, (c, start, stop) in enumerate(self.arcs):
            here = which == i
            x[here] += c(start + (stop - start) * u[here])
        return x


def _checked(name: str, arcs: Sequence[Arc]) -> tuple[Arc, ...]:
    """Return the arcs, checked."""
    if not isinstance(arcs, list | tuple) or not arcs:
        raise ValueError(
            f"{name}: arcs is {checks.shown(arcs)}; expected a list of (c, start, stop)"
        )
    checked = []
    for arc in arcs:
        if not isinstance(arc, list | tuple) or len(arc) != 3:
            raise ValueError(f"{name}: an arc is {checks.shown(arc)}; expected (c, start, stop)")
        c = checks.function(name, "c", arc[0], "a function: t (n,) to points (n, 2)")
        start = checks.number(name, "start", arc[1])
        stop = checks.number(name, "stop", arc[2], start, above=True)
        points = checks.array(name, "c(t)", c(np.linspace(start, stop, 3)), finite=True)
        if points.shape != (3, 2):
            raise ShapeError(f"{name}: c(t) has shape {points.shape} for t (3,); expected (3, 2)")
        checked.append((c, start, stop))
    return tuple(checked)


class SwissRoll(Curve):
    """
    The spiral t (cos t, sin t) / scale, for t uniform on [1.5π, 4.5π], with noise.

    It is columns 0 and 2 of the swiss roll of Tenenbaum, de Silva & Langford 2000, with the
    numbers of the code of Gulrajani et al. 2017 (arXiv 1704.00028).

    Parameters
    ----------
    noise : float
        Standard deviation along each axis before the division by ``scale``.
    scale : float

    Raises
    ------
    ValueError
        If either is not positive, or noise is below about 0.065.
    """

    def __init__(self, noise: float = 0.25, scale: float = 7.5) -> None:
        noise = checks.number("SwissRoll", "noise", noise, 0, above=True)
        scale = checks.number("SwissRoll", "scale", scale, 0, above=True)
        spiral: Arc = (lambda t: t[:, None] * _on_circle(t) / scale, 1.5 * np.pi, 4.5 * np.pi)
        super().__init__([spiral], noise / scale, "swiss-roll")


class TwoMoons(Curve):
    """
    Two half circles of radius 1 that hook into each other, with noise.

    The half circles are (cos t, sin t) and (1 − cos t, ½ − sin t) for t uniform on [0, π], and
    are equally likely: the curves of scikit-learn's ``make_moons``.

    Parameters
    ----------
    noise : float
        Standard deviation along each axis.

    Raises
    ------
    ValueError
        If noise is not positive, or is below about 0.0016.
    """

    def __init__(self, noise: float = 0.1) -> None:
        noise = checks.number("TwoMoons", "noise", noise, 0, above=True)
        upper: Arc = (_on_circle, 0.0, np.pi)
        lower: Arc = (lambda t: np.array([1.0, 0.5]) - _on_circle(t), 0.0, np.pi)
        super().__init__([upper, lower], noise, "two-moons")
