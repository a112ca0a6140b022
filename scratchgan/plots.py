"""All figures: each function returns a Matplotlib Figure, without pyplot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.games import PROBABILITY, Game, Games, Reading, objectives_by_start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
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

# Okabe & Ito's colours can be told apart with all kinds of colour vision. Their roles are those
# of Figure 1 in the 2014 paper: p_data black dotted, p_g green, D blue dashed.
GREEN, BLUE, ORANGE, GREY = "#009E73", "#0072B2", "#D55E00", "#999999"
LARGEST = 10_000  # limit of an image's height and width in pixels, of images in a row, of the zoom
# Several curves of one kind also differ in their dashes, for print without colours.
STYLES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "^"), ("black", ":", "D"))


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
    Show images side by side; each pixel takes ``zoom`` × ``zoom`` screen pixels.

    Parameters
    ----------
    samples : array (n, height · width), values in [0, 1]
        Values outside are shown as 0 or 1.
    image_shape : (height, width)
    columns, zoom : int

    Raises
    ------
    ShapeError
        If the samples are not images of that shape.
    ValueError
        If another argument is invalid.
    """
    image_shape, zoom = _shape(image_shape), checks.whole("", "zoom", zoom, 1, LARGEST)
    columns = checks.whole("", "columns", columns, 1, LARGEST)
    images = _images("samples", samples, image_shape, rows=1)
    return _picture(_page(images, image_shape, columns), zoom)


