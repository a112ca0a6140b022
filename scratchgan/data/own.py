"""
Data sets from your own files: a table of points, a folder of pictures, or a NumPy array.

Every sixth example of each class is held out as a test set, always the same ones. With labels, the
examples are ordered so that the classes alternate.
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
LABELS = "labels .npy (whole numbers from 0), or .csv (a column of numbers or of names)"


def is_path(name: object) -> bool:
    """Whether the name of a data set is a path: it looks like one, or the file exists."""
    if isinstance(name, str):
        seps = [sep for sep in (os.sep, os.altsep, ".") if sep]
        return any(sep in name for sep in seps) or ("\0" not in name and Path(name).exists())
    return isinstance(name, os.PathLike)


def absolute(path: Any) -> Any:
    """Return the absolute path, which is valid from every folder; return other values as given."""
    if not isinstance(path, str | os.PathLike):
        return path
    return os.path.abspath(os.path.expanduser(str(path)))


def own(path: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None) -> Dataset:
    """
    Return a data set from a user's files.

    Parameters
    ----------
    path : path
        One of these:

        - ``points.csv``: one line for each example, with a number in each cell. If the first line
          has no number, it holds the names of the columns. A column named ``label`` holds classes.
        - ``images/``: a folder of grey PNGs of one size, in the order of their names. Values are
          scaled to [0, 1].
        - ``array.npy``: floating point (n, features), or images (n, height, width). Images of
          bytes are scaled to [0, 1].
    labels : path, optional
        The class of each example, in the order of the examples: ``.npy`` with whole numbers from
        0, or ``.csv`` with a column of such numbers or of names. Names are numbered in
        alphabetical order.

    Returns
    -------
    Dataset
        Its name is that of the file or folder. ``value_range`` is (0, 1) for images with all
        values in [0, 1].

    Raises
    ------
    DataError
        If a file is missing, of another kind, or has wrong content. For a table, the message names
        line and column.
    ValueError
        If the data need more memory than there is.
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
        raise DataError(f"{where} is not a data set; expected {KINDS}")
    classes: NDArray[Any] | None = None
    names: tuple[str, ...] = ()
    if table_labels is not None:
        if labels is not None:
            raise DataError(f"{where} already has a column of labels; leave out {labels}")
        classes, names = _classes(table_labels, str(where))
    elif labels is not None:
        classes, names = _read_labels(_path("labels", labels))
    # ``from_array`` checks all examples; then some are held out.
    whole = Dataset.from_array(
        rows, name=where.name, labels=classes, label_names=names, source=str(where.absolute())
    )
    return _split(whole)


def _split(whole: Dataset) -> Dataset:
    low, high = whole.value_range
    unit = whole.image_shape is not None and low >= 0 and high <= 1
    # Number the examples of each class, and order all examples by this number. Then the classes
    # alternate, and all of them are left if the last examples are held back from training.
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
        raise DataError(f"{path} is not a file of labels; expected {LABELS}")
    text = as_text(_content(path), str(path))
    cells = [line.strip().strip('"') for line in text.splitlines()]
    cells = [cell for cell in cells if cell]
    if cells and cells[0].lower() in ("label", "labels", "class"):
        del cells[0]
    return _classes(cells, str(path))


def _classes(cells: list[str], where: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the classes 0, 1, … of cells with numbers or names, and the names of the classes."""
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
            f"{where}: a label is {cell[:60]!r}; expected either whole numbers from 0 or names"
        )
    names, classes = np.unique(cells, return_inverse=True)
    return classes, tuple(map(str, names))


def _array(path: Path) -> NDArray[Any]:
    """Return the array of an .npy file, without unpickling."""
    content = _content(path)
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} is not an .npy file ({error}); write it with numpy.save") from None
    if dtype.kind not in "biuf":  # not objects, which would need unpickling
        raise DataError(f"{path} holds an array of {dtype}; expected one of real numbers")
    start = stream.tell()
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise DataError(
            f"{path} is damaged: its array has {len(content) - start:,} bytes, but its header says"
            f" {expected:,}; write the file again"
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
    """Return the content of a file; raise ValueError if it does not fit into memory."""
    try:
        with open_regular(path) as stream:
            # Four times: the content, its numbers, and their training and test parts.
            require_memory(4 * os.fstat(stream.fileno()).st_size, f"{path} is to be read")
            return stream.read()
    except FileNotFoundError:
        raise DataError(f"there is no file or folder {path}; check the path") from None
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; check the path and its permissions"
        ) from None
