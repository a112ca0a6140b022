"""Tables of text: aligned for a terminal, Markdown, CSV; and a mean with its error."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scratchgan import checks

__all__ = ["FORMS", "Mean", "as_table"]

FORMS = ("text", "markdown", "csv")
Rows = Sequence[Sequence[str]]


class Mean(NamedTuple):
    """A mean over seeds, with its standard error."""

    value: float  # NaN if there is no number
    error: float | None  # None for fewer than two numbers

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Mean:
        """
        Return the mean of finite numbers; the standard error is s / √n, with n − 1 in s.

        Examples
        --------
        >>> print(Mean.of([24, 25, 25, 25, 25]).said(".1f"))
        24.8 ± 0.2
        """
        if not numbers:
            return cls(math.nan, None)
        error = float(np.std(numbers, ddof=1)) / math.sqrt(len(numbers)) if numbers[1:] else None
        return cls(float(np.mean(numbers)), error)

    def said(self, form: str) -> str:
        """Return mean ± error as text; an empty text if there is no number."""
        if math.isnan(self.value):
            return ""
        return f"{self.value:{form}}" + ("" if self.error is None else f" ± {self.error:{form}}")


def as_table(rows: Rows, form: str = "text", names: int = 1) -> str:
    """
    Return rows, the first of which is the header, as text; ``names`` columns are names.

    Examples
    --------
    >>> print(as_table([("game", "modes"), ("hinge", "8"), ("minimax", "3.5")]))
    game     modes
    hinge        8
    minimax    3.5
    >>> print(as_table([("game", "modes"), ("hinge", "8")], "markdown"))
    | game | modes |
    |---|---:|
    | hinge | 8 |
    """
    checks.one_of("form of a table", form, FORMS)
    if form == "csv":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue().rstrip("\n")
    if form == "markdown":
        header, *body = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([header, "|---" * names + "|---:" * (len(rows[0]) - names) + "|", *body])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if i < names else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
