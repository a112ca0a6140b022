"""
One writer at a time for a run's folder.

The lock is the operating system's own, on the file ``scratchgan.lock``: it ends with the process
that holds it, however that ends, so a file that a killed process left locks nothing. The file
names that process. Where a file system has no locks, a warning says so.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from scratchgan.errors import RunError
from scratchgan.files import explain

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["LOCK", "FolderLock"]

LOCK = "scratchgan.lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class FolderLock:
    """
    A lock on a folder, held from when it is made until ``release`` or the end of the process.

    Raises
    ------
    RunError
        If another holds it, with the number of that process; or if the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None
        self._process = os.getpid()
        while not self._taken():
            pass

    def _taken(self) -> bool:
        """Open and lock the file; say no if its last holder has removed it meanwhile."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self._path, flags, 0o666)
        except OSError as error:
            raise explain(error, self._path) from error
        try:
            _lock(descriptor)
            there = os.fstat(descriptor)
            with suppress(FileNotFoundError):
                if os.path.samestat(there, os.stat(self._path)):
                    _write(descriptor, f"{os.getpid()} {socket.gethostname()}\n")
                    self._descriptor, descriptor = descriptor, -1
                    return True
            return False
        except (BlockingIOError, PermissionError):
            raise RunError(
                f"{self._path.parent} is being written by {_holder(descriptor)}; wait until that"
                " is done, or choose another folder with --out"
            ) from None
        except OSError as error:
            raise explain(error, self._path) from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self, remove: bool = True) -> None:
        """Let others have it; ``remove`` takes the file away. A second time does nothing."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        remove = remove and os.getpid() == self._process  # and not in a fork of it
        if remove and os.name == "posix":  # while it is locked: nobody else can have locked it
            with suppress(OSError):
                self._path.unlink()
        os.close(descriptor)
        if remove and os.name != "posix":  # an open file cannot be removed there
            with suppress(OSError):
                self._path.unlink()

    def __del__(self) -> None:
        self.release()


def _lock(descriptor: int) -> None:
    """Lock a file, or raise BlockingIOError or PermissionError if another has."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # what is locked cannot be read there
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"this file system has no locks ({error.strerror}): take care that no two processes"
            " write one run at once",
            stacklevel=2,
        )


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _holder(descriptor: int) -> str:
    """Name the process that holds the lock, by what it wrote into the file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    number, _, host = os.read(descriptor, 300).decode(errors="replace").strip().partition(" ")
    if not number:
        return "another process"
    if number == str(os.getpid()) and host == socket.gethostname():
        return f"process {number}, which is this one: another session of it; close() it"
    return f"process {number} on {host}"
