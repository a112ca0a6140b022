"""
Find or download the files of a data set, and check them.

If ``$SCRATCHGAN_DATA_DIR`` is set, a file is searched only there: in the folder ``<name>/``, in
the folder that torchvision makes (``MNIST/raw/``), and in the data folder itself. Otherwise the
first of these places that has the file is used:

1. the cache, ``pooch.os_cache("scratchgan")/<name>/``;
2. a folder into which packages of the operating system install it;
3. the mirrors, in order; the file is then kept in the cache.

A file may be compressed or plain, and its name may be train-images-idx3-ubyte or
train-images.idx3-ubyte. The checksum decides whether it is the right file. It is that of the
decompressed contents, because distributors compress the files again.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.data.idx import contents, parse_idx
from scratchgan.errors import DataError
from scratchgan.files import open_regular, write_atomically

__all__ = ["DATA_DIR", "Distribution", "IdxFile", "find"]

DATA_DIR = "SCRATCHGAN_DATA_DIR"


@dataclass(frozen=True)
class IdxFile:
    """One file: its name without ".gz", and the shape and SHA-256 of its contents."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the file may have, the usual name first."""
        names = (self.name, self.name.replace("-idx", ".idx"))
        return tuple(f"{name}{suffix}" for name in names for suffix in (".gz", ""))

    @property
    def most(self) -> int:
        """Largest number of bytes, compressed or not; gzip may add a little."""
        plain = 4 + 4 * len(self.shape) + math.prod(self.shape)
        return plain + plain // 100 + (1 << 16)


@dataclass(frozen=True)
class Distribution:
    """A data set's name, which is also its folder's name, and the places of its files."""

    name: str
    mirrors: tuple[str, ...]  # base URLs, each with its final slash
    other_folders: tuple[str, ...] = ()  # other names of the folder in SCRATCHGAN_DATA_DIR
    system: tuple[Path, ...] = ()


def find(distribution: Distribution, file: IdxFile) -> NDArray[np.uint8]:
    """
    Return the contents of a file, from the first place that has it.

    Raises
    ------
    DataError
        If no place has the file, a folder cannot be read or written, or the file in
        SCRATCHGAN_DATA_DIR is damaged. (A damaged file in the cache is downloaded again, with
        a warning.)
    """
    given = os.environ.get(DATA_DIR)
    if given:
        return _from_data_dir(Path(given).expanduser().absolute(), distribution, file)
    return _from_cache(distribution, file)


def _from_data_dir(data_dir: Path, distribution: Distribution, file: IdxFile) -> NDArray[np.uint8]:
    names = (distribution.name, *distribution.other_folders, "")
    folders = [data_dir / name / inner for name in names for inner in ("", "raw")]
    for path in _paths(folders, file):
        stream = _open(path)
        if stream is not None:
            with stream:
                return _checked(stream, str(path), file)
    looked_for = "".join(f"\n  {folder / file.names[0]}" for folder in folders)
    raise DataError(
        f"{distribution.name}: {DATA_DIR} is {data_dir}, and none of these is there, nor under the"
        f" names {', '.join(file.names[1:])}:{looked_for}\n"
        f"Put the file there, or unset {DATA_DIR} to download it."
    )


def _from_cache(distribution: Distribution, file: IdxFile) -> NDArray[np.uint8]:
    import pooch  # needed only if a file may have to be downloaded

    cache = Path(pooch.os_cache("scratchgan")) / distribution.name
    problems = []
    for path in _paths([cache, *distribution.system], file):
        stream = _open(path)
        if stream is None:
            continue
        try:
            with stream:
                return _checked(stream, str(path), file)
        except DataError as error:
            warnings.warn(f"{error}. Looking for another copy.", stacklevel=2)
            problems.append(str(error))

    # Download into memory first, so that an incomplete or wrong file is never on the disk.
    download = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16)
    for base in distribution.mirrors:
        url = f"{base}{file.name}.gz"
        if not os.environ.get("SCRATCHGAN_QUIET"):
            pooch.get_logger().info("Downloading %s to %s", url, cache)
        buffer = _Limited(url, file.most)
        try:
            download(url, buffer, None)
            buffer.seek(0)
            values = _checked(buffer, url, file)
        except DataError as error:
            problems.append(str(error))
        except OSError as error:  # all errors of requests
            problems.append(f"{url}: {type(error).__name__}: {error}")
        else:
            _write(cache / f"{file.name}.gz", buffer.getvalue(), distribution)
            return values

    told = "".join(f"\n  {problem}" for problem in problems)
    raise DataError(
        f"{distribution.name}: no good copy of {file.name} in the cache {cache}, and none could"
        f" be downloaded:{told}\n"
        f"Expected SHA-256, decompressed: {file.sha256}\n"
        f"Connect to the network; or put the file, as .gz or plain, into the cache folder or into"
        f" a folder {distribution.name}/ and set {DATA_DIR} to the folder that holds this one."
    )


class _Limited(io.BytesIO):
    """A buffer for a download; it raises DataError if the download is longer than the file."""

    def __init__(self, url: str, most: int) -> None:
        super().__init__()
        self.url = url
        self.most = most

    def write(self, part: Any) -> int:
        if self.tell() + len(part) > self.most:
            raise DataError(f"{self.url} is too long: it has more than {self.most:,} bytes")
        return super().write(part)


def _paths(folders: list[Path], file: IdxFile) -> list[Path]:
    return [folder / name for folder in folders for name in file.names]


def _open(path: Path) -> IO[bytes] | None:
    """Open a file; return None if there is none, or if a folder has its name."""
    try:
        return open_regular(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}; make the file and"
            f" its folder readable for you, or set {DATA_DIR} to another folder"
        ) from error


def _checked(stream: IO[bytes], where: str, file: IdxFile) -> NDArray[np.uint8]:
    content = contents(stream, where, file.shape)
    values = parse_idx(content, where, file.shape)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise DataError(
            f"{where} is damaged or belongs to another data set: the SHA-256 of its decompressed"
            f" contents is {sha256}, expected {file.sha256}; download it again"
        )
    return values


def _write(path: Path, raw: bytes, distribution: Distribution) -> None:
    """Put a file into the cache: whole or not at all."""

    def explain(error: OSError, path: Path) -> DataError:
        return DataError(
            f"cannot write {path}: {error.strerror or error}; free some space there or make the"
            f" folder writable, or put the files into a folder {distribution.name}/ elsewhere and"
            f" set {DATA_DIR} to the folder that holds this one"
        )

    write_atomically(path, lambda stream: stream.write(raw), explain=explain)
