"""
Adaptive integration on the line and in the plane: Gauss–Kronrod with 7 and 15 nodes.

A panel (in the plane, a rectangle) whose two results differ by too much is halved along
each axis; all panels of a round are evaluated in one call. Source of the rule: Kronrod
1965; its nodes and weights are those of QUADPACK's qk15 (Piessens et al. 1983).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgan.theory.estimate import Estimate

__all__ = ["integrate", "integrate_plane"]

# The positive nodes; every second one, from 0.949 on, and 0 belong to Gauss's 7.
_NODES = np.array([
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144838258730,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
    0.0,
])  # fmt: skip
_KRONROD = np.array([
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
    0.209482141084727828012999174891714,
])  # fmt: skip
_GAUSS = np.array([
    0.0, 0.129484966168869693270611432679082,
    0.0, 0.279705391489276667901467771423780,
    0.0, 0.381830050505118944950369775488975,
    0.0, 0.417959183673469387755102040816327,
])  # fmt: skip
_X = np.concatenate([-_NODES[:-1], _NODES[::-1]])
_WK = np.concatenate([_KRONROD[:-1], _KRONROD[::-1]])
_WG = np.concatenate([_GAUSS[:-1], _GAUSS[::-1]])

_ROUNDS = 40  # halvings: enough to come within 1e-12 of a panel's end, where a fold may sit
_MOST_PANELS = 20_000
_MOST_CELLS = 12_000  # of 225 points each
_EPS = float(np.finfo(np.float64).eps)


def integrate(
    f: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    points: ArrayLike,
    tolerance: float = 1e-12,
) -> Estimate:
    """
    Integrate f from the first to the last of ``points``, adaptively.

    Parameters
    ----------
    f : callable
        Takes points (n,), gives values (n,). An infinite value makes the integral
        infinite; a NaN makes it NaN.
    points : array (k,), increasing, k ≥ 2
        Where f may be rough (a jump, a kink, a pole that can be integrated) or
        narrow: no panel straddles one of them.
    tolerance : float
        Absolute; panels are halved until their errors sum to less.

    Examples
    --------
    >>> result = integrate(np.sqrt, [0.0, 1.0])             # a kink at its end: 2/3
    >>> abs(result.value - 2 / 3) <= result.error <= 1e-10
    True
    """
    edges = np.unique(np.asarray(points, dtype=np.float64))
    if edges.size < 2:
        return Estimate(0.0, 0.0)
    low, high = edges[:-1], edges[1:]
    value = error = size = 0.0  # of the panels that are done
    panels = 0
    for round_ in range(_ROUNDS):
        kronrod, differences, sizes = _rule(f, low, high)
        if not np.isfinite(kronrod).all():
            total = float(kronrod.sum())
            return Estimate(total, abs(total))  # ∞, or NaN
        panels += low.size
        # A panel is done when its error is its share of the tolerance, or only rounding.
        share = tolerance / max(panels, 64)
        rounding = 50 * _EPS * sizes
        last = round_ == _ROUNDS - 1 or panels > _MOST_PANELS
        middle = (low + high) / 2
        done = (differences <= np.maximum(share, rounding)) | (middle <= low) | (middle >= high)
        done |= last
        value += float(kronrod[done].sum())
        error += float(differences[done].sum())
        size += float(sizes[done].sum())
        low, middle, high = low[~done], middle[~done], high[~done]
        if low.size == 0:
            break
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return Estimate(value, error + 100 * _EPS * size)


def _rule(
    f: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Kronrod's result on each panel, its difference from Gauss's, and ∫ |f|."""
    half = (high - low) / 2
    x = ((low + high) / 2)[:, None] + half[:, None] * _X
    y = np.asarray(f(x.ravel()), dtype=np.float64).reshape(x.shape)
    with np.errstate(invalid="ignore"):  # inf − inf, where f is infinite: seen by the caller
        kronrod = half * (y @ _WK)
        difference = np.abs(kronrod - half * (y @ _WG))
    return kronrod, difference, half * (np.abs(y) @ _WK)


def integrate_plane(
    f: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x_points: ArrayLike,
    y_points: ArrayLike,
    tolerance: float = 1e-9,
) -> Estimate:
    """
    Integrate f over a rectangle, adaptively.

    Parameters
    ----------
    f : callable
        Takes points (n, 2), gives values (n,).
    x_points, y_points : array (k,), increasing, k ≥ 2
        The rectangle's sides, cut where f may be rough or narrow.
    tolerance : float
        Absolute; rectangles are quartered until their errors sum to less, or there
        are 12,000 of them: then ``error`` says what was reached.

    Examples
    --------
    >>> result = integrate_plane(lambda x: np.sqrt(x[:, 0]) * x[:, 1], [0, 1], [0, 3])
    >>> abs(result.value - 3) <= result.error <= 1e-8       # 2/3 · 9/2
    True
    """
    xs, ys = (np.unique(np.asarray(p, dtype=np.float64)) for p in (x_points, y_points))
    left, bottom = (a.ravel() for a in np.meshgrid(xs[:-1], ys[:-1], indexing="ij"))
    right, top = (a.ravel() for a in np.meshgrid(xs[1:], ys[1:], indexing="ij"))
    cells = np.stack([left, right, bottom, top])
    value = error = size = 0.0
    total = 0
    while cells.shape[1]:
        total += cells.shape[1]
        kronrod, differences, sizes = _rule_plane(f, cells)
        if not np.isfinite(kronrod).all():
            infinite = float(kronrod.sum())
            return Estimate(infinite, abs(infinite))
        done = differences <= np.maximum(tolerance / max(total, 64), 50 * _EPS * sizes)
        done |= total > _MOST_CELLS
        value += float(kronrod[done].sum())
        error += float(differences[done].sum())
        size += float(sizes[done].sum())
        left, right, bottom, top = cells[:, ~done]
        x, y = (left + right) / 2, (bottom + top) / 2
        quarters = [
            (left, x, bottom, y),
            (x, right, bottom, y),
            (left, x, y, top),
            (x, right, y, top),
        ]
        cells = np.concatenate([np.stack(q) for q in quarters], axis=1)
    return Estimate(value, error + 100 * _EPS * size)


def _rule_plane(
    f: Callable[[NDArray[np.float64]], NDArray[np.float64]], cells: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Kronrod's result on each cell, its difference from Gauss's, and ∫ |f|."""
    results = []
    for block in np.array_split(cells, -(-cells.shape[1] // 500), axis=1):  # to bound the memory
        left, right, bottom, top = block
        x = ((left + right) / 2)[:, None] + ((right - left) / 2)[:, None] * _X
        y = ((bottom + top) / 2)[:, None] + ((top - bottom) / 2)[:, None] * _X
        shape = (block.shape[1], _X.size, _X.size)
        points = np.stack(
            [np.broadcast_to(x[:, :, None], shape), np.broadcast_to(y[:, None, :], shape)], axis=-1
        )
        values = np.asarray(f(points.reshape(-1, 2)), dtype=np.float64).reshape(shape)
        area = (right - left) * (top - bottom) / 4
        with np.errstate(invalid="ignore"):
            kronrod = area * np.einsum("cij,i,j->c", values, _WK, _WK)
            gauss = area * np.einsum("cij,i,j->c", values, _WG, _WG)
            size = area * np.einsum("cij,i,j->c", np.abs(values), _WK, _WK)
        results.append((kronrod, np.abs(kronrod - gauss), size))
    kronrod, difference, size = (np.concatenate(parts) for parts in zip(*results, strict=True))
    return kronrod, difference, size
