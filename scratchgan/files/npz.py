"""
Arrays and their description in one .npz file: written whole, read with distrust.

``meta`` is a JSON text beside the arrays, with the format's number and a SHA-256 over it all.

``numpy.savez`` stores arrays uncompressed, so a file that it wrote holds no more than it is long.
That is looked at before anything is read: a small file that would unpack to gigabytes, and an
array whose header promises more than there is, are refused at no cost. Nothing is unpickled.
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
    Write arrays and their description: whole or not at all, as ``write_atomically`` does.

    Parameters
    ----------
    path : Path
    meta : mapping
        Plain data with ``format``, a number. A checksum is added to it.
    arrays : mapping of str to array
        None of them called ``meta``.
    explain : callable
        As for ``write_atomically``.
    """
    described = json.dumps({**meta, "sha256": checksum(meta, arrays)})
    contents: dict[str, Any] = {"meta": np.array(described), **arrays}
    write_atomically(path, lambda stream: np.savez(stream, **contents), explain=explain)


def read_archive(path: Path, known: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """
    Read what ``write_archive`` wrote, and check that it is whole, to the bit.

    Parameters
    ----------
    path : Path
    known : int
        The format that the caller reads. In a file of another format, where the checksum may be
        made in another way, only ``meta["format"]`` is to be trusted.

    Returns
    -------
    meta, arrays

    Raises
    ------
    OSError
        If there is no such file, or it cannot be opened.
    ValueError
        If it is truncated, corrupted, or no such archive; the message says in what.
    """
    with open_regular(path) as stream:
        try:
            arrays = read_npz(stream)
            meta: dict[str, Any] = json.loads(str(arrays.pop("meta")))
            if meta["format"] == known and meta.pop("sha256") != checksum(meta, arrays):
                raise ValueError("its checksum does not fit")
        except MemoryError:
            raise
        except Exception as error:  # a damaged file makes zipfile and NumPy fail in a dozen ways
            raise ValueError(str(error)) from None
    return meta, arrays


def checksum(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of the description, and of each array's name, dtype, shape and bytes."""
    total = hashlib.sha256(json.dumps(meta, sort_keys=True).encode())
    for name in sorted(arrays):
        a = arrays[name]
        total.update(f"{name} {a.dtype} {a.shape}".encode())
        total.update(np.ascontiguousarray(a).tobytes())
    return total.hexdigest()


def read_npz(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """
    Return the arrays of a file as ``numpy.savez`` writes it, by name.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile, …
        If it cannot be read, is no such file, or its arrays do not fit their sizes.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{entry.filename} is compressed, which is never done here")
        if sum(entry.file_size for entry in entries) > os.fstat(file.fileno()).st_size:
            raise ValueError("its parts are larger than the file")
        arrays = {}
        for entry in entries:
            with archive.open(entry) as stream:
                arrays[entry.filename.removesuffix(".npy")] = _array(stream, entry.file_size)
    return arrays


def _array(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Return an array of the format .npy 1.0, which has ``size`` bytes with its header."""
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("an array is of another version of the .npy format than 1.0")
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ValueError("an array is of Python objects")
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - stream.tell():
        raise ValueError(
            f"an array says that it has {expected:,} bytes, and {size - stream.tell():,} are there"
        )
    flat = np.frombuffer(bytearray(stream.read(expected)), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")
