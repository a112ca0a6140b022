"""
Cut the z line into cells on which G is monotone, for the density of a generator on the line.

Each cell holds at most one root of G(z) = x. The cells of a piecewise-linear G lie between its
knots (``linear_cells``). The cells of any other G are found by search (``monotone_cells``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan.theory.densities import Density, Points

__all__ = [
    "ALIKE",
    "FLAT",
    "NO_MASS",
    "Index",
    "LineCells",
    "Map",
    "Mask",
    "Roots",
    "chained",
    "join",
    "linear_cells",
    "monotone_cells",
    "tail",
]

Map: TypeAlias = Callable[[Points], tuple[Points, Points]]
"""z (n,) to G(z) and G′(z), (n,) each, checked to be finite."""

Mask: TypeAlias = NDArray[np.bool_]
Index: TypeAlias = NDArray[np.intp]

FLAT = 2.0**16 * float(np.finfo(np.float64).eps)
"""G counts as flat where it moves by less than this fraction of its value (1.5e-11)."""

ALIKE = 1e-6
"""Relative accuracy with which the cubic through a cell's ends must give G′ inside the cell."""

NO_MASS = 1e-18
"""A cell with less probability under p_z than this is ignored in p_g."""

_EPS = float(np.finfo(np.float64).eps)
_ROUNDING = 64 * _EPS  # relative: a smaller step of G in the wrong direction may be rounding
_TINY = 1e-290  # smaller numbers lose digits
_HALVINGS = 36  # of a cell in which G is rough: down to 1e-13 of the bulk of z
_PROBES = np.array([0.23, 0.5, 0.79])[:, None]  # a cell is probed here; it is cut at ½
_MORE_PROBES = (np.arange(16) + 0.38)[
    :, None
] / 16  # used once, so that few narrow folds are missed
_ZONES = 10  # of a tail, each 4 times as long as the one before; only log p_g sees them
_ITERATIONS = 200


class Roots(NamedTuple):
    """All solutions of G(z) = x for several x."""

    which: Index  # (k,): index of x
    cell: Index  # (k,): index of the cell
    z: Points  # (k,)
    slope: Points  # (k,): G′(z), or |G′(z)|


