"""
A data set of one's own files: a table of points, a folder of pictures, a NumPy array.

Every sixth example of each class is held out, the same ones each time, as of digits: samples are
measured beside examples that the training has not seen. With labels, the classes take turns.
"""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.data.dataset import Dataset
from scratchgan.data.pictures import read_pictures
from scratchgan.data.table import as_text, read_table
from scratchgan.errors import DataError
from scratchgan.files import open_regular
from scratchgan.limits import require_memory

__all__ = ["absolute", "is_path", "own"]

HELD_OUT = 6
KINDS = "a table .csv, an array .npy, or a folder of .png files of one size"
LABELS = "labels .npy (whole numbers from 0), or .csv (a column of them, or of names)"


def is_path(name: object) -> bool:
    """Whether what names a data set is a path: it looks like one, or is there."""
    if isinstance(name, str):
        seps = [sep for sep in (os.sep, os.altsep, ".") if sep]
        return any(sep in name for sep in seps) or ("\0" not in name and Path(name).exists())
    return isinstance(name, os.PathLike)


def absolute(path: Any) -> Any:
    """Return a path as an absolute one, that it is found from every folder; others as they are."""
    if not isinstance(path, str | os.PathLike):
        return path
    return os.path.abspath(os.path.expanduser(str(path)))


def own(path: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None) -> Dataset:
    """
    Return a data set of one's own.

    Parameters
    ----------
    path : path
        ``points.csv``: a line for each example and a number in each cell; a first line of names is
        known by having no number; a column called ``label`` holds classes.
        ``images/``: the grey PNGs of a folder, of one size, in the order of their names; scaled to
        [0, 1]. ``array.npy``: floating point (n, features), or images (n, height, width), of which
        bytes are scaled to [0, 1].
    labels : path, optional
        The class of each example, in their order: ``.npy`` with whole numbers from 0, or ``.csv``
        with a column of such numbers, or of names, which are numbered in alphabetical order.

    Returns
    -------
    Dataset
        Its name is the file's or folder's. ``value_range`` is (0, 1) of images that lie in it.

    Raises
    ------
    DataError
        If a file is missing, of another kind, or holds anything but what is expected; of a table,
        the message names line and column.
    ValueError
        If it takes more memory than there is.
    """
    where = _path("data", path)
    table_labels = None
    if where.is_dir():
        rows: NDArray[Any] = read_pictures(where)
    elif where.suffix.lower() == ".npy":
        rows = _images_of_bytes(_array(where))
    elif where.suffix.lower() == ".csv":
        _, rows, table_labels = read_table(_content(where), str(where))
    else:
        _content(where)
        raise DataError(f"{where} is no data set; expected {KINDS}")
    classes: NDArray[Any] | None = None
    names: tuple[str, ...] = ()
    if table_labels is not None:
        if labels is not None:
            raise DataError(f"{where} has a column of labels already; leave out {labels}")
        classes, names = _classes(table_labels, str(where))
    elif labels is not None:
        classes, names = _read_labels(_path("labels", labels))
    # Checked as any array is; what is held out is then taken from it.
    whole = Dataset.from_array(
        rows, name=where.name, labels=classes, label_names=names, source=str(where.absolute())
    )
    return _split(whole)


def _split(whole: Dataset) -> Dataset:
    low, high = whole.value_range
    unit = whole.image_shape is not None and low >= 0 and high <= 1
    # The number of each example among those of its class. Classes take turns, so that all are there
    # to train on where the last examples are held back from training.
    number = np.arange(whole.n)
    if whole.labels is not None:
        for k in range(whole.classes):
            number[whole.labels == k] = np.arange(np.count_nonzero(whole.labels == k))
    order = np.argsort(number, kind="stable")
    held_out = number[order] % HELD_OUT == HELD_OUT - 1
    train, test = order[~held_out], order[held_out]
    labels = whole.labels
    return Dataset(
        name=whole.name,
        x=whole.x[train],
        labels=None if labels is None else labels[train],
        label_names=whole.label_names,
        image_shape=whole.image_shape,
        value_range=(0.0, 1.0) if unit else whole.value_range,
        source=whole.source,
        licence=whole.licence,
        x_test=whole.x[test] if len(test) else None,
        labels_test=labels[test] if len(test) and labels is not None else None,
    )


def _read_labels(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    if path.suffix.lower() == ".npy":
        return _array(path), ()
    if path.suffix.lower() != ".csv":
        raise DataError(f"{path} holds no labels; expected {LABELS}")
    text = as_text(_content(path), str(path))
    cells = [line.strip().strip('"') for line in text.splitlines()]
    cells = [cell for cell in cells if cell]
    if cells and cells[0].lower() in ("label", "labels", "class"):
        del cells[0]
    return _classes(cells, str(path))


def _classes(cells: list[str], where: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return classes 0, 1, … of cells that hold them, or their names; with the names."""
    try:
        return np.array([int(cell) for cell in cells], np.int64), ()
    except (ValueError, OverflowError):
        pass
    for cell in cells:
        try:
            float(cell)
        except ValueError:
            continue
        raise DataError(
            f"{where}: a label is {cell[:60]!r}; expected whole numbers from 0, or a name for each"
            " class"
        )
    names, classes = np.unique(cells, return_inverse=True)
    return classes, tuple(map(str, names))


def _array(path: Path) -> NDArray[Any]:
    """Return what an .npy file holds; nothing is unpickled."""
    content = _content(path)
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} is no .npy file ({error}); write it with numpy.save") from None
    if dtype.kind not in "biuf":  # objects among them: nothing is unpickled
        raise DataError(f"{path} holds an array of {dtype}; expected one of real numbers")
    start = stream.tell()
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise DataError(
            f"{path} is damaged: its header says that {expected:,} bytes follow, and"
            f" {len(content) - start:,} do; write it anew"
        )
    flat = np.frombuffer(content, dtype, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")


def _images_of_bytes(rows: NDArray[Any]) -> NDArray[Any]:
    if rows.ndim == 3 and rows.dtype == np.uint8:
        return rows.astype(np.float32) / np.float32(255)
    return rows


def _path(what: str, given: object) -> Path:
    path: Any = checks.instance("load", what, given, (str, os.PathLike), "a path")
    if "\0" in str(path):
        raise DataError(f"load: {what} is {checks.shown(path)}; expected a path")
    return Path(path).expanduser()


def _content(path: Path) -> bytes:
    """Return what a file holds; ValueError where memory cannot hold it."""
    try:
        with open_regular(path) as stream:
            # Its numbers too: read, in float32, and those to train on and to test with.
            require_memory(4 * os.fstat(stream.fileno()).st_size, f"{path} is to be read")
            return stream.read()
    except FileNotFoundError:
        raise DataError(f"there is no file or folder {path}; check the path") from None
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; check the path and its permissions"
        ) from None
