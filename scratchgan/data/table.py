"""Tables of numbers in text files: CSV, with or without a line of column names."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.errors import DataError

__all__ = ["LABEL", "Table", "as_text", "read_table"]

LABEL = "label"  # name of the column with classes
DELIMITERS = ",;\t"  # the delimiter is the first of these in the first line, or else blanks
LARGEST = float(np.finfo(np.float32).max)


class Table(NamedTuple):
    """The result of ``read_table``."""

    names: list[str]  # names of the columns of x; empty if the file has none
    x: NDArray[np.float64]  # (rows, columns), finite
    labels: list[str] | None  # the cells of the column "label"; None without this column


def read_table(content: bytes, where: str) -> Table:
    r"""
    Read a table of numbers. A column named "label" may hold any text.

    The first line holds the names of the columns if none of its cells is a number. Blank lines are
    ignored.

    Parameters
    ----------
    content : bytes
        UTF-8 text. Cells are separated by commas, semicolons, tabs or blanks.
    where : str
        The path of the file, for error messages.

    Raises
    ------
    DataError
        If a cell is not a finite number (the message names line and column), if a line does not
        have as many cells as the first, or if the file has no numbers.

    Examples
    --------
    >>> table = read_table(b"x,y,label\n1,2.5,cat\n3,4,dog\n", "points.csv")
    >>> table.names, table.x.tolist(), table.labels
    (['x', 'y'], [[1.0, 2.5], [3.0, 4.0]], ['cat', 'dog'])
    """
    lines = _lines(content, where)
    number, cells = next(lines, (1, []))
    if not cells:
        raise DataError(
            f"{where} is empty; expected one line for each example, with a number in each cell"
        )
    names: list[str] = []
    if not any(_is_number(cell) for cell in cells):
        names = cells
    labelled = [i for i, name in enumerate(names) if name.lower() == LABEL]
    if len(labelled) > 1:
        raise DataError(f"{where} has {len(labelled)} columns '{LABEL}'; expected at most one")
    width, values, labels = len(cells), array("d"), []
    if not names:
        values.extend(_numbers(cells, number, names, where))
    for number, cells in lines:
        if len(cells) != width:
            raise DataError(
                f"{where}: line {number} has {len(cells)} cells, but the first line has {width};"
                " expected the same number in each line"
            )
        for i in labelled:
            if not cells[i]:
                raise _wrong(where, number, i, names, "is empty; expected the example's class")
            labels.append(cells[i])
        values.extend(_numbers(cells, number, names, where, labelled))
    columns = width - len(labelled)
    if not columns or not values:
        what = "lines" if columns else "columns"
        raise DataError(f"{where} has no {what} of numbers; expected one line for each example")
    return Table(
        [name for i, name in enumerate(names) if i not in labelled],
        np.frombuffer(values, np.float64).reshape(-1, columns),
        labels if labelled else None,
    )


def _lines(content: bytes, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line that is not blank."""
    text = as_text(content, where)
    first = text.partition("\n")[0]
    delimiter = next((d for d in DELIMITERS if d in first), None)
    lines = io.StringIO(text, newline="")
    rows: Iterator[tuple[int, list[str]]]
    if delimiter is None:
        rows = ((number, line.split()) for number, line in enumerate(lines, 1))
    else:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
        rows = ((reader.line_num, row) for row in reader)
    try:
        for number, row in rows:
            cells = [cell.strip() for cell in row]
            if number == 1 and cells and cells[0].startswith("#"):  # names from numpy.savetxt
                cells[0] = cells[0][1:].strip()
                cells = cells if cells[0] else cells[1:]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise DataError(f"{where} cannot be read as CSV: {error}") from None


def as_text(content: bytes, where: str) -> str:
    """Return the text of a file, UTF-8 with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not a text in UTF-8 (byte {error.start} cannot be decoded); save it as CSV"
            " in UTF-8"
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(
    cells: list[str], line: int, names: list[str], where: str, but: list[int] | None = None
) -> Iterator[float]:
    for i, cell in enumerate(cells):
        if but and i in but:
            continue
        try:
            value = float(cell) if "_" not in cell else math.nan  # Python reads 1_000 as a number
        except ValueError:
            said = f"is {cell[:60]!r}" if cell else "is empty"
            hint = "" if names else "; if the column holds classes, name it label in a first line"
            raise _wrong(where, line, i, names, f"{said}; expected a number{hint}") from None
        if not abs(value) <= LARGEST:
            raise _wrong(
                where, line, i, names, f"is {cell[:60]!r}; expected a finite float32 number"
            )
        yield value


def _wrong(where: str, line: int, column: int, names: list[str], what: str) -> DataError:
    named = f" ({names[column]})" if names else ""
    return DataError(f"{where}: line {line}, column {column + 1}{named} {what}")