class LineCells(NamedTuple):
    """Intervals of z, in order. On each, G is monotone, from (z0, y0) to (z1, y1)."""

    z0: Points
    z1: Points
    y0: Points
    y1: Points
    d0: Points  # G′ at the ends; in a linear cell, its slope
    d1: Points
    linear: Mask
    bent: Mask  # G is rough inside the cell
    doubtful: Mask  # G may also turn back inside the cell, by rounding or in a tiny part of it
    rising: Mask
    top: Mask  # the x at the upper end belongs to this cell; set by ``chained``

    @property
    def low(self) -> Points:
        return np.minimum(self.y0, self.y1)

    @property
    def high(self) -> Points:
        return np.maximum(self.y0, self.y1)

    @property
    def pieces(self) -> int:
        """The number of monotone pieces of G. An x has at most that many roots."""
        return int(self.top.sum())

    @property
    def empty(self) -> Mask:
        """Whether both ends have the same x after rounding; such a cell gives no roots."""
        none: Mask = self.y0 == self.y1
        return none

    @property
    def bends(self) -> tuple[Mask, Mask]:
        """Whether p_g is rough at the lower and at the upper end."""
        rough = self.linear | self.bent
        stands0, stands1 = self._stands()
        goes_on = (self.z1[:-1] == self.z0[1:]) & (self.rising[:-1] == self.rising[1:])
        turns = np.concatenate([[True], ~goes_on, [True]])[: self.z0.size + 1]
        return rough | stands0 | turns[:-1], rough | stands1 | turns[1:]

    def _stands(self) -> tuple[Mask, Mask]:
        """Whether G′ is nearly 0 at the lower and at the upper end, as it is at a fold."""
        secant = np.abs((self.y1 - self.y0) / (self.z1 - self.z0))
        return np.abs(self.d0) <= 1e-3 * secant, np.abs(self.d1) <= 1e-3 * secant

    def only(self, mask: Mask) -> LineCells:
        return LineCells._make(a[mask] for a in self)

    def updated(self, mask: Mask, cells: LineCells, start: int) -> LineCells:
        """Return a copy with y0, y1 and rising from ``cells[start:]`` where ``mask`` is true."""
        part = slice(start, start + int(mask.sum()))
        y0, y1, rising = self.y0.copy(), self.y1.copy(), self.rising.copy()
        y0[mask], y1[mask], rising[mask] = cells.y0[part], cells.y1[part], cells.rising[part]
        return self._replace(y0=y0, y1=y1, rising=rising)

    @np.errstate(over="ignore", invalid="ignore")
    def flat(self, length: float) -> Mask:
        """Whether G moves by no more than rounding over a cell, or over ``length`` if longer.

        Without this least length, a cell could count as flat only because it is short: cells
        around a kink, and cells on which rounding hides the movement that G′ shows.
        """
        h = self.z1 - self.z0
        moved = np.maximum(
            np.abs(self.y1 - self.y0), h * np.minimum(np.abs(self.d0), np.abs(self.d1))
        )
        moved *= np.maximum(1.0, length / h)
        size = np.maximum(np.abs(self.y0), np.abs(self.y1))
        # A network's output is a sum of large terms that cancel; it moves by their rounding.
        terms = np.where(self.linear, _ROUNDING * size.max(initial=0.0) / FLAT, 0.0)
        still: Mask = moved <= FLAT * np.maximum(np.maximum(size, terms), _TINY)
        return still

    def redundant(self, p_z: Density) -> Mask:
        """Which cells can be dropped: far outside p_z's mass, with x that inner cells reach too.

        p_z is smaller there by a factor of e^40 or more, so their share of p_g is below
        rounding. An oscillating G has very many of them.
        """
        heavy = np.flatnonzero(p_z.cdf(self.z1) - p_z.cdf(self.z0) > NO_MASS)
        if heavy.size == 0:
            return np.zeros(self.z0.size, bool)
        within = slice(heavy[0], heavy[-1] + 1)
        log_p0, log_p1 = p_z.log_pdf(self.z0), p_z.log_pdf(self.z1)
        least = np.minimum(log_p0, log_p1)[within].min()
        far_out = np.maximum(log_p0, log_p1) < least - 40
        low, high = self.low[within].min(), self.high[within].max()
        led_to: Mask = far_out & (self.low >= low) & (self.high <= high)
        return led_to

    def roots(self, g: Map, x: Points, closed: bool = True) -> Roots:
        """
        Solve G(z) = x for x (n,): in closed form on linear cells, by Newton's method on others.

        The cells must be ``chained``. If two cells of one monotone piece share an x, it belongs
        to the upper one. The largest x of a piece belongs to the piece only if ``closed``.
        """
        order = np.argsort(x)
        ordered = x[order]
        first = np.searchsorted(ordered, self.low, side="left")
        last = np.searchsorted(ordered, self.high, side="left")
        if closed:
            last[self.top] = np.searchsorted(ordered, self.high[self.top], side="right")
        count = np.maximum(last - first, 0)
        cell = np.repeat(np.arange(count.size), count)
        within = np.arange(cell.size) - np.repeat(np.cumsum(count) - count, count)
        which = order[first[cell] + within]
        z0, z1, y0, y1, slope = (a[cell] for a in self[:5])  # G′ of a linear cell is its d0
        wanted = x[which]
        z = np.clip(z0 + (wanted - y0) / (y1 - y0) * (z1 - z0), z0, z1)
        curved, rising = ~self.linear[cell], self.rising[cell]
        z[curved] = _newton(g, wanted[curved], z[curved], z0[curved], z1[curved], rising[curved])
        slope[curved] = g(z[curved])[1]
        # Near a fold, rounding may give a z too close to it, where |G′| is too small. There |G′|
        # is replaced by at least half of what a parabola through the cell has at x.
        for y, stands in zip((y0, y1), self._stands(), strict=True):
            rise = np.maximum(np.abs(wanted - y), 2 * _EPS * np.abs(y))
            fold = curved & stands[cell] & (rise <= _ROUNDING * np.abs(y))
            least = np.sqrt(rise * np.abs(y1 - y0)) / (z1 - z0)
            slope[fold] = np.maximum(np.abs(slope), least)[fold]
        return Roots(which, cell, z, slope)


def join(parts: Sequence[LineCells]) -> LineCells:
    """Concatenate cells."""
    return LineCells._make(map(np.concatenate, zip(*parts, strict=True)))


