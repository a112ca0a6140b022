"""
A checkpoint: the arrays of both players, and the integers from which the rest follows.

One .npz file without pickle: ``D.params``, ``D.m``, …, ``G.average``, each flat,
and ``meta``, a JSON text with the format, the counters, the layouts and a SHA-256
over it all. Rates, epoch orders, noise and masks follow from the counters and the
seed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.errors import RunError
from scratchgan.gan import Trainer
from scratchgan.runs.files import write_atomically

__all__ = ["Checkpoint", "begin_from", "load_into", "read_checkpoint", "write_checkpoint"]

FORMAT = 1


class Checkpoint(NamedTuple):
    """What a checkpoint file holds."""

    arrays: dict[str, NDArray[Any]]
    counters: dict[str, int]
    layouts: dict[str, list[Any]]  # "G" and "D": [path, offset, shape] of each parameter
    dtype: str
    path: Path


def write_checkpoint(path: Path, trainer: Trainer) -> None:
    """Write the state of ``trainer``; raise RunError if the disk does not take it."""
    arrays, counters = trainer.snapshot()  # finite: a checkpoint that training can go on from
    meta = {
        "format": FORMAT,
        "dtype": str(trainer.dtype),
        "counters": counters,
        "layouts": _layouts(trainer),
    }
    meta["sha256"] = _digest(meta, arrays)
    contents: dict[str, Any] = {"meta": np.array(json.dumps(meta)), **arrays}

    def write(stream: IO[bytes]) -> None:
        np.savez(stream, **contents)

    write_atomically(path, write)


def read_checkpoint(path: Path) -> Checkpoint:
    """
    Read a checkpoint and check that it is whole, to the bit.

    Raises
    ------
    RunError
        If it is missing, truncated, corrupted or of another format.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        known = meta["format"] == FORMAT
        if known and meta.pop("sha256") != _digest(meta, arrays):
            raise ValueError("its checksum does not fit")
    except FileNotFoundError:
        raise RunError(
            f"there is no checkpoint {path}; see the folder for those there are"
        ) from None
    except PermissionError as error:
        raise RunError(f"checkpoint {path} cannot be read: {error.strerror}") from None
    except Exception as error:  # a damaged file makes zipfile and NumPy fail in a dozen ways
        raise RunError(
            f"checkpoint {path} is truncated or corrupted ({error}); remove it to continue from"
            " the checkpoint before it, or from the start if there is none"
        ) from None
    if not known:
        raise RunError(
            f"checkpoint {path} has format {meta['format']}, this version reads {FORMAT};"
            " use the version of scratchgan that wrote it (env.json names it)"
        )
    return Checkpoint(arrays, meta["counters"], meta["layouts"], meta["dtype"], path)


def load_into(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """
    Put a checkpoint's state into ``trainer``.

    Raises
    ------
    RunError
        If it is a checkpoint of other networks or of another optimiser.
    """
    expected = {name: a.shape for name, a in trainer.arrays().items()}
    _require_same_networks(trainer, checkpoint)
    found = {name: a.shape for name, a in checkpoint.arrays.items()}
    if found != expected or checkpoint.dtype != str(trainer.dtype):
        raise RunError(
            f"checkpoint {checkpoint.path} holds {sorted(found)} in {checkpoint.dtype};"
            f" expected {sorted(expected)} in {trainer.dtype}"
            " (another optimiser, or an average of G switched on or off)"
        )
    trainer.restore(checkpoint.arrays, checkpoint.counters)


def begin_from(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """
    Let ``trainer`` begin where another run stands, with settings of its own.

    Parameters and counters are taken over. So is what belongs to an optimiser or to the moving
    average, where both runs have it: an average that is new begins at G, and a player with
    another kind of optimiser begins with its schedules, and moments of 0.

    Raises
    ------
    RunError
        If it is a checkpoint of other networks.
    """
    _require_same_networks(trainer, checkpoint)
    saved = {"G.average": checkpoint.arrays["G.params"], **checkpoint.arrays}
    arrays, counters = trainer.arrays(), dict(checkpoint.counters)
    for name, player, updates in (("G", trainer.G, "g_updates"), ("D", trainer.D, "d_updates")):
        if any(f"{name}.{slot}" not in saved for slot in player.optimizer.slots):
            counters[updates] = 0
    taken = {name: saved[name].astype(a.dtype) for name, a in arrays.items() if name in saved}
    trainer.restore(arrays | taken, counters)


def _require_same_networks(trainer: Trainer, checkpoint: Checkpoint) -> None:
    for player, layout in _layouts(trainer).items():
        saved = checkpoint.layouts.get(player, [])
        if saved != layout:
            raise RunError(
                f"checkpoint {checkpoint.path} is of another architecture: its {player} has"
                f" {_difference(saved, layout)}; use the recipe and data that it was made with"
            )


def _digest(meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> str:
    """SHA-256 of the meta data, and of each array's name, dtype, shape and bytes."""
    total = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(arrays):
        a = arrays[name]
        total.update(f"{name} {a.dtype} {a.shape}".encode())
        total.update(np.ascontiguousarray(a).tobytes())
    return total.hexdigest()


def _layouts(trainer: Trainer) -> dict[str, list[Any]]:
    return {
        "G": trainer.G.network.layout.describe(),
        "D": trainer.D.network.layout.describe(),
    }


def _difference(saved: list[Any], expected: list[Any]) -> str:
    """Say the first parameter in which two layouts differ."""
    for a, b in zip(saved, expected, strict=False):
        if a != b:
            return f"parameter {a[0]} of shape {tuple(a[2])} where {b[0]} {tuple(b[2])} is expected"
    return f"{len(saved)} parameters where {len(expected)} are expected"
