"""
The masses that p_g gives to bins, for a generator from the plane to the plane.

In the plane the roots of G(z) = x cannot be enumerated as on the line. Instead the mass is
pushed forward: G maps a fine mesh of z, and the mass of each small cell, which is known
exactly, is spread over the bins that its image covers.

Binning loses information, so a divergence between binned distributions is a lower bound of the
true divergence (data-processing inequality).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.densities import Density, GaussianMixture, Normal, Points
from scratchgan.theory.estimate import Estimate
from scratchgan.theory.quadrature import gauss_legendre

__all__ = ["BinnedPushforward", "LowerBound", "Prior", "pushforward_2d"]

Prior: TypeAlias = GaussianMixture | tuple[Density, Density]
"""p_z in the plane: a mixture of dimension 2, or the densities of two independent coordinates."""

_FINEST = 8192  # cells along each axis; G's values at their corners then take 1 GB
_BLOCK = 1 << 20  # (cell, bin) pairs held at once


class LowerBound(Estimate):
    """An estimate of a lower bound: the true quantity is at least ``value − error``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"LowerBound(value={self.value:.6g}, error={self.error:.1g})"

    def __str__(self) -> str:
        return f"at least {self.value:.6g} ± {self.error:.1g} (a lower bound)"


def pushforward_2d(
    g: Callable[[Points], ArrayLike],
    p_z: Prior,
    edges: tuple[ArrayLike, ArrayLike],
    *,
    mesh: int = 512,
) -> BinnedPushforward:
    """
    Return the masses that p_g, the distribution of G(z), gives to the bins of a grid.

    Parameters
    ----------
    g : callable
        Takes z, float64 (n, 2), and gives G(z), (n, 2). It should be continuous.
    p_z : GaussianMixture of dimension 2, or a pair of densities on the line
        N(0, I) is ``GaussianMixture([[0, 0]], 1.0)``. Noise that is uniform in both
        coordinates is ``(Uniform(-1, 1), Uniform(-1, 1))``.
    edges : (x_edges, y_edges)
        Edges of the bins, (nx + 1,) and (ny + 1,), increasing. Everything outside them is one
        more bin.
    mesh : int
        Number of cells of z along each axis, even, from 8 to 8192. G is evaluated at
        (mesh + 1)² points.

    Raises
    ------
    ShapeError
        If z or x is not in the plane; the message names what to use instead.
    ValueError
        If the edges do not increase, if mesh is odd or not from 8 to 8192, or if G is not
        finite.

    Examples
    --------
    A rotation of N(0, I) is N(0, I):

    >>> turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> p_z, bins = GaussianMixture([[0.0, 0.0]], 1.0), np.linspace(-4, 4, 17)
    >>> p_g = pushforward_2d(lambda z: z @ turn, p_z, (bins, bins), mesh=128)
    >>> p_g.masses.shape, round(float(p_g.masses.sum() + p_g.outside), 12)
    ((16, 16), 1.0)
    >>> bound = p_g.js_lower_bound(p_z)
    >>> abs(bound.value) <= bound.error <= 1e-4
    True
    """
    checks.function("pushforward_2d", "g", g, "a function: z (n, 2) to G(z) (n, 2)")
    mesh = checks.whole("pushforward_2d", "mesh", mesh, 8, _FINEST)
    if mesh % 2:
        raise ValueError(f"pushforward_2d: mesh is {mesh}; expected an even number")
    if not isinstance(edges, tuple | list) or len(edges) != 2:
        raise ShapeError(
            f"pushforward_2d: edges is {checks.shown(edges)}; expected (x_edges, y_edges)"
        )
    x_edges, y_edges = (_increasing(name, e) for name, e in zip("xy", edges, strict=True))
    z_edges, z_masses = _mesh(p_z, mesh)
    corners = _images(g, z_edges)
    fine = _spread(corners, z_masses, x_edges, y_edges)
    # Every second line gives a mesh of twice the width on the same points of z.
    sums = z_masses.reshape(mesh // 2, 2, mesh // 2, 2).sum(axis=(1, 3))
    coarse = _spread(corners[::2, ::2], sums, x_edges, y_edges)
    return BinnedPushforward((x_edges, y_edges), fine, coarse)


class BinnedPushforward:
    """
    The masses of bins under the distribution of G(z) in the plane. This is not a density.

    ``pushforward_2d`` makes it.

    Attributes
    ----------
    edges : (x_edges, y_edges)
    masses : float64 array (nx, ny)
    outside : float
        The mass outside all bins.
    error : float
        An estimate of the total variation between the computed and the true masses,
        ``outside`` included: the difference to the masses of a mesh with half as many cells
        along each axis. Where G is smooth, the error of the masses falls with the square of
        the mesh's width, so the true error is about a third of this estimate.
    """

    def __init__(self, edges: tuple[Points, Points], fine: Points, coarse: Points) -> None:
        self.edges = edges
        self._fine, self._coarse = fine, coarse
        self.masses = fine[:-1].reshape(edges[0].size - 1, edges[1].size - 1)
        self.outside = float(fine[-1])
        self.error = float(np.abs(fine - coarse).sum() / 2)

    def __repr__(self) -> str:
        nx, ny = self.masses.shape
        return (
            f"BinnedPushforward({nx} × {ny} bins, {self.outside:.2g} outside,"
            f" error {self.error:.1g}; gives lower bounds, not a density)"
        )

    def js_lower_bound(self, p_data: Density) -> LowerBound:
        """
        Return a lower bound of JSD(p_data‖p_g) in nats: the JSD of the binned distributions.

        By the data-processing inequality no function of x can raise an f-divergence (Csiszár
        1967), and the bin of x is a function of x. Narrower bins raise the bound towards the
        JSD.

        The error comes from the mesh. √JS is a metric (Endres & Schindelin 2003), so with
        e = √JS(fine mesh‖coarse mesh) the error of the bound is at most 2 e √JS + e². Under
        p_data the bins' masses are exact for a GaussianMixture. For any other density they
        come from two quadratures, and the difference between these adds to e.

        Raises
        ------
        ShapeError
            If p_data is not in the plane.
        """
        checks.instance("js_lower_bound", "p_data", p_data, Density, "a Density in the plane")
        if p_data.dim != 2:
            raise ShapeError(f"js_lower_bound: p_data has dimension {p_data.dim}; expected 2")
        if isinstance(p_data, GaussianMixture):
            data = other = _with_outside(_mixture_masses(p_data, *self.edges))
        else:
            data, other = (
                _with_outside(_quadrature_masses(p_data, *self.edges, order)) for order in (12, 8)
            )
        value = _js(data, self._fine)
        off = math.sqrt(_js(self._fine, self._coarse)) + math.sqrt(_js(data, other))
        return LowerBound(value, 2 * off * math.sqrt(value) + off**2 + 1e-15)


# -- pushing forward --------------------------------------------------------------------------


def _mesh(p_z: Prior, n: int) -> tuple[tuple[Points, Points], Points]:
    """Return the edges of a mesh of z along both axes, and the exact mass of each cell, (n, n)."""
    if isinstance(p_z, GaussianMixture) and p_z.dim == 2:
        lines = [GaussianMixture(m, p_z.std, p_z.weights) for m in p_z.means.T]
        first, second = (_axis(line, n) for line in lines)
        return (first, second), _mixture_masses(p_z, first, second)
    on_line = [isinstance(p, Density) and p.dim == 1 for p in p_z] if type(p_z) is tuple else []
    if isinstance(p_z, tuple) and on_line == [True, True]:
        first, second = (_axis(p, n) for p in p_z)
        masses: Points = np.outer(np.diff(p_z[0].cdf(first)), np.diff(p_z[1].cdf(second)))
        return (first, second), masses
    shown = checks.shown(p_z)
    what = f"p_z has dimension {p_z.dim}" if isinstance(p_z, Density) else f"p_z is {shown}"
    raise ShapeError(
        f"pushforward_2d: {what}; expected a GaussianMixture of dimension 2 or a pair of"
        " densities on the line. For z and x on the line use pushforward_1d. In other"
        " dimensions p_g is not computed: draw samples of G and use scratchgan.metrics"
    )


def _axis(p: Density, n: int) -> Points:
    """Return the edges of n cells: half follow p_z's density, half are even, for the tails."""
    marks = p.landmarks()
    at = np.unique(np.concatenate([marks, np.linspace(marks[0], marks[-1], 20_001)]))
    F = p.cdf(at)
    inside = (F > 1e-16) & (F < 1 - 1e-16)
    first = max(0, int(np.argmax(inside)) - 1)
    last = min(at.size - 1, at.size - int(np.argmax(inside[::-1])))
    at, F = at[first : last + 1], F[first : last + 1]
    height = 0.5 * F + 0.5 * (at - at[0]) / (at[-1] - at[0])
    nodes: Points = np.interp(np.linspace(height[0], height[-1], n + 1), height, at)
    return nodes


def _images(g: Callable[[Points], ArrayLike], edges: tuple[Points, Points]) -> Points:
    """Return G at the corners of the mesh, (n + 1, n + 1, 2)."""
    first, second = edges
    rows = []
    for part in np.array_split(first, -(-first.size * second.size // 65_536)):
        z = np.stack(np.meshgrid(part, second, indexing="ij"), axis=-1).reshape(-1, 2)
        x = checks.array("pushforward_2d", "G(z)", g(z)).astype(np.float64)
        if x.shape != z.shape:
            raise ShapeError(
                f"pushforward_2d: for z of shape {z.shape} G has shape {x.shape}; expected the"
                " same. p_g is not computed where z and x differ in dimension: draw samples of G"
                " and use scratchgan.metrics"
            )
        if not np.isfinite(x).all():
            bad = z[~np.isfinite(x).all(axis=1)][0]
            raise ValueError(f"pushforward_2d: G is not finite at z = ({bad[0]:g}, {bad[1]:g})")
        rows.append(x.reshape(part.size, second.size, 2))
    return np.concatenate(rows)


def _spread(corners: Points, masses: Points, x_edges: Points, y_edges: Points) -> Points:
    """
    Spread each cell's mass over the bins that its image covers; the last value is outside.

    To first order the image is an evenly filled parallelogram. Its projection on each axis is a
    trapezoid, which is spread exactly. The two axes are treated as independent, which misplaces
    mass only where a parallelogram covers a corner of four bins.
    """
    a, b, c, d = corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:]
    centre = ((a + b + c + d) / 4).reshape(-1, 2)
    sides = np.stack([b + d - a - c, c + d - a - b]).reshape(2, -1, 2) / 4  # half of each
    reach = np.abs(sides).sum(axis=0)
    mass = masses.ravel()
    x_edges, y_edges = (np.concatenate([[-np.inf], e, [np.inf]]) for e in (x_edges, y_edges))
    nx, ny = x_edges.size - 1, y_edges.size - 1
    first, many = [], []
    for axis, edges in enumerate((x_edges, y_edges)):
        low = np.searchsorted(edges, centre[:, axis] - reach[:, axis], side="right") - 1
        high = np.searchsorted(edges, centre[:, axis] + reach[:, axis], side="left") - 1
        first.append(low)
        many.append(np.maximum(high - low, 0) + 1)
    total = np.zeros(nx * ny)
    whole = (many[0] == 1) & (many[1] == 1)  # cells within one bin: most cells
    total += np.bincount((first[0] * ny + first[1])[whole], mass[whole], minlength=nx * ny)
    rest = np.flatnonzero(~whole & (mass > 0))
    pairs = np.cumsum((many[0] * many[1])[rest])
    blocks = -(-int(pairs[-1]) // _BLOCK) if rest.size else 0
    for cells in np.split(rest, np.searchsorted(pairs, np.arange(1, blocks) * _BLOCK)):
        count = (many[0] * many[1])[cells]
        cell = np.repeat(cells, count)
        k = np.arange(cell.size) - np.repeat(np.cumsum(count) - count, count)
        i = first[0][cell] + k // many[1][cell]
        j = first[1][cell] + k % many[1][cell]
        share = mass[cell]
        for axis, edges, bin_ in ((0, x_edges, i), (1, y_edges, j)):
            half = np.abs(sides[:, cell, axis])
            at = centre[cell, axis]
            share = share * (_shadow(edges[bin_ + 1] - at, half) - _shadow(edges[bin_] - at, half))
        total += np.bincount(i * ny + j, share, minlength=nx * ny)
    return _with_outside(total.reshape(nx, ny)[1:-1, 1:-1])


def _shadow(u: Points, half: Points) -> Points:
    """Return P(U ≤ u) for U = half₀ V₀ + half₁ V₁, V₀ and V₁ uniform on [−1, 1]."""
    long, short = half.max(axis=0), half.min(axis=0)
    reach = long + short
    with np.errstate(divide="ignore", invalid="ignore"):
        t, short = np.clip(u / reach, -1, 1), short / reach
        long = 1 - short

        def squared(v: Points) -> Points:
            return np.maximum(v, 0) ** 2

        ramps = squared(t + 1) - squared(t + long - short) - squared(t - long + short)
        trapezoid = ramps / (8 * long * short)
        box = (t + 1) / 2
        smooth = np.where(short > 1e-6, trapezoid, box)
    return np.clip(np.where(reach > 0, smooth, 1.0 * (u >= 0)), 0.0, 1.0)


# -- masses of bins ---------------------------------------------------------------------------


def _mixture_masses(p: GaussianMixture, x_edges: Points, y_edges: Points) -> Points:
    """Return the exact masses, products of differences of Φ, (nx, ny)."""
    along_x, along_y = (
        np.stack([np.diff(Normal(mean, p.std).cdf(edges)) for mean in means])
        for edges, means in zip((x_edges, y_edges), p.means.T, strict=True)
    )
    masses: Points = (along_x.T * p.weights) @ along_y
    return masses


def _quadrature_masses(p: Density, x_edges: Points, y_edges: Points, order: int) -> Points:
    """Return Gauss–Legendre integrals over the bins, (nx, ny), which p's landmarks cut further."""
    u, w = gauss_legendre(order)
    bins = x_edges, y_edges
    marks = zip(bins, p.landmarks(), strict=True)
    x_edges, y_edges = (np.union1d(e, m[(m > e[0]) & (m < e[-1])]) for e, m in marks)
    x, y = ((e[:-1] + e[1:])[:, None] / 2 + np.diff(e)[:, None] / 2 * u for e in (x_edges, y_edges))
    wx, wy = (np.diff(e)[:, None] / 2 * w for e in (x_edges, y_edges))
    rows = []
    for i in range(x.shape[0]):
        points = np.stack(np.meshgrid(x[i], y.ravel(), indexing="ij"), axis=-1).reshape(-1, 2)
        pdf = p.pdf(points).reshape(order, y.shape[0], order)
        rows.append(np.einsum("ajb,a,jb->j", pdf, wx[i], wy))
    masses: Points = np.stack(rows)
    for axis, (parts, whole) in enumerate(zip((x_edges, y_edges), bins, strict=True)):
        masses = np.add.reduceat(masses, np.searchsorted(parts, whole[:-1]), axis=axis)
    return masses


def _with_outside(masses: Points) -> Points:
    """Return all bins as one array, followed by the rest of the mass 1."""
    return np.append(masses.ravel(), max(0.0, 1.0 - float(masses.sum())))


def _js(p: Points, q: Points) -> float:
    """Return the Jensen–Shannon divergence of two discrete distributions in nats; 0 log 0 = 0."""
    both = p + q

    def half(a: Points) -> float:
        there = a > 0
        return float((a[there] * np.log(2 * a[there] / both[there])).sum()) / 2

    return max(0.0, half(p) + half(q))


def _increasing(axis: str, edges: ArrayLike) -> Points:
    e = checks.array("pushforward_2d", f"{axis}_edges", edges).astype(np.float64)
    if e.ndim != 1 or e.size < 2:
        raise ShapeError(f"pushforward_2d: {axis}_edges have shape {e.shape}; expected (bins + 1,)")
    if not (np.isfinite(e).all() and (np.diff(e) > 0).all()):
        raise ValueError(f"pushforward_2d: {axis}_edges must be finite and increasing")
    return e
