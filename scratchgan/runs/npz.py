"""
Reading an .npz file that may be damaged or hostile.

``numpy.savez`` stores arrays uncompressed, so a file that it wrote holds no more than it is long.
That is looked at before anything is read: a small file that would unpack to gigabytes, and an
array whose header promises more than there is, are refused at no cost. Nothing is unpickled.
"""

from __future__ import annotations

import math
import os
import zipfile
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["read_npz"]


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
