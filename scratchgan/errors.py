"""The errors that scratchgan raises, and the sentence that suggests a name."""

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
    """An array has a shape or a dtype that the operation cannot take."""


class DataError(ValueError):
    """A data set or a file of one is missing, damaged or not what it should be."""


class RecipeError(ValueError):
    """A file that is to hold a recipe cannot be used."""


class RunError(RuntimeError):
    """A run folder or a checkpoint cannot be used as asked."""


class NonFiniteError(ArithmeticError):
    """A value of the training became NaN or infinite."""


class NotRecordableError(RuntimeError):
    """A training step does something that a table of operations cannot hold."""


class ReplayError(RuntimeError):
    """A replayed iteration has turned out to compute something else than one that is run."""


class BackendUnavailableError(RuntimeError):
    """A backend exists but does not work on this machine."""


class UnknownNameError(ValueError):
    """A name that is not in the list of known ones."""


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """
    Make the error for an unknown name: it lists the known ones and suggests the nearest.

    Parameters
    ----------
    kind : str
        What the name names, such as ``"recipe"``.
    name : object
        What was given.
    known : iterable of str
        The names that would have worked.

    Examples
    --------
    >>> print(unknown("backend", "referense", ["reference", "cpu"]))
    unknown backend 'referense'; did you mean 'reference'? Known: cpu, reference
    """
    names = sorted(known)
    small = {known_name.lower(): known_name for known_name in names}  # MNIST is near to mnist
    near = difflib.get_close_matches(str(name)[:60].lower(), small, n=1)
    hint = f"; did you mean '{small[near[0]]}'?" if near else "."
    said = str(name) if str(name).isprintable() else ascii(str(name))[1:-1]
    said = said if len(said) <= 60 else f"{said[:60]}…"
    return UnknownNameError(f"unknown {kind} '{said}'{hint} Known: {', '.join(names)}")
