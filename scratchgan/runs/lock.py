"""
A lock that lets only one process write into a run's folder.

The operating system locks the file ``scratchgan.lock``, and releases it when the process ends,
even if the process is killed. A file that is left over therefore locks nothing. The file holds
the process's number and host. If the file system has no locks, there is a warning.
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
    A lock on a folder. It is held until ``release`` or the end of the process.

    Raises
    ------
    RunError
        If another process holds the lock (the message has its number), or if the folder cannot be
        written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None
        self._process = os.getpid()
        while not self._taken():
            pass

    def _taken(self) -> bool:
        """Open and lock the file; return False if another process has removed it meanwhile."""
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
                " process ends, or choose another folder with --out"
            ) from None
        except OSError as error:
            raise explain(error, self._path) from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self, remove: bool = True) -> None:
        """Release the lock, and remove its file if ``remove``. A second call does nothing."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        remove = remove and os.getpid() == self._process  # not in a forked process
        if remove and os.name == "posix":  # while it is locked, so no other process has locked it
            with suppress(OSError):
                self._path.unlink()
        os.close(descriptor)
        if remove and os.name != "posix":  # Windows cannot remove an open file
            with suppress(OSError):
                self._path.unlink()

    def __del__(self) -> None:
        self.release()


def _lock(descriptor: int) -> None:
    """Lock a file; raise BlockingIOError or PermissionError if another process has locked it."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # Windows cannot read locked bytes
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"this file system has no locks ({error.strerror}): take care that only one process"
            " at a time writes into a run's folder",
            stacklevel=2,
        )


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _holder(descriptor: int) -> str:
    """Return a description of the process that holds the lock, as it stands in the file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    number, _, host = os.read(descriptor, 300).decode(errors="replace").strip().partition(" ")
    if not number:
        return "another process"
    if number == str(os.getpid()) and host == socket.gethostname():
        return f"process {number} (this process, in another Session: call its close())"
    return f"process {number} on {host}"
