"""
One flat buffer holds all parameters of a network; the tree consists of named views of it.

So an optimiser is one operation on one array, a checkpoint is a few arrays, and averaging
gradients over machines is one all-reduce.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend
from scratchgan.checks import shown
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import Params
from scratchgan.nn.trees import rebuilt, walk

__all__ = ["Entry", "Layout", "Parameters"]

ALIGNMENT = 16  # elements: in float32 a parameter starts at a multiple of 64 bytes, for SIMD, GPU


class Entry(NamedTuple):
    """The place of one parameter in the buffer."""

    path: str  # such as "2.weight"
    offset: int  # in elements
    shape: tuple[int, ...]


class Parameters(dict[str, Any]):
    """
    Named views of a flat buffer. A view cannot be replaced; copy values into it.

    If an array replaced a view, the layer would use it, but it would not be trained or saved,
    because the optimiser and the checkpoint use the buffer.

    Examples
    --------
    >>> params = Parameters(weight=np.zeros(2))
    >>> params["weight"][...] = 1, 2
    >>> params["weight"] += 1
    >>> params["weight"]
    array([2., 3.])
    >>> params["weight"] = np.ones(2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: params['weight'] is a view of the network's buffer; ...
    """

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self or value is not self[name]:  # ``params[name] += 1`` calls this too
            self._refuse(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameters, (dict(self),)

    def _refuse(self, *names: Any, **more: Any) -> NoReturn:
        name = repr(names[0]) if names and isinstance(names[0], str) else "…"
        raise TypeError(
            f"params[{name}] is a view of the network's buffer; an array in its place would not be"
            f" trained or saved. Copy into the view: params[{name}][...] = W, or on any backend"
            f" ops.copy_(params[{name}], ops.asarray(W))"
        )

    __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse


class Layout:
    """
    The places of all parameters in a flat buffer.

    The gaps between parameters hold zeros. They stay zero because their gradient is zero.

    Parameters
    ----------
    tree : Params
        Parameters from ``layer.init``, NumPy arrays.

    Examples
    --------
    >>> tree = ({"weight": np.ones((2, 3)), "bias": np.zeros(3)}, {})
    >>> layout = Layout(tree)
    >>> [(e.path, e.offset, e.shape) for e in layout.entries], layout.size, layout.count
    ([('0.weight', 0, (2, 3)), ('0.bias', 16, (3,))], 32, 9)
    """

    def __init__(self, tree: Params) -> None:
        self.entries: list[Entry] = []
        end = 0
        for path, a in _named(tree):
            shape = tuple(a.shape)
            self.entries.append(Entry(path, end, shape))
            end += -(-math.prod(shape) // ALIGNMENT) * ALIGNMENT
        self._tree = rebuilt(tree, [None] * len(self.entries))
        self.size = end
        self.count = sum(math.prod(e.shape) for e in self.entries)

    def pack(self, tree: Params, dtype: Any) -> NDArray[Any]:
        """Copy a tree of NumPy arrays into a new flat buffer on the host."""
        flat = np.zeros(self.size, dtype)
        self.require(tree)
        for entry, (_, a) in zip(self.entries, _named(tree), strict=True):
            flat[entry.offset : entry.offset + a.size] = a.ravel()
        return flat

    def require(self, tree: Params) -> None:
        """Raise ShapeError unless a tree has this layout's names and shapes."""
        due = [(e.path, e.shape) for e in self.entries]
        found = [(path, getattr(a, "shape", None)) for path, a in _named(tree)]
        for (path, shape), (name, has) in zip_longest(due, found, fillvalue=("nothing", ())):
            if (path, shape) != (name, has):
                raise ShapeError(f"Layout: the tree has {name} {has}; expected {path} {shape}")

    def views(self, buffer: Array, ops: Backend) -> Params:
        """Return the tree whose arrays are views of ``buffer``."""
        views = (ops.view(buffer, entry.offset, entry.shape) for entry in self.entries)
        return rebuilt(self._tree, views, Parameters)

    def describe(self) -> list[list[Any]]:
        """Return the layout as plain data, for a checkpoint."""
        return [[e.path, e.offset, list(e.shape)] for e in self.entries]


def _named(tree: Params) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a tree with their paths, such as "2.weight"; each must have a name."""
    for path, leaf in walk(tree):
        if not path or isinstance(path[-1], int):
            raise ShapeError(
                f"Layout: {shown(leaf)} is in the tree of parameters; expected a mapping of"
                " names to arrays, or a tuple of such trees"
            )
        yield ".".join(map(str, path)), leaf
