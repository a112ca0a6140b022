"""
The IDX format, in which MNIST is distributed: a small header, then the numbers.

    bytes 0–1          0, 0
    byte 2             type of the numbers; 0x08 is uint8
    byte 3             how many dimensions there are
    4 bytes for each   its size, big-endian
    the rest           the numbers, the last dimension fastest
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scratchgan.errors import DataError

__all__ = ["decompressed", "parse_idx", "read_idx"]

_UINT8 = 0x08
_GZIP = b"\x1f\x8b"


def read_idx(path: str | Path, shape: tuple[int | None, ...] | None = None) -> NDArray[np.uint8]:
    """
    Read an IDX file of bytes, compressed with gzip or plain.

    Parameters
    ----------
    path : str or Path
    shape : tuple of int or None, optional
        What the file must hold; None stands for a size that may be any.

    Returns
    -------
    uint8 array, read-only

    Raises
    ------
    DataError
        If the file is missing or unreadable, is no IDX file of bytes, is damaged,
        longer or shorter than its header says, or of another shape.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; check the path and its permissions"
        ) from error
    return parse_idx(decompressed(raw, str(path)), str(path), shape)


def decompressed(raw: bytes, name: str) -> bytes:
    """
    Return what a gzip file holds, or ``raw`` itself where it is none.

    The first bytes decide: browsers are known to unpack a file and leave it its ".gz".

    Raises
    ------
    DataError
        If the compressed file is cut short or damaged.
    """
    if not raw.startswith(_GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{name} is a damaged or incomplete gzip file ({error}); fetch it again"
        ) from error


def parse_idx(
    content: bytes, name: str, shape: tuple[int | None, ...] | None = None
) -> NDArray[np.uint8]:
    """
    Return the array that the bytes of an IDX file describe; as ``read_idx``.

    Parameters
    ----------
    content : bytes
        Not compressed.
    name : str
        Of the file, for messages.
    shape : as for ``read_idx``

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]), "three labels").tolist()
    [7, 2, 1]
    """
    if len(content) < 4 or content[:2] != b"\0\0":
        raise DataError(
            f"{name} is no IDX file: it begins with {content[:4]!r}; expected two zero bytes,"
            " the type and the number of dimensions (is it a web page or another format?)"
        )
    if content[2] != _UINT8:
        raise DataError(
            f"{name} is an IDX file of type 0x{content[2]:02x}; expected 0x08, unsigned bytes"
        )
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if dimensions == 0 or len(content) < header:
        raise DataError(
            f"{name} is cut short: {len(content)} bytes do not hold the header of"
            f" {dimensions} dimensions; fetch it again"
        )
    sizes = tuple(int(size) for size in np.frombuffer(content[4:header], dtype=">u4"))
    if shape is not None and not _fits(sizes, shape):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(
            f"{name} holds an array of shape {sizes}; expected ({expected})"
            " (are images and labels mixed up?)"
        )
    values = len(content) - header
    if values != math.prod(sizes):
        state = "cut short" if values < math.prod(sizes) else "too long"
        raise DataError(
            f"{name} is {state}: its header declares shape {sizes}, {math.prod(sizes):,} bytes,"
            f" and {values:,} follow; fetch it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(sizes)


def _fits(sizes: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(sizes) == len(shape) and all(
        expected in (None, size) for size, expected in zip(sizes, shape, strict=True)
    )
