"""
A backend whose arrays have no operators: a layer that runs on it uses only named operations.

A GPU's arrays have no operators and no indexing. The arrays of NumPy and of the CUDA simulator
have both. So a stray ``a + b`` in a layer would pass every test on a machine without a GPU, and
fail on a GPU. On this backend it fails at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from scratchgan.backends import Backend, get_backend
from scratchgan.backends.vocabulary import COMPOSED, OPERATIONS

__all__ = ["OpaqueArray", "OpaqueBackend"]


class OpaqueArray:
    """
    An array that offers shape, dtype, ndim and size, and raises TypeError for everything else.

    Examples
    --------
    >>> ops = OpaqueBackend()
    >>> a = ops.asarray([[1.0, 2.0]])
    >>> a.shape, a.ndim, a.size
    ((1, 2), 2, 2)
    >>> a + a  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: __add__: an array of a backend offers only shape, dtype, ndim and size; ...
    >>> ops.to_numpy(ops.add(a, a))
    array([[2., 4.]])
    """

    __slots__ = ("_hidden",)
    __array_ufunc__ = None  # makes np.add(a, b) and NumPy's operators raise TypeError too

    def __init__(self, hidden: Any) -> None:
        self._hidden = hidden

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(self._hidden.shape)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self._hidden.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self._hidden.size)

    def __repr__(self) -> str:
        return f"OpaqueArray(shape={self.shape}, dtype={self.dtype})"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # Python looks up protocols, such as copying
            raise AttributeError(name)
        raise TypeError(_refusal(name))


def _refusal(name: str) -> str:
    return (
        f"{name}: an array of a backend offers only shape, dtype, ndim and size;"
        " use a named operation of ctx.ops, or ctx.ops.to_numpy(a) to look at its values"
    )


def _refuse(name: str) -> Callable[..., NoReturn]:
    def method(self: OpaqueArray, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(_refusal(name))

    return method


_REFUSED = """
    add radd iadd sub rsub isub mul rmul imul matmul rmatmul imatmul truediv rtruediv itruediv
    floordiv rfloordiv ifloordiv mod rmod imod divmod rdivmod pow rpow ipow and rand iand
    or ror ior xor rxor ixor lshift rlshift ilshift rshift rrshift irshift
    neg pos abs invert round bool float int index complex eq ne lt le gt ge
    len iter contains getitem setitem delitem array array_function
"""
for _name in _REFUSED.split():
    setattr(OpaqueArray, f"__{_name}__", _refuse(f"__{_name}__"))


def _delegate(name: str) -> Callable[..., Any]:
    """Make the operation that unwraps its arguments, calls the wrapped backend, and wraps again."""

    def operation(self: OpaqueBackend, *args: Any, **kwargs: Any) -> Any:
        values = [_unwrapped(name, a) for a in args]
        options = {key: _unwrapped(name, a) for key, a in kwargs.items()}
        result = getattr(self.wrapped, name)(*values, **options)
        return result if name == "to_numpy" else _wrapped(result)

    return operation


def _unwrapped(name: str, a: Any) -> Any:
    if type(a) in (tuple, list):
        return type(a)(_unwrapped(name, part) for part in a)
    if isinstance(a, np.ndarray) and name != "asarray":
        raise TypeError(
            f"{name} got a NumPy array of the host; expected an array of the backend: copy it with"
            " ctx.ops.asarray first"
        )
    return a._hidden if isinstance(a, OpaqueArray) else a


def _wrapped(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_wrapped, result))
    return OpaqueArray(result) if hasattr(result, "dtype") else result


# A composed operation runs on opaque arrays by its definition; the wrapped backend does the rest.
_Vocabulary: Any = type(
    "_Vocabulary",
    (Backend,),
    {name: _delegate(name) for name in OPERATIONS if name not in COMPOSED},
)


class OpaqueBackend(_Vocabulary):  # type: ignore[misc]  # made of the vocabulary as it is
    """
    A wrapper of a backend that hides its arrays: ``Context(OpaqueBackend())`` runs a layer on it.

    Parameters
    ----------
    wrapped : Backend, optional
        The backend that does the arithmetic; the reference by default.
    """

    name = "opaque"

    def __init__(self, wrapped: Backend | None = None) -> None:
        self.wrapped = wrapped or get_backend("reference")
