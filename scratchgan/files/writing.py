"""Atomic writing: a killed process or a full disk never leaves a partly written file."""

from __future__ import annotations

import errno
import json
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
    "write_json",
]

SUFFIX_UNFINISHED = ".unfinished"


def as_path(owner: str, value: object) -> Path:
    """Return a Path from a string or a path; raise ValueError for other values."""
    expected = "a path, such as 'runs/digits-001'"
    found: Any = checks.instance(owner, "path", value, (str, os.PathLike), expected)
    return Path(found)


def explain(error: OSError, path: Path) -> RunError:
    """Return an error that says what could not be written, why, and what to do."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "Free space on that disk, then continue with `scratchgan train --resume FOLDER`"
    else:
        remedy = "Choose a writable folder with --out FOLDER"
    return RunError(f"could not write {path}: {reason}; an old file there is kept. {remedy}")


def write_atomically(
    path: Path,
    write: Callable[[IO[bytes]], object],
    *,
    exclusive: bool = False,
    explain: Callable[[OSError, Path], Exception] = explain,
) -> None:
    """
    Write a file under a temporary name, force it to the disk, then rename it.

    A reader sees the old file or the new one, never a part. The temporary name is new, so that no
    other file is overwritten.

    Parameters
    ----------
    path : Path
    write : callable
        ``write(stream)`` writes the contents to a binary stream.
    exclusive : bool
        Whether an existing file is an error. If two processes write at once, one of them fails.
    explain : callable
        ``explain(error, path)`` returns the error to raise instead of an OSError.

    Raises
    ------
    RunError, or the error of ``explain``
        If the disk is full or the folder is not writable. An old file is kept.
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
        if unfinished is not None:  # after an error or an interrupt
            with suppress(OSError):
                unfinished.unlink()


def write_json(path: Path, content: object) -> None:
    """Write plain data as indented JSON, with ``write_atomically``."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda stream: stream.write(text.encode()))


def _new_beside(path: Path) -> tuple[Path, IO[bytes]]:
    """Create NAME.unfinished, or NAME.1.unfinished and so on if this file exists."""
    for number in count():
        beside = path.with_name(f"{path.name}{f'.{number}' if number else ''}{SUFFIX_UNFINISHED}")
        with suppress(FileExistsError):
            return beside, open(beside, "xb")
    raise AssertionError  # count() does not end


def _rename_to_new(unfinished: Path, path: Path) -> None:
    """Rename a file; raise FileExistsError if the new name is taken."""
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
    """Make a folder and its missing parents, and force their names to the disk."""
    if not path.is_dir():
        make_folders(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Force the content of a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name != "posix":
        return  # Windows cannot open folders, and does not need this for renames
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
