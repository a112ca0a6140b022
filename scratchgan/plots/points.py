"""Samples on a line and in the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.games import PROBABILITY, Reading
from scratchgan.plots.axes import BLUE, GREEN, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["histogram", "plane_limits", "sample_density", "sample_scatter"]


def sample_scatter(
    samples: NDArray[Any], data: NDArray[Any] | None = None, title: str = ""
) -> Figure:
    """
    Show samples in the plane, in front of the data if these are given.

    Both axes go from −r to r, where r is 1.3 times the largest coordinate of the data. If the
    data are farther from 0 than they are wide, the axis covers only the data. Points that are NaN
    or infinite are not drawn.

    Parameters
    ----------
    samples, data : array (n, 2)
    title : str

    Raises
    ------
    ShapeError
        If the arrays are not (n, 2), or have no points.
    """
    samples = checks.array("", "samples", samples, (None, 2), rows=1)
    figure, axes = new_figure(4.8, 4.8)
    if data is not None:
        data = checks.array("", "data", data, (None, 2), rows=1)
        axes.plot(*data[:2000].T, ".", color=GREY, markersize=4, label="data")
    axes.plot(*samples.T, ".", color=GREEN, markersize=4, alpha=0.6, label="G(z)")
    across, up = plane_limits(samples if data is None else data)
    axes.set(xlim=across, ylim=up)
    if across == up:
        axes.set(aspect="equal")
    axes.set(xlabel="x₀", ylabel="x₁", title=title)
    axes.legend(loc="upper right", markerscale=3)
    return figure


def plane_limits(points: NDArray[Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    """
    Return limits of both axes for points (n, 2): from −r to r, with r 1.3 times the farthest.

    If the points are farther from 0 than they are wide, the axis covers only the points.
    """
    reach = 1.3 * _farthest(points)
    across, up = (_side(column) or (-reach, reach) for column in points.T)
    return across, up


def _side(values: NDArray[Any]) -> tuple[float, float] | None:
    """Return the limits of an axis for values farther from 0 than they are wide, else None."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
    width = high - low
    if not 0 < width < max(low, -high):
        return None
    return low - 0.15 * width, high + 0.15 * width


def _farthest(points: NDArray[Any]) -> float:
    """Return the largest finite absolute coordinate, or 1 if that is 0."""
    return float(np.abs(points[np.isfinite(points)]).max(initial=0)) or 1.0


def _line(samples: object) -> NDArray[Any]:
    """Return samples on a line, (n,) or (n, 1), as (n,)."""
    found = checks.array("", "samples", samples, rows=1)
    if found.shape not in ((len(found),), (len(found), 1)):
        raise ShapeError(f"samples has shape {found.shape}; expected (n,) or (n, 1)")
    return found.ravel()


def sample_density(
    samples: NDArray[Any],
    p_data: Callable[[NDArray[Any]], NDArray[Any]],
    D: Callable[[NDArray[Any]], NDArray[Any]],
    limits: tuple[float, float],
    title: str = "",
    reading: Reading = PROBABILITY,
) -> Figure:
    """
    Show a game on a line: p_data, the samples' histogram, and D.

    Parameters
    ----------
    samples : array (n,) or (n, 1)
    p_data : callable
        Density of the data at points (n,).
    D : callable
        The game's reading of D's outputs at points (n,).
    limits : (low, high)
        Limits of the x axis.
    title : str
    reading : Reading
        The meaning of D's numbers: the game's ``reading``.

    Raises
    ------
    ShapeError
        If the samples are not (n,) or (n, 1), or there are none.
    ValueError
        If the limits are not two increasing numbers, or p_data or D is not a function.
    """
    samples = _line(samples)
    for name, function in (("p_data", p_data), ("D", D)):
        checks.function("", name, function, "a function of points (n,)")
    low, high = checks.array("", "limits", limits, (2,), finite=True).tolist()
    if not low < high:
        raise ValueError(f"limits are ({low:g}, {high:g}); expected the lower limit first")
    figure, axes = new_figure()
    x = np.linspace(low, high, 400)
    density = p_data(x)
    # Divide by the number of all samples, inside the limits or not, so that a collapse is visible.
    share = np.full(samples.size, 80 / (samples.size * (high - low)))
    axes.hist(
        samples, bins=80, range=(low, high), weights=share,
        color=GREEN, alpha=0.35, label="G(z), histogram",
    )  # fmt: skip
    axes.plot(x, density, ":", color="black", linewidth=2, label="p_data")
    axes.set(
        xlabel="x", ylabel="density", xlim=(low, high), ylim=(0, 1.6 * density.max()), title=title
    )
    right = axes.twinx()
    right.spines["top"].set_visible(False)
    right.plot(x, D(x), "--", color=BLUE, linewidth=2, label=reading.labels[0])
    right.set_ylabel(reading.labels[0], color=BLUE)
    if reading.limits is not None:
        bottom, top = reading.limits
        right.set_ylim(bottom, top + 0.05 * (top - bottom))
    lines = [axes.get_legend_handles_labels(), right.get_legend_handles_labels()]
    axes.legend(
        [h for handles, _ in lines for h in handles],
        [name for _, names in lines for name in names],
        loc="upper left",
    )
    return figure


def histogram(samples: NDArray[Any], data: NDArray[Any] | None = None, title: str = "") -> Figure:
    """
    Show a histogram of samples on a line, (n,) or (n, 1), and of the data if these are given.

    Values that are not finite are not drawn.
    """
    figure, axes = new_figure()
    for values, colour, label in ((data, GREY, "data"), (samples, GREEN, "G(z)")):
        if values is not None and (finite := _line(values)[np.isfinite(_line(values))]).size:
            axes.hist(finite, bins=80, density=True, color=colour, alpha=0.6, label=label)
    if data is not None:
        axes.legend()
    axes.set(xlabel="x", ylabel="density of G(z)" if data is None else "density", title=title)
    return figure
