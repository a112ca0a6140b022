"""
The density of a generator on the line: p_g of x = G(z), from G, G′ and the density of z.

By the change of variables, p_g(x) = Σ p_z(z) / |G′(z)| over all roots z of G(z) = x. Where G
is constant, a whole interval of z gives one x: an atom, which has a mass but no density.
Goodfellow et al. 2014, §4, define p_g as the distribution of G(z); here it is computed.

``cells.py`` cuts the z line into cells on which G is monotone, so that each cell holds at most
one root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, Points
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.integrate import Integrand, evaluated, integrate
from scratchgan.theory.pushforward.cells import (
    ALIKE,
    FLAT,
    NO_MASS,
    Index,
    LineCells,
    Map,
    Mask,
    chained,
    join,
    linear_cells,
    monotone_cells,
    tail,
)

__all__ = ["Atom", "Pushforward", "pushforward_1d"]

_EPS = float(np.finfo(np.float64).eps)
_LEAST_ATOM = 1e-12  # atoms with less mass are left out and count as error
_MOST_CELLS = 300_000


class Atom(NamedTuple):
    """An x that G gives with positive probability."""

    x: float
    mass: float


def pushforward_1d(
    g_and_dg: Callable[[Points], tuple[ArrayLike, ArrayLike]],
    p_z: Density,
    *,
    knots: ArrayLike | None = None,
) -> Pushforward:
    """
    Return p_g, the density of x = G(z) for z drawn from p_z, both on the line.

    Parameters
    ----------
    g_and_dg : callable
        Takes z, float64 (n,), and gives G(z) and G′(z), (n,) each. G should be continuous.
        For a network use ``scratchgan.exact.knots.g_and_dg``.
    p_z : Density
        A density of dimension 1 without atoms: ``Normal``, ``Uniform``, ...
    knots : array (k,), optional
        For a piecewise-linear G: all z at which G bends between the first and the last of
        ``p_z.landmarks()``, increasing (``scratchgan.exact.knots.knots_1d``). p_g is then
        exact to rounding. For any other G give None; ``Pushforward.error`` estimates the
        error of p_g.

    Raises
    ------
    ShapeError
        If p_z is not on the line, or G does not give two arrays (n,).
    ValueError
        If G or G′ is not finite somewhere between p_z's landmarks, if the knots do not
        increase or G is not linear between them, or if p_z has atoms.

    Examples
    --------
    The square of a standard normal variable is χ² with one degree of freedom. Its density has
    a pole at the fold x = 0:

    >>> from scratchgan.theory import Normal
    >>> p_g = pushforward_1d(lambda z: (z**2, 2 * z), Normal())
    >>> x = np.array([0.01, 1.0, 9.0])
    >>> bool(np.allclose(p_g.pdf(x), np.exp(-x / 2) / np.sqrt(2 * np.pi * x), rtol=1e-13))
    True
    >>> p_g.roots(9.0).tolist(), p_g.atoms, p_g.error < 1e-7
    ([-3.0, 3.0], (), True)

    A relu sends half of the mass to 0:

    >>> relu = pushforward_1d(lambda z: (np.maximum(z, 0), 1.0 * (z > 0)), Normal(), knots=[0])
    >>> relu.atoms, relu.continuous_mass
    ((Atom(x=0.0, mass=0.5),), 0.5)
    """
    checks.function("pushforward_1d", "g_and_dg", g_and_dg, "a function: z to (G(z), G′(z))")
    checks.instance("pushforward_1d", "p_z", p_z, Density, "a Density on the line, like Normal()")
    if p_z.dim != 1:
        raise ShapeError(
            f"pushforward_1d: p_z has dimension {p_z.dim}; expected 1."
            " For z and x in the plane use pushforward_2d"
        )
    if getattr(p_z, "atoms", ()):
        raise ValueError("pushforward_1d: p_z has atoms, which have no density; expected none")
    return Pushforward(_checked(g_and_dg), p_z, None if knots is None else _increasing(knots))


class Pushforward(Density):
    """
    The distribution of G(z) on the line: a density and atoms.

    ``pushforward_1d`` makes it. ``pdf`` and ``log_pdf`` are those of the density, except at the
    x of an atom, where they are +∞. So a log-ratio in an expectation under p_g, which is
    computed over z, takes p_g to be larger than any density at an atom.

    Attributes
    ----------
    atoms : tuple of Atom
        Increasing in x. An interval of z belongs to an atom if G is so flat on it that over
        1/256 of the bulk of z it would move by less than 1.5e-11 of its value. float64 has too
        few digits of x there for a density. The x of an atom is exact to about 1e-9 of its
        value. If G saturates, values that close to the limit belong to the atom. Atoms with a
        mass below 1e-12 are left out.
    continuous_mass : float
        The probability that x is not at an atom.
    support : (low, high)
        The lowest and the highest x that G gives.
    """

    dim = 1
    name = "pushforward"

    def __init__(self, g: Map, p_z: Density, knots: Points | None) -> None:
        self.p_z, self._g = p_z, g
        marks = p_z.landmarks()
        low, high = marks[0], marks[-1]
        self._bulk = bulk = _quantiles(p_z, [0.001, 0.999])
        length = float(bulk[1] - bulk[0]) / 256  # the shortest length of z that matters
        if knots is None:
            each = max(2, min(16, 2048 // marks.size))
            between = marks[:-1] + np.diff(marks) * np.arange(each)[:, None] / each
            start = np.concatenate([between.ravel(), marks, np.linspace(bulk[0], bulk[1], 257)])
            strict = _quantiles(p_z, [1e-16, 1 - 1e-16])
            core, surprises, given_up = monotone_cells(
                g, np.unique(start), length, strict, _MOST_CELLS
            )
            if _mass_of(p_z, given_up) > 0.01:
                raise ValueError(
                    f"pushforward_1d: {_MOST_CELLS:,} cells of z are not enough to follow G: near"
                    f" z = {given_up[0, 0]:g} G is too rough, or G′ is not its derivative"
                )
            self._surprise = _mass_of(p_z, surprises)
        else:
            inside = knots[(knots > low) & (knots < high)]
            core = linear_cells(g, np.concatenate([[low], inside, [high]]))
            self._surprise = 0.0
        # Beyond p_z's landmarks the mass is negligible, but log p_g is still finite.
        below = list(tail(g, p_z, low, (low - high) / 2, length))[::-1]
        above = list(tail(g, p_z, high, (high - low) / 2, length))
        flat = core.flat(length)
        cells = chained(join([*below, core.only(~flat), *above]))
        core = core.updated(~flat, cells, sum(part.z0.size for part in below))
        mass = p_z.cdf(core.z1) - p_z.cdf(core.z0)
        self.atoms, self._atom_of = _atoms(core, mass, flat)
        self.continuous_mass = float(mass[~flat].sum())
        self._core, self._flat, self._matters = core, flat, ~flat & (mass > NO_MASS)
        self._cells = cells.only(~cells.redundant(p_z))
        self._mass = p_z.cdf(self._cells.z1) - p_z.cdf(self._cells.z0)
        every = np.concatenate([self._cells.low, self._cells.high, [a.x for a in self.atoms]])
        self.support = (float(every.min()), float(every.max()))

    def __repr__(self) -> str:
        kind = "piecewise-linear" if self._core.linear.all() else "smooth"
        return f"Pushforward(of {self.p_z!r} by a {kind} G, {len(self.atoms)} atoms)"

    # -- the distribution -----------------------------------------------------------------------

    def roots(self, x: float) -> Points:
        """
        Return all z with G(z) = x, increasing, (k,). The z of an atom are not included.

        Roots are exact to rounding: about 1e-16 (|z| + |x / G′(z)|).
        """
        at = np.array([checks.number("roots", "x", x)])
        return np.unique(self._cells.roots(self._g, at).z)

    def _log_pdf(self, x: Points) -> Points:
        log_p = self._log_continuous(x[:, 0])
        log_p[np.isin(x[:, 0], [atom.x for atom in self.atoms])] = np.inf
        return log_p

    def _log_continuous(self, x: Points) -> Points:
        """Return log Σ p_z(z) / |G′(z)| over the roots of G(z) = x, (n,)."""
        return self._in_blocks(self._log_sum, x)

    def _in_blocks(self, f: Callable[[Points], Points], x: Points) -> Points:
        """Return f(x), computed in blocks of about a million roots."""
        blocks = 1 + x.size * self._cells.pieces // 1_000_000
        return np.concatenate([f(part) for part in np.array_split(x, blocks)])

    def _log_sum(self, x: Points) -> Points:
        found = self._cells.roots(self._g, x)
        log_p_z = self.p_z.log_pdf(found.z)
        with np.errstate(divide="ignore", invalid="ignore"):  # G′ = 0 at a fold: a pole
            terms = np.where(log_p_z == -np.inf, -np.inf, log_p_z - np.log(np.abs(found.slope)))
            largest = np.full(x.shape, -np.inf)
            np.maximum.at(largest, found.which, terms)
            shift = np.where(np.isfinite(largest), largest, 0.0)
            shares = np.exp(terms - shift[found.which])
            log_p = np.log(np.bincount(found.which, shares, minlength=x.size)) + shift
        return np.where(np.isnan(x), np.nan, log_p)

    def _cdf(self, x: Points) -> Points:
        total = self._in_blocks(self._cdf_of_cells, x)
        for atom in self.atoms:
            total += atom.mass * (x >= atom.x)
        return np.where(np.isnan(x), np.nan, np.clip(total, 0.0, 1.0))

    def _cdf_of_cells(self, x: Points) -> Points:
        """Return the mass below x, of whole cells and of parts of the cells that contain x."""
        cells, F = self._cells, self.p_z.cdf
        order = np.argsort(cells.high)
        below = np.concatenate([[0.0], np.cumsum(self._mass[order])])
        total = below[np.searchsorted(cells.high[order], x, side="right")]
        found = cells.roots(self._g, x, closed=False)
        start, stop = cells.z0[found.cell], cells.z1[found.cell]
        part = np.where(cells.rising[found.cell], F(found.z) - F(start), F(stop) - F(found.z))
        return np.asarray(total + np.bincount(found.which, part, minlength=x.size))

    def _sample(self, n: int, rng: np.random.Generator) -> Points:
        return self._image(self.p_z.sample(n, rng)[:, 0])[0][:, None]

    def _image(self, z: Points) -> tuple[Points, Mask]:
        """Return x = G(z), equal to an atom's x there; and which z are in no left-out atom.

        x is clipped to its cell's range, because one rounding unit outside it has no root.
        """
        core, cell = self._core, self._cell_of(z)
        x = np.clip(self._g(z)[0], core.low[cell], core.high[cell])
        atom = self._atom_of[cell]
        return np.where(np.isnan(atom), x, atom), ~(self._flat[cell] & np.isnan(atom))

    def _cell_of(self, z: Points) -> Index:
        return np.maximum(np.searchsorted(self._core.z0, z, side="right") - 1, 0)

    # -- integrals ------------------------------------------------------------------------------

    def landmarks(self) -> Points:
        """
        Return the x at which p_g is rough or narrow, (k,), increasing.

        They are the images of folds, knots and p_z's landmarks; the atoms; and the x at which
        |G′| passes a power of 4, because p_g is narrow where G is nearly flat.
        """
        return self._landmarks

    @cached_property
    def _landmarks(self) -> Points:
        core = self._core
        with np.errstate(divide="ignore"):
            level = np.floor(np.log2(np.abs(core.d0)) / 2)
        passes = np.append(level[1:] != level[:-1], False) & ~core.linear & self._matters
        marks = np.clip(self._g(self.p_z.landmarks())[0], *self.support)
        return self._distinct(np.concatenate([self._rough, core.y0[passes], marks]))

    @cached_property
    def _rough(self) -> Points:
        """The images of folds and knots, and the atoms, (k,), increasing."""
        bends0, bends1 = self._core.bends
        y0, y1 = self._core.y0[bends0 & self._matters], self._core.y1[bends1 & self._matters]
        return self._distinct(np.concatenate([y0, y1]))

    def _distinct(self, x: Points) -> Points:
        """Return the x that differ by more than rounding, and all atoms, increasing."""
        atoms = np.array([atom.x for atom in self.atoms])
        for atom in atoms:
            x = x[np.abs(x - atom) > 4 * FLAT * abs(atom)]
        x = np.unique(x)
        apart = np.diff(x, prepend=-np.inf) > 64 * _EPS * np.abs(x)
        return np.unique(np.concatenate([x[apart], atoms]))

    def expect(self, f: Integrand, also: Any = None) -> Estimate:
        """
        Return E_{p_g}[f] = E_{p_z}[f(G(z))], integrated over z, where folds are harmless.

        The arguments are those of ``Density.expect``. On an atom's interval of z, f gets the
        atom's x every time. The error includes the effect on f of the rounding of x.
        """
        core, here = self._core, self._matters | self._flat
        bends0, bends1 = core.bends
        edge = np.diff(self._flat, prepend=False, append=False)  # of an atom's interval
        # f may be rough where p_g is: at every z with such an x, not only at the fold itself.
        rough_x = np.concatenate([self._rough, np.ravel([] if also is None else also)])
        rough = self._cells.roots(self._g, rough_x).z
        starts, stops = here & (bends0 | edge[:-1]), here & (bends1 | edge[1:])
        borders = [core.z0[starts], core.z1[stops], rough]

        def of_z(z: Points) -> tuple[Points, Points]:
            x, seen = self._image(z[:, 0])
            values, noise = np.zeros_like(x), np.zeros_like(x)
            values[seen], noise[seen] = evaluated(f, x[seen, None])
            return values, noise

        found = self.p_z.expect(of_z, also=np.concatenate(borders))
        return Estimate(found.value, found.error + self._rounding(f))

    def _rounding(self, f: Integrand) -> float:
        """Return E |f(x ± its rounding) − f(x)|, with one x for each interval of known mass."""
        marks = self.p_z.landmarks()
        edges = np.unique(np.concatenate([marks, np.linspace(self._bulk[0], self._bulk[1], 65)]))
        mass, z = np.diff(self.p_z.cdf(edges)), (edges[:-1] + edges[1:]) / 2
        x, _ = self._image(z)
        # A jump of f at an end of the support or at an atom is not an effect of rounding.
        moves = (mass > 0) & np.isnan(self._atom_of[self._cell_of(z)])
        z, x, mass = z[moves], x[moves], mass[moves]
        if z.size == 0:
            return 0.0
        reach = np.maximum(2 * _EPS * np.abs(x), self._noise_at(z, 1e-8))
        below, above = np.clip([x - reach, x + reach], *self.support)
        with np.errstate(invalid="ignore"):  # if f is infinite, so is its expectation
            values, _ = evaluated(f, np.concatenate([below, x, above])[:, None])
            low, middle, high = np.split(values, 3)
            change = np.maximum(np.abs(low - middle), np.abs(high - middle))
        there = np.isfinite(change)
        return float(mass[there] @ change[there])

    def mass(self) -> Estimate:
        """
        Return ∫ p_g dx by quadrature over x, plus the atoms: 1 if nothing was missed.

        This is an independent check, because all other integrals are taken over z. The error is
        the quadrature's plus the mass that was left out: light atoms and very short cells.
        """
        return self._mass_over_x

    @cached_property
    def _mass_over_x(self) -> Estimate:
        x = self.landmarks()
        width = np.diff(x)
        # Rounding cannot tell an x this close to a fold from the fold. The mass there is of
        # order √ε, because p_g has a pole.
        near = 16 * np.maximum(_EPS * np.abs(x), self._noise(x))

        def integrand(t: Points) -> Points:
            # Panel i is x_i + width · u²(3 − 2u). Its derivative 6u(1 − u) cancels the pole
            # 1/√ of p_g at a fold. x is measured from the nearer end, to keep its digits.
            i = np.minimum(t.astype(np.intp), width.size - 1)
            u = t - i
            nearer = np.minimum(u, 1 - u)
            step = width[i] * nearer**2 * (3 - 2 * nearer)
            at = np.where(u < 0.5, x[i] + step, x[i + 1] - step)
            within = (at > x[i] + near[i]) & (at < x[i + 1] - near[i + 1])
            p = np.zeros_like(t)
            step = (6 * u * (1 - u) * width[i])[within]
            p[within] = np.exp(self._log_continuous(at[within]) + np.log(step))
            return p

        result = integrate(integrand, np.arange(x.size), tolerance=1e-8)
        atoms = sum(atom.mass for atom in self.atoms)
        left_out = max(0.0, 1 - self.continuous_mass - atoms)
        left_out += float(self._mass[self._cells.doubtful | self._cells.empty].sum())
        # A kink weaker than ALIKE may lie between nodes of the quadrature, in at most 1 % of
        # a panel.
        left_out += 0.01 * ALIKE * float(self._mass[~self._cells.linear].sum())
        around = float((self._cdf_of_cells(x + near) - self._cdf_of_cells(x - near)).sum())
        # The quadrature may have counted these places fully, or not at all.
        return Estimate(result.value + around + atoms, result.error + 2 * around + left_out)

    def _noise(self, x: Points) -> Points:
        """Return how much rounding moves G at the roots of x, (n,), from second differences.

        It may be far more than the rounding of x, because a network's output is a sum of larger
        terms that cancel.
        """
        found = self._cells.roots(self._g, x)
        noise = np.zeros(x.size)
        np.maximum.at(noise, found.which, self._noise_at(found.z, 4 * _EPS))
        return noise

    def _noise_at(self, z: Points, step: float) -> Points:
        """Return G's second differences for a relative step of z; at 1e-8 they are about ε G″."""
        h = step * np.maximum(np.abs(z), 1e-3)
        steps = np.outer(np.arange(-4, 5), h)
        y = self._g((z + steps).ravel())[0].reshape(steps.shape)
        curved = [np.abs(y[4 - k] - 2 * y[4] + y[4 + k]) for k in range(1, 5)]
        noise: Points = np.max(curved, axis=0)
        return noise

    @property
    def error(self) -> float:
        """
        An estimate of the error of p_g, ∫ |true p_g − computed p_g| dx.

        It is the sum of two parts. The first is |1 − mass| plus the error of ``mass()``. Every
        root that was found is a true root, so a missed fold can only make the computed density
        too small, and the integral is too small by the same amount. The second is the mass of
        the intervals of z where a coarse and a fine look at G disagreed. They were then
        resolved, but where G has such narrow folds, narrower ones may have been missed.

        Sampling G cannot exclude a single fold that is narrower than all gaps between the
        samples (here 1/4000 of the bulk of z). Such a fold would have about that mass. With
        ``knots`` no fold can be missed, and the error is rounding.
        """
        mass = self.mass()
        return abs(1 - mass.value) + mass.error + self._surprise


