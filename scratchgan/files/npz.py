"""
Arrays and a description in one .npz file: written atomically, checked when read.

``meta`` is a JSON text beside the arrays. It has the number of the format and a SHA-256 of the
whole content.

``numpy.savez`` stores arrays uncompressed, so their total size is at most the size of the file.
This is checked before anything is read. A small file that would unpack to gigabytes is refused,
and so is an array whose header gives a wrong size. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from scratchgan.files.reading import open_regular
from scratchgan.files.writing import explain, write_atomically

__all__ = ["checksum", "read_archive", "read_npz", "write_archive"]


def write_archive(
    path: Path,
    meta: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    explain: Callable[[OSError, Path], Exception] = explain,
) -> None:
    """
    Write arrays and their description with ``write_atomically``.

    Parameters
    ----------
    path : Path
    meta : mapping
        Plain data with the key ``format``, a number. A checksum is added.
    arrays : mapping of str to array
        The name ``meta`` is not allowed.
    explain : callable
        As in ``write_atomically``.
    """
    described = json.dumps({**meta, "sha256": checksum(meta, arrays)})
    contents: dict[str, Any] = {"meta": np.array(described), **arrays}
    write_atomically(path, lambda stream: np.savez(stream, **contents), explain=explain)


def read_archive(path: Path, known: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """
    Read a file of ``write_archive``, and verify its checksum.

    Parameters
    ----------
    path : Path
    known : int
        The format that the caller can read. Another format may have another kind of checksum, so
        it is not verified; trust only ``meta["format"]`` then.

    Returns
    -------
    meta, arrays

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ValueError
        If the file is truncated, corrupted or of another kind; the message has the reason.
    """
    with open_regular(path) as stream:
        try:
            arrays = read_npz(stream)
            meta: dict[str, Any] = json.loads(str(arrays.pop("meta")))
            if meta["format"] == known and meta.pop("sha256") != checksum(meta, arrays):
                raise ValueError("its checksum does not fit")
        except MemoryError:
            raise
        except Exception as error:  # damaged files cause many kinds of error in zipfile and NumPy
            raise ValueError(str(error)) from None
    return meta, arrays


def checksum(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of the description and of each array's name, dtype, shape and bytes."""
    total = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(arrays):
        a = arrays[name]
        total.update(f"{name} {a.dtype} {a.shape}".encode())
        total.update(np.ascontiguousarray(a).tobytes())
    return total.hexdigest()


def read_npz(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """
    Return the arrays of a file of ``numpy.savez``, by name.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile, …
        If the file cannot be read, is of another kind, or has arrays of the wrong size.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{entry.filename} is compressed; expected uncompressed arrays")
        if sum(entry.file_size for entry in entries) > os.fstat(file.fileno()).st_size:
            raise ValueError("its parts are larger than the file")
        arrays = {}
        for entry in entries:
            with archive.open(entry) as stream:
                arrays[entry.filename.removesuffix(".npy")] = _array(stream, entry.file_size)
    return arrays


def _array(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Return an array in the format .npy 1.0, which has ``size`` bytes with its header."""
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("an array does not have version 1.0 of the .npy format")
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ValueError("an array holds Python objects")
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - stream.tell():
        raise ValueError(
            f"an array has {size - stream.tell():,} bytes, but its header says {expected:,}"
        )
    flat = np.frombuffer(bytearray(stream.read(expected)), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")
