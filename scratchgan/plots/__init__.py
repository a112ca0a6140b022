"""All figures: each function returns a Matplotlib Figure, without pyplot."""

from scratchgan.plots.axes import BLUE, GREEN, GREY, ORANGE, STYLES
from scratchgan.plots.comparison import Panel, comparison
from scratchgan.plots.curves import losses, over_epochs, sigma_curve
from scratchgan.plots.images import image_grid, label_grid, nearest_grid
from scratchgan.plots.points import histogram, sample_density, sample_scatter

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "STYLES",
    "Panel",
    "comparison",
    "histogram",
    "image_grid",
    "label_grid",
    "losses",
    "nearest_grid",
    "over_epochs",
    "sample_density",
    "sample_scatter",
    "sigma_curve",
]
