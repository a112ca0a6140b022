"""
Checks of arguments: return the value in plain form, or raise with name, value and expectation.

``k = whole("Trainer", "k", k, low=1)`` returns the ``int`` 3 for 3, 3.0 and ``np.int64(3)``. It
raises an error for ``True``, "3" and 1.5. All errors are ValueErrors, so that a command line
catches only one type.
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

LONGEST = 60  # a message shows at most this many characters of a value
SEEDS = 2**64  # a seed is a key of Philox, which is two words of 32 bits


def shown(value: object) -> str:
    """
    Return a value as text for a message: its repr, shortened if long, or its type and shape.

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
    except ValueError:  # an int with more digits than Python prints
        return f"a {type(value).__name__}"
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}…"


def _refuse(owner: str, name: str, value: object, expected: str) -> ValueError:
    where = f"{owner}: {name}" if owner else name
    return ValueError(f"{where} is {shown(value)}; expected {expected}")


def _real(value: object) -> Any:
    """Return a real number, also from an array of shape (); None for anything else."""
    found = value.item() if isinstance(value, np.ndarray) and value.shape == () else value
    return found if isinstance(found, Real) and not isinstance(found, bool) else None


def whole(
    owner: str, name: str, value: object, low: int | None = None, high: int | None = None
) -> int:
    """
    Return a whole number, low ≤ value ≤ high. 16.0 and ``np.int64(16)`` give 16.

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
    # math.isfinite would fail for an int of 400 digits, which has no float
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
    Return a finite number, low ≤ value ≤ high. ``above`` and ``below`` exclude the bounds.

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
    """Return True or False; other values, such as 1 and "yes", raise ValueError."""
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
    """Return a known name, or raise UnknownNameError, which lists the known names."""
    names = tuple(known)
    if not isinstance(name, str) or name not in names:
        raise unknown(kind, name if isinstance(name, str) else shown(name), names)
    return name


def instance(
    owner: str, name: str, value: object, kind: type[T] | tuple[type[T], ...], expected: str
) -> T:
    """
    Return a value of the class ``kind``; ``expected`` describes it, such as ``"an Optimizer"``.

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
    """Return a value that can be called and is not a class."""
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
    Return real numbers as an array. An array of numbers is not copied.

    Parameters
    ----------
    owner, name : str
        Names for the message.
    value : array-like of real numbers
        Masked arrays are refused, because their mask would be lost. Tables and tensors are
        refused too; convert them first (``.to_numpy()``, ``.numpy()``).
    shape : tuple of int or None, optional
        The required shape; None stands for any size.
    finite : bool
        Whether NaN and infinities are refused.
    rows : int
        The smallest number of rows.

    Raises
    ------
    ShapeError
        If the shape is wrong, or the value is not an array of numbers.
    DataError
        If the value is a masked array, or not finite.
    """
    where = f"{owner}: {name}" if owner else name
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(
            f"{where} is a masked array, and its mask would be lost; remove the masked rows, or"
            " fill them with .filled(value)"
        )
    if not isinstance(value, np.ndarray | np.generic | list | tuple | int | float):
        remedy = _remedy(value)
        raise ShapeError(f"{where} is {shown(value)}; expected a NumPy array of numbers{remedy}")
    try:
        found = np.asarray(value)
    except ValueError:  # rows of several lengths
        raise ShapeError(f"{where} is {shown(value)}; expected rows of equal length") from None
    if found.dtype.kind not in "iufb":
        raise ShapeError(
            f"{where} is {shown(value)}, of dtype {found.dtype}; expected real numbers"
        )
    if shape is not None and not _fits(found.shape, shape):
        raise ShapeError(
            f"{where} has shape {found.shape}; expected ({_sizes(shape)})"
            + (
                " (give a single feature as a column: x.reshape(-1, 1))"
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
    Return the classes of examples, 0 … classes − 1; each class must have an example.

    A class without examples is never trained, and its samples would be meaningless. So labels
    1, 2, 3 are refused, and so are 0 and 2. A large label does not take more memory.

    Parameters
    ----------
    owner, name : str
        Names for the message.
    value : integer array (rows,)
    rows : int
        Number of examples.
    classes : int, optional
        Expected number of classes; any number by default.

    Raises
    ------
    DataError
        If the labels are not as described; the message names the remedy.

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
            " each with an example (np.unique(labels, return_inverse=True)[1] renumbers them)"
        )
    if classes is not None and classes != len(seen):
        raise DataError(
            f"{where} holds examples of {len(seen)} classes; expected {classes}, because a class"
            " without examples cannot be learned"
        )
    return np.ascontiguousarray(found, np.int32)


def _listed(numbers: NDArray[Any]) -> str:
    if len(numbers) <= 5:
        return ", ".join(map(str, numbers))
    return f"{numbers[0]}, {numbers[1]}, …, {numbers[-1]}"


def _remedy(value: object) -> str:
    for method in ("to_numpy", "numpy"):
        if hasattr(value, method):
            return f" (convert it with .{method}())"
    return ""


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(found) == len(shape) and all(
        size in (None, has) for has, size in zip(found, shape, strict=True)
    )


def _sizes(shape: tuple[int | None, ...]) -> str:
    return ", ".join("any" if size is None else f"{size}" for size in shape) + (
        "," if len(shape) == 1 else ""
    )