def nearest_grid(
    samples: NDArray[Any], nearest: NDArray[Any], image_shape: tuple[int, int], zoom: int = 4
) -> Figure:
    """
    Show samples in rows; at the end of each row is the training image nearest to its last sample.

    The figure follows Fig. 2 of Goodfellow et al. 2014. The training images have orange frames.

    Parameters
    ----------
    samples : array (rows · columns, height · width), values in [0, 1]
    nearest : array (rows, height · width)
        The images nearest to samples columns − 1, 2 columns − 1, …; ``metrics.nearest`` finds
        them.
    image_shape : (height, width)
    zoom : int

    Raises
    ------
    ShapeError
        If the samples do not fill rows of equal length, or are not images of that shape.
    """
    image_shape, zoom = _shape(image_shape), checks.whole("", "zoom", zoom, 1, LARGEST)
    samples = _images("samples", samples, image_shape)
    nearest = _images("nearest", nearest, image_shape)
    rows = len(nearest)
    if rows == 0 or len(samples) == 0 or len(samples) % rows:
        raise ShapeError(
            f"{len(samples)} samples and {rows} nearest images; expected a whole number of samples"
            " for each nearest image"
        )
    left = _page(samples, image_shape, len(samples) // rows)
    right = _page(nearest, image_shape, 1)
    frame = _page(np.ones_like(nearest), image_shape, 1) == 0
    page = np.repeat(np.hstack([left, np.zeros((len(left), 3)), right])[:, :, None], 3, axis=2)
    page[:, -right.shape[1] :][frame] = [int(ORANGE[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return _picture(page.clip(0, 1), zoom)


def label_grid(
    samples: NDArray[Any],
    labels: NDArray[Any],
    image_shape: tuple[int, int],
    label_names: Sequence[str],
    columns: int = 10,
    zoom: int = 4,
) -> Figure:
    """
    Show the samples of a conditional generator, one row for each label, with the label's name.

    The figure follows Fig. 2 of Mirza & Osindero 2014. It shows the first ``columns`` samples of
    each label.

    Parameters
    ----------
    samples : array (n, height · width), values in [0, 1]
    labels : integer array (n,)
        The labels that were given to the generator; ``Generator.labels_for`` returns them.
    image_shape : (height, width)
    label_names : sequence of str
    columns, zoom : int

    Raises
    ------
    ShapeError
        If there is not one label for each sample, or the samples are not images of that shape.
    """
    image_shape, zoom = _shape(image_shape), checks.whole("", "zoom", zoom, 1, LARGEST)
    columns = checks.whole("", "columns", columns, 1, LARGEST)
    samples = _images("samples", samples, image_shape)
    labels = checks.array("", "labels", labels)
    label_names = [checks.text("", "a label's name", name) for name in label_names]
    if labels.shape != (len(samples),):
        raise ShapeError(
            f"labels have shape {labels.shape}; expected ({len(samples)},), one for each sample"
        )
    shown = np.zeros((len(label_names), columns, samples.shape[1]))
    for row, images in enumerate(shown):
        of_label = samples[labels == row][:columns]
        images[: len(of_label)] = of_label
    page = _page(shown.reshape(-1, samples.shape[1]), image_shape, columns)
    margin = 14 + 8 * max(map(len, label_names))  # screen pixels; a letter of 10 points takes 8
    figure = _picture(page, zoom, margin)
    across, up = 100 * figure.get_size_inches()
    for row, name in enumerate(label_names):
        middle = zoom * (1 + (row + 0.5) * (image_shape[0] + 1) - 0.5)
        figure.text(
            (margin - 7) / across, 1 - middle / up, name,
            horizontalalignment="right", verticalalignment="center", fontsize=10,
        )  # fmt: skip
    return figure


def _shape(given: object) -> tuple[int, int]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise ShapeError(f"image_shape is {checks.shown(given)}; expected (height, width)")
    height, width = (checks.whole("", "image_shape", size, 1, LARGEST) for size in given)
    return height, width


def _images(name: str, given: object, image_shape: tuple[int, int], rows: int = 0) -> NDArray[Any]:
    """Return images as rows, (n, height · width)."""
    images = checks.array("", name, given, rows=rows)
    height, width = image_shape
    if images.shape[1:] not in ((height * width,), image_shape):
        raise ShapeError(
            f"{name} has shape {images.shape}; expected (n, {height * width}), images of"
            f" {height} × {width}"
        )
    return images.reshape(-1, height * width)


def _page(samples: NDArray[Any], image_shape: tuple[int, int], columns: int) -> NDArray[Any]:
    """Return images side by side, with a gap of one pixel around each, where the page is 0."""
    height, width = image_shape
    rows = -(-len(samples) // columns)
    page: NDArray[Any] = np.zeros((rows * (height + 1) + 1, columns * (width + 1) + 1))
    for i, image in enumerate(samples.reshape(-1, height, width)):
        top, left = 1 + (i // columns) * (height + 1), 1 + (i % columns) * (width + 1)
        page[top : top + height, left : left + width] = image
    return page


def _picture(page: NDArray[Any], zoom: int, margin: int = 0) -> Figure:
    """Return a page, (height, width) or (height, width, 3), as a figure with a white margin."""
    from matplotlib.figure import Figure

    page = page.repeat(zoom, axis=0).repeat(zoom, axis=1)
    height, width = page.shape[0], page.shape[1] + margin
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    figure.set_layout_engine("none")  # overrides the user's settings
    # figimage would need no axes, but a notebook shows no figure without axes.
    axes = figure.add_axes((margin / width, 0, 1 - margin / width, 1))
    axes.imshow(page, cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
    axes.set_axis_off()
    return figure


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
    figure, axes = _figure(4.8, 4.8)
    if data is not None:
        data = checks.array("", "data", data, (None, 2), rows=1)
        axes.plot(*data[:2000].T, ".", color=GREY, markersize=4, label="data")
    axes.plot(*samples.T, ".", color=GREEN, markersize=4, alpha=0.6, label="G(z)")
    shown = samples if data is None else data
    reach = 1.3 * _farthest(shown)
    sides = [_side(column) for column in shown.T]
    if any(sides):
        axes.set(xlim=sides[0] or (-reach, reach), ylim=sides[1] or (-reach, reach))
    else:
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel="x₀", ylabel="x₁", title=title)
    axes.legend(loc="upper right", markerscale=3)
    return figure


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
    figure, axes = _figure()
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
    figure, axes = _figure()
    for values, colour, label in ((data, GREY, "data"), (samples, GREEN, "G(z)")):
        if values is not None and (finite := _line(values)[np.isfinite(_line(values))]).size:
            axes.hist(finite, bins=80, density=True, color=colour, alpha=0.6, label=label)
    if data is not None:
        axes.legend()
    axes.set(xlabel="x", ylabel="density of G(z)" if data is None else "density", title=title)
    return figure


def losses(history: Sequence[dict[str, float]], games: Games) -> Figure:
    """
    Show the values of both players, and D's mean outputs on real and on generated examples.

    If a game knows its optimum, a dotted line shows it over the iterations in which the game is
    played. Games with different readings of D's outputs have separate axes.

    Parameters
    ----------
    history : sequence of dict
        Records from ``Trainer.record``.
    games : str, Game, or mapping from a first iteration to a str or Game
        The games that were played, such as ``trainer.games``.

    Raises
    ------
    ValueError
        If a record has no ``step``, or if ``games`` is not valid.
    """
    _require_records("history", history, ("step",))
    from matplotlib.figure import Figure

    steps = [r["step"] for r in history]
    played = _played(objectives_by_start(games), max(steps, default=0))
    readings = list(dict.fromkeys(game.reading for game, _ in played))
    figure = Figure(figsize=(7.2, 2.8 * (1 + len(readings))), dpi=100, layout="constrained")
    top, *others = figure.subplots(1 + len(readings), sharex=True)

    def column(name: str) -> list[float]:
        return [r.get(name, float("nan")) for r in history]

    top.plot(steps, column("value"), color=BLUE, label="V, what D ascends")
    top.plot(steps, column("loss_g"), color=ORANGE, label="what G descends")
    units = {game.unit or "value" for game, _ in played}
    top.set_ylabel(units.pop() if len(units) == 1 else "value, in each game's unit")
    for game, span in played:
        if game.optimum is not None:
            value, _ = game.optimum.names()
            _level(top, game.optimum.value, span, f"V at the optimum, {value}")
    for axes, reading in zip(others, readings, strict=True):
        for key, label, colour in zip(reading.keys, reading.labels, (BLUE, ORANGE), strict=True):
            axes.plot(steps, column(key), color=colour, label=f"mean {label}")
        for game, span in played:
            if game.reading == reading and game.optimum and game.optimum.reading is not None:
                _, name = game.optimum.names()
                _level(axes, game.optimum.reading, span, f"at the optimum, {name}")
        axes.set(ylabel=reading.axis)
        if reading.limits is not None:
            axes.set(ylim=reading.limits)
    others[-1].set_xlabel("iteration")
    for axes in (top, *others):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


Span: TypeAlias = tuple[float, float] | None
"""The first and the last iteration; None is the whole figure."""


def _played(games: Mapping[int, Game], last: float) -> list[tuple[Game, Span]]:
    """Return the games up to an iteration; consecutive games with equal lines count as one."""
    found: list[tuple[Game, Span]] = []
    begun = [(start, game) for start, game in games.items() if start == 0 or start < last]
    ends = [start for start, _ in begun[1:]] + [max(last, 1)]
    for (start, game), end in zip(begun, ends, strict=True):
        before = found[-1] if found else None
        if before and _draws(before[0]) == _draws(game):
            assert before[1] is not None
            found[-1] = (before[0], (before[1][0], end))
        else:
            found.append((game, (start, end)))
    return [(found[0][0], None)] if len(found) == 1 else found


def _draws(game: Game) -> object:
    return game.unit, game.reading, game.optimum


def _level(axes: Axes, height: float, span: Span, label: str) -> None:
    """Draw a dotted line; two lines with the same label share one entry in the legend."""
    known = axes.get_legend_handles_labels()[1]
    named = "_nolegend_" if label in known else label
    if span is None:
        axes.axhline(height, color="black", linestyle=":", label=named)
    else:
        axes.plot(span, (height, height), color="black", linestyle=":", label=named)


def _require_records(name: str, records: object, keys: tuple[str, ...]) -> None:
    checks.instance("", name, records, Sequence, "a list of records")
    assert isinstance(records, Sequence)
    for i, record in enumerate(records):
        checks.instance("", f"{name}[{i}]", record, Mapping, "a record, such as {'step': 1}")
        for key in keys:
            if key not in record:
                raise ValueError(f"{name}[{i}] has no '{key}': {checks.shown(record)}")


def sigma_curve(curves: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """
    Show Parzen log-likelihoods over the width σ, with a ring at the chosen width.

    Parameters
    ----------
    curves : mapping of name to pairs (σ, mean log-likelihood in nats)
        ``Parzen.curve``, or the same pairs from a result file.

    Raises
    ------
    ShapeError
        If a curve is not a list of pairs.
    """
    checks.instance("", "curves", curves, Mapping, "a mapping of name to curve")
    pairs = {name: checks.array("", name, c, (None, 2), rows=1) for name, c in curves.items()}
    figure, axes = _figure()
    for (name, curve), (colour, dashes, marker) in zip(pairs.items(), cycle(STYLES), strict=False):
        sigmas, values = curve.astype(float).T
        best = int(np.argmax(values))
        label = f"{name}: {_number(values[best])} at σ = {sigmas[best]:.3f}"
        axes.plot(sigmas, values, dashes, color=colour, marker=marker, markersize=4, label=label)
        axes.plot(sigmas[best], values[best], "o", color=colour, markersize=11, fillstyle="none")
    axes.set_xscale("log")
    tried = sorted({float(sigma) for curve in pairs.values() for sigma in curve[:, 0]})
    ticks = tried[:: -(-len(tried) // 12)]
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="width σ of the normals", ylabel="mean log-likelihood (nats)")
    axes.legend(frameon=False)
    return figure


def over_epochs(
    records: Mapping[str, Sequence[Mapping[str, float]]],
    ylabel: str,
    levels: Mapping[str, float] | None = None,
    lower_is_better: bool = False,
) -> Figure:
    """
    Show a measure over the epochs of one or more runs, with a ring at each run's best value.

    Parameters
    ----------
    records : mapping of name to records
        A run's records. Each has ``epoch`` and ``score``, and may have ``error``, which is shown
        as a band. A score that is NaN leaves a gap.
    ylabel : str
        The name of the score and its unit.
    levels : mapping of name to score, optional
        Scores that are drawn as dotted lines, such as those of real examples or of a paper.
    lower_is_better : bool

    Raises
    ------
    ValueError
        If a record has no ``epoch`` or ``score``.
    """
    checks.instance("", "records", records, Mapping, "a mapping of name to records")
    for name, run in records.items():
        _require_records(name, run, ("epoch", "score"))
    figure, axes = _figure(7.2, 4.2)
    for (name, run), (colour, dashes, _) in zip(records.items(), cycle(STYLES), strict=False):
        epochs, scores, errors = np.array(
            [[r["epoch"], r["score"], r.get("error", 0.0)] for r in run], dtype=float
        ).reshape(-1, 3).T  # fmt: skip
        known = np.flatnonzero(~np.isnan(scores))
        label = name
        if known.size:
            best = known[np.argmin(scores[known]) if lower_is_better else np.argmax(scores[known])]
            label += f": {_number(scores[best])} at epoch {epochs[best]:.6g}"
            axes.plot(
                epochs[best], scores[best], "o", color=colour, markersize=11, fillstyle="none"
            )
        axes.plot(epochs, scores, dashes, color=colour, label=label)
        axes.fill_between(
            epochs, scores - errors, scores + errors, color=colour, alpha=0.2, linewidth=0
        )
    for name, level in (levels or {}).items():
        axes.axhline(level, color="black", linestyle=":", linewidth=1)
        axes.annotate(
            f"{name}: {_number(level)}", (0, level), xycoords=("axes fraction", "data"),
            xytext=(4, 3), textcoords="offset points",
        )  # fmt: skip
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.legend(frameon=False)
    return figure


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")  # the minus sign of Matplotlib's axes
