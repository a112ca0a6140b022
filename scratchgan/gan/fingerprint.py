"""
What an object says of itself, as a value that can be compared with what it says later.

A recorded iteration is right as long as nothing that it was computed from has changed. The
arrays of the game are read anew each time it is replayed; this module looks at the rest: at
settings, and at what Python code of a user's (a layer, a game, a schedule) can see.
"""

from __future__ import annotations

import dis
import functools
import itertools
import random
import sys
from collections import deque
from collections.abc import Iterable
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import numpy as np

from scratchgan.backends import Backend

__all__ = ["Same", "difference", "fingerprint"]

SMALL = 2**16  # bytes: arrays up to here are compared by their values
LONG = 256  # elements: longer lists and the like are not looked into
MOST = 5000  # objects of one fingerprint; there, a graph of unknown size is cut off

PLAIN = frozenset({bool, int, str, bytes, type(None), type(Ellipsis)})
CONTAINERS = (list, tuple, deque, dict, MappingProxyType, set, frozenset)
PLACES = tuple(f"[{i}]" for i in range(LONG))  # names of elements
# Modules, not a user's, whose objects are looked into: their attributes are what a user put there.
OPEN = frozenset({"scratchgan", "argparse", "collections", "functools", "os", "types"})


class Same:
    """Stands for an object of which no more is known than whether it is the same; keeps it."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


class Node(NamedTuple):
    """An object by its parts, each with a name for whoever reads of a difference."""

    kind: Any
    names: tuple[str, ...]
    parts: tuple[Any, ...]


def fingerprint(things: dict[str, Any], same: Iterable[object] = ()) -> Node:
    """
    Return a value that is equal to a later one if the things still say the same of themselves.

    Of those in ``same`` it is only asked whether they are the same objects.

    Looked at are numbers, texts, arrays of up to 64 KiB, and what holds them: lists, dicts and
    sets, attributes (in ``__dict__`` or ``__slots__``), attributes of classes, a function's
    default arguments, its closure and the globals that it names, the state of random generators.
    Of all else, and of what is only reached through Python's own modules, installed packages or
    scratchgan, no more is compared than whether it is the same object.

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
    """Return the name of the first part in which two fingerprints differ, "" for the whole."""
    if isinstance(a, Node) and isinstance(b, Node) and a[:2] == b[:2]:
        for name, one, other in zip(a.names, a.parts, b.parts, strict=True):
            if one != other:
                return name + difference(one, other)
    return ""


class _Walk:
    """One fingerprint being taken."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, Any]] = {}  # number, and the object, to keep its id

    def of(self, thing: Any) -> Any:
        kind = type(thing)
        if kind in PLAIN:
            return kind, thing  # True is not 1
        if kind is float:
            return kind, repr(thing)  # exact; −0 is not 0, and NaN is NaN
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
        """The values of a small array; of another, which it is."""
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
        """Elements, attributes, and for a user's object what its class has."""
        named = self._elements(thing) | _inside(thing) | _attributes(thing, kind)
        if _is_users(kind):
            named[f" (class {kind.__name__})"] = kind
        return self._named((Same(kind), *self._itself(thing, kind, named)), named)

    def _box(self, thing: Any, kind: type) -> Any:
        """One of scratchgan's own objects: its attributes."""
        own = vars(thing)
        # As ``of``, which it calls for all but the plain ones: this is most of a fingerprint.
        parts = [
            (type(each), each) if type(each) in PLAIN else self.of(each) for each in own.values()
        ]
        return Node(Same(kind if own else thing), _dotted(tuple(own)), tuple(parts))

    def _list(self, thing: Any, kind: type) -> Any:
        """A list or a tuple."""
        if len(thing) > LONG:
            return Same(thing), len(thing)
        return Node(Same(kind), PLACES[: len(thing)], tuple(map(self.of, thing)))

    def _named(self, kind: Any, named: dict[str, Any]) -> Node:
        return Node(kind, tuple(named), tuple(map(self.of, named.values())))

    def _elements(self, thing: Any) -> dict[str, Any]:
        """What a container holds, in its order."""
        if not isinstance(thing, CONTAINERS) or len(thing) > LONG:
            return {}
        if not isinstance(thing, dict | MappingProxyType):
            return {} if isinstance(thing, set | frozenset) else _numbered(thing)
        keys = list(thing)
        if all(type(key) in PLAIN for key in keys):
            return {f"[{key!r}]": thing[key] for key in keys}
        return _numbered([item for key in keys for item in (key, thing[key])])

    def _itself(self, thing: Any, kind: type, named: dict[str, Any]) -> tuple[Any, ...]:
        """What an object has besides its parts; of one that shows nothing, that it is the same."""
        if isinstance(thing, set | frozenset) and len(thing) <= LONG:
            return (frozenset(map(self.of, thing)),)
        if isinstance(thing, CONTAINERS):
            return (len(thing), Same(thing) if len(thing) > LONG else None)
        if isinstance(thing, int | float | complex | str | bytes):  # of a class of its own
            return (_plain(thing),)
        if named and kind.__module__ != "builtins":
            return ()
        return _bytes_of(thing) or (Same(thing),)

    def _class(self, kind: type, _: type) -> Any:
        """A user's class: its attributes and functions, with those of its bases."""
        if not _is_users(kind):
            return Same(kind)
        named = {
            f".{name}": value
            for each in reversed(kind.__mro__)
            if _is_users(each)
            for name, value in vars(each).items()
            if not name.startswith("__") or isinstance(value, FunctionType)
        }
        return self._named(Same(kind), named)

    def _function(self, function: FunctionType, _: type) -> Any:
        """A user's function: its code, and what it finds outside its arguments."""
        if not _is_users(function):
            return Same(function)
        code, found = function.__code__, function.__globals__
        names, attributes = _names(code)
        named = {f".{name}": value for name, value in vars(function).items()}
        if function.__defaults__ or function.__kwdefaults__:
            named["'s defaults"] = function.__defaults__, function.__kwdefaults__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            named[f": {name}"] = _content(cell)
        for name in names:
            if isinstance(found.get(name), ModuleType):
                named |= _of_module(f": {name}", found[name], attributes)
            elif name in found:
                named[f": {name}"] = found[name]
        return self._named(Same(code), named)


