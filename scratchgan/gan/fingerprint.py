"""
A fingerprint of objects: a value that changes when the objects change.

A recorded iteration is right as long as nothing that it depends on has changed. A replay reads the
arrays of the game each time. This module detects changes of everything else: of settings, and of
what a user's own Python code (a layer, a game, a schedule) can see.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from scratchgan.backends import Backend
from scratchgan.gan import parts
from scratchgan.gan.parts import CONTAINERS, LONG, PLAIN

__all__ = ["Same", "difference", "fingerprint"]

SMALL = 2**16  # bytes: arrays up to this size are compared by their values
MOST = 5000  # objects of one fingerprint; the rest of a larger graph is not looked into
PLACES = tuple(f"[{i}]" for i in range(LONG))  # names of elements


class Same:
    """Stands for an object that is only compared by identity; it keeps the object alive."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


class Node(NamedTuple):
    """An object by its parts; each part has a name, to report a difference."""

    kind: Any
    names: tuple[str, ...]
    parts: tuple[Any, ...]


def fingerprint(things: dict[str, Any], same: Iterable[object] = ()) -> Node:
    """
    Return a value that equals a later one as long as nothing visible in the things changes.

    The objects in ``same`` are only compared by identity.

    Compared by value are numbers, strings and arrays of up to 64 KiB, and everything that holds
    them: lists, dicts and sets; attributes (in ``__dict__`` or ``__slots__``) and attributes of
    classes; a function's default arguments, closure and the globals that it names; and the state
    of random generators. All other objects are only compared by identity, and so is what is only
    reached through Python's own modules, installed packages or scratchgan.

    Examples
    --------
    >>> class Layer:
    ...     def __init__(self):
    ...         self.factors = [np.array(1.0), np.array(2.0)]
    >>> Layer.__module__ = "of_a_user"  # not scratchgan's, as here
    >>> layer = Layer()
    >>> before = fingerprint({"layer": layer})
    >>> before == fingerprint({"layer": layer})
    True
    >>> layer.factors[1][...] = 0.5
    >>> difference(before, fingerprint({"layer": layer}))
    'layer.factors[1]'
    """
    walk = _Walk()
    return Node(tuple(map(Same, same)), tuple(things), tuple(map(walk.of, things.values())))


def difference(a: Any, b: Any) -> str:
    """Return the name of the first part that differs, or "" if no part is named."""
    if isinstance(a, Node) and isinstance(b, Node) and a[:2] == b[:2]:
        for name, one, other in zip(a.names, a.parts, b.parts, strict=True):
            if one != other:
                return name + difference(one, other)
    return ""


class _Walk:
    """The walk through all objects of one fingerprint."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, Any]] = {}  # id → number and object (which keeps its id)

    def of(self, thing: Any) -> Any:
        kind = type(thing)
        if kind in PLAIN:
            return kind, thing  # True is not 1
        if kind is float:
            return kind, repr(thing)  # exact; tells −0 from 0, and NaN equals NaN
        again = self._seen.get(id(thing))
        if again is not None:
            return Same, again[0]
        if len(self._seen) >= MOST:
            return Same(thing)
        self._seen[id(thing)] = len(self._seen), thing
        return self._object(thing, kind)

    def _object(self, thing: Any, kind: type) -> Any:
        return _way(kind)(self, thing, kind)

    def _same(self, thing: Any, kind: type) -> Any:
        return Same(thing)

    def _array(self, a: Any, kind: type) -> Any:
        """The values of a small array; a large one is only compared by identity."""
        if a.nbytes > SMALL or a.dtype.hasobject:
            return Same(a)
        return a.dtype.str, a.shape, a.tobytes()

    def _random(self, thing: Any, kind: type) -> Any:
        """The state of a generator of random numbers."""
        if isinstance(thing, np.random.Generator):
            return Same(thing), self.of(thing.bit_generator.state)
        if isinstance(thing, np.random.RandomState):
            return Same(thing), self.of(thing.get_state(legacy=False))
        return Same(thing), thing.getstate()

    def _count(self, thing: Any, kind: type) -> Any:
        return repr(thing)

    def _shown(self, thing: Any, kind: type) -> Any:
        """An object by its parts: elements, attributes and its class."""
        named = parts.shown(thing, kind)
        return self._named((Same(kind), *self._itself(thing, kind, named)), named)

    def _box(self, thing: Any, kind: type) -> Any:
        """One of scratchgan's own objects, by its attributes."""
        own = vars(thing)
        # Most of the time goes here, so the plain branch of ``of`` is repeated without a call.
        values = [
            (type(each), each) if type(each) in PLAIN else self.of(each) for each in own.values()
        ]
        return Node(Same(kind if own else thing), _dotted(tuple(own)), tuple(values))

    def _list(self, thing: Any, kind: type) -> Any:
        """A list or a tuple."""
        if len(thing) > LONG:
            return Same(thing), len(thing)
        return Node(Same(kind), PLACES[: len(thing)], tuple(map(self.of, thing)))

    def _named(self, kind: Any, named: dict[str, Any]) -> Node:
        return Node(kind, tuple(named), tuple(map(self.of, named.values())))

    def _itself(self, thing: Any, kind: type, named: dict[str, Any]) -> tuple[Any, ...]:
        """What identifies an object besides its named parts; without parts, its identity."""
        if isinstance(thing, set | frozenset) and len(thing) <= LONG:
            return (frozenset(map(self.of, thing)),)
        if isinstance(thing, CONTAINERS):
            return (len(thing), Same(thing) if len(thing) > LONG else None)
        if isinstance(thing, int | float | complex | str | bytes):  # of a subclass
            return (_plain(thing),)
        if named and kind.__module__ != "builtins":
            return ()
        return _bytes_of(thing) or (Same(thing),)

    def _class(self, kind: type, _: type) -> Any:
        return self._named(Same(kind), parts.of_class(kind)) if parts.is_users(kind) else Same(kind)

    def _function(self, function: FunctionType, _: type) -> Any:
        if not parts.is_users(function):
            return Same(function)
        return self._named(Same(function.__code__), parts.of_function(function))


@functools.lru_cache(maxsize=1024)
def _way(kind: type) -> Any:
    """The method of the walk for objects of a class."""
    if kind in (list, tuple):
        return _Walk._list
    for kinds, way in (
        ((Backend, ModuleType), _Walk._same),
        ((np.ndarray, np.generic), _Walk._array),
        (FunctionType, _Walk._function),
        (type, _Walk._class),
        (random.SystemRandom, _Walk._same),
        ((random.Random, np.random.Generator, np.random.RandomState), _Walk._random),
        (itertools.count, _Walk._count),
    ):
        if issubclass(kind, kinds):
            return way
    ours = kind.__module__.startswith("scratchgan.") and not issubclass(kind, CONTAINERS)
    return _Walk._box if ours and hasattr(kind, "__dict__") else _Walk._shown


@functools.lru_cache(maxsize=1024)
def _dotted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f".{name}" for name in names)


def _plain(thing: Any) -> Any:
    """The value of an object whose class is a subclass of a plain one."""
    if isinstance(thing, float | complex):
        return repr(complex(thing))
    if isinstance(thing, int):
        return int(thing)
    return str(thing) if isinstance(thing, str) else bytes(thing)


def _bytes_of(thing: Any) -> tuple[bytes, ...]:
    """The bytes of an object that is only memory: a bytearray, an ``array``, one of ctypes."""
    try:
        memory = memoryview(thing)
    except TypeError:
        return ()
    return (memory.tobytes(),) if memory.nbytes <= SMALL else ()
