"""A figure of trainings that are compared: a panel for each measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.plots.axes import BLUE, GREEN, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panel", "comparison"]

Pair = tuple[str, str]
"""A row and a group, such as a game and its penalties."""

# Groups differ in their markers too, for print without colours.
MARKS = (
    (BLUE, "o"),
    (ORANGE, "s"),
    (GREEN, "^"),
    ("black", "D"),
    ("#CC79A7", "v"),
    ("#E69F00", "P"),
)
ROW = 0.3  # height of a line of points, in inches
CROSS = "no value"
NARROW = 0.03  # the smallest spread of values, as a share of the largest, that fills a panel
LETTERS = 12  # points: legible at half size


class Panel(NamedTuple):
    """The values of one measure."""

    label: str
    values: Mapping[Pair, Sequence[float]]  # for each pair one value a training; may be empty
    best: float | None = None  # is drawn as a dotted line


def comparison(pairs: Sequence[Pair], panels: Sequence[Panel], title: str = "") -> Figure:
    """
    Show measures of trainings, with a row for each game and a marker for each set of penalties.

    Each training is a pale point, and the mean is a dark one. A pair without values has a cross at
    the left side.

    Parameters
    ----------
    pairs : sequence of (row, group)
    panels : sequence of Panel
        With the values of each pair.
    title : str

    Raises
    ------
    ValueError
        If there are no pairs or no panels.
    """
    for name, given in (("pairs", pairs), ("panels", panels)):
        if not checks.instance("", name, given, Sequence, "a list"):
            raise ValueError(f"{name} is empty; expected one or more")
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(row for row, _ in pairs))
    groups = list(dict.fromkeys(group for _, group in pairs))
    height = 1.5 + ROW * len(rows) * max(1.4, len(groups))
    width = 1.2 + 0.11 * max(map(len, rows)) + 2.0 * len(panels)
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    columns = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(columns, panels, strict=True):
        _draw(axes, panel, pairs, rows, groups)
    columns[0].set_yticks(range(len(rows)), rows, fontsize=LETTERS)
    columns[0].set_ylim(len(rows) - 0.5, -0.5)
    drawn = {
        label: handle
        for axes in columns
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    shown = {label: drawn[label] for label in (*groups, CROSS) if label in drawn}
    if len(groups) == 1:
        del shown[groups[0]]
    if shown:
        figure.legend(
            shown.values(), shown, loc="outside lower center", ncols=len(shown), frameon=False,
            fontsize=LETTERS,
        )  # fmt: skip
    figure.suptitle(title, fontsize=LETTERS + 1)
    return figure


def _draw(
    axes: Axes, panel: Panel, pairs: Sequence[Pair], rows: list[str], groups: list[str]
) -> None:
    marks = dict(zip(groups, cycle(MARKS), strict=False))
    named = set()
    for row, group in pairs:
        colour, marker = marks[group]
        place = rows.index(row) + (groups.index(group) - (len(groups) - 1) / 2) * 0.8 / len(groups)
        values = np.array(panel.values.get((row, group), ()), dtype=float)
        values = values[np.isfinite(values)]
        label = "_nolegend_" if group in named else group
        named.add(group)
        if values.size:
            axes.plot(
                values, np.full(values.size, place), marker, color=colour, alpha=0.35,
                markersize=6, markeredgewidth=0,
            )  # fmt: skip
            axes.plot(values.mean(), place, marker, color=colour, markersize=8, label=label)
        else:
            axes.plot([], [], marker, color=colour, markersize=8, label=label)
            axes.plot(
                0.04, place, "x", color=colour, markersize=8, markeredgewidth=2, clip_on=False,
                transform=axes.get_yaxis_transform(), label=CROSS,
            )  # fmt: skip
    if panel.best is not None:
        axes.axvline(panel.best, color="black", linestyle=":", linewidth=1)
    for between in range(1, len(rows)):
        axes.axhline(between - 0.5, color="0.85", linewidth=0.8)
    axes.set_xlabel(panel.label, fontsize=LETTERS)
    axes.locator_params(axis="x", nbins=4, integer=panel.best is not None)
    axes.tick_params(axis="x", labelsize=LETTERS - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)
    _widen(axes, [float(v) for values in panel.values.values() for v in values])


def _widen(axes: Axes, values: list[float]) -> None:
    """Let the axis be no narrower than a part of its values, so that noise looks small."""
    known = [value for value in values if math.isfinite(value)]
    if known and max(known) - min(known) < NARROW * max(map(abs, known)):
        middle, half = (max(known) + min(known)) / 2, NARROW * max(map(abs, known))
        axes.set_xlim(middle - half, middle + half)
