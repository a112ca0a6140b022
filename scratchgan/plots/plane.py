"""A game in the plane: the data, the samples, D everywhere, and where D sends the samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.nn import Context
from scratchgan.plots.axes import BLUE, GREY, ORANGE
from scratchgan.plots.points import plane_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from scratchgan.gan import Trainer

__all__ = ["game_2d", "reading_at"]

Pdf: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
Limits: TypeAlias = tuple[tuple[float, float], tuple[float, float]]

FIELD = 96  # points along each axis at which D is evaluated
FINE = 400  # points along each axis at which p_data is evaluated: its modes can be narrow
MASSES = (0.5, 0.95)  # the contours of p_data enclose these shares of it
SHADES = 16  # of D's colours; an even number, so that an edge shows the middle
ARROWS = 100
LONGEST = 0.08  # length of the 90 % longest arrow, as a share of the axis
DARK = "#00684A"  # the samples: green, and dark enough to be seen on D's colours
LETTERS = 12  # points: legible at half size


def game_2d(
    trainer: Trainer, p_data: Pdf | None = None, samples: int = 2000, title: str = ""
) -> Figure:
    """
    Show a game in the plane.

    - Dotted: contours that enclose 50 % and 95 % of p_data; without ``p_data``, the data.
    - Points: samples of G, the same z at each call.
    - Colours: the game's reading of D. A reading without limits has a symmetric scale around the
      middle between D's medians on the data and on the samples.
    - Arrows: −∇ₓ of G's loss at some of the samples. They show how G's gradient moves them; the
      legend has the length of the longest one, since all are drawn on a common scale. There are
      none if G's loss depends on labels or codes, or if D does not take points of the plane.

    Parameters
    ----------
    trainer : Trainer
    p_data : callable, optional
        Density of the data at points (n, 2), such as ``density.pdf``.
    samples : int
        Number of samples.
    title : str

    Raises
    ------
    ShapeError
        If the data do not have two features.
    ValueError
        If another argument is invalid.
    """
    if trainer.data.features != 2:
        raise ShapeError(
            f"game_2d shows points of the plane, and the data have {trainer.data.features} features"
        )
    if p_data is not None:
        checks.function("game_2d", "p_data", p_data, "a function of points (n, 2)")
    x = trainer.samples(checks.whole("game_2d", "samples", samples, 1)).astype(np.float64)
    data = trainer.ops.to_numpy(trainer.data.buffers()["x"])
    limits = plane_limits(data)
    figure, axes, bar = _axes(limits)
    if trainer.D.network.layer.in_features == 2:
        _draw_field(axes, bar, _Field.of(trainer, limits, x, data))
        arrows = _forces(trainer, x, data)
    else:
        arrows = None
        bar.set_axis_off()
    if p_data is None:
        axes.plot(*data[:2000].T, ".", color=GREY, markersize=3, label="data")
    else:
        _draw_contours(axes, p_data, limits)
    _draw_samples(axes, x, limits)
    _legend(axes, 0.0)
    if arrows is not None:
        _draw_arrows(axes, x, arrows, limits)
        _legend(axes, 0.47, slice(-1, None))
    axes.set_title(title, fontsize=LETTERS)
    return figure


def _axes(limits: Limits) -> tuple[Figure, Axes, Axes]:
    """Return a figure with axes for the plane and for the colour bar, at fixed places."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 5.9), dpi=100)
    figure.set_layout_engine("none")  # a layout engine would take as long as all the rest
    axes = figure.add_axes((0.115, 0.215, 0.69, 0.69 * 6.0 / 5.9))
    bar = figure.add_axes((0.835, 0.215, 0.03, 0.69 * 6.0 / 5.9))
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.set_xlabel("x₀", fontsize=LETTERS)
    axes.set_ylabel("x₁", fontsize=LETTERS, labelpad=0)
    axes.locator_params(nbins=5)
    for each in (axes, bar):
        each.tick_params(labelsize=LETTERS - 1)
    return figure, axes, bar


class _Field(NamedTuple):
    """The reading of D on a mesh, (FIELD, FIELD), with the limits of the colours."""

    values: NDArray[np.float64]
    extent: Limits
    low: float
    high: float
    label: str

    @classmethod
    def of(cls, trainer: Trainer, limits: Limits, x: NDArray[Any], data: NDArray[Any]) -> _Field:
        values = reading_at(trainer, _mesh(limits, FIELD)).reshape(FIELD, FIELD)
        reading = trainer.played.reading
        low, high = reading.limits or _symmetric(
            values, reading_at(trainer, data[:1000]), reading_at(trainer, x[:1000])
        )
        return cls(values, limits, low, high, reading.axis)


def _symmetric(
    field: NDArray[Any], on_data: NDArray[Any], on_samples: NDArray[Any]
) -> tuple[float, float]:
    """Return limits around the middle of two medians; a tenth of the field may be beyond."""
    seen = [each[np.isfinite(each)] for each in (on_data, on_samples, field.ravel())]
    middle = float(np.mean([np.median(each) for each in seen[:2] if each.size] or [0.0]))
    reach = float(np.quantile(np.abs(seen[2] - middle), 0.9)) if seen[2].size else 0.0
    reach = reach or 1.0
    return middle - reach, middle + reach


def _mesh(limits: Limits, n: int) -> NDArray[np.float64]:
    """Return the middles of n × n cells, (n², 2), row by row from below."""
    sides = [low + (np.arange(n) + 0.5) * (high - low) / n for low, high in limits]
    across, up = np.meshgrid(*sides)
    return np.stack([across.ravel(), up.ravel()], axis=1)