def _atoms(core: LineCells, mass: Points, flat: Mask) -> tuple[tuple[Atom, ...], Points]:
    """Return the atoms, and for each cell the x of its atom, or NaN."""
    of_cell = np.full(flat.size, np.nan)
    cells = np.flatnonzero(flat)
    if cells.size == 0:
        return (), of_cell
    x = (core.y0 + core.y1)[cells] / 2
    size = float(mass @ np.maximum(np.abs(core.y0), np.abs(core.y1)))
    # In order of x, cells whose x differ only by rounding form one atom.
    order = np.argsort(x, kind="stable")
    cells, x = cells[order], x[order]
    gap = np.diff(x) > 4 * FLAT * np.abs(x[1:]) + 64 * _EPS * size
    atoms = []
    for part in np.split(np.arange(x.size), np.flatnonzero(gap) + 1):
        weights = np.cumsum(mass[cells[part]])
        if weights[-1] >= _LEAST_ATOM:
            middle = part[np.searchsorted(weights, weights[-1] / 2)]  # median x, weighted by mass
            atoms.append(Atom(float(x[middle]), float(weights[-1])))
            of_cell[cells[part]] = x[middle]
    return tuple(atoms), of_cell


# -- arguments --------------------------------------------------------------------------------


def _checked(g_and_dg: Callable[[Points], tuple[ArrayLike, ArrayLike]]) -> Map:
    """Return G with its shapes and values checked, and without NumPy's overflow warnings."""

    def call(z: Points) -> tuple[Points, Points]:
        if z.size == 0:
            return np.empty(0), np.empty(0)
        with np.errstate(all="ignore"):
            result = g_and_dg(z)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ShapeError("pushforward_1d: g_and_dg gave no pair; expected (G(z), G′(z))")
        y, d = (
            checks.array("pushforward_1d", f"{name} from g_and_dg", a).astype(np.float64)
            for name, a in zip(("G(z)", "G′(z)"), result, strict=True)
        )
        if y.shape != z.shape or d.shape != z.shape:
            raise ShapeError(
                f"pushforward_1d: for z of shape {z.shape} G has shape {y.shape} and G′"
                f" {d.shape}; expected {z.shape} for both. For z and x in the plane use"
                " pushforward_2d"
            )
        bad = ~(np.isfinite(y) & np.isfinite(d))
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(
                f"pushforward_1d: G({z[i]:g}) is {y[i]:g} and G′({z[i]:g}) is {d[i]:g};"
                " expected finite numbers"
            )
        return y, d

    return call


def _increasing(knots: ArrayLike) -> Points:
    z = checks.array("pushforward_1d", "knots", knots).astype(np.float64)
    if z.ndim != 1:
        raise ShapeError(f"pushforward_1d: knots have shape {z.shape}; expected (k,)")
    if not (np.isfinite(z).all() and (np.diff(z) > 0).all()):
        raise ValueError("pushforward_1d: knots must be finite and increasing; sort them")
    return z


def _mass_of(p: Density, stretches: Points) -> float:
    """Return p's mass on the intervals (2, k)."""
    return float((p.cdf(stretches[1]) - p.cdf(stretches[0])).sum())


def _quantiles(p: Density, levels: Sequence[float]) -> Points:
    """Return the quantiles of p at the levels, by bisection between its landmarks."""
    marks, wanted = p.landmarks(), np.asarray(levels)
    low: Points = np.full(wanted.shape, marks[0])
    high: Points = np.full(wanted.shape, marks[-1])
    for _ in range(60):
        middle = (low + high) / 2
        under = p.cdf(middle) < wanted
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return high
