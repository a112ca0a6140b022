"""
The density of a generator on the line: p_g of x = G(z), from G, G′ and the density of z.

Change of variables: where G moves, p_g(x) = Σ p_z(z) / |G′(z)| over all roots z of
G(z) = x. Where G stands still, a whole stretch of z lands on one x: an atom, which has
a mass but no density. Goodfellow et al. 2014, §4, define p_g as the distribution of
G(z); here it is computed.

The z line is cut into cells on which G is monotone, so that each holds at most one root:
``cells.py``.
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
_LEAST_ATOM = 1e-12  # lighter ones are left out, and count as error
_MOST_CELLS = 300_000


class Atom(NamedTuple):
    """One x that G gives with positive probability."""

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
        Takes z, float64 (n,), and gives G(z) and G′(z), (n,) each; for a network
        ``scratchgan.exact.knots.g_and_dg``. G should be continuous.
    p_z : Density
        Of dimension 1 and without atoms: ``Normal``, ``Uniform``, ...
    knots : array (k,), optional
        All z at which a piecewise-linear G bends between the first and the last of
        ``p_z.landmarks()``, increasing (``scratchgan.exact.knots.knots_1d``): then p_g is
        exact to rounding. None for any other G; ``Pushforward.error`` then says how
        far p_g may be off.

    Raises
    ------
    ShapeError
        If p_z is not on the line, or G does not give two arrays (n,).
    ValueError
        If G or G′ is not finite somewhere between p_z's landmarks, knots do not
        increase, G is not linear between them, or p_z has atoms.

    Examples
    --------
    The square of a standard normal is χ² with one degree of freedom, which has a pole
    at the fold x = 0:

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
    checks.instance("pushforward_1d", "p_z", p_z, Density, "a Density on the line, as Normal()")
    if p_z.dim != 1:
        raise ShapeError(
            f"pushforward_1d: p_z has dimension {p_z.dim}; expected 1."
            " From the plane to the plane there is pushforward_2d"
        )
    if getattr(p_z, "atoms", ()):
        raise ValueError("pushforward_1d: p_z has atoms, which have no density; expected none")
    return Pushforward(_checked(g_and_dg), p_z, None if knots is None else _increasing(knots))


class Pushforward(Density):
    """
    The distribution of G(z) on the line: a density, and atoms beside it.

    Made by ``pushforward_1d``. ``pdf`` and ``log_pdf`` are of the density alone, but +∞
    at the very x of an atom: an expectation under p_g, which is taken over z, so sees
    in a log-ratio that p_g outweighs any density there.

    Attributes
    ----------
    atoms : tuple of Atom
        Increasing in x. A stretch of z belongs to an atom if G is so flat on it that over
        1/256 of the bulk of z it would move by less than 1.5e-11 of its own size: float64
        does not hold enough digits of x there for a density. So x is right to about
        1e-9 of itself; of a G that saturates, what lies that close to the limit goes with
        the atom. Atoms lighter than 1e-12 are left out.
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
        length = float(bulk[1] - bulk[0]) / 256  # of z: the shortest that matters
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
                    f"pushforward_1d: {_MOST_CELLS:,} cells of z are not enough to follow G; near"
                    f" z = {given_up[0, 0]:g} it is too rough, or G′ is not its derivative"
                )
            self._surprise = _mass_of(p_z, surprises)
        else:
            inside = knots[(knots > low) & (knots < high)]
            core = linear_cells(g, np.concatenate([[low], inside, [high]]))
            self._surprise = 0.0
        # Beyond p_z's landmarks nothing has mass, but log p_g goes on.
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
        Return all z with G(z) = x, increasing, (k,); none for the stretch of an atom.

        To rounding: about 1e-16 (|z| + |x / G′(z)|).
        """
        at = np.array([checks.number("roots", "x", x)])
        return np.unique(self._cells.roots(self._g, at).z)

    def _log_pdf(self, x: Points) -> Points:
        log_p = self._log_continuous(x[:, 0])
        log_p[np.isin(x[:, 0], [atom.x for atom in self.atoms])] = np.inf
        return log_p

    def _log_continuous(self, x: Points) -> Points:
        """Log of Σ p_z(z) / |G′(z)| over the roots of G(z) = x, (n,)."""
        return self._in_blocks(self._log_sum, x)

    def _in_blocks(self, f: Callable[[Points], Points], x: Points) -> Points:
        """f(x), a million roots at a time."""
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
        """Mass of the cells that lie below x, and of the parts below x of those that x is in."""
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
        """x = G(z), of an atom exactly its x; and whether z is in no atom that was left out.

        x is kept within what its cell gives: a unit of rounding further there may be no root.
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
        Return the x at which p_g is rough or narrow, (k,), from its lowest to its highest.

        Images of folds, knots and p_z's landmarks; atoms; and, since p_g is narrow where
        G is nearly flat, wherever |G′| passes a power of 4.
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
        """Images of folds and knots, and atoms, (k,), increasing."""
        bends0, bends1 = self._core.bends
        y0, y1 = self._core.y0[bends0 & self._matters], self._core.y1[bends1 & self._matters]
        return self._distinct(np.concatenate([y0, y1]))

    def _distinct(self, x: Points) -> Points:
        """The x that rounding can tell apart, and all atoms, increasing."""
        atoms = np.array([atom.x for atom in self.atoms])
        for atom in atoms:
            x = x[np.abs(x - atom) > 4 * FLAT * abs(atom)]
        x = np.unique(x)
        apart = np.diff(x, prepend=-np.inf) > 64 * _EPS * np.abs(x)
        return np.unique(np.concatenate([x[apart], atoms]))

    def expect(self, f: Integrand, also: Any = None) -> Estimate:
        """
        Return E_{p_g}[f] = E_{p_z}[f(G(z))]: over z, where folds do no harm.

        Arguments as for ``Density.expect``. An atom is a stretch of z on which f is
        asked for the atom's x, again and again. The error includes what the rounding of x
        does to f.
        """
        core, here = self._core, self._matters | self._flat
        bends0, bends1 = core.bends
        edge = np.diff(self._flat, prepend=False, append=False)  # of a stretch of atoms
        # f may be rough wherever p_g is; at all z that lead there, not at the fold alone.
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
        """E |f(x ± its rounding) − f(x)|: f once for each stretch of z, of known mass."""
        marks = self.p_z.landmarks()
        edges = np.unique(np.concatenate([marks, np.linspace(self._bulk[0], self._bulk[1], 65)]))
        mass, z = np.diff(self.p_z.cdf(edges)), (edges[:-1] + edges[1:]) / 2
        x, _ = self._image(z)
        # Jumps of f at the ends of the support and at atoms are no work of rounding.
        moves = (mass > 0) & np.isnan(self._atom_of[self._cell_of(z)])
        z, x, mass = z[moves], x[moves], mass[moves]
        if z.size == 0:
            return 0.0
        reach = np.maximum(2 * _EPS * np.abs(x), self._noise_at(z, 1e-8))
        below, above = np.clip([x - reach, x + reach], *self.support)
        with np.errstate(invalid="ignore"):  # f may be infinite; so is then its expectation
            values, _ = evaluated(f, np.concatenate([below, x, above])[:, None])
            low, middle, high = np.split(values, 3)
            change = np.maximum(np.abs(low - middle), np.abs(high - middle))
        there = np.isfinite(change)
        return float(mass[there] @ change[there])

    def mass(self) -> Estimate:
        """
        Return ∫ p_g dx by quadrature over x, plus the atoms: 1 if nothing was missed.

        This is the independent check: all other integrals are taken over z. The error is
        the quadrature's, plus what is known to be left out: light atoms, and cells too
        short to look into.
        """
        return self._mass_over_x

    @cached_property
    def _mass_over_x(self) -> Estimate:
        x = self.landmarks()
        width = np.diff(x)
        # x this close to a fold cannot be told from it: of mass √ε, since p_g has a pole.
        near = 16 * np.maximum(_EPS * np.abs(x), self._noise(x))

        def integrand(t: Points) -> Points:
            # Panel i is x_i + width · u²(3 − 2u), whose derivative 6u(1 − u) cancels the
            # pole 1/√ that p_g has at a fold; x is measured from the nearer end.
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
        # A weaker kink than was looked for may lie where the quadrature has no node, which
        # is at most 1 % of a panel.
        left_out += 0.01 * ALIKE * float(self._mass[~self._cells.linear].sum())
        around = float((self._cdf_of_cells(x + near) - self._cdf_of_cells(x - near)).sum())
        # The quadrature may have seen these places too, or none of them.
        return Estimate(result.value + around + atoms, result.error + 2 * around + left_out)

    def _noise(self, x: Points) -> Points:
        """By how much rounding moves G where it gives x, (n,): its second differences there.

        That may be far more than the rounding of x: a network's output cancels larger terms.
        """
        found = self._cells.roots(self._g, x)
        noise = np.zeros(x.size)
        np.maximum.at(noise, found.which, self._noise_at(found.z, 4 * _EPS))
        return noise

    def _noise_at(self, z: Points, step: float) -> Points:
        """G's second differences over a relative step of z: of 1e-8 a smooth G's are ε G″."""
        h = step * np.maximum(np.abs(z), 1e-3)
        steps = np.outer(np.arange(-4, 5), h)
        y = self._g((z + steps).ravel())[0].reshape(steps.shape)
        curved = [np.abs(y[4 - k] - 2 * y[4] + y[4 + k]) for k in range(1, 5)]
        noise: Points = np.max(curved, axis=0)
        return noise

    @property
    def error(self) -> float:
        """
        How far p_g may be off: an estimate of ∫ |true p_g − computed p_g| dx.

        Two sums. First |1 − mass| + the error of ``mass()``: every root that was found
        is one, so a fold that was overlooked can only make the computed density too
        small, and what it lacks its integral lacks. Second the mass of those stretches of z
        where a coarse and a fine look at G disagreed, though they were then resolved: where
        G has folds so narrow, narrower ones may have escaped.

        No sampling of G can exclude one fold that is narrower than all gaps between the
        places looked at (here 1/4000 of the bulk of z) and unlike all around it; it would
        have about that mass. With ``knots`` nothing can escape, and this is rounding.
        """
        mass = self.mass()
        return abs(1 - mass.value) + mass.error + self._surprise


