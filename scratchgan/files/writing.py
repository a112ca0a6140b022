"""Writing files so that a kill or a full disk never leaves half of one behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

from scratchgan import checks
from scratchgan.errors import RunError

__all__ = [
    "SUFFIX_UNFINISHED",
    "as_path",
    "explain",
    "make_folders",
    "sync",
    "write_atomically",
]

SUFFIX_UNFINISHED = ".unfinished"


def as_path(owner: str, value: object) -> Path:
    """Return a path, of which a string is a form; raise ValueError for what is none."""
    expected = "a path, such as 'runs/digits-001'"
    found: Any = checks.instance(owner, "path", value, (str, os.PathLike), expected)
    return Path(found)


def explain(error: OSError, path: Path) -> RunError:
    """Return the error for a person: what could not be written, why, and what to do."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "make room on that disk, then continue with `scratchgan train --resume FOLDER`"
    else:
        remedy = "choose a folder that can be written, with --out FOLDER"
    return RunError(f"could not write {path}: {reason}; what was there before is kept. {remedy}")


def write_atomically(
    path: Path,
    write: Callable[[IO[bytes]], object],
    *,
    exclusive: bool = False,
    explain: Callable[[OSError, Path], Exception] = explain,
) -> None:
    """
    Write a file under a temporary name, force it to the disk, then rename it.

    A reader sees the old file or the new one, never a part. The temporary name is one that no
    file has yet.

    Parameters
    ----------
    path : Path
    write : callable
        ``write(stream)`` writes the contents to a binary stream.
    exclusive : bool
        Whether a file that is there already is an error; of two that write it at once, one
        fails.
    explain : callable
        ``explain(error, path)`` makes the error that a person reads.

    Raises
    ------
    RunError, or whatever ``explain`` returns
        If the disk is full or the folder cannot be written; what was there is still there.
    """
    unfinished: Path | None = None
    try:
        make_folders(path.parent)
        unfinished, stream = _new_beside(path)
        with stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        if exclusive:
            _rename_to_new(unfinished, path)
        else:
            os.replace(unfinished, path)
        unfinished = None
        sync(path.parent)
    except OSError as error:
        raise explain(error, path) from error
    finally:
        if unfinished is not None:  # something went wrong, or there was an interrupt
            with suppress(OSError):
                unfinished.unlink()


def _new_beside(path: Path) -> tuple[Path, IO[bytes]]:
    """Create NAME.unfinished, or NAME.1.unfinished, … where such a file is there already."""
    for number in count():
        beside = path.with_name(f"{path.name}{f'.{number}' if number else ''}{SUFFIX_UNFINISHED}")
        with suppress(FileExistsError):
            return beside, open(beside, "xb")
    raise AssertionError  # count() does not end


def _rename_to_new(unfinished: Path, path: Path) -> None:
    """Rename a file unless there is one of that name."""
    try:
        os.link(unfinished, path)
        unfinished.unlink()
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as FAT
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.replace(unfinished, path)


def make_folders(path: Path) -> None:
    """Make a folder and those above it, where they are missing, and force that to the disk."""
    if not path.is_dir():
        make_folders(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Force a file that was written, or the names in a folder, to the disk."""
    if path.is_dir() and os.name != "posix":
        return  # where folders cannot be opened, renames need no such care
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
