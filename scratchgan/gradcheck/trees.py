"""Trees of arrays: x is an array or a tuple of trees; params is a dict or a tuple of trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["leaves", "names", "rebuilt"]


def leaves(tree: Any) -> Iterator[Any]:
    """Yield the arrays of a tree, in the order of ``Layout``."""
    if isinstance(tree, Mapping | tuple):
        for part in tree.values() if isinstance(tree, Mapping) else tree:
            yield from leaves(part)
    else:
        yield tree


def rebuilt(like: Any, arrays: Iterable[Any]) -> Any:
    """Return a tree of the same form as ``like``, with ``arrays`` as its leaves, in order."""
    each = iter(arrays)
    if isinstance(like, Mapping):
        return {name: rebuilt(part, each) for name, part in like.items()}
    if isinstance(like, tuple):
        return tuple(rebuilt(part, each) for part in like)
    return next(each)


def names(x: Any, name: str) -> Iterator[str]:
    """Yield the names of the arrays of an input: ``x``, or ``x[0]`` and ``x[1]`` for a pair."""
    if isinstance(x, tuple):
        for i, part in enumerate(x):
            yield from names(part, f"{name}[{i}]")
    else:
        yield name
