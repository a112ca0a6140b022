"""All figures: each function returns a Matplotlib Figure, without pyplot."""

from scratchgan.plots.axes import BLUE, GREEN, GREY, ORANGE, STYLES
from scratchgan.plots.comparison import Panel, comparison
from scratchgan.plots.curves import losses, over_epochs, sigma_curve
from scratchgan.plots.images import image_grid, label_grid, nearest_grid
from scratchgan.plots.plane import game_2d, reading_at
from scratchgan.plots.points import histogram, sample_density, sample_scatter

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "STYLES",
    "Panel",
    "comparison",
    "game_2d",
    "histogram",
    "image_grid",
    "label_grid",
    "losses",
    "nearest_grid",
    "over_epochs",
    "reading_at",
    "sample_density",
    "sample_scatter",
    "sigma_curve",
]
