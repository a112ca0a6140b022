"""
The settings and data that decide the bits of a run.

A checkpoint keeps both, so that its use with other settings or data is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.data import Dataset
from scratchgan.fields import settings_in
from scratchgan.runs.config import Config

__all__ = ["data_digest", "differences", "settings_of"]


def settings_of(config: Config) -> dict[str, Any]:
    """
    Return the settings that decide the bits of a run, as plain data.

    The other settings may change when a run is continued: its length, and what is saved and when.
    """
    free = {name for name, each in settings_in(config).items() if not each.bits}
    found = {name: value for name, value in config.to_plain().items() if name not in free}
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def data_digest(data: Dataset, conditional: bool) -> dict[str, str]:
    """Return a SHA-256 of the examples and, for a conditional game, one of the labels."""
    digests = {"x": _sha256(data.x)}
    if conditional and data.labels is not None:
        digests["labels"] = _sha256(data.labels)
    return digests


def _sha256(a: NDArray[Any]) -> str:
    total = hashlib.sha256(f"{a.dtype.str} {a.shape}".encode())
    total.update(np.ascontiguousarray(a).data)
    return total.hexdigest()


def differences(
    saved: Mapping[str, Any], now: Mapping[str, Any], beside: Collection[str] = ()
) -> list[tuple[str, Any, Any]]:
    """
    Return (name, saved, now) for each setting that differs; TABLE.NAME in a table.

    Two kinds of settings are not compared: those in only one of the two, because they come from
    another version, and those that ``beside`` names.

    Examples
    --------
    >>> differences({"k": 1, "noise": {"kind": "normal"}}, {"k": 2, "noise": {"kind": "uniform"}})
    [('k', 1, 2), ('noise.kind', 'normal', 'uniform')]
    """
    both = [name for name in saved if name in now and name not in beside]
    return [found for name in both for found in _within(name, saved[name], now[name])]


def _within(name: str, saved: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in [*saved, *(key for key in now if key not in saved)]:
            yield from _within(f"{name}.{key}", saved.get(key), now.get(key))
    elif saved != now:
        yield name, saved, now