def chained(cells: LineCells) -> LineCells:
    """
    Join the cells of each monotone piece end to end in x, so that each x belongs to one cell.

    Rounding causes two problems at the ends of short cells: G may stand still or step back
    although G′ says that it moves on, and two calls of G at the same z may differ. So where G
    moves by no more than rounding, the direction of a cell is the sign of G′. Neighbours with
    the same direction whose ends agree to rounding form one piece.

    Within a piece, two cells that meet get the same value of G, and these values never step
    back. The half-open intervals between neighbouring values then hold each x exactly once.
    """
    z0, y0, y1, d0, d1, linear = cells.z0, *cells[2:7]
    if z0.size == 0:
        return cells
    size = np.maximum(np.abs(y0), np.abs(y1))
    rounded = linear | (np.abs(y1 - y0) <= _ROUNDING * size)
    slope = np.sign(d0 + d1)
    direction = np.where(rounded & (slope != 0), slope, np.sign(y1 - y0))
    # A cell that stands still takes the direction of the one before it.
    known = np.maximum.accumulate(np.where(direction != 0, np.arange(z0.size), 0))
    rising = direction[known] > 0
    meets = np.abs(y0[1:] - y1[:-1]) <= _ROUNDING * np.maximum(size[1:], size[:-1])
    meets &= rising[1:] == rising[:-1]
    starts = np.flatnonzero(np.concatenate([[True], ~meets]))
    # All ends in order, rising within each piece. Where two ends meet, both take the later value.
    ends = np.where(rising, 1.0, -1.0) * np.stack([y0, y1])
    ends[1, :-1][meets] = ends[0, 1:][meets]
    back = np.flatnonzero(ends[1] < ends[0])
    for k in np.unique(np.searchsorted(starts, back, side="right") - 1):
        piece = slice(starts[k], starts[k + 1] if k + 1 < starts.size else None)
        ends[:, piece] = np.maximum.accumulate(ends[:, piece].T.ravel()).reshape(-1, 2).T
    y0, y1 = np.where(rising, 1.0, -1.0) * ends
    # The top of a piece belongs to its uppermost cell that is not empty.
    some = np.flatnonzero(y0 != y1)
    piece_of = np.cumsum(np.concatenate([[True], ~meets]))[some]
    last = np.diff(piece_of, append=-1) != 0
    first = np.diff(piece_of, prepend=-1) != 0
    top = np.zeros(z0.size, bool)
    top[some] = np.where(rising[some], last, first)
    return cells._replace(y0=y0, y1=y1, rising=rising, top=top)


def _newton(g: Map, x: Points, z: Points, low: Points, high: Points, rising: Mask) -> Points:
    """Solve G(z) = x by Newton's method, each root within its bracket from low to high."""
    z, low, high = z.copy(), low.copy(), high.copy()
    todo = np.arange(z.size)
    for k in range(_ITERATIONS):
        if todo.size == 0:
            break
        at, a, b = z[todo], low[todo], high[todo]
        y, slope = g(at)
        over = np.where(rising[todo], y - x[todo], x[todo] - y)
        a, b = np.where(over < 0, at, a), np.where(over > 0, at, b)
        low[todo], high[todo] = a, b
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = at - (y - x[todo]) / slope
        done = (over == 0) | (np.abs(newton - at) <= 2 * _EPS * np.abs(at))
        done |= b - a <= 2 * _EPS * np.maximum(np.abs(a), np.abs(b))
        # Near a fold Newton's method converges slowly from one side, so every fourth step bisects.
        good = (newton > a) & (newton < b) & ((k < 8) | (k % 4 > 0))
        z[todo] = np.where(done, at, np.where(good, newton, a + (b - a) / 2))
        todo = todo[~done]
    return z


