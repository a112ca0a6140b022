"""
Trees of arrays: nested mappings and tuples. Parameters are such trees, and so are inputs.

All code that goes through a tree uses these functions, so that the order is always the same: the
order of the parts in the mappings and tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["TreePath", "leaves", "rebuilt", "walk"]

TreePath: TypeAlias = tuple[str | int, ...]
"""The path to a leaf: a name per mapping, a number per tuple; () if the tree is a leaf."""


def walk(tree: Any, path: TreePath = ()) -> Iterator[tuple[TreePath, Any]]:
    """
    Yield the leaves of a tree with their paths, in order.

    Examples
    --------
    >>> list(walk(({"weight": "W", "bias": "b"}, {}, ())))
    [((0, 'weight'), 'W'), ((0, 'bias'), 'b')]
    """
    if isinstance(tree, Mapping):
        parts: Iterable[tuple[str | int, Any]] = tree.items()
    elif isinstance(tree, tuple):
        parts = enumerate(tree)
    else:
        yield path, tree
        return
    for key, part in parts:
        yield from walk(part, (*path, key))


def leaves(tree: Any) -> Iterator[Any]:
    """Yield the leaves of a tree, in the order of ``walk``."""
    return (leaf for _, leaf in walk(tree))


def rebuilt(like: Any, arrays: Iterable[Any], named: Callable[[dict[str, Any]], Any] = dict) -> Any:
    """
    Build a tree with the structure of ``like`` and the leaves ``arrays``, in the order of ``walk``.

    ``named`` converts a dict to the type of the tree's mappings.

    Examples
    --------
    >>> rebuilt(({"weight": 0, "bias": 0}, {}), ["W", "b"])
    ({'weight': 'W', 'bias': 'b'}, {})
    """
    each = iter(arrays)

    def part(like: Any) -> Any:
        if isinstance(like, Mapping):
            return named({name: part(leaf) for name, leaf in like.items()})
        if isinstance(like, tuple):
            return tuple(map(part, like))
        return next(each)

    return part(like)
