"""Densities with known formulas: p(x), log p(x) and samples."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.integrate import Integrand, evaluated, integrate, integrate_plane

__all__ = ["Density", "GaussianMixture", "Normal", "Points", "check_pair", "grid", "ring"]

Points: TypeAlias = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_BLOCK = 1 << 18  # (point, mode) pairs held at once: arrays of 2 MiB, which stay in the cache


class Density(ABC):
    """
    A probability density p on ℝ^dim.

    A subclass defines ``_log_pdf`` and ``_sample``, whose arguments are already checked.
    Integration also needs ``landmarks``, and ``cdf`` on the line needs ``_cdf``.

    Attributes
    ----------
    dim : int
    name : str
    support : (low, high)
        On the line only: p is 0 outside.
    """

    dim: int
    name: str
    support: tuple[float, float] = (-math.inf, math.inf)

    def log_pdf(self, x: ArrayLike) -> Points:
        """
        Return log p(x), which is finite even where p(x) underflows to 0; NaN where x is NaN.

        Parameters
        ----------
        x : array (n, dim), or (n,) for dim 1

        Returns
        -------
        float64 array (n,)

        Raises
        ------
        ShapeError
            If x has another shape.
        """
        points = checks.array(f"density '{self.name}'", "x", x).astype(np.float64, copy=False)
        if self.dim == 1 and points.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != self.dim:
            one_dim = " or (n,)" if self.dim == 1 else ""
            raise ShapeError(
                f"density '{self.name}' got x of shape {np.shape(x)};"
                f" expected (n, {self.dim}){one_dim}"
            )
        return _nan_where(np.isnan(points).any(axis=1), self._log_pdf, points)

    def pdf(self, x: ArrayLike) -> Points:
        """Return p(x) = exp(log p(x)); shapes and errors are those of ``log_pdf``."""
        return np.exp(self.log_pdf(x))

    def sample(self, n: int, rng: np.random.Generator) -> Points:
        """
        Draw n independent points.

        Returns
        -------
        float64 array (n, dim)

        Raises
        ------
        ValueError
            If n is less than 1.
        """
        owner = f"density '{self.name}'"
        n = checks.whole(owner, "n", n, 1, _MOST_SAMPLES)
        expected = "a Generator, such as numpy.random.default_rng(0)"
        return self._sample(n, checks.instance(owner, "rng", rng, np.random.Generator, expected))

    def cdf(self, x: ArrayLike) -> Points:
        """
        Return P(X ≤ x), float64 (n,), for x (n,) on the line; NaN where x is NaN.

        Raises
        ------
        ShapeError
            If the density is not on the line.
        """
        if self.dim != 1:
            raise ShapeError(f"density '{self.name}' has dimension {self.dim}; cdf expects 1")
        points = checks.array(f"density '{self.name}'", "x", x).astype(np.float64).reshape(-1)
        return _nan_where(np.isnan(points), self._cdf, points)

    def landmarks(self) -> Any:
        """
        Return where integration must cut: (k,), increasing; in the plane a pair, for x and y.

        The first and last landmarks enclose all but 1e-14 of the probability. The landmarks
        include every jump, kink and narrow place.
        """
        raise NotImplementedError(
            f"{self!r} cannot be integrated: it has no landmarks; define the method `landmarks`"
        )

    def expect(self, f: Integrand, also: Any = None) -> Estimate:
        """
        Return the expectation E_p[f] = ∫ p(x) f(x) dx, by adaptive quadrature.

        Parameters
        ----------
        f : callable
            Takes points (n, dim), gives values (n,), or a pair: the values and a bound on the
            rounding error of each. It is not evaluated where p is 0.
        also : landmarks, optional
            More places where f may be rough or narrow, such as another density's
            ``landmarks()``.

        Raises
        ------
        ShapeError
            In more than two dimensions.

        Notes
        -----
        f must be smooth to float64 precision. The rounding of a float32 network would be
        refined without end: use ``Network.in_float64``. Where p underflows to 0, f is not
        evaluated; a function such as q/p, which is large there, loses that mass.
        """
        checks.function("expect", "f", f, "a function of points (n, dim)")
        if self.dim > 2:
            raise self._too_many_dimensions()
        own = self.landmarks()

        def weighted(x: Points) -> tuple[Points, Points]:
            log_p = self.log_pdf(x)
            p = np.exp(log_p)
            here = p > 0
            values, noise = np.zeros_like(p), np.zeros_like(p)
            of_f, off = evaluated(f, x[here])
            values[here] = p[here] * of_f
            # The absolute rounding error of log p is the relative error of p.
            with np.errstate(invalid="ignore"):  # if f is ∞, so is the expectation
                noise[here] = p[here] * (off + _EPS * np.abs(log_p[here]) * np.abs(of_f))
            return values, noise

        if self.dim == 1:
            return integrate(lambda x: weighted(x[:, None]), _merged(own, also))
        others = (None, None) if also is None else also
        x_points, y_points = (_merged(own[axis], others[axis]) for axis in (0, 1))
        return integrate_plane(weighted, x_points, y_points)

    def _too_many_dimensions(self) -> ShapeError:
        return ShapeError(f"{self!r} has dimension {self.dim}; integrals expect dimension 1 or 2")

    def _cdf(self, x: Points) -> Points:
        raise NotImplementedError(f"{self!r} has no cdf: define the method `_cdf`")

    @abstractmethod
    def _log_pdf(self, x: Points) -> Points:
        """Return log p(x), (n,), for x (n, dim)."""

    @abstractmethod
    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        """Return n ≥ 1 points, (n, dim)."""


class Normal(Density):
    """
    The normal density on the line, N(mean, std²).

    Parameters
    ----------
    mean, std : float
        std > 0.

    Raises
    ------
    ValueError
        If mean is not finite or std is not positive.

    Examples
    --------
    >>> p = Normal(mean=3.0, std=0.5)
    >>> round(float(p.pdf([3.0])[0]), 4)                   # 1 / (0.5 √(2π))
    0.7979
    >>> float(p.pdf([30.0])[0]), round(float(p.log_pdf([30.0])[0]), 2)
    (0.0, -1458.23)
    """

    dim = 1
    name = "normal"

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        self.std = checks.number("Normal", "std", std, 0, above=True)
        self.mean = checks.number("Normal", "mean", mean)

    def __repr__(self) -> str:
        return f"Normal(mean={self.mean:g}, std={self.std:g})"

    def _log_pdf(self, x: Points) -> Points:
        with np.errstate(over="ignore"):  # very far from the mean, log p = −∞ in float64
            squared: Points = ((x[:, 0] - self.mean) / self.std) ** 2
        return -0.5 * squared - _log_scale(self.std)

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        return rng.normal(self.mean, self.std, size=(n, 1))

    def landmarks(self) -> Points:
        places: Points = self.mean + self.std * _NORMAL_LANDMARKS
        return places

    def _cdf(self, x: Points) -> Points:
        below: Points = _normal_cdf((x - self.mean) / self.std)
        return below


class GaussianMixture(Density):
    """
    Σ_k weights_k N(x; means_k, std² I): round Gaussians of equal width, in any dimension.

    Parameters
    ----------
    means : array (modes, dim), or (modes,) on the line
    std : float
        Standard deviation along each axis, positive.
    weights : array (modes,), optional
        Positive, with sum 1. The default is equal weights.
    name : str

    Attributes
    ----------
    means, std, weights
        The arguments, with the shapes above; metrics of mode coverage use them.

    Raises
    ------
    ShapeError
        If means or weights have another shape.
    ValueError
        If std or a weight is not positive, or the weights do not sum to 1.

    Examples
    --------
    >>> p = GaussianMixture([-1.0, 2.0], std=0.5, weights=[0.3, 0.7])
    >>> p.dim, p.sample(4, np.random.default_rng(0)).shape
    (1, (4, 1))
    """

    def __init__(
        self,
        means: ArrayLike,
        std: float,
        weights: ArrayLike | None = None,
        name: str = "mixture",
    ) -> None:
        given = checks.array("GaussianMixture", "means", means, finite=True)
        centres = given.astype(np.float64)
        self.means: Points = centres[:, None] if centres.ndim == 1 else centres
        if self.means.ndim != 2 or 0 in self.means.shape:
            raise ShapeError(
                f"GaussianMixture: means have shape {centres.shape}; expected (modes, dim)"
            )
        modes, self.dim = self.means.shape
        each = np.full(modes, 1 / modes) if weights is None else weights
        self.weights: Points = checks.array("GaussianMixture", "weights", each).astype(np.float64)
        if self.weights.shape != (modes,):
            raise ShapeError(
                f"GaussianMixture: weights have shape {self.weights.shape};"
                f" expected ({modes},), one for each mode"
            )
        if not (self.weights.min() > 0 and abs(self.weights.sum() - 1) <= 1e-9):
            raise ValueError(
                f"GaussianMixture: the smallest weight is {self.weights.min():g} and their sum is"
                f" {self.weights.sum():g}; expected positive weights with sum 1"
                " (divide them by their sum)"
            )
        self.std = checks.number("GaussianMixture", "std", std, 0, above=True)
        self.name = checks.text("GaussianMixture", "name", name)

    def __repr__(self) -> str:
        modes = len(self.means)
        return f"GaussianMixture('{self.name}', modes={modes}, dim={self.dim}, std={self.std:g})"

    def _log_pdf(self, x: Points) -> Points:
        rows = max(1, _BLOCK // len(self.means))
        parts = [self._log_pdf_block(x[i : i + rows]) for i in range(0, len(x), rows)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _log_pdf_block(self, x: Points) -> Points:
        squared = np.zeros((len(x), len(self.means)))  # |x − mean|²
        # Where x is so far away that log p = −∞ in float64, overflow and log 0 give just that.
        with np.errstate(over="ignore", divide="ignore"):
            for axis in range(self.dim):
                difference = x[:, axis, None] - self.means[:, axis]
                squared += difference * difference
            # The nearest mode's exponent is factored out, so that the sum cannot underflow.
            nearest = squared.min(axis=1, keepdims=True)
            nearest[np.isinf(nearest)] = 0.0
            squared -= nearest
            squared *= -0.5 / self.std**2
            log_sum: Points = np.log(np.exp(squared, out=squared) @ self.weights)
            log_sum -= 0.5 / self.std**2 * nearest[:, 0]
        return log_sum - self.dim * _log_scale(self.std)

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        mode = rng.choice(len(self.means), size=n, p=self.weights)
        return self.means[mode] + self.std * rng.standard_normal((n, self.dim))

    def landmarks(self) -> Any:
        if self.dim == 1:
            return np.unique(self.means + self.std * _NORMAL_LANDMARKS)
        if self.dim == 2:  # few cuts, because n cuts make n² cells
            cuts = np.array([-8.0, -3.0, 0.0, 3.0, 8.0]) * self.std
            return tuple(self._apart((axis[:, None] + cuts).ravel()) for axis in self.means.T)
        raise self._too_many_dimensions()

    def _apart(self, places: Points) -> Points:
        """Return the places in order, without repeats that differ by rounding (sin 0, sin π)."""
        places = np.unique(places)
        return places[np.diff(places, prepend=-np.inf) > 1e-6 * self.std]

    def _cdf(self, x: Points) -> Points:
        below: Points = _normal_cdf((x[:, None] - self.means[:, 0]) / self.std) @ self.weights
        return below


def ring(modes: int = 8, radius: float = 2 / 1.414, std: float = 0.02 / 1.414) -> GaussianMixture:
    """
    Return a mixture of equal Gaussians, evenly spaced on a circle.

    The defaults are those of the code of Gulrajani et al. 2017 (arXiv 1704.00028): radius 2
    and std 0.02, both divided by 1.414, which gives the data unit variance.

    Raises
    ------
    ValueError
        If modes is less than 1, or radius or std is not positive.
    """
    modes = checks.whole("ring", "modes", modes, 1, _MOST_MODES)
    radius = checks.number("ring", "radius", radius, 0, above=True)
    # 2π is the same angle as 0. A grid that contains both would place two modes on one point.
    angle = 2 * np.pi * np.arange(modes) / modes
    return GaussianMixture(radius * _on_circle(angle), std, name="ring")


def grid(side: int = 5, spacing: float = 2 / 2.828, std: float = 0.05 / 2.828) -> GaussianMixture:
    """
    Return a mixture of equal Gaussians on a square grid, side × side, centred on the origin.

    The defaults are those of the code of Gulrajani et al. 2017 (arXiv 1704.00028): the
    grid {−4, −2, 0, 2, 4}² and std 0.05, both divided by 2.828.

    Raises
    ------
    ValueError
        If side is less than 1, or spacing or std is not positive.
    """
    side = checks.whole("grid", "side", side, 1, math.isqrt(_MOST_MODES))
    ticks = checks.number("grid", "spacing", spacing, 0, above=True) * (
        np.arange(side) - (side - 1) / 2
    )
    x, y = np.meshgrid(ticks, ticks, indexing="ij")
    return GaussianMixture(np.column_stack([x.ravel(), y.ravel()]), std, name="grid")


_MOST_MODES = 1_000_000  # the density keeps an array of their means
_MOST_SAMPLES = 10**10

# In standard deviations. Beyond 38 a normal density is 0 in float64.
_OUTWARDS = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 38.0])
_NORMAL_LANDMARKS = np.concatenate([-_OUTWARDS[::-1], [0.0], _OUTWARDS])


def _merged(own: Points, others: ArrayLike | None) -> Points:
    """Return own landmarks together with those of others that lie between the first and last."""
    if others is None:
        return own
    more = np.asarray(others, dtype=np.float64)
    return np.concatenate([own, more[(more > own[0]) & (more < own[-1])]])


def _normal_cdf(u: Points) -> Any:
    """Return Φ(u) = erfc(−u / √2) / 2, which is accurate in the lower tail too."""
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])(u)


def _log_scale(std: float) -> float:
    """Return log(std √(2π)), the log of a normal density's normalising constant."""
    return math.log(std) + 0.5 * math.log(2 * math.pi)


def _on_circle(angle: Points) -> Points:
    """Return points (n, 2) of the unit circle at angles (n,)."""
    return np.column_stack([np.cos(angle), np.sin(angle)])


def check_pair(owner: str, **pair: Density) -> None:
    """Raise an error unless the two arguments, given by name, are densities of one dimension."""
    for name, p in pair.items():
        checks.instance(owner, name, p, Density, "a density, such as Normal(0, 1)")
    (first, p), (second, q) = pair.items()
    if p.dim != q.dim:
        raise ShapeError(
            f"{owner}: {first} has dimension {p.dim} and {second} has dimension {q.dim};"
            " expected the same dimension"
        )


def _nan_where(unknown: Any, f: Callable[[Points], Points], x: Points) -> Points:
    """Return f(x), with NaN where ``unknown`` is true."""
    if not unknown.any():
        return f(x)
    with np.errstate(invalid="ignore"):
        return np.where(unknown, np.nan, f(x))
