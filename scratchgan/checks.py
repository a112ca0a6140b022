"""
Checks of arguments: each returns the value in plain form, or says name, value and expectation.

``k = whole("Trainer", "k", k, low=1)`` is an ``int`` afterwards, whether 3, 3.0 or ``np.int64(3)``
was given; a ``True``, a "3" or a 1.5 is an error. All errors are ValueErrors, so that a command
line needs to know of no other kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scratchgan.errors import DataError, ShapeError, unknown

__all__ = [
    "array",
    "flag",
    "function",
    "instance",
    "labels",
    "number",
    "one_of",
    "seed",
    "shown",
    "text",
    "whole",
]

T = TypeVar("T")

LONGEST = 60  # characters of a value in a message
SEEDS = 2**64  # a seed is the key of Philox: two words of 32 bits


def shown(value: object) -> str:
    """
    Return a value for a message: its repr, or, where that is long, its beginning or its kind.

    Examples
    --------
    >>> shown("3"), shown(np.zeros((100, 2)))
    ("'3'", 'a ndarray of shape (100, 2)')
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"a {type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    try:
        said = repr(value)
    except ValueError:  # an int of more digits than Python prints
        return f"a {type(value).__name__}"
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"


def _refuse(owner: str, name: str, value: object, expected: str) -> ValueError:
    where = f"{owner}: {name}" if owner else name
    return ValueError(f"{where} is {shown(value)}; expected {expected}")


def _real(value: object) -> Any:
    """Return a real number, also from an array of shape () that holds it; None for all else."""
    found = value.item() if isinstance(value, np.ndarray) and value.shape == () else value
    return found if isinstance(found, Real) and not isinstance(found, bool) else None


def whole(
    owner: str, name: str, value: object, low: int | None = None, high: int | None = None
) -> int:
    """
    Return a whole number, low ≤ value ≤ high; 16.0 and ``np.int64(16)`` are 16.

    Examples
    --------
    >>> whole("Trainer", "batch_size", 16.0, low=1)
    16
    >>> whole("Trainer", "batch_size", 1.5, low=1)
    Traceback (most recent call last):
    ValueError: Trainer: batch_size is 1.5; expected a whole number, at least 1
    """
    expected = "a whole number" + _range(low, high)
    found = _real(value)
    # an int of 400 digits has no float, so it is not asked whether it is finite
    if found is None or found in (math.inf, -math.inf) or found != found // 1:
        raise _refuse(owner, name, value, expected)
    if (low is not None and found < low) or (high is not None and found > high):
        raise _refuse(owner, name, value, expected)
    return int(found)


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    if low is not None:
        return f", at least {low:,}"
    return "" if high is None else f", at most {high:,}"