def _atoms(core: LineCells, mass: Points, flat: Mask) -> tuple[tuple[Atom, ...], Points]:
    """Atoms, and for each cell the x of its atom, or NaN."""
    of_cell = np.full(flat.size, np.nan)
    cells = np.flatnonzero(flat)
    if cells.size == 0:
        return (), of_cell
    x = (core.y0 + core.y1)[cells] / 2
    size = float(mass @ np.maximum(np.abs(core.y0), np.abs(core.y1)))
    # In order of x, cells that differ by rounding alone make one atom.
    order = np.argsort(x, kind="stable")
    cells, x = cells[order], x[order]
    gap = np.diff(x) > 4 * FLAT * np.abs(x[1:]) + 64 * _EPS * size
    atoms = []
    for part in np.split(np.arange(x.size), np.flatnonzero(gap) + 1):
        weights = np.cumsum(mass[cells[part]])
        if weights[-1] >= _LEAST_ATOM:
            middle = part[np.searchsorted(weights, weights[-1] / 2)]  # the median of its mass
            atoms.append(Atom(float(x[middle]), float(weights[-1])))
            of_cell[cells[part]] = x[middle]
    return tuple(atoms), of_cell


# -- arguments --------------------------------------------------------------------------------


def _checked(g_and_dg: Callable[[Points], tuple[ArrayLike, ArrayLike]]) -> Map:
    """G with its shapes and values checked, and quiet where it overflows."""

    def call(z: Points) -> tuple[Points, Points]:
        if z.size == 0:
            return np.empty(0), np.empty(0)
        with np.errstate(all="ignore"):
            result = g_and_dg(z)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ShapeError("pushforward_1d: g_and_dg gave no pair; expected (G(z), G′(z))")
        y, d = (
            checks.array("pushforward_1d", f"{name}, as g_and_dg gives it,", a).astype(np.float64)
            for name, a in zip(("G(z)", "G′(z)"), result, strict=True)
        )
        if y.shape != z.shape or d.shape != z.shape:
            raise ShapeError(
                f"pushforward_1d: for z of shape {z.shape} G has shape {y.shape} and G′"
                f" {d.shape}; expected {z.shape} for both. In more dimensions than one there"
                " is pushforward_2d, from the plane to the plane"
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
        raise ValueError("pushforward_1d: knots must be finite and increase; sort them")
    return z


def _mass_of(p: Density, stretches: Points) -> float:
    """Mass of the stretches (2, k)."""
    return float((p.cdf(stretches[1]) - p.cdf(stretches[0])).sum())


def _quantiles(p: Density, levels: Sequence[float]) -> Points:
    """Where p's cdf passes the levels, by bisection between its landmarks."""
    marks, wanted = p.landmarks(), np.asarray(levels)
    low: Points = np.full(wanted.shape, marks[0])
    high: Points = np.full(wanted.shape, marks[-1])
    for _ in range(60):
        middle = (low + high) / 2
        under = p.cdf(middle) < wanted
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return high
