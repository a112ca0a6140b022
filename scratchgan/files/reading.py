"""Reading files that may be anything: a pipe that waits for ever, a text of gigabytes."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import IO

__all__ = ["open_regular", "read_small_text"]

SMALL = 1 << 20  # bytes of a file of settings: a thousand times what it needs


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