def number(
    owner: str,
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> float:
    """
    Return a finite number, low ≤ value ≤ high; ``above`` and ``below`` leave the bounds out.

    Examples
    --------
    >>> number("Adam", "beta1", np.float32(0.5), 0, 1, below=True)
    0.5
    >>> number("Adam", "eps", 0, 0, above=True)
    Traceback (most recent call last):
    ValueError: Adam: eps is 0; expected a number above 0
    """
    bounds = []
    if low > -math.inf:
        bounds.append(f"above {low:g}" if above else f"at least {low:g}")
    if high < math.inf:
        bounds.append(f"below {high:g}" if below else f"at most {high:g}")
    expected = " ".join(["a number", " and ".join(bounds)]).strip()
    found = _real(value)
    try:
        plain = math.nan if found is None else float(found)
    except OverflowError:  # an int of 400 digits
        plain = math.inf
    inside = (low < plain if above else low <= plain) and (plain < high if below else plain <= high)
    if not (math.isfinite(plain) and inside):
        raise _refuse(owner, name, value, expected)
    return plain


def flag(owner: str, name: str, value: object) -> bool:
    """Return True or False; 1 and "yes" are neither."""
    if not isinstance(value, bool | np.bool_):
        raise _refuse(owner, name, value, "True or False")
    return bool(value)


def text(owner: str, name: str, value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise _refuse(owner, name, value, "a string")
    return value


def seed(owner: str, name: str, value: object) -> int:
    """Return a seed, 0 ≤ seed < 2⁶⁴."""
    try:
        return whole(owner, name, value, 0, SEEDS - 1)
    except ValueError:
        raise _refuse(owner, name, value, "a whole number, 0 ≤ seed < 2⁶⁴") from None


def one_of(kind: str, name: object, known: Iterable[str]) -> str:
    """Return a name that is known, or raise UnknownNameError, which lists the known ones."""
    names = tuple(known)
    if not isinstance(name, str) or name not in names:
        raise unknown(kind, name if isinstance(name, str) else shown(name), names)
    return name


def instance(
    owner: str, name: str, value: object, kind: type[T] | tuple[type[T], ...], expected: str
) -> T:
    """
    Return a value that is of a class; ``expected`` describes one, such as ``"an Optimizer"``.

    Examples
    --------
    >>> instance("Trainer", "noise", 2, str, "a Noise, such as Noise(16)")
    Traceback (most recent call last):
    ValueError: Trainer: noise is 2; expected a Noise, such as Noise(16)
    """
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if isinstance(value, type) and issubclass(value, kinds):
            expected += f" (call the class: {value.__name__}(…))"
        raise _refuse(owner, name, value, expected)
    return value


def function(owner: str, name: str, value: object, expected: str = "a function") -> Callable:  # type: ignore[type-arg]
    """Return something that can be called."""
    if not callable(value) or isinstance(value, type):
        raise _refuse(owner, name, value, expected)
    return value


def array(
    owner: str,
    name: str,
    value: object,
    shape: tuple[int | None, ...] | None = None,
    *,
    finite: bool = False,
    rows: int = 0,
) -> NDArray[Any]:
    """
    Return real numbers as an array; nothing is copied that is an array of numbers already.

    Parameters
    ----------
    owner, name : str
        For the message.
    value : array-like of real numbers
        Masked arrays are refused, for their mask would be lost; so are a table and a tensor,
        which know how they become an array (``.to_numpy()``, ``.numpy()``).
    shape : tuple of int or None, optional
        What the shape must be; None stands for a size that may be any.
    finite : bool
        Whether NaN and infinities are refused.
    rows : int
        How many rows there are at least.

    Raises
    ------
    ShapeError
        For another shape, or for what is no array of numbers.
    DataError
        For a masked array, or a value that is not finite.
    """
    where = f"{owner}: {name}" if owner else name
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(
            f"{where} is a masked array, whose mask would be lost; leave the masked rows out, or"
            " fill them with .filled(value)"
        )
    if not isinstance(value, np.ndarray | np.generic | list | tuple | int | float):
        remedy = _remedy(value)
        raise ShapeError(f"{where} is {shown(value)}; expected a NumPy array of numbers{remedy}")
    try:
        found = np.asarray(value)
    except ValueError:  # rows of several lengths
        raise ShapeError(f"{where} is {shown(value)}; expected rows of one length") from None
    if found.dtype.kind not in "iufb":
        raise ShapeError(
            f"{where} is {shown(value)}, of dtype {found.dtype}; expected real numbers"
        )
    if shape is not None and not _fits(found.shape, shape):
        raise ShapeError(
            f"{where} has shape {found.shape}; expected ({_sizes(shape)})"
            + (
                " (one feature is a column: x.reshape(-1, 1))"
                if found.ndim == 1 and len(shape) == 2
                else ""
            )
        )
    if rows and len(found) < rows:
        raise ShapeError(f"{where} has {len(found):,} rows; expected at least {rows:,}")
    if finite and not np.isfinite(found).all():
        bad = int(np.count_nonzero(~np.isfinite(found)))
        raise DataError(f"{where} has {bad:,} values that are NaN or infinite; expected none")
    return found


def labels(
    owner: str, name: str, value: object, rows: int, classes: int | None = None
) -> NDArray[np.int32]:
    """
    Return the classes of examples, 0 … classes − 1, of each of which there is an example.

    A class without examples is never trained, and what is drawn of it afterwards is nonsense:
    labels 1, 2, 3 are refused as well as 0 and 2. No memory is taken by how large a label is.

    Parameters
    ----------
    owner, name : str
        For the message.
    value : integer array (rows,)
    rows : int
        How many examples there are.
    classes : int, optional
        How many classes there are to be; as many as ``value`` has unless given.

    Raises
    ------
    DataError
        For all that is not so, with the remedy.

    Examples
    --------
    >>> labels("Trainer", "labels", np.unique([0, 2, 2], return_inverse=True)[1], rows=3)
    array([0, 1, 1], dtype=int32)
    """
    where = f"{owner}: {name}" if owner else name
    try:
        found = array(owner, name, value, (rows,))
    except ShapeError as error:
        raise DataError(f"{error}, one label for each example") from None
    if found.dtype.kind not in "iu":
        raise DataError(f"{where} is {found.dtype}; expected integers (number the classes from 0)")
    seen = np.unique(found)
    if not (seen == np.arange(len(seen))).all():
        raise DataError(
            f"{where} holds the classes {_listed(seen)}; expected {_listed(np.arange(len(seen)))},"
            " an example of each (np.unique(labels, return_inverse=True)[1] numbers them so)"
        )
    if classes is not None and classes != len(seen):
        raise DataError(
            f"{where} holds examples of {len(seen)} classes, and {classes} were named; expected"
            " the same number, for a class without examples cannot be learnt"
        )
    return np.ascontiguousarray(found, np.int32)


def _listed(numbers: NDArray[Any]) -> str:
    if len(numbers) <= 5:
        return ", ".join(map(str, numbers))
    return f"{numbers[0]}, {numbers[1]}, …, {numbers[-1]}"


def _remedy(value: object) -> str:
    for method in ("to_numpy", "numpy"):
        if hasattr(value, method):
            return f" (give .{method}() of it)"
    return ""


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(found) == len(shape) and all(
        size in (None, has) for has, size in zip(found, shape, strict=True)
    )


def _sizes(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if size is None else f"{size}" for size in shape) + (
        "," if len(shape) == 1 else ""
    )
