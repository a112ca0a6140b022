"""
Adaptive integration on the line and in the plane: Gauss–Kronrod with 7 and 15 nodes.

If the two results on a panel (in the plane, a rectangle) differ too much, the panel is halved
along each axis. All panels of a round are evaluated in one call. Source of the rule: Kronrod
1965; the nodes and weights are those of QUADPACK's qk15 (Piessens et al. 1983).

The two rules may agree by luck, because a kink in the right place gives both the same error.
So two null rules are computed too (Berntsen & Espelid 1991, ACM TOMS 17, 233): the coefficients
of degree 13 and 14 of the polynomial through the 15 values. If one misses a kink, the other
sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.theory.estimate import Estimate

__all__ = ["Integrand", "Values", "evaluated", "integrate", "integrate_plane"]

# The nodes from 0 up. Every second one, from 0.949 on, is a node of the Gauss rule with 7 nodes.
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


def _null_rules() -> NDArray[np.float64]:
    """Return weights (15, 2) for the coefficients of degree 13 and 14; lower degrees give 0."""
    root = np.sqrt(_WK)
    polynomials, _ = np.linalg.qr(root[:, None] * np.polynomial.legendre.legvander(_X, 14))
    return np.asarray(root[:, None] * polynomials[:, 13:])


_NULL = _null_rules()

_ROUNDS = 40  # halvings: enough to come within 1e-12 of a panel's end, where a fold may be
_MOST_PANELS = 20_000
_MOST_CELLS = 12_000  # each has 225 points
_EPS = float(np.finfo(np.float64).eps)

Values: TypeAlias = NDArray[np.float64]
Integrand: TypeAlias = Callable[[Values], Values | tuple[Values, Values]]
"""Takes points; returns their values, or a pair (values, bounds on their rounding errors)."""


def integrate(f: Integrand, points: ArrayLike, tolerance: float = 1e-12) -> Estimate:
    """
    Integrate f from the first to the last of ``points``, adaptively.

    Parameters
    ----------
    f : callable
        Takes points (n,), gives values (n,), or a pair: the values and a bound on the rounding
        error of each. An infinite value makes the integral infinite; a NaN makes it NaN.
    points : array (k,), increasing, k ≥ 2
        Places where f may be rough (a jump, a kink, an integrable pole) or narrow. Panels
        end at these points.
    tolerance : float
        Absolute. Panels are halved until the sum of their errors is smaller.

    Examples
    --------
    >>> result = integrate(np.sqrt, [0.0, 1.0])             # infinite slope at 0; the result is 2/3
    >>> abs(result.value - 2 / 3) <= result.error <= 1e-10
    True
    """
    checks.function("integrate", "f", f, "a function of points (n,)")
    edges = np.unique(checks.array("integrate", "points", points, (None,)).astype(np.float64))
    if edges.size < 2:
        return Estimate(0.0, 0.0)
    low, high = edges[:-1], edges[1:]
    value = error = 0.0  # sums over the finished panels
    panels = 0
    for round_ in range(_ROUNDS):
        kronrod, differences, rounding = _rule(f, low, high)
        if not np.isfinite(kronrod).all():
            total = float(kronrod.sum())
            return Estimate(total, abs(total))  # ∞, or NaN
        panels += low.size
        # A panel is finished when its error is within its share of the tolerance, or is rounding.
        share = tolerance / max(panels, 64)
        last = round_ == _ROUNDS - 1 or panels > _MOST_PANELS
        middle = (low + high) / 2
        done = (differences <= np.maximum(share, rounding / 2)) | (middle <= low) | (middle >= high)
        done |= last
        value += float(kronrod[done].sum())
        error += float((differences + rounding)[done].sum())
        low, middle, high = low[~done], middle[~done], high[~done]
        if low.size == 0:
            break
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    return Estimate(value, error)


def _rule(f: Integrand, low: Values, high: Values) -> tuple[Values, Values, Values]:
    """Return for each panel Kronrod's result, the other rules' difference, and the rounding."""
    half = (high - low) / 2
    x = ((low + high) / 2)[:, None] + half[:, None] * _X
    y, noise = (a.reshape(x.shape) for a in evaluated(f, x.ravel()))
    with np.errstate(invalid="ignore"):  # inf − inf where f is infinite; the caller handles it
        kronrod = half * (y @ _WK)
        difference = np.abs(kronrod - half * (y @ _WG))
        difference = np.maximum(difference, half * np.hypot(*(y @ _NULL).T))
        # x is itself rounded, by ε|x|/2, which changes f by that times |f′|. The total rise and
        # fall of f is ∫ |f′|.
        x_rounding = np.maximum(np.abs(low), np.abs(high)) * np.abs(np.diff(y)).sum(axis=1)
        rounding = _EPS * (100 * half * (np.abs(y) @ _WK) + x_rounding) + half * (noise @ _WK)
    return kronrod, difference, rounding


def evaluated(f: Integrand, x: Values) -> tuple[Values, Values]:
    """Return f(x) and the bound on its rounding error: 0 if f gives none."""
    found = f(x)
    y, noise = found if isinstance(found, tuple) and len(found) == 2 else (found, 0.0)
    return _each("f", y, len(x)), _each("the rounding error of f", noise, len(x))


def _each(what: str, values: ArrayLike, n: int) -> Values:
    """Return one value for each of n points; a single number is repeated for all."""
    found = checks.array("", what, values).astype(np.float64, copy=False)
    if found.shape not in ((), (n,)):
        raise ShapeError(f"{what} has shape {found.shape} at {n} points; expected ({n},)")
    return np.broadcast_to(found, (n,))


def integrate_plane(
    f: Integrand,
    x_points: ArrayLike,
    y_points: ArrayLike,
    tolerance: float = 1e-9,
) -> Estimate:
    """
    Integrate f over a rectangle, adaptively.

    Parameters
    ----------
    f : callable
        Takes points (n, 2), gives values (n,), or a pair as for ``integrate``.
    x_points, y_points : array (k,), increasing, k ≥ 2
        The rectangle's sides, cut where f may be rough or narrow.
    tolerance : float
        Absolute. Rectangles are quartered until the sum of their errors is smaller, or until
        there are 12,000 rectangles; ``error`` then says what was reached.

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
    value = error = 0.0
    total = 0
    while cells.shape[1]:
        total += cells.shape[1]
        kronrod, differences, rounding = _rule_plane(f, cells)
        if not np.isfinite(kronrod).all():
            infinite = float(kronrod.sum())
            return Estimate(infinite, abs(infinite))
        done = differences <= np.maximum(tolerance / max(total, 64), rounding / 2)
        done |= total > _MOST_CELLS
        value += float(kronrod[done].sum())
        error += float((differences + rounding)[done].sum())
        left, right, bottom, top = cells[:, ~done]
        x, y = (left + right) / 2, (bottom + top) / 2
        quarters = [
            (left, x, bottom, y),
            (x, right, bottom, y),
            (left, x, y, top),
            (x, right, y, top),
        ]
        cells = np.concatenate([np.stack(q) for q in quarters], axis=1)
    return Estimate(value, error)


