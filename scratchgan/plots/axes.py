"""Colours, and the axes that most figures have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "STYLES", "new_figure"]

# Okabe & Ito's colours can be told apart with all kinds of colour vision. Their roles are those
# of Figure 1 in the 2014 paper: p_data black dotted, p_g green, D blue dashed.
GREEN, BLUE, ORANGE, GREY = "#009E73", "#0072B2", "#D55E00", "#999999"
# Several curves of one kind also differ in their dashes, for print without colours.
STYLES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "^"), ("black", ":", "D"))


def new_figure(width: float = 6.4, height: float = 4.2) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes, sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
