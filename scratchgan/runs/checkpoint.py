"""
A checkpoint: the arrays of both players and the training's counters.

It is one .npz file without pickle. It holds the flat arrays ``D.params``, ``D.m``, …,
``G.average``, the arrays of a pool of samples, and ``meta``, a JSON text. ``meta`` has the format,
the counters, the layouts, the run's settings, the data's digest, and a SHA-256 of the whole
content. Learning rates, the order of examples, noise and dropout masks follow from the counters
and the seed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.errors import RunError
from scratchgan.files import as_path, read_archive, write_archive
from scratchgan.gan import Trainer
from scratchgan.gan.state import COUNTERS
from scratchgan.nn import Network
from scratchgan.runs.bits import data_digest, differences, settings_of
from scratchgan.runs.config import Config

__all__ = [
    "Checkpoint",
    "begin_from",
    "load_into",
    "made_with",
    "read_checkpoint",
    "require_made_with",
    "require_sound",
    "write_checkpoint",
]

FORMAT = 1
SHOWN = 5  # differences in an error message


class Checkpoint(NamedTuple):
    """The content of a checkpoint file."""

    arrays: dict[str, NDArray[Any]]
    counters: dict[str, int]
    layouts: dict[str, list[Any]]  # "G" and "D": [path, offset, shape] of each parameter
    dtype: str
    path: Path
    made_with: dict[str, Any] | None = None  # None in files of old versions


def made_with(config: Config, data: Dataset) -> dict[str, Any]:
    """Return all that decides the bits of a run, to be saved in its checkpoints."""
    return {"settings": settings_of(config), "data": data_digest(data, config.conditional)}


def write_checkpoint(
    path: Path | str, trainer: Trainer, made_with: Mapping[str, Any] | None = None
) -> None:
    """
    Write the state of ``trainer``, with ``made_with(config, data)`` if it is given.

    Raises
    ------
    NonFiniteError
        If a value is not finite, because training could not continue from it.
    RunError
        If the file cannot be written.
    """
    path = as_path("write_checkpoint", path)
    checks.instance("write_checkpoint", "trainer", trainer, Trainer, "a Trainer")
    arrays, counters = trainer.snapshot()
    meta: dict[str, Any] = {
        "format": FORMAT,
        "dtype": str(trainer.dtype),
        "counters": counters,
        "layouts": _layouts(_networks(trainer)),
    }
    if made_with is not None:
        meta["made_with"] = made_with
    write_archive(path, meta, arrays)


def read_checkpoint(path: Path | str) -> Checkpoint:
    """
    Read a checkpoint and verify its checksum.

    ``require_sound`` checks whether the content fits a run.

    Raises
    ------
    RunError
        If the file is missing, truncated, corrupted or of another format, or is not a file.
    """
    path = as_path("read_checkpoint", path)
    try:
        meta, arrays = read_archive(path, FORMAT)
        known = meta["format"] == FORMAT
        if known and not _well_formed(meta):
            raise ValueError("its description is of the wrong kind")
    except FileNotFoundError:
        raise RunError(
            f"there is no checkpoint {path}; give one of the files in its folder"
        ) from None
    except OSError as error:
        raise RunError(f"checkpoint {path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise RunError(
            f"checkpoint {path} is larger than the free memory; close other programs"
        ) from None
    except Exception as error:  # a malformed meta can raise many kinds of error
        raise RunError(
            f"checkpoint {path} is truncated or corrupted ({error}); remove it to continue from"
            " the checkpoint before it, or from the start if there is none"
        ) from None
    if not known:
        raise RunError(
            f"checkpoint {path} has format {meta['format']}, this version reads {FORMAT};"
            " use the version of scratchgan that wrote it (env.json names it)"
        )
    described = (meta["counters"], meta["layouts"], meta["dtype"])
    return Checkpoint(arrays, *described, path, meta.get("made_with"))


def _well_formed(meta: dict[str, Any]) -> bool:
    """Whether the parts of ``meta`` have the types that the rest of this file expects."""
    made = meta.get("made_with", {"settings": {}, "data": {}})
    tables = (meta["counters"], meta["layouts"], made, made["settings"], made["data"])
    if not all(isinstance(table, dict) for table in tables):
        return False
    entries = [entry for layout in meta["layouts"].values() for entry in layout]
    return isinstance(meta["dtype"], str) and all(
        len(entry) == 3 and isinstance(entry[2], list) for entry in entries
    )


# -- checks ---------------------------------------------------------------------------------------


def require_made_with(
    checkpoint: Checkpoint,
    config: Config,
    data: Dataset | None = None,
    beside: Collection[str] = (),
) -> None:
    """
    Refuse a checkpoint that was made with other settings or, if ``data`` is given, other data.

    ``beside`` names settings that may differ.

    Raises
    ------
    RunError
        With the differences.
    """
    if checkpoint.made_with is None:
        return
    saved = checkpoint.made_with["settings"]
    found = [
        f"{name} was {checks.shown(before)} and is {checks.shown(now)}"
        for name, before, now in differences(saved, settings_of(config), beside)
    ]
    if data is not None and not found:
        now = data_digest(data, config.conditional)
        found = [
            f"the {what} of data set '{data.name}' have changed"
            for key, what in (("x", "examples"), ("labels", "labels"))
            if checkpoint.made_with["data"].get(key) != now.get(key)
        ]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise RunError(
            f"{checkpoint.path} was made with other settings or data: {'; '.join(found[:SHOWN])}"
            f"{more}. Restore the old settings and data, or start a new run from this one with"
            " `scratchgan train --from FOLDER`"
        )


def require_sound(
    checkpoint: Checkpoint, networks: Mapping[str, Network], names: Collection[str], dtype: str
) -> None:
    """
    Refuse a checkpoint whose content does not fit these networks.

    Parameters
    ----------
    checkpoint : Checkpoint
    networks : mapping
        ``"G"`` and ``"D"``. Each array of a network is flat, with one value for each parameter.
    names : collection of str
        Arrays that the checkpoint must have, such as ``"G.params"``.
    dtype : str
        The dtype of every array.

    Raises
    ------
    RunError
        If the checkpoint is of other networks; if an array is missing, has another shape or dtype,
        or holds NaN or infinity; or if a counter is not a whole number from 0.
    """
    _require_same_networks(checkpoint, networks)
    where = f"checkpoint {checkpoint.path}"
    missing = sorted(name for name in names if name not in checkpoint.arrays)
    if missing:
        raise RunError(
            f"{where} holds {sorted(checkpoint.arrays)}, but not {missing}"
            " (was it made with another optimiser, or without the moving average of G?)"
        )
    if checkpoint.dtype != dtype:
        raise RunError(f"{where} has dtype {checkpoint.dtype}; expected {dtype}")
    for name, a in checkpoint.arrays.items():
        player = networks.get(name.partition(".")[0])
        if player is None and not name.startswith(("pool.", "penalties.")):
            raise RunError(f"{where} holds '{name}'; expected only arrays of G, D and the training")
        if player is not None and (a.shape, a.dtype) != ((player.layout.size,), np.dtype(dtype)):
            raise RunError(
                f"{where}: {name} has shape {a.shape} and dtype {a.dtype}; expected"
                f" ({player.layout.size},) and {dtype}"
            )
        if not np.isfinite(a).all():
            raise RunError(f"{where}: {name} has values that are NaN or infinite; expected finite")
    for name in COUNTERS:
        counter = checkpoint.counters.get(name)
        if type(counter) is not int or not 0 <= counter < 2**63:
            raise RunError(
                f"{where}: {name} is {checks.shown(counter)}; expected a whole number from 0"
            )


def load_into(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """
    Set ``trainer`` to the state of a checkpoint.

    Raises
    ------
    RunError
        If the checkpoint is of other networks or another optimiser, or fails ``require_sound``.
    """
    expected = trainer.arrays().keys()
    require_sound(checkpoint, _networks(trainer), expected, str(trainer.dtype))
    if checkpoint.arrays.keys() != expected:
        raise RunError(
            f"checkpoint {checkpoint.path} holds {sorted(checkpoint.arrays)}; expected"
            f" {sorted(expected)} (was it made with another optimiser, or with a moving average of"
            " G?)"
        )
    trainer.restore(checkpoint.arrays, checkpoint.counters)


def begin_from(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """
    Set ``trainer`` to the state of another run, and keep its own settings.

    Parameters and counters come from the checkpoint. The arrays of optimisers and of the moving
    average do too, if both runs have them. A new moving average begins at G. A player with another
    kind of optimiser begins with moments of 0 and at the start of its schedules.

    Raises
    ------
    RunError
        If the checkpoint is of other networks, or fails ``require_sound``.
    """
    if checkpoint.dtype not in ("float32", "float64"):
        raise RunError(
            f"checkpoint {checkpoint.path} has dtype {checkpoint.dtype}; expected float32 or"
            " float64"
        )
    require_sound(checkpoint, _networks(trainer), ("G.params", "D.params"), checkpoint.dtype)
    saved = {"G.average": checkpoint.arrays["G.params"], **checkpoint.arrays}
    arrays, counters = trainer.arrays(), dict(checkpoint.counters)
    for name, player, updates in (("G", trainer.G, "g_updates"), ("D", trainer.D, "d_updates")):
        if any(f"{name}.{slot}" not in saved for slot in player.optimizer.slots):
            counters[updates] = 0
    taken = {
        name: saved[name].astype(a.dtype)
        for name, a in arrays.items()
        if name in saved and saved[name].shape == a.shape  # others begin anew, at 0
    }
    if "pool.rows" not in taken:
        taken.pop("pool.filled", None)
    trainer.restore(arrays | taken, counters)


def _networks(trainer: Trainer) -> dict[str, Network]:
    return {"G": trainer.G.network, "D": trainer.D.network}


def _require_same_networks(checkpoint: Checkpoint, networks: Mapping[str, Network]) -> None:
    for player, layout in _layouts(networks).items():
        saved = checkpoint.layouts.get(player, [])
        if saved != layout:
            raise RunError(
                f"checkpoint {checkpoint.path} is of another architecture: its {player} has"
                f" {_difference(saved, layout)}; use the recipe and data of the checkpoint's run"
            )


def _layouts(networks: Mapping[str, Network]) -> dict[str, list[Any]]:
    return {player: network.layout.describe() for player, network in networks.items()}


def _difference(saved: list[Any], expected: list[Any]) -> str:
    """Describe the first difference between two layouts."""
    for a, b in zip(saved, expected, strict=False):
        if a != b:
            return f"parameter {a[0]} of shape {tuple(a[2])}, expected {b[0]} of {tuple(b[2])}"
    return f"{len(saved)} parameters, expected {len(expected)}"
