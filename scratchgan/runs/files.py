"""Writing files so that a kill or a full disk never leaves half of one behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from scratchgan.errors import RunError

__all__ = ["SUFFIX_UNFINISHED", "remove_unfinished", "write_atomically"]

SUFFIX_UNFINISHED = ".unfinished"


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """
    Write a file under a temporary name, force it to the disk, then rename it.

    A reader sees the old file or the new one, never a part.

    Parameters
    ----------
    path : Path
    write : callable
        ``write(stream)`` writes the contents to a binary stream.

    Raises
    ------
    RunError
        If the disk is full or the folder cannot be written; what was there is still there.
    """
    unfinished = path.with_name(path.name + SUFFIX_UNFINISHED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise explain(error, path) from error


def explain(error: OSError, path: Path) -> RunError:
    """Return the error for a person: what could not be written, why, and what to do."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "make room on that disk, then continue with `scratchgan train --resume FOLDER`"
    else:
        remedy = "choose a folder that can be written, with --out FOLDER"
    return RunError(f"could not write {path}: {reason}; what was there before is kept. {remedy}")


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for path in folder.glob(f"*{SUFFIX_UNFINISHED}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Force the rename itself to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
