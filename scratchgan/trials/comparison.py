"""The result of a comparison: all games under equal budgets, as a table and as a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scratchgan import checks
from scratchgan.plots.comparison import Panel, comparison
from scratchgan.trials.cell import DONE, Result
from scratchgan.trials.measures import Quantity
from scratchgan.trials.table import FORMS, Mean, as_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NONE", "Comparison", "Setup", "Trained"]

NONE = "none"  # no penalties
SECONDS = Quantity("seconds", "time", ".1f", unit="s")


class Setup(NamedTuple):
    """What is compared: a game and its penalties, as text."""

    objective: str
    penalties: str

    def __str__(self) -> str:
        return self.objective + ("" if self.penalties == NONE else f" + {self.penalties}")


class Trained(NamedTuple):
    """The training of one setup with one seed."""

    setup: Setup
    seed: int
    result: Result

    def value(self, measure: Quantity) -> float | None:
        """Return a measure; None if the training did not end, or has no such measure."""
        if self.result["status"] != DONE:
            return None
        value = self.result["measures"].get(measure.key, self.result.get(measure.key))
        return None if value is None else measure.factor * value


@dataclass(frozen=True)
class Comparison:
    """
    The result of ``compare``. Print it for a table.

    Attributes
    ----------
    data, recipe : str
    steps : int
    measures : tuple of Quantity
        What was measured.
    trained : list of Trained
        One for each setup and seed, in the order in which they were given.
    path : Path
        The folder with the results.
    modes : int or None
        Number of modes of the data.
    """

    data: str
    recipe: str
    steps: int
    measures: tuple[Quantity, ...]
    trained: list[Trained]
    path: Path
    modes: int | None = None

    @property
    def setups(self) -> list[Setup]:
        """The setups, in the order in which they were given."""
        return list(dict.fromkeys(each.setup for each in self.trained))

    def of(self, setup: Setup) -> list[Trained]:
        """Return the trainings of a setup."""
        return [each for each in self.trained if each.setup == setup]

    def mean(self, setup: Setup, measure: Quantity) -> Mean:
        """Return the mean of a measure over the seeds whose training ended."""
        values = [each.value(measure) for each in self.of(setup)]
        return Mean.of([value for value in values if value is not None])

    def __str__(self) -> str:
        return "\n".join([self._heading(), "", self.table(), *self._notes()])

    def _heading(self) -> str:
        seeds = len({each.seed for each in self.trained})
        said = f"{seeds} seed{'s' if seeds > 1 else ''}"
        return f"{self.data}: recipe {self.recipe}, {self.steps:,} iterations, {said}"

    def _notes(self) -> list[str]:
        notes = ["", "± is the standard error over the seeds that ended."]
        notes += [
            f"{each.setup}, seed {each.seed}: {each.result['status']}: {each.result['reason']}"
            for each in self.trained
            if each.result["status"] != DONE
        ]
        return notes

    def table(self, form: str = "text") -> str:
        """Return the table as "text" or "markdown"; as "csv", with a line for each training."""
        checks.one_of("form of a table", form, FORMS)
        return as_table(self._lines() if form == "csv" else self._rows(), form, names=2)

    def _rows(self) -> list[Sequence[str]]:
        shown = (*self.measures, SECONDS)
        rows: list[Sequence[str]] = [("game", "penalties", *map(self._header, shown), "seeds")]
        for setup in self.setups:
            means = [self.mean(setup, measure).said(measure.form) for measure in shown]
            rows.append((*setup, *means, self._ended(setup)))
        return rows

    def _header(self, measure: Quantity) -> str:
        if measure.key == "captured" and self.modes is not None:
            return f"modes of {self.modes}"
        return measure.label + (f", {measure.unit}" if measure.unit else "")

    def _ended(self, setup: Setup) -> str:
        """Return how many trainings ended, and how the others did not."""
        found = Counter(each.result["status"] for each in self.of(setup))
        others = [f"{count} {status}" for status, count in found.items() if status != DONE]
        return ", ".join([f"{found[DONE]}" if found[DONE] else "", *others]).strip(", ")

    def _lines(self) -> list[Sequence[str]]:
        """Return a line for each training, with numbers in full."""
        keys = [measure.key for measure in self.measures]
        rows: list[Sequence[str]] = [("objective", "penalties", "seed", "status", *keys, "seconds")]
        for setup, seed, result in self.trained:
            numbers = [result["measures"].get(key, "") for key in keys]
            seconds = "" if result["seconds"] is None else result["seconds"]
            rows.append((*setup, *map(str, [seed, result["status"], *numbers, seconds])))
        return rows

    def figure(self) -> Figure:
        """
        Return a figure with a panel for each measure and for the time.

        Each training is a pale point, and the mean of a setup is a dark one. A cross stands for
        no value: no training ended, or the measure is not known.
        """
        panels = [
            Panel(
                self._header(measure),
                {setup: self._values(setup, measure) for setup in self.setups},
                float(self.modes) if measure.key == "captured" and self.modes else None,
            )
            for measure in (*self.measures, SECONDS)
        ]
        several = len({each.seed for each in self.trained}) > 1
        title = self._heading() + ("; dark: their mean" if several else "")
        return comparison(self.setups, panels, title)

    def _values(self, setup: Setup, measure: Quantity) -> list[float]:
        values = [each.value(measure) for each in self.of(setup)]
        return [value for value in values if value is not None]

    def to_plain(self) -> dict[str, Any]:
        """Return all numbers as plain data, for JSON."""
        return {
            "data": self.data,
            "recipe": self.recipe,
            "steps": self.steps,
            "modes": self.modes,
            "trained": [
                {**each.setup._asdict(), "seed": each.seed, **each.result} for each in self.trained
            ],
        }