def _rule_plane(f: Integrand, cells: Values) -> tuple[Values, Values, Values]:
    """Return for each cell Kronrod's result, the other rules' difference, and the rounding."""
    results = []
    for block in np.array_split(cells, -(-cells.shape[1] // 500), axis=1):  # bounds the memory
        left, right, bottom, top = block
        x = ((left + right) / 2)[:, None] + ((right - left) / 2)[:, None] * _X
        y = ((bottom + top) / 2)[:, None] + ((top - bottom) / 2)[:, None] * _X
        shape = (block.shape[1], _X.size, _X.size)
        points = np.stack(
            [np.broadcast_to(x[:, :, None], shape), np.broadcast_to(y[:, None, :], shape)], axis=-1
        )
        values, noise = (a.reshape(shape) for a in evaluated(f, points.reshape(-1, 2)))
        width, height = (right - left) / 2, (top - bottom) / 2
        area = width * height
        with np.errstate(invalid="ignore"):
            along_x, along_y = values @ _WK, _WK @ values  # integrated over the other axis
            kronrod = area * (along_x @ _WK)
            gauss = area * np.einsum("cij,i,j->c", values, _WG, _WG)
            null = np.hypot(np.hypot(*(along_x @ _NULL).T), np.hypot(*(along_y @ _NULL).T))
            difference = np.maximum(np.abs(kronrod - gauss), area * null)
            # As on the line: the rise and fall of f along each axis, integrated over the other.
            far_x, far_y = np.maximum(np.abs(block[::2]), np.abs(block[1::2]))
            up_down_x = np.abs(np.diff(values, axis=1)).sum(axis=1) @ _WK
            up_down_y = np.abs(np.diff(values, axis=2)).sum(axis=2) @ _WK
            size = np.einsum("cij,i,j->c", np.abs(values), _WK, _WK)
            rounding = _EPS * (
                100 * area * size + far_x * height * up_down_x + far_y * width * up_down_y
            ) + area * np.einsum("cij,i,j->c", noise, _WK, _WK)
        results.append((kronrod, difference, rounding))
    kronrod, difference, rounding = (np.concatenate(a) for a in zip(*results, strict=True))
    return kronrod, difference, rounding
