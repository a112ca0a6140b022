"""
The files of a distribution: found in a folder or downloaded, and always checked.

Where a file comes from, the first that there is:

1. ``$SCRATCHGAN_DATA_DIR/<name>/``, if that variable is set: that folder alone;
2. the cache, ``pooch.os_cache("scratchgan")/<name>/``;
3. a folder in which the system's own packages put it;
4. the mirrors, in order; the file is then kept in the cache.

A file may be compressed or plain, so the checksum is that of the decompressed
contents: distributions compress anew.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scratchgan.data.idx import decompressed, parse_idx
from scratchgan.errors import DataError

__all__ = ["DATA_DIR", "Distribution", "IdxFile", "find"]

DATA_DIR = "SCRATCHGAN_DATA_DIR"


@dataclass(frozen=True)
class IdxFile:
    """One file: its name without ".gz", what it holds, and the SHA-256 of that."""

    name: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class Distribution:
    """A data set's name, which its folder has too, and where its files are offered."""

    name: str
    mirrors: tuple[str, ...]  # base URLs, each with its final slash
    other_folders: tuple[str, ...] = ()  # further names of the folder in SCRATCHGAN_DATA_DIR
    system: tuple[Path, ...] = ()


def find(distribution: Distribution, file: IdxFile) -> NDArray[np.uint8]:
    """
    Return what a file of a distribution holds, from the first place that has it.

    Raises
    ------
    DataError
        If no place has it, a folder cannot be read or written, or the file in
        SCRATCHGAN_DATA_DIR is damaged. (A damaged file of the cache is downloaded
        anew, with a warning.)
    """
    given = os.environ.get(DATA_DIR)
    if given:
        return _from_data_dir(Path(given).expanduser().absolute(), distribution, file)
    return _from_cache(distribution, file)


def _from_data_dir(data_dir: Path, distribution: Distribution, file: IdxFile) -> NDArray[np.uint8]:
    folders = [data_dir / name for name in (distribution.name, *distribution.other_folders)]
    for path in _paths(folders, file):
        raw = _read(path)
        if raw is not None:
            return _checked(raw, str(path), file)
    looked_for = "".join(f"\n  {path}" for path in _paths(folders, file))
    raise DataError(
        f"{distribution.name}: {DATA_DIR} is {data_dir}, and none of these is there:{looked_for}\n"
        f"Put the file there, or unset {DATA_DIR} to download it."
    )


def _from_cache(distribution: Distribution, file: IdxFile) -> NDArray[np.uint8]:
    import pooch  # only where a file may have to be downloaded

    cache = Path(pooch.os_cache("scratchgan")) / distribution.name
    problems = []
    for path in _paths([cache, *distribution.system], file):
        raw = _read(path)
        if raw is None:
            continue
        try:
            return _checked(raw, str(path), file)
        except DataError as error:
            warnings.warn(f"{error}. Looking for another copy.", stacklevel=2)
            problems.append(str(error))

    # Into memory first: a download that breaks off or is wrong never touches the disk.
    download = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16)
    for base in distribution.mirrors:
        url = f"{base}{file.name}.gz"
        if not os.environ.get("SCRATCHGAN_QUIET"):
            pooch.get_logger().info("Downloading %s to %s", url, cache)
        buffer = io.BytesIO()
        try:
            download(url, buffer, None)
            values = _checked(buffer.getvalue(), url, file)
        except DataError as error:
            problems.append(str(error))
        except OSError as error:  # all that goes wrong in requests
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


def _paths(folders: list[Path], file: IdxFile) -> list[Path]:
    return [folder / f"{file.name}{suffix}" for folder in folders for suffix in (".gz", "")]


def _read(path: Path) -> bytes | None:
    """Return the bytes of a file, or None where there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; make the file and its folder readable"
            f" for you, or set {DATA_DIR} to another folder"
        ) from error


def _checked(raw: bytes, where: str, file: IdxFile) -> NDArray[np.uint8]:
    content = decompressed(raw, where)
    values = parse_idx(content, where, file.shape)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise DataError(
            f"{where} is damaged or belongs to another data set: the SHA-256 of its decompressed"
            f" contents is {sha256}, expected {file.sha256}; fetch it again"
        )
    return values


def _write(path: Path, raw: bytes, distribution: Distribution) -> None:
    """Put a file into the cache: whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(raw)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}; free some space there or make the"
            f" folder writable, or put the files into a folder {distribution.name}/ elsewhere and"
            f" set {DATA_DIR} to the folder that holds this one"
        ) from error