def linear_cells(g: Map, z: Points) -> LineCells:
    """Return the cells between the knots of a piecewise-linear G; raise if G is not linear."""
    z0, z1 = z[:-1], z[1:]
    y, _ = g(z)
    y0, y1 = y[:-1], y[1:]
    inner, d = (a.reshape(len(_PROBES), -1) for a in g((z0 + _PROBES * (z1 - z0)).ravel()))
    slope = d[1]
    size = 1e-9 * np.abs(y).max()
    off = np.abs(inner - (y0 + _PROBES * (y1 - y0))).max(axis=0)
    wrong = off > size
    if wrong.any():
        i = int(np.argmax(off))
        raise ValueError(
            f"pushforward_1d: G is not linear between the knots {z0[i]:g} and {z1[i]:g}:"
            f" the difference is {off[i]:.1g}. Give all its knots, or knots=None"
        )
    wrong = np.abs(d * (z1 - z0) - (y1 - y0)).max(axis=0) > 1e-6 * np.abs(y1 - y0) + size
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            f"pushforward_1d: G′ is {slope[i]:g} between z = {z0[i]:g} and {z1[i]:g}, but the"
            f" slope of G there is {(y1[i] - y0[i]) / (z1[i] - z0[i]):g}; expected the same"
        )
    yes = np.ones(z0.size, bool)
    return LineCells(z0, z1, y0, y1, slope, slope, yes, ~yes, ~yes, slope > 0, ~yes)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # G may be huge in the tails
def monotone_cells(
    g: Map, z: Points, length: float, strict: Points, most: int
) -> tuple[LineCells, Points, Points]:
    """
    Cut the line, from the first to the last of z, into cells on which G is monotone.

    A cell in which G′ changes sign is cut there, by bisection to rounding. Any other cell is
    halved until three probes inside it agree with the cubic through its ends: G lies between
    its ends, and G′ keeps its sign and has a relative error below 1e-6 (0.1 outside
    ``strict``). The cubic's derivative must also not dip towards 0, because p_g has a peak there.

    A part of 2^−36 ``length`` that is still rough is a kink. It is kept, unless G jumps or
    turns back in it; then it is left out.

    Parameters
    ----------
    z : array
        Where to look first, increasing.
    length : float
        The shortest length of z that matters.
    strict : (low, high)
        The interval that holds p_z's mass.
    most : int
        The largest number of cells.

    Returns
    -------
    cells
    surprises : (2, k)
        Intervals of z that the three probes accepted and sixteen probes rejected. They are
        cut finely. Near them there may be narrower folds that sixteen probes also miss.
    given_up : (2, k)
        Intervals that are not resolved, because they need more than ``most`` cells.
    """
    y, d = g(z)
    open_ = np.stack([z[:-1], z[1:], y[:-1], y[1:], d[:-1], d[1:]])
    surprises = open_[:2, _surprising(g, open_, strict)]
    done: list[Points] = []
    shortest = length * 2.0**-_HALVINGS
    cells = 0
    while open_.shape[1] and cells + open_.shape[1] <= most:
        z0, z1, y0, y1, d0, d1 = open_
        h, rise = z1 - z0, y1 - y0
        accept, bent, doubtful, y, d = _look(g, open_, _PROBES, strict)
        accept[_within(surprises, z0, z1) & (h > length / 64)] = False
        short = h <= np.maximum(shortest, 4 * _EPS * np.maximum(np.abs(z0), np.abs(z1)))
        ends = (np.sign(rise) * d0 >= 0) & (np.sign(rise) * d1 >= 0)
        no_jump = np.abs(rise) <= 16 * h * np.maximum(np.abs(d0), np.abs(d1))
        kept = accept | (short & ends & no_jump)
        done.append(np.vstack([open_, bent | ~accept, doubtful])[:, kept])
        cells += int(kept.sum())
        turns = ~accept & ~short & (np.sign(d0) * np.sign(d1) < 0)
        halve = ~accept & ~short & ~turns
        middle = np.stack([(z0 + 0.5 * h), y[1], d[1]])[:, halve]
        left, right = _turning(g, open_[:, turns])
        a, b = open_[:, halve], open_[:, turns]
        cut = [(a[::2], middle), (middle, a[1::2]), (b[::2], left), (right, b[1::2])]
        open_ = np.concatenate([_cell(start, stop) for start, stop in cut], axis=1)
        open_ = open_[:, open_[1] > open_[0]]
    rows = np.concatenate(done, axis=1)
    rows = rows[:, np.argsort(rows[0])]
    z0, z1, y0, y1, d0, d1, bent, doubtful = rows
    straight = np.zeros(z0.size, bool)
    rising = y1 > y0
    found = LineCells(z0, z1, y0, y1, d0, d1, straight, bent > 0, doubtful > 0, rising, straight)
    return found, surprises, open_[:2]


