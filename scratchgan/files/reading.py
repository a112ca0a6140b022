"""Reading files safely: no pipes or devices, which may never end, and no huge texts."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import IO

__all__ = ["open_regular", "read_small_text"]

SMALL = 1 << 20  # bytes: a thousand times the size of a file of settings


def open_regular(path: Path) -> IO[bytes]:
    """
    Open a regular file for reading.

    Raises
    ------
    OSError
        For the reasons of ``open``, and for a pipe, a socket or a device: reading may never end.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # open() itself refuses a folder
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    return path.open("rb")


def read_small_text(path: Path) -> str:
    """
    Return the text of a small file, UTF-8 with or without a byte order mark.

    Raises
    ------
    OSError
        For the reasons of ``open_regular``, and for a file of more than a megabyte.
    UnicodeDecodeError
        If the text is not UTF-8.
    """
    with open_regular(path) as stream:
        content = stream.read(SMALL + 1)
    if len(content) > SMALL:
        raise OSError(errno.EFBIG, f"it is longer than {SMALL:,} bytes", str(path))
    return content.decode("utf-8-sig")