@functools.lru_cache(maxsize=1024)
def _way(kind: type) -> Any:
    """How objects of a class are looked at."""
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


def _numbered(things: Any) -> dict[str, Any]:
    return {f"[{i}]": value for i, value in enumerate(things)}


def _plain(thing: Any) -> Any:
    """The value of an object whose class derives from a plain one."""
    if isinstance(thing, float | complex):
        return repr(complex(thing))
    if isinstance(thing, int):
        return int(thing)
    return str(thing) if isinstance(thing, str) else bytes(thing)


def _bytes_of(thing: Any) -> tuple[bytes, ...]:
    """The bytes of what is memory and no more: a bytearray, an array of ``array``, of ctypes."""
    try:
        memory = memoryview(thing)
    except TypeError:
        return ()
    return (memory.tobytes(),) if memory.nbytes <= SMALL else ()


def _inside(thing: Any) -> dict[str, Any]:
    """What some of Python's own objects hold that is no attribute in ``__dict__``."""
    if isinstance(thing, MethodType):
        return {"": thing.__self__, "()": thing.__func__}
    if isinstance(thing, BuiltinMethodType):
        return {} if isinstance(thing.__self__, ModuleType) else {"": thing.__self__}
    if isinstance(thing, staticmethod | classmethod):
        return {"": thing.__func__}
    if isinstance(thing, property):
        return {"": thing.fget}
    if isinstance(thing, functools.partial):
        return {"": thing.func, " arguments": thing.args, " keywords": thing.keywords}
    return {}


def _attributes(thing: Any, kind: type) -> dict[str, Any]:
    """What is in ``__dict__`` and in ``__slots__``."""
    if not (_is_users(kind) or kind.__module__.partition(".")[0] in OPEN):
        return {}
    found = {f".{name}": getattr(thing, name) for name in _slots(kind) if hasattr(thing, name)}
    return found | {f".{name}": value for name, value in getattr(thing, "__dict__", {}).items()}


@functools.lru_cache(maxsize=1024)
def _slots(kind: type) -> tuple[str, ...]:
    """Names of the attributes for which a user's class or a base of it has a place of its own."""
    return tuple(
        name
        for each in kind.__mro__
        if _is_users(each)
        for name, value in vars(each).items()
        if isinstance(value, MemberDescriptorType)
    )


def _content(cell: Any) -> Any:
    """What a closure's variable holds; it may hold nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _of_module(path: str, module: ModuleType, attributes: frozenset[str]) -> dict[str, Any]:
    """What a function that names a module, and these attributes, can take from it."""
    found: dict[str, Any] = {}
    for name in sorted(attributes & vars(module).keys()):
        value = vars(module)[name]
        if isinstance(value, ModuleType):
            found |= _of_module(f"{path}.{name}", value, attributes - {name})
        else:
            found[f"{path}.{name}"] = value
    return found


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[tuple[str, ...], frozenset[str]]:
    """Globals that a function names, and all attributes; with those of functions inside it."""
    names = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    attributes = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            its_names, its_attributes = _names(inner)
            names.update(its_names)
            attributes |= its_attributes
    return tuple(sorted(names)), frozenset(attributes)


def _is_users(thing: Any) -> bool:
    """Whether a class or a function is neither scratchgan's, nor Python's, nor of a package."""
    return _module_is_users(getattr(thing, "__module__", None) or "builtins")


@functools.lru_cache(maxsize=4096)
def _module_is_users(name: str) -> bool:
    root = name.partition(".")[0]
    if root == "scratchgan" or root in sys.stdlib_module_names:
        return False
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    return "site-packages" not in path and "dist-packages" not in path
