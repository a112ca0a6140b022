"""
The parts of an object that its code can see, by name: elements, attributes, closures, globals.

``fingerprint.py`` compares them. Only the user's own code is looked into: classes and functions of
Python, installed packages and scratchgan do not change during a training.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections import deque
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

__all__ = ["CONTAINERS", "LONG", "PLAIN", "Parts", "is_users", "of_class", "of_function", "shown"]

LONG = 256  # elements: longer containers are not looked into

PLAIN = frozenset({bool, int, str, bytes, type(None), type(Ellipsis)})
CONTAINERS = (list, tuple, deque, dict, MappingProxyType, set, frozenset)
# Modules that are not a user's, but whose objects hold attributes that a user has set.
OPEN = frozenset({"scratchgan", "argparse", "collections", "functools", "os", "types"})

Parts = dict[str, Any]


def shown(thing: Any, kind: type) -> Parts:
    """Return an object's elements, attributes and, if it is a user's, its class."""
    found = _elements(thing) | _wrapped(thing) | _attributes(thing, kind)
    if is_users(kind):
        found[f" (class {kind.__name__})"] = kind
    return found


def of_class(kind: type) -> Parts:
    """Return the attributes and functions of a user's class and of its bases."""
    return {
        f".{name}": value
        for each in reversed(kind.__mro__)
        if is_users(each)
        for name, value in vars(each).items()
        if not name.startswith("__") or isinstance(value, FunctionType)
    }


def of_function(function: FunctionType) -> Parts:
    """Return what a function can read besides its arguments: defaults, closure, globals."""
    code, found = function.__code__, function.__globals__
    names, attributes = _names(code)
    parts = {f".{name}": value for name, value in vars(function).items()}
    if function.__defaults__ or function.__kwdefaults__:
        parts["'s defaults"] = function.__defaults__, function.__kwdefaults__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        parts[f": {name}"] = _content(cell)
    for name in names:
        if isinstance(found.get(name), ModuleType):
            parts |= _of_module(f": {name}", found[name], attributes)
        elif name in found:
            parts[f": {name}"] = found[name]
    return parts


def is_users(thing: Any) -> bool:
    """Whether a class or a function is the user's: not Python's, a package's or scratchgan's."""
    return _module_is_users(getattr(thing, "__module__", None) or "builtins")


@functools.lru_cache(maxsize=4096)
def _module_is_users(name: str) -> bool:
    root = name.partition(".")[0]
    if root == "scratchgan" or root in sys.stdlib_module_names:
        return False
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    return "site-packages" not in path and "dist-packages" not in path


def _elements(thing: Any) -> Parts:
    """Return a container's elements; those of a set have no order, and so no names."""
    if not isinstance(thing, CONTAINERS) or len(thing) > LONG:
        return {}
    if not isinstance(thing, dict | MappingProxyType):
        return {} if isinstance(thing, set | frozenset) else _numbered(thing)
    keys = list(thing)
    if all(type(key) in PLAIN for key in keys):
        return {f"[{key!r}]": thing[key] for key in keys}
    return _numbered([item for key in keys for item in (key, thing[key])])


def _numbered(things: Any) -> Parts:
    return {f"[{i}]": value for i, value in enumerate(things)}


def _wrapped(thing: Any) -> Parts:
    """Return what some of Python's own objects hold outside ``__dict__``."""
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


def _attributes(thing: Any, kind: type) -> Parts:
    """Return the attributes in ``__dict__`` and in ``__slots__``."""
    if not (is_users(kind) or kind.__module__.partition(".")[0] in OPEN):
        return {}
    found = {f".{name}": getattr(thing, name) for name in _slots(kind) if hasattr(thing, name)}
    return found | {f".{name}": value for name, value in getattr(thing, "__dict__", {}).items()}


@functools.lru_cache(maxsize=1024)
def _slots(kind: type) -> tuple[str, ...]:
    """Return the names in ``__slots__`` of a user's class and of its bases."""
    return tuple(
        name
        for each in kind.__mro__
        if is_users(each)
        for name, value in vars(each).items()
        if isinstance(value, MemberDescriptorType)
    )


def _content(cell: Any) -> Any:
    """Return the value of a closure's variable, or None if it has none yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _of_module(path: str, module: ModuleType, attributes: frozenset[str]) -> Parts:
    """Return what a function can read of a module that it names, given the attributes it names."""
    found: Parts = {}
    for name in sorted(attributes & vars(module).keys()):
        value = vars(module)[name]
        if isinstance(value, ModuleType):
            found |= _of_module(f"{path}.{name}", value, attributes - {name})
        else:
            found[f"{path}.{name}"] = value
    return found


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the globals and the attributes that a function and its inner functions name."""
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
