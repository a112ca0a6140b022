"""More densities on the line: uniform, Laplace, logistic, and a histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, Points

__all__ = ["Laplace", "Logistic", "Tabulated", "Uniform"]

# In multiples of the scale. At 700 an exponential tail is 1e-304.
_OUTWARDS = np.array([0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 700])
_TAILED = np.concatenate([-_OUTWARDS[::-1], [0.0], _OUTWARDS])


class Uniform(Density):
    """
    1 / (high − low) between low and high, 0 outside.

    Parameters
    ----------
    low, high : float
        low < high.

    Examples
    --------
    >>> Uniform(0.0, 4.0).log_pdf([1.0, 5.0]).round(3).tolist()
    [-1.386, -inf]
    """

    dim = 1
    name = "uniform"

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self.low = checks.number("Uniform", "low", low)
        self.high = checks.number("Uniform", "high", high, self.low, above=True)
        self.support = (self.low, self.high)

    def __repr__(self) -> str:
        return f"Uniform({self.low:g}, {self.high:g})"

    def _log_pdf(self, x: Points) -> Points:
        inside = (x[:, 0] >= self.low) & (x[:, 0] <= self.high)
        return np.where(inside, -np.log(self.high - self.low), -np.inf)

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        return rng.uniform(self.low, self.high, (n, 1))

    def landmarks(self) -> Points:
        return np.array([self.low, self.high])

    def _cdf(self, x: Points) -> Points:
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)


class _Scaled(Density):
    """A density on the line with a mean and a scale: the base of Laplace and Logistic."""

    dim = 1

    def __init__(self, mean: float = 0.0, scale: float = 1.0) -> None:
        self.mean = checks.number(type(self).__name__, "mean", mean)
        self.scale = checks.number(type(self).__name__, "scale", scale, 0, above=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean:g}, scale={self.scale:g})"

    def landmarks(self) -> Points:
        places: Points = self.mean + self.scale * _TAILED
        return places


class Laplace(_Scaled):
    """
    exp(−|x − mean| / scale) / (2 scale), with a kink at the mean and exponential tails.

    Parameters
    ----------
    mean, scale : float
        scale > 0.
    """

    name = "laplace"

    def _log_pdf(self, x: Points) -> Points:
        log_p: Points = -np.abs(x[:, 0] - self.mean) / self.scale - np.log(2 * self.scale)
        return log_p

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        return rng.laplace(self.mean, self.scale, (n, 1))

    def _cdf(self, x: Points) -> Points:
        tail = 0.5 * np.exp(-np.abs(x - self.mean) / self.scale)
        return np.where(x < self.mean, tail, 1 - tail)


class Logistic(_Scaled):
    """
    σ(u) (1 − σ(u)) / scale with u = (x − mean) / scale; the cdf is the sigmoid σ(u).

    Parameters
    ----------
    mean, scale : float
        scale > 0.
    """

    name = "logistic"

    def _log_pdf(self, x: Points) -> Points:
        u = np.abs(x[:, 0] - self.mean) / self.scale  # p is symmetric; e^(−|u|) cannot overflow
        log_p: Points = -u - 2 * np.log1p(np.exp(-u)) - np.log(self.scale)
        return log_p

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        return rng.logistic(self.mean, self.scale, (n, 1))

    def _cdf(self, x: Points) -> Points:
        u = (x - self.mean) / self.scale
        below: Points = np.exp(-np.logaddexp(0.0, -u))
        return below


class Tabulated(Density):
    """
    A histogram: the density is constant on each bin.

    Parameters
    ----------
    edges : array (bins + 1,)
        Increasing.
    masses : array (bins,)
        The probability of each bin: 0 or more, with sum 1.

    Examples
    --------
    >>> Tabulated([0.0, 1.0, 3.0], [0.5, 0.5]).pdf([0.5, 2.0, 4.0]).tolist()
    [0.5, 0.25, 0.0]
    """

    dim = 1
    name = "tabulated"

    def __init__(self, edges: ArrayLike, masses: ArrayLike) -> None:
        self.edges: Points = checks.array("Tabulated", "edges", edges).astype(np.float64)
        self.masses: Points = checks.array("Tabulated", "masses", masses).astype(np.float64)
        if self.edges.ndim != 1 or self.masses.shape != (self.edges.size - 1,):
            raise ShapeError(
                f"Tabulated: edges {self.edges.shape} and masses {self.masses.shape};"
                " expected (bins + 1,) and (bins,)"
            )
        if not (np.isfinite(self.edges).all() and (np.diff(self.edges) > 0).all()):
            raise ValueError("Tabulated: edges must be finite and increasing")
        if not (self.masses.min() >= 0 and abs(self.masses.sum() - 1) <= 1e-9):
            raise ValueError(
                f"Tabulated: the smallest mass is {self.masses.min():g} and their sum is"
                f" {self.masses.sum():g}; expected masses of 0 or more with sum 1"
            )
        self.support = (float(self.edges[0]), float(self.edges[-1]))

    def __repr__(self) -> str:
        return f"Tabulated({self.masses.size} bins on [{self.edges[0]:g}, {self.edges[-1]:g}])"

    def _log_pdf(self, x: Points) -> Points:
        place = np.searchsorted(self.edges, x[:, 0], side="right") - 1
        place[x[:, 0] == self.edges[-1]] -= 1  # the last edge belongs to the last bin
        inside = (place >= 0) & (place < self.masses.size)
        with np.errstate(divide="ignore"):
            heights = np.log(self.masses) - np.log(np.diff(self.edges))
        return np.where(inside, heights[np.where(inside, place, 0)], -np.inf)

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        place = rng.choice(self.masses.size, size=n, p=self.masses / self.masses.sum())
        return rng.uniform(self.edges[place], self.edges[place + 1])[:, None]

    def landmarks(self) -> Points:
        return self.edges

    def _cdf(self, x: Points) -> Points:
        total = np.concatenate([[0.0], np.cumsum(self.masses)])
        below: Points = np.interp(x, self.edges, total, left=0.0, right=1.0)
        return below
