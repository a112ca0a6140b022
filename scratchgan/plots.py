"""Every figure, as functions that return a Matplotlib Figure. Nothing here needs pyplot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["histogram", "image_grid", "losses", "sample_density", "sample_scatter"]

# Okabe & Ito's colours tell apart for all kinds of colour vision; roles as in the
# 2014 paper's Figure 1: p_data black dotted, p_g green, D blue dashed.
GREEN, BLUE, ORANGE, GREY = "#009E73", "#0072B2", "#D55E00", "#999999"


def _figure(width: float = 6.4, height: float = 4.2) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def image_grid(
    samples: NDArray[Any], image_shape: tuple[int, int], columns: int = 10, zoom: int = 4
) -> Figure:
    """
    Show images side by side, pixel for pixel, ``zoom`` screen pixels each.

    Parameters
    ----------
    samples : array (n, height · width), values in [0, 1]
        Values outside are shown as 0 or 1.
    image_shape : (height, width)
    columns, zoom : int
    """
    from matplotlib.figure import Figure

    height, width = image_shape
    rows = -(-len(samples) // columns)  # and a gap of one pixel around each image
    page: NDArray[Any] = np.zeros((rows * (height + 1) + 1, columns * (width + 1) + 1))
    for i, image in enumerate(samples.reshape(-1, height, width)):
        top, left = 1 + (i // columns) * (height + 1), 1 + (i % columns) * (width + 1)
        page[top : top + height, left : left + width] = image
    page = np.kron(page, np.ones((zoom, zoom)))
    figure = Figure(figsize=(page.shape[1] / 100, page.shape[0] / 100), dpi=100)
    figure.figimage(page, cmap="gray", vmin=0, vmax=1)
    return figure


def sample_scatter(
    samples: NDArray[Any], data: NDArray[Any] | None = None, title: str = ""
) -> Figure:
    """
    Show samples in the plane, over the data where they are given.

    Both axes go from −r to r, with r = 1.3 × the largest coordinate of the data.

    Parameters
    ----------
    samples, data : array (n, 2)
    title : str
    """
    figure, axes = _figure(4.8, 4.8)
    if data is not None:
        axes.plot(*data[:2000].T, ".", color=GREY, markersize=4, label="data")
    axes.plot(*samples.T, ".", color=GREEN, markersize=4, alpha=0.6, label="G(z)")
    reach = 1.3 * float(np.abs(samples if data is None else data).max())
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel="x₀", ylabel="x₁", title=title)
    axes.legend(loc="upper right", markerscale=3)
    return figure


def sample_density(
    samples: NDArray[Any],
    p_data: Callable[[NDArray[Any]], NDArray[Any]],
    D: Callable[[NDArray[Any]], NDArray[Any]],
    limits: tuple[float, float],
    title: str = "",
) -> Figure:
    """
    Show a game on a line: p_data, the samples' histogram, and D.

    Parameters
    ----------
    samples : array (n,) or (n, 1)
    p_data : callable
        Density of the data at points (n,).
    D : callable
        Probability of being real at points (n,).
    limits : (low, high)
        Of the x axis.
    title : str
    """
    figure, axes = _figure()
    x = np.linspace(*limits, 400)
    density = p_data(x)
    # By the number of all samples, inside the limits or not: a collapsed G must look like one.
    share = np.full(samples.size, 80 / (samples.size * (limits[1] - limits[0])))
    axes.hist(
        samples.ravel(), bins=80, range=limits, weights=share,
        color=GREEN, alpha=0.35, label="G(z), histogram",
    )  # fmt: skip
    axes.plot(x, density, ":", color="black", linewidth=2, label="p_data")
    axes.set(xlabel="x", ylabel="density", xlim=limits, ylim=(0, 1.6 * density.max()), title=title)
    right = axes.twinx()
    right.spines["top"].set_visible(False)
    right.plot(x, D(x), "--", color=BLUE, linewidth=2, label="D(x)")
    right.set_ylabel("D(x)", color=BLUE)
    right.set_ylim(0, 1.05)
    lines = [axes.get_legend_handles_labels(), right.get_legend_handles_labels()]
    axes.legend(
        [h for handles, _ in lines for h in handles],
        [name for _, names in lines for name in names],
        loc="upper left",
    )
    return figure


def histogram(samples: NDArray[Any]) -> Figure:
    """Show samples on a line, (n,) or (n, 1), as a histogram."""
    figure, axes = _figure()
    axes.hist(samples.ravel(), bins=80, density=True, color=GREEN, alpha=0.6)
    axes.set(xlabel="x", ylabel="density of G(z)")
    return figure


def losses(history: Sequence[dict[str, float]]) -> Figure:
    """
    Show V and D's mean outputs over the iterations, beside what the optimum would give.

    Parameters
    ----------
    history : sequence of dict
        Records as ``Trainer.record`` makes them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.6), dpi=100, layout="constrained")
    top, bottom = figure.subplots(2, sharex=True)
    steps = [r["step"] for r in history]

    def column(name: str) -> list[float]:
        return [r.get(name, float("nan")) for r in history]

    top.plot(steps, column("value"), color=BLUE, label="V, what D ascends")
    top.plot(steps, column("loss_g"), color=ORANGE, label="what G descends")
    top.axhline(-np.log(4), color="black", linestyle=":", label="V at the optimum, −log 4")
    top.set_ylabel("nats")
    bottom.plot(steps, column("d_real"), color=BLUE, label="mean D(x)")
    bottom.plot(steps, column("d_fake"), color=ORANGE, label="mean D(G(z))")
    bottom.axhline(0.5, color="black", linestyle=":", label="at the optimum, ½")
    bottom.set(xlabel="iteration", ylabel="probability of being real", ylim=(0, 1))
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure
