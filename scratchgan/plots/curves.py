"""Curves over iterations, over epochs, and over widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scratchgan import checks
from scratchgan.games import Game, Games, objectives_by_start
from scratchgan.plots.axes import BLUE, GREY, ORANGE, STYLES, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["losses", "over_epochs", "sigma_curve"]


def losses(history: Sequence[dict[str, float]], games: Games) -> Figure:
    """
    Show the values of both players, and D's mean outputs on real and on generated examples.

    The sum of penalties is shown if the records have it.

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
    if any("penalty" in record for record in history):
        label = "penalties, which D descends"
        top.plot(steps, column("penalty"), color=GREY, linestyle="--", label=label)
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
    figure, axes = new_figure()
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
    figure, axes = new_figure(7.2, 4.2)
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
