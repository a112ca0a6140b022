"""
Find the knots of a piecewise-linear network on the line, and compute G and G′ in float64.

``scratchgan.theory.pushforward_1d`` takes a function and its knots; this module gives both for a
network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgan import checks
from scratchgan.backends import get_backend
from scratchgan.backends.activations import Phi, phi_of
from scratchgan.errors import ShapeError
from scratchgan.nn.activation import ActivationLayer
from scratchgan.nn.dropout import Dropout
from scratchgan.nn.layer import Context, Layer, Params
from scratchgan.nn.linear import Linear
from scratchgan.nn.maxout import Maxout
from scratchgan.nn.network import Network
from scratchgan.nn.sequential import Sequential
from scratchgan.nn.trees import leaves, rebuilt

__all__ = ["g_and_dg", "knots_1d"]

_Float: TypeAlias = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)


def g_and_dg(
    network: Network, params: Params | None = None
) -> Callable[[ArrayLike], tuple[_Float, _Float]]:
    """
    Return the function z ↦ (G(z), G′(z)) of a network with one input and one output.

    The function runs in float64 on the reference backend, without dropout. It has a copy of the
    current parameters, so further training does not change it. G′ is the layers' forward
    derivative in the direction dz = 1. At a knot, it is the slope on one side.

    Parameters
    ----------
    network : Network
        One input, one output, of any dtype and backend.
    params : Params, optional
        Other parameters with the network's layout, such as its moving average.

    Returns
    -------
    callable
        It takes z (n,) and returns G(z) and G′(z), float64 (n,) each.

    Raises
    ------
    ShapeError
        If the network does not have one input and one output, or ``params`` has another layout.

    Examples
    --------
    >>> from scratchgan.nn import Linear, Network, Sequential
    >>> G = Network(Sequential(Linear(1, 8, "tanh"), Linear(8, 1)), seed=1)
    >>> f, h = g_and_dg(G), 1e-6
    >>> (below, above), (_, slope) = f([0.3 - h, 0.3 + h])[0], f([0.3])
    >>> bool(abs((above - below) / (2 * h) - slope[0]) < 1e-9)
    True
    """
    tree = _float64(network, params)
    layer = network.layer
    ctx = Context(get_backend("reference"))
    if layer.in_features not in (None, 1):
        raise ShapeError(f"{layer!r} has {layer.in_features} inputs; expected 1: z on the line")
    width = layer.forward(tree, np.zeros((1, 1)), ctx)[0].shape[1]
    if width != 1:
        raise ShapeError(f"{layer!r} has {width} outputs; expected 1: x on the line")

    def call(z: ArrayLike) -> tuple[_Float, _Float]:
        x = checks.array("g_and_dg", "z", z)
        if x.ndim > 1 and x.shape != (len(x), 1):  # a column is allowed, as for a network
            raise ShapeError(f"g_and_dg: z has shape {x.shape}; expected (n,) or (n, 1)")
        x = np.ascontiguousarray(x, np.float64).reshape(-1, 1)
        if x.size == 0:
            return np.empty(0), np.empty(0)
        y, cache = layer.forward(tree, x, ctx)
        return y[:, 0], layer.jvp(tree, cache, np.ones_like(x), ctx)[:, 0]

    return call


def knots_1d(
    network: Network, low: float, high: float, params: Params | None = None
) -> _Float | None:
    """
    Return the knots of a piecewise-linear network: all z in (low, high) where its slope changes.

    The algorithm goes through the layers and keeps a list of nodes. Between two neighbouring
    nodes, all values of a layer are linear in z. So the values at the nodes give the points where
    a unit crosses its kink (the zero of ReLU, or a change of the largest piece of maxout). These
    points become new nodes. At the end, the nodes where the slope of G changes are kept.

    With n ReLU layers of width k, the number of knots is at most of order kⁿ (Raghu et al. 2017,
    arXiv 1606.05336, Theorem 1). A random network has far fewer.

    Parameters
    ----------
    network : Network
        One input and one output, any dtype. Its parameters are converted to float64.
    low, high : float
        Finite, low < high. For a G(z), use the first and the last of ``p_z.landmarks()``.
    params : Params, optional
        Other parameters with the network's layout.

    Returns
    -------
    float64 array (k,), increasing, strictly between low and high, or None
        Empty for a linear network. None if the network is not known to be piecewise linear, for
        instance with a sigmoid, a tanh or a user's layer. ``pushforward_1d`` takes both.

    Raises
    ------
    ShapeError
        If the network does not have one input and one output.
    ValueError
        If low and high are not finite with low < high, or a value of the network is not finite.

    Notes
    -----
    The error of a knot is rounding: about 1e-16 of its size, divided by the slope at which the
    unit crosses its kink. Knots closer than a few rounding errors are merged.

    Examples
    --------
    >>> from scratchgan.nn import Linear, Network, Sequential
    >>> G = Network(Sequential(Linear(1, 2, "relu"), Linear(2, 1)), dtype=np.float64)
    >>> G.params[0]["weight"][:] = [[1.0, -2.0]]
    >>> G.params[0]["bias"][:] = [-3.0, 1.0]               # kinks at z = 3 and z = 1/2
    >>> knots_1d(G, -8.0, 8.0).tolist()
    [0.5, 3.0]
    """
    low = checks.number("knots_1d", "low", low)
    high = checks.number("knots_1d", "high", high, low, above=True)
    f = g_and_dg(network, params)
    z = _start(low, high)
    path = _Path(z, np.zeros(len(z), bool), z[:, None])
    for layer, p in _leaves(network.layer, _float64(network, params)):
        next_path = _through(layer, p, path)
        if next_path is None:
            return None
        path = next_path
        if not np.isfinite(path.y).all():
            raise ValueError(f"knots_1d: a value of {layer!r} is not finite")
    knots = path.z[1:-1][path.bends[1:-1]]
    edges = np.concatenate([path.z[:1], knots, path.z[-1:]])
    slopes = f((edges[:-1] + edges[1:]) / 2)[1]
    left, right = slopes[:-1], slopes[1:]
    # If a unit's kink does not affect the output, the slopes on both sides are equal.
    return knots[np.abs(left - right) > 4 * _EPS * np.maximum(np.abs(left), np.abs(right))]


class _Path(NamedTuple):
    """The values of a layer along the line, which are linear between neighbouring nodes."""

    z: _Float  # (nodes,), increasing
    bends: NDArray[np.bool_]  # (nodes,): whether a unit of a layer so far has its kink here
    y: _Float  # (nodes, width)


def _start(low: float, high: float) -> _Float:
    """
    Return the first nodes: powers of 2, so that intervals near 0 are short.

    With long intervals, the rounding error at a far node would be too large near 0.
    """
    powers = 2.0 ** np.arange(-10, np.ceil(np.log2(max(-low, high, 1.0))))
    nodes = np.concatenate([[low, high, 0.0], powers, -powers])
    return np.unique(nodes[(nodes >= low) & (nodes <= high)])


def _leaves(layer: Layer, params: Params) -> Iterator[tuple[Layer, Params]]:
    """Yield the layers in the order of the forward pass, each with its parameters."""
    if type(layer) is Sequential:
        for part, p in zip(layer.layers, params, strict=True):
            yield from _leaves(part, p)
    else:
        yield layer, params


def _through(layer: Layer, params: Params, path: _Path) -> _Path | None:
    """
    Return the path after one layer; None if the layer is not known to be piecewise linear.

    Types are compared exactly, because a user's subclass may compute something else. A subclass
    of an activation is allowed if it keeps the package's forward pass.
    """
    kind = type(layer)
    if kind is Dropout:
        return path
    if isinstance(layer, ActivationLayer) and kind.forward is ActivationLayer.forward:
        return _bent(path, phi_of(layer.activation), layer.slope)
    if kind is Maxout:
        return _maxout(path, layer.pieces)  # type: ignore[attr-defined]
    if isinstance(layer, Linear) and kind is Linear:
        path = path._replace(y=path.y @ params["weight"] + params["bias"])
        return _bent(path, phi_of(layer.activation), layer.slope)
    return None


def _bent(path: _Path, phi: Phi, slope: float) -> _Path | None:
    """Return the path after φ; there are new nodes where a unit crosses a kink of φ."""
    if not phi.linear:
        return None
    for kink in phi.kinks:
        i, t, bends = _zeros(path.y - kink)
        path = _insert(path._replace(bends=path.bends | bends.any(axis=1)), i[0], t)
    return path._replace(y=phi.numpy.value(path.y, slope))


def _maxout(path: _Path, pieces: int) -> _Path:
    """Return the path after maxout; it has kinks where the two largest pieces are equal."""
    groups = path.y.reshape(len(path.z), -1, pieces)
    where, at, bends = [], [], path.bends.copy()
    tolerance = 64 * _EPS * np.abs(path.y).max()  # rounding, where three pieces are equal
    for p, q in combinations(range(pieces), 2):
        (i, unit), t, ties = _zeros(groups[:, :, p] - groups[:, :, q])
        there = groups[i, unit] + t[:, None] * (groups[i + 1, unit] - groups[i, unit])
        highest = there[:, p] >= there.max(axis=1) - tolerance
        where.append(i[highest])
        at.append(t[highest])
        bends |= (ties & (groups[:, :, p] >= groups.max(axis=2) - tolerance)).any(axis=1)
    if where:
        path = _insert(path._replace(bends=bends), np.concatenate(where), np.concatenate(at))
    return path._replace(y=path.y.reshape(len(path.z), -1, pieces).max(axis=2))


def _zeros(
    a: _Float,
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], _Float, NDArray[np.bool_]]:
    """
    Find the sign changes in the columns of a, between rows or in a row where a is 0.

    Returns
    -------
    (row, column), t
        The column changes sign between row and row + 1, at a fraction t of the way.
    at_node : bool array, a's shape
        Where a is 0 and the rows before and after have different signs.
    """
    sign = np.sign(a)
    row, column = np.nonzero(sign[:-1] * sign[1:] < 0)
    left, right = a[row, column], a[row + 1, column]
    at_node = np.zeros(a.shape, bool)
    at_node[1:-1] = (sign[1:-1] == 0) & (sign[:-2] != sign[2:])
    return (row, column), left / (left - right), at_node


def _insert(path: _Path, row: NDArray[np.intp], t: _Float) -> _Path:
    """Add nodes with kinks, each at a fraction t of the way from node row to node row + 1."""
    z = np.concatenate([path.z, path.z[row] + t * (path.z[row + 1] - path.z[row])])
    y = np.concatenate([path.y, path.y[row] + t[:, None] * (path.y[row + 1] - path.y[row])])
    bends = np.concatenate([path.bends, np.ones(len(row), bool)])
    order = np.argsort(z, kind="stable")
    z, y, bends = z[order], y[order], bends[order]
    # Merge nodes that are equal up to rounding.
    first = np.ones(len(z), bool)
    first[1:] = np.diff(z) > 16 * _EPS * np.maximum(np.abs(z[1:]), 2.0**-10)
    bends = np.logical_or.reduceat(bends, np.flatnonzero(first))
    return _Path(z[first], bends, y[first])


def _float64(network: Network, params: Params | None) -> Params:
    """Copy parameters to the host in float64; they must have the network's layout."""
    checks.instance("g_and_dg", "network", network, Network, "a Network")
    params = network.params if params is None else params
    network.layout.require(params)
    return rebuilt(params, (network.ops.to_numpy(a).astype(np.float64) for a in leaves(params)))
