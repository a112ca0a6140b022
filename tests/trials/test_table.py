import csv
import io

import pytest

from scratchgan.errors import UnknownNameError
from scratchgan.trials.table import Mean, as_table

ROWS = [("game", "D, G"), ("hinge", "8"), ('a "b"', "12.5")]


def test_csv_is_read_back():
    assert list(csv.reader(io.StringIO(as_table(ROWS, "csv")))) == [list(row) for row in ROWS]


def test_text_is_aligned():
    lines = as_table(ROWS).splitlines()
    assert [line.rindex(end) for line, end in zip(lines, "G85", strict=True)] == [10] * 3


def test_an_unknown_form():
    with pytest.raises(UnknownNameError, match="did you mean 'markdown'"):
        as_table(ROWS, "Markdwn")


def test_the_mean_of_pacgans_grid():
    """Four seeds with 25 modes and one with 24 are 24.8 ± 0.2."""
    found = Mean.of([25, 25, 24, 25, 25])
    assert found.value == pytest.approx(24.8)
    assert found.error == pytest.approx(0.2)


def test_one_number_has_no_error_and_none_no_mean():
    assert Mean.of([3.25]).said(".2f") == "3.25"
    assert Mean.of([]).said(".2f") == ""
