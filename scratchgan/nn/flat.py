"""
One flat buffer for all parameters of a network; the tree is named views of it.

So an optimiser is one operation over one array, a checkpoint is a few arrays,
and averaging gradients over machines is one all-reduce.
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

ALIGNMENT = 16  # elements: a parameter starts on a 64-byte line in float32, for SIMD and the GPU


class Entry(NamedTuple):
    """Where one parameter lies in the buffer."""

    path: str  # such as "2.weight"
    offset: int  # elements
    shape: tuple[int, ...]


class Parameters(dict[str, Any]):
    """
    Named views of a flat buffer; a name stays with its view.

    An array put in a view's place would be read by the layer, but never trained (the optimiser
    has the buffer) and never saved. So values are copied into the view.

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
        if name not in self or value is not self[name]:  # ``params[name] += 1`` ends here, too
            self._refuse(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameters, (dict(self),)

    def _refuse(self, *names: Any, **more: Any) -> NoReturn:
        name = repr(names[0]) if names and isinstance(names[0], str) else "…"
        raise TypeError(
            f"params[{name}] is a view of the network's buffer; put in its place, an array would"
            f" neither be trained nor saved. Copy into it: params[{name}][...] = W, or on any"
            f" backend ops.copy_(params[{name}], ops.asarray(W))"
        )

    __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse


class Layout:
    """
    Which parameter lies where in a flat buffer.

    Gaps between parameters hold zeros and stay zero: their gradient is zero.

    Parameters
    ----------
    tree : Params
        Parameters as ``layer.init`` gives them, NumPy arrays.

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
                raise ShapeError(f"Layout: the tree has {name} {has} where {path} {shape} is due")

    def views(self, buffer: Array, ops: Backend) -> Params:
        """Return the tree whose arrays are views of ``buffer``."""
        views = (ops.view(buffer, entry.offset, entry.shape) for entry in self.entries)
        return rebuilt(self._tree, views, Parameters)

    def describe(self) -> list[list[Any]]:
        """Return the layout as plain data, for a checkpoint."""
        return [[e.path, e.offset, list(e.shape)] for e in self.entries]


def _named(tree: Params) -> Iterator[tuple[str, Any]]:
    """Leaves of a tree by their paths, such as "2.weight"; each must have a name."""
    for path, leaf in walk(tree):
        if not path or isinstance(path[-1], int):
            raise ShapeError(
                f"Layout: {shown(leaf)} stands in the tree of parameters; expected a mapping of"
                " names to arrays, or a tuple of such trees"
            )
        yield ".".join(map(str, path)), leaf
