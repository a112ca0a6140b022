"""
One flat buffer for all parameters of a network; the tree is named views of it.

So an optimiser is one operation over one array, a checkpoint is a few arrays,
and averaging gradients over machines is one all-reduce.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend
from scratchgan.errors import ShapeError
from scratchgan.nn.layer import Params

__all__ = ["Entry", "Layout"]

ALIGNMENT = 16  # elements: a parameter starts on a 64-byte line in float32, for SIMD and the GPU


class Entry(NamedTuple):
    """Where one parameter lies in the buffer."""

    path: str  # such as "2.weight"
    offset: int  # elements
    shape: tuple[int, ...]


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
        self._tree = _map(tree, lambda a: tuple(a.shape))
        self.entries: list[Entry] = []
        end = 0
        for path, shape in _walk(self._tree, ""):
            self.entries.append(Entry(path, end, shape))
            end += -(-math.prod(shape) // ALIGNMENT) * ALIGNMENT
        self.size = end
        self.count = sum(math.prod(e.shape) for e in self.entries)

    def pack(self, tree: Params, dtype: Any) -> NDArray[Any]:
        """Copy a tree of NumPy arrays into a new flat buffer on the host."""
        flat = np.zeros(self.size, dtype)
        for entry, (path, a) in zip(self.entries, _walk(tree, ""), strict=True):
            if (path, a.shape) != (entry.path, entry.shape):
                raise ShapeError(
                    f"Layout: the tree has {path} {a.shape} where {entry.path} {entry.shape} is due"
                )
            flat[entry.offset : entry.offset + a.size] = a.ravel()
        return flat

    def views(self, buffer: Array, ops: Backend) -> Params:
        """Return the tree whose arrays are views of ``buffer``."""
        entries = iter(self.entries)

        def view(shape: tuple[int, ...]) -> Array:
            return ops.view(buffer, next(entries).offset, shape)

        return _map(self._tree, view)

    def describe(self) -> list[list[Any]]:
        """Return the layout as plain data, for a checkpoint."""
        return [[e.path, e.offset, list(e.shape)] for e in self.entries]


def _walk(tree: Params, path: str) -> Iterator[tuple[str, Any]]:
    """Leaves of a tree with their paths, in a fixed order."""
    if isinstance(tree, dict):
        for name, leaf in tree.items():
            yield f"{path}{name}", leaf
    else:
        for i, part in enumerate(tree):
            yield from _walk(part, f"{path}{i}.")


def _map(tree: Params, f: Any) -> Params:
    """Apply f to each leaf, in the order of ``_walk``."""
    if isinstance(tree, dict):
        return {name: f(leaf) for name, leaf in tree.items()}
    return tuple(_map(part, f) for part in tree)
