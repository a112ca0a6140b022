"""Limits known beforehand: what would wait for ever, or take all memory, is refused at once."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["memory", "open_regular", "read_small_text", "require_memory"]

SMALL = 1 << 20  # bytes of a file of settings: a thousand times what it needs
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def open_regular(path: Path) -> IO[bytes]:
    """
    Open a file for reading, if it is one: a pipe waits for its writer, a device never ends.

    Raises
    ------
    OSError
        As ``open`` does, and for a pipe, a socket or a device.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # open() itself refuses a folder
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    return path.open("rb")


def read_small_text(path: Path) -> str:
    """
    Return a small text file, UTF-8 with or without a byte order mark.

    Raises
    ------
    OSError
        As ``open_regular``, and for a file of more than a megabyte.
    UnicodeDecodeError
        If it is no UTF-8.
    """
    with open_regular(path) as stream:
        content = stream.read(SMALL + 1)
    if len(content) > SMALL:
        raise OSError(errno.EFBIG, f"it is longer than {SMALL:,} bytes", str(path))
    return content.decode("utf-8-sig")


def memory() -> int | None:
    """Return how many bytes of memory this process may have; None where that is not known."""
    found = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _CGROUPS:  # a container's; without a limit there stands "max", or a huge number
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            found.append(limit)
    return min((n for n in found if n > 0), default=None)


def require_memory(needed: int, what: str) -> None:
    """Raise ValueError if ``what`` needs more bytes than there are."""
    here = memory()
    if here is not None and needed > here:
        raise ValueError(
            f"{what}, which takes about {needed / 1e9:,.1f} GB of memory; this machine has"
            f" {here / 1e9:,.1f} GB"
        )
