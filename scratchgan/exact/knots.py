"""
Where a piecewise-linear network on the line bends, and G with its derivative in float64.

What ``scratchgan.theory.pushforward_1d`` needs to know of a network: theory itself
takes functions.
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
    Return the function z ↦ (G(z), G′(z)) of a network from the line to the line.

    It runs in float64 on the reference backend, dropout off, with a copy of the
    parameters as they are now: training on does not change it. G′ is the layers'
    forward derivative in the direction dz = 1. At a bend it is the slope on one side.

    Parameters
    ----------
    network : Network
        One input, one output, of any dtype and backend.
    params : Params, optional
        Another tree of the network's layout, its moving average for instance.

    Returns
    -------
    callable
        Takes z (n,), gives G(z) and G′(z), float64 (n,) each.

    Raises
    ------
    ShapeError
        If the network has not one input and one output, or params another layout.

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
        if x.ndim > 1 and x.shape != (len(x), 1):  # a column is what a network takes
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
    Return all z between low and high where a piecewise-linear network bends.

    Layer by layer. Between two neighbouring nodes all values of a layer are linear
    in z, so the places where a unit crosses its kink (relu's zero, maxout's change
    of winner) follow from the values at the nodes; they become nodes themselves. At
    the end a node is kept if the slope of G changes there. With n relu layers of
    width k there are at most of order kⁿ of them (Raghu et al. 2017, arXiv
    1606.05336, Theorem 1); a random network has far fewer.

    Parameters
    ----------
    network : Network
        One input, one output, of any dtype; its parameters are taken in float64.
    low, high : float
        Finite, low < high; for a G(z) the first and the last of ``p_z.landmarks()``.
    params : Params, optional
        Another tree of the network's layout.

    Returns
    -------
    float64 array (k,), increasing, strictly between low and high, or None
        Empty for a linear network. None for a network that is not known to be
        piecewise linear: one with a sigmoid or a tanh, for instance, or a layer of the
        reader's own. ``pushforward_1d`` understands both.

    Raises
    ------
    ShapeError
        If the network has not one input and one output.
    ValueError
        Unless low < high, both finite; or if a value of the network is not finite.

    Notes
    -----
    A knot is right to rounding: about 1e-16 of its size, divided by how sharply the
    unit crosses. Bends that lie within a few units of rounding of each other are one.

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
    # A unit whose bend does not reach the output leaves equal slopes on both sides.
    return knots[np.abs(left - right) > 4 * _EPS * np.maximum(np.abs(left), np.abs(right))]


class _Path(NamedTuple):
    """The values of a layer along the line: linear between neighbouring nodes."""

    z: _Float  # (nodes,), increasing
    bends: NDArray[np.bool_]  # (nodes,): some unit so far bends here
    y: _Float  # (nodes, width)


def _start(low: float, high: float) -> _Float:
    """Nodes that grow with the distance from 0, so that none interpolates over a far wider range.

    Rounding at a far node then cannot blur what lies near 0.
    """
    powers = 2.0 ** np.arange(-10, np.ceil(np.log2(max(-low, high, 1.0))))
    nodes = np.concatenate([[low, high, 0.0], powers, -powers])
    return np.unique(nodes[(nodes >= low) & (nodes <= high)])


def _leaves(layer: Layer, params: Params) -> Iterator[tuple[Layer, Params]]:
    """Layers in the order in which they act, each with its parameters."""
    if type(layer) is Sequential:
        for part, p in zip(layer.layers, params, strict=True):
            yield from _leaves(part, p)
    else:
        yield layer, params


def _through(layer: Layer, params: Params, path: _Path) -> _Path | None:
    """Lead a path through one layer; None if the layer is not known to be piecewise linear.

    Types are compared exactly: what a reader's subclass computes is not known here. Of an
    activation it is known if its forward pass is the package's.
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
    """Lead a path through φ, which bends where a unit crosses a kink."""
    if not phi.linear:
        return None
    for kink in phi.kinks:
        i, t, bends = _zeros(path.y - kink)
        path = _insert(path._replace(bends=path.bends | bends.any(axis=1)), i[0], t)
    return path._replace(y=phi.numpy.value(path.y, slope))


def _maxout(path: _Path, pieces: int) -> _Path:
    """Maxout: bends where two pieces tie, if no third stands above them."""
    groups = path.y.reshape(len(path.z), -1, pieces)
    where, at, bends = [], [], path.bends.copy()
    tolerance = 64 * _EPS * np.abs(path.y).max()  # a tie of three may look like this
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
    Find where columns of a change sign from row to row, or are 0 in a row and do so around it.

    Returns
    -------
    (row, column), t
        Column changes sign between row and row + 1, a fraction t of the way.
    at_node : bool array, a's shape
    """
    sign = np.sign(a)
    row, column = np.nonzero(sign[:-1] * sign[1:] < 0)
    left, right = a[row, column], a[row + 1, column]
    at_node = np.zeros(a.shape, bool)
    at_node[1:-1] = (sign[1:-1] == 0) & (sign[:-2] != sign[2:])
    return (row, column), left / (left - right), at_node


def _insert(path: _Path, row: NDArray[np.intp], t: _Float) -> _Path:
    """Add nodes that bend: each lies a fraction t of the way from node row to node row + 1."""
    z = np.concatenate([path.z, path.z[row] + t * (path.z[row + 1] - path.z[row])])
    y = np.concatenate([path.y, path.y[row] + t[:, None] * (path.y[row + 1] - path.y[row])])
    bends = np.concatenate([path.bends, np.ones(len(row), bool)])
    order = np.argsort(z, kind="stable")
    z, y, bends = z[order], y[order], bends[order]
    # Nodes that rounding cannot tell apart are one.
    first = np.ones(len(z), bool)
    first[1:] = np.diff(z) > 16 * _EPS * np.maximum(np.abs(z[1:]), 2.0**-10)
    bends = np.logical_or.reduceat(bends, np.flatnonzero(first))
    return _Path(z[first], bends, y[first])


def _float64(network: Network, params: Params | None) -> Params:
    """Copy a tree to the host in float64; it must be one of the network's layout."""
    checks.instance("g_and_dg", "network", network, Network, "a Network")
    params = network.params if params is None else params
    network.layout.require(params)
    return rebuilt(params, (network.ops.to_numpy(a).astype(np.float64) for a in leaves(params)))
