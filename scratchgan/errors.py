"""The errors that scratchgan raises, and the message for an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BackendUnavailableError",
    "DataError",
    "NonFiniteError",
    "NotRecordableError",
    "RecipeError",
    "ReplayError",
    "RunError",
    "ShapeError",
    "UnknownNameError",
    "unknown",
]


class ShapeError(ValueError):
    """An array has a shape or a dtype that the operation does not accept."""


class DataError(ValueError):
    """A data set, or one of its files, is missing, damaged or invalid."""


class RecipeError(ValueError):
    """A file that is to hold a recipe cannot be used."""


class RunError(RuntimeError):
    """A run folder or a checkpoint cannot be used as requested."""


class NonFiniteError(ArithmeticError):
    """A value in training became NaN or infinite."""


class NotRecordableError(RuntimeError):
    """A training step does something that a table of operations cannot hold."""


class ReplayError(RuntimeError):
    """A replayed iteration computed something different from the same iteration run directly."""


class BackendUnavailableError(RuntimeError):
    """A backend exists but does not work on this machine."""


class UnknownNameError(ValueError):
    """A name is not in the list of known names."""


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """
    Return the error for an unknown name; it lists the known names and suggests the nearest.

    Parameters
    ----------
    kind : str
        The kind of thing that is named, such as ``"recipe"``.
    name : object
        The unknown name.
    known : iterable of str
        The known names.

    Examples
    --------
    >>> print(unknown("backend", "referense", ["reference", "cpu"]))
    unknown backend 'referense'; did you mean 'reference'? Known: cpu, reference
    """
    names = sorted(known)
    small = {known_name.lower(): known_name for known_name in names}  # so that MNIST finds mnist
    near = difflib.get_close_matches(str(name)[:60].lower(), small, n=1)
    hint = f"; did you mean '{small[near[0]]}'?" if near else "."
    said = str(name) if str(name).isprintable() else ascii(str(name))[1:-1]
    said = said if len(said) <= 60 else f"{said[:60]}…"
    return UnknownNameError(f"unknown {kind} '{said}'{hint} Known: {', '.join(names)}")
