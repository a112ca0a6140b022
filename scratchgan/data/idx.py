"""
The IDX format of the MNIST files: a small header, then the numbers.

    bytes 0–1                    0, 0
    byte 2                       type of the numbers; 0x08 is uint8
    byte 3                       number of dimensions
    4 bytes for each dimension   its size, big-endian
    the rest                     the numbers, in row-major order
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import DataError
from scratchgan.files import open_regular

__all__ = ["contents", "parse_idx", "read_idx"]

_UINT8 = 0x08
_GZIP = b"\x1f\x8b"
_DIMENSIONS = 32  # the limit of older versions of NumPy
_BLOCK = 1 << 20  # bytes that are decompressed at once


def read_idx(path: str | Path, shape: tuple[int | None, ...] | None = None) -> NDArray[np.uint8]:
    """
    Read an IDX file of bytes, with or without gzip compression.

    Parameters
    ----------
    path : str or Path
    shape : tuple of int or None, optional
        The required shape; None stands for any size.

    Returns
    -------
    uint8 array, read-only

    Raises
    ------
    DataError
        If the file is missing or unreadable, is not an IDX file of bytes, is damaged, is longer
        or shorter than its header says, or has another shape.
    """
    checks.instance("read_idx", "path", path, (str, os.PathLike), "a path")
    try:
        stream = open_regular(Path(path))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}; check the path and"
            " its permissions"
        ) from error
    with stream:
        return parse_idx(contents(stream, str(path), shape), str(path), shape)


def contents(stream: IO[bytes], name: str, shape: tuple[int | None, ...] | None = None) -> bytes:
    """
    Return the bytes of an IDX file, decompressed if it is a gzip file.

    The first bytes decide whether it is one, because some browsers decompress a file and keep
    its ending ".gz". The header gives the length of the contents, and at most one byte more is
    read: two megabytes of gzip may hold gigabytes.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    name, shape : as for ``parse_idx``

    Raises
    ------
    DataError
        If the compressed file is truncated or damaged, or if its header is invalid.
    """
    packed = stream.read(2) == _GZIP
    stream.seek(0)
    source: Any = gzip.GzipFile(fileobj=stream) if packed else stream
    try:
        found = bytearray(source.read(4))
        if len(found) == 4:
            found += source.read(4 * found[3])
        _, sizes = _header(found, name, shape)
        missing = math.prod(sizes) + 1
        while missing and (block := source.read(min(missing, _BLOCK))):
            found += block
            missing -= len(block)
    except (EOFError, OSError, zlib.error) as error:
        kind = "a damaged or incomplete gzip file" if packed else "a file that cannot be read"
        raise DataError(f"{name} is {kind} ({error}); download it again") from error
    return bytes(found)


def parse_idx(
    content: bytes, name: str, shape: tuple[int | None, ...] | None = None
) -> NDArray[np.uint8]:
    """
    Return the array in the bytes of an IDX file; errors are those of ``read_idx``.

    Parameters
    ----------
    content : bytes
        The decompressed contents.
    name : str
        Name of the file for messages.
    shape : as for ``read_idx``

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]), "three labels").tolist()
    [7, 2, 1]
    """
    header, sizes = _header(content, name, shape)
    values = len(content) - header
    if values != math.prod(sizes):
        state, many = "too long", "more"
        if values < math.prod(sizes):
            state, many = "truncated", f"{values:,}"
        raise DataError(
            f"{name} is {state}: its header declares shape {sizes}, {math.prod(sizes):,} bytes,"
            f" and {many} follow; download it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(sizes)


def _header(
    content: bytes | bytearray, name: str, shape: tuple[int | None, ...] | None
) -> tuple[int, tuple[int, ...]]:
    """Return the length of the header and the sizes that it declares, both checked."""
    if len(content) < 4 or content[:2] != b"\0\0":
        raise DataError(
            f"{name} is not an IDX file: it begins with {bytes(content[:4])!r}; expected two zero"
            " bytes, the type and the number of dimensions (is it a web page or another format?)"
        )
    if content[2] != _UINT8:
        raise DataError(
            f"{name} is an IDX file of type 0x{content[2]:02x}; expected 0x08, unsigned bytes"
        )
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if dimensions == 0 or len(content) < header:
        raise DataError(
            f"{name} is truncated: {len(content)} bytes are too few for the header of"
            f" {dimensions} dimensions; download it again"
        )
    if dimensions > _DIMENSIONS:
        raise DataError(f"{name} declares {dimensions} dimensions; expected at most {_DIMENSIONS}")
    sizes = tuple(int(size) for size in np.frombuffer(content[4:header], dtype=">u4"))
    if shape is not None and not _fits(sizes, shape):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(
            f"{name} holds an array of shape {sizes}; expected ({expected})"
            " (are images and labels mixed up?)"
        )
    return header, sizes


def _fits(sizes: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(sizes) == len(shape) and all(
        expected in (None, size) for size, expected in zip(sizes, shape, strict=True)
    )