def _look(
    g: Map, cells: Points, u: Points, strict: Points
) -> tuple[Mask, Mask, Mask, Points, Points]:
    """
    Compare G and G′ at fractions u (k, 1) of each cell with the cubic through its ends.

    Returns
    -------
    accept : G is monotone and agrees with the cubic, or moves by no more than rounding
    bent : G′ differs from the cubic's derivative
    doubtful : G′ differs by more than a tenth
    y, d : G and G′ at the probes, (k, cells)
    """
    z0, z1, y0, y1, d0, d1 = cells
    h, rise = z1 - z0, y1 - y0
    y, d = (a.reshape(u.size, -1) for a in g((z0 + u * h).ravel()))
    rounding = _ROUNDING * np.maximum(np.maximum(np.abs(y0), np.abs(y1)), _TINY)
    still = (np.abs(y - y0).max(axis=0) <= rounding) & (np.abs(rise) <= rounding)
    sign = np.sign(rise)
    one_way = (sign * np.vstack([d0, d, d1]) >= 0).all(axis=0)
    one_way &= (np.diff(sign * np.vstack([y0, y, y1]), axis=0) >= 0).all(axis=0)
    # The cubic's derivative at the fraction v of a cell is curve v² + slope v + d0.
    curve, slope = 3 * (d0 + d1) - 6 * rise / h, 6 * rise / h - 4 * d0 - 2 * d1
    off = np.abs(d - ((curve * u + slope) * u + d0))
    tolerance = np.where((z1 <= strict[0]) | (z0 >= strict[1]), 0.1, ALIKE) * np.abs(d)
    alike = (off <= tolerance + rounding / h).all(axis=0)
    vertex = np.clip(-slope / np.where(curve == 0, 1.0, 2 * curve), 0.0, 1.0)
    dip = sign * ((curve * vertex + slope) * vertex + d0)
    alike &= dip >= 0.03 * np.minimum(np.abs(d0), np.abs(d1))
    bent, doubtful = (off > tolerance).any(axis=0), (off > 0.1 * np.abs(d)).any(axis=0)
    return still | (one_way & alike), bent, doubtful, y, d


def _surprising(g: Map, cells: Points, strict: Points) -> Mask:
    """Which cells three probes accept and sixteen probes reject."""
    accept = _look(g, cells, _PROBES, strict)[0]
    accept[accept] = ~_look(g, cells[:, accept], _MORE_PROBES, strict)[0]
    return accept


def _within(stretches: Points, z0: Points, z1: Points) -> Mask:
    """Which cells lie in one of the intervals ``stretches`` (2, k)."""
    if stretches.size == 0:
        return np.zeros(z0.size, bool)
    k = np.maximum(np.searchsorted(stretches[0], z0, side="right") - 1, 0)
    inside: Mask = (z0 >= stretches[0, k]) & (z1 <= stretches[1, k])
    return inside


def _cell(start: Points, stop: Points) -> Points:
    """Stack (z, y, d) of the cells' ends to rows z0, z1, y0, y1, d0, d1."""
    return np.stack([start[0], stop[0], start[1], stop[1], start[2], stop[2]])


def _turning(g: Map, cells: Points) -> tuple[Points, Points]:
    """Bisect for a change of sign of G′; return (z, y, d) just before and just after it."""
    before, after = cells[::2], cells[1::2]
    for _ in range(100):
        z = (before[0] + after[0]) / 2
        if ((z <= before[0]) | (z >= after[0])).all():
            break
        at = np.stack([z, *g(z)])
        same = np.sign(at[2]) == np.sign(before[2])
        before, after = np.where(same, at, before), np.where(same, after, at)
    return before, after


def tail(g: Map, p_z: Density, z: float, width: float, length: float) -> Iterator[LineCells]:
    """Yield cells beyond p_z's landmarks, outwards, until G overflows or is too rough."""
    for _ in range(_ZONES):
        nodes = np.unique(z + width * np.linspace(0, 1, 17))
        try:
            if not np.isfinite(p_z.log_pdf(nodes)).all():
                return
            cells, _, given_up = monotone_cells(g, nodes, length, np.zeros(2), 300)
        except ValueError:  # G overflows
            return
        if given_up.size:  # G is too rough
            return
        yield cells.only(~cells.flat(length))
        z, width = z + width, 4 * width