def reading_at(trainer: Trainer, x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the game's reading of D's outputs at points (n, 2)."""
    D, reading = trainer.D.network, trainer.played.reading
    outputs = D(x.astype(D.dtype)).astype(np.float64)
    return np.asarray(reading.of(outputs, get_backend("reference")), np.float64).ravel()


def _forces(trainer: Trainer, x: NDArray[Any], data: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return −∇ₓ of the loss of each sample, (n, 2); None if the loss needs more than samples."""
    game, D, ops = trainer.played, trainer.D, trainer.ops
    if game.needs_labels or game.codes:
        return None
    ctx = Context(ops)
    outputs, cache = D.forward(ops.asarray(x, trainer.dtype), ctx)
    real = None
    if game.needs_real:
        step = max(1, len(data) // len(x))
        rows = np.resize(data[::step], x.shape)
        real, _ = D.forward(ops.asarray(rows, trainer.dtype), ctx)
    _, d_outputs, _ = game.g(outputs, real, ops)
    gradient = ops.to_numpy(D.input_gradient(cache, d_outputs, ctx)).astype(np.float64)
    force: NDArray[np.float64] = -len(x) * gradient  # the loss is a mean over the samples
    return force


# -- drawing ------------------------------------------------------------------------------------


def _legend(axes: Axes, left: float, which: slice = slice(None)) -> None:
    """Add a legend below, at a fixed place: in an animation, it must not move with its texts."""
    handles, labels = axes.get_legend_handles_labels()
    if (earlier := axes.get_legend()) is not None:
        axes.add_artist(earlier)  # or the new one would replace it
    axes.legend(
        handles[which], labels[which], loc="upper left", bbox_to_anchor=(left, -0.13),
        frameon=False, fontsize=LETTERS - 1, handletextpad=0.3, borderaxespad=0, borderpad=0,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _colours() -> Colormap:
    """Return pale colours: orange where D takes x for generated, blue where for real."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    def pale(colour: str) -> tuple[float, ...]:
        return tuple(1 - 0.62 * (1 - part) for part in to_rgb(colour))

    return LinearSegmentedColormap.from_list("D", [pale(ORANGE), (1, 1, 1), pale(BLUE)], SHADES)


def _draw_field(axes: Axes, bar: Axes, field: _Field) -> None:
    (left, right), (bottom, top) = field.extent
    drawn = axes.imshow(
        field.values, cmap=_colours(), vmin=field.low, vmax=field.high, origin="lower",
        extent=(left, right, bottom, top), interpolation="bilinear", aspect="auto",
    )  # fmt: skip
    bar.figure.colorbar(drawn, cax=bar)
    bar.set_ylabel(field.label, fontsize=LETTERS)
    bar.locator_params(axis="y", nbins=5)


@lru_cache(maxsize=4)
def _contours(p_data: Pdf, limits: Limits) -> list[NDArray[np.float64]]:
    """Return the lines that enclose the given shares of the density's mass."""
    import contourpy

    density = np.asarray(p_data(_mesh(limits, FINE)), np.float64).reshape(FINE, FINE)
    falling = np.sort(density.ravel())[::-1]
    mass = np.cumsum(falling)
    at = [low + (np.arange(FINE) + 0.5) * (high - low) / FINE for low, high in limits]
    make: Any = contourpy.contour_generator
    contours = make(*at, density)
    levels = [falling[min(int(np.searchsorted(mass, m * mass[-1])), mass.size - 1)] for m in MASSES]
    return [line for level in levels for line in contours.lines(level)]


def _draw_contours(axes: Axes, p_data: Pdf, limits: Limits) -> None:
    from matplotlib.collections import LineCollection

    lines = _contours(p_data, limits)
    axes.add_collection(
        LineCollection(lines, colors="black", linestyles=":", linewidths=1.3, zorder=4)
    )
    axes.plot([], [], ":", color="black", label="p_data")


def _draw_samples(axes: Axes, x: NDArray[Any], limits: Limits) -> None:
    size, alpha = (3.0, 0.7) if len(x) <= 5000 else (1.5, 0.5)
    (left, right), (bottom, top) = limits
    inside = (x[:, 0] >= left) & (x[:, 0] <= right) & (x[:, 1] >= bottom) & (x[:, 1] <= top)
    outside = 1 - float(inside.mean())
    axes.plot(*x[inside].T, "o", color=DARK, markersize=size, markeredgewidth=0, alpha=alpha)
    label = "G(z)" if outside == 0 else f"G(z), {_per_cent(outside)} outside"
    axes.plot([], [], "o", color=DARK, markersize=6, label=label)


def _per_cent(share: float) -> str:
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _draw_arrows(axes: Axes, x: NDArray[Any], force: NDArray[Any], limits: Limits) -> None:
    """Draw arrows on a common scale; the longest tenth of them have one length."""
    size = np.linalg.norm(force, axis=1)
    known = np.isfinite(size) & np.isfinite(x).all(axis=1)
    if not known.any():
        return
    longest = float(size[known].max())
    chosen = np.flatnonzero(known)[:ARROWS]
    x, force, size = x[chosen], force[chosen], size[chosen]
    common = float(np.quantile(size, 0.9))
    if common > 0:
        span = np.array([high - low for low, high in limits])
        shown = force / np.maximum(size, common)[:, None] * LONGEST * span
        axes.quiver(
            *x.T, *shown.T, angles="xy", scale_units="xy", scale=1, color="black", width=0.0035,
            headwidth=4, headlength=4, headaxislength=3.6, minlength=0, zorder=3,
        )  # fmt: skip
    label = f"−∇ₓ of G's loss, up to {longest:.2g}"
    axes.plot([], [], marker=r"$\rightarrow$", color="black", markersize=14, linestyle="",
              label=label)  # fmt: skip
