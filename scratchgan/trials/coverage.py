"""The result of a protocol of mode coverage: a table over seeds, beside published rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchgan.metrics import ModeCoverage
from scratchgan.trials.published import Published, high_quality_of_true_data
from scratchgan.trials.table import Mean, as_table

__all__ = ["SAMPLES", "Coverage", "Protocol", "SeedResult"]

SAMPLES = 2_500  # of VEEGAN and PacGAN


@dataclass(frozen=True)
class Protocol:
    """A data set whose modes are counted by the protocol, with published results."""

    name: str
    data: str
    about: str
    published: tuple[Published, ...] = ()


class SeedResult(NamedTuple):
    """The measures of one run."""

    seed: int
    folder: str
    seconds: float | None  # time of training
    coverage: ModeCoverage | None  # of 2,500 samples; None if the training stopped early
    more: ModeCoverage | None  # of the larger set of samples
    stopped: str = ""  # why the training stopped early


@dataclass(frozen=True)
class Coverage:
    """
    The result of ``evaluate_protocol``. Print it for a table.

    Attributes
    ----------
    protocol : Protocol
    recipe : str
    modes : int
        Number of modes of the data.
    runs : list of SeedResult
    samples : int
        Size of the larger set of samples.
    """

    protocol: Protocol
    recipe: str
    modes: int
    runs: list[SeedResult]
    samples: int

    def __str__(self) -> str:
        more = f"{self.samples:,}"
        header = (
            "", "modes", "high quality", "reverse KL", f"modes, {more}", f"quality, {more}",
            f"KL, {more}", "time",
        )  # fmt: skip
        rows: list[Sequence[str]] = [header]
        rows += [self._row(run) for run in self.runs]
        if len(self.runs) > 1:
            rows.append(self._means())
        rows.append(("true data", *self._expected(SAMPLES), *self._expected(self.samples), ""))
        rows += [(*_published(each), "", "", "", "") for each in self.protocol.published]
        return f"{self._heading()}\n\n{as_table(rows)}\n\n{self._notes()}"

    def _heading(self) -> str:
        protocol = self.protocol
        seeds = f"{len(self.runs)} seed{'s' if len(self.runs) > 1 else ''}"
        return f"{protocol.name}, {protocol.about}: recipe {self.recipe}, {seeds}"

    def _expected(self, samples: int) -> tuple[str, str, str]:
        """Return the measures that samples of p_data have on average."""
        quality = f"{high_quality_of_true_data():.2f} %"
        return f"{self.modes} of {self.modes}", quality, f"{chance_kl(self.modes, samples):.4f}"

    def _row(self, run: SeedResult) -> tuple[str, ...]:
        time = "" if run.seconds is None else f"{run.seconds:.0f} s"
        label = f"seed {run.seed}"
        if run.coverage is None or run.more is None:
            return (label, "stopped", "", "", "", "", "", time)
        return (label, *_measures(run.coverage), *_measures(run.more), time)

    def _means(self) -> tuple[str, ...]:
        seconds = Mean.of([run.seconds for run in self.runs if run.seconds is not None])
        return ("mean ± error", *self._means_of("coverage"), *self._means_of("more"),
                _with_unit(seconds.said(".0f"), "s"))  # fmt: skip

    def _means_of(self, part: str) -> tuple[str, str, str]:
        return (
            self.mean(part, "captured").said(".1f"),
            _with_unit(self.mean(part, "high_quality", 100).said(".1f"), "%"),
            self.mean(part, "reverse_kl").said(".4f"),
        )

    def mean(self, part: str, name: str, factor: float = 1) -> Mean:
        """
        Return the mean of a measure over the seeds.

        ``part`` is "coverage" or "more", and ``name`` a field of ``ModeCoverage``.
        """
        found = [getattr(run, part) for run in self.runs]
        return Mean.of([factor * getattr(each, name) for each in found if each is not None])

    def _notes(self) -> str:
        lines = [
            f"modes, high quality, reverse KL (nats): {SAMPLES:,} samples, as in VEEGAN and PacGAN;"
            " ± is the standard error over seeds.",
            f"true data: what to expect of {SAMPLES:,} and of {self.samples:,} samples of p_data.",
        ]
        sources = list(dict.fromkeys(each.source for each in self.protocol.published))
        if sources:
            lines.append(f"The last {len(self.protocol.published)} rows: {', '.join(sources)}.")
        lines += [f"seed {r.seed} stopped: {r.stopped}" for r in self.runs if r.stopped]
        return "\n".join(lines)

    def to_plain(self) -> dict[str, Any]:
        """Return all numbers as plain data, for JSON."""
        names = ("captured", "high_quality", "reverse_kl")
        return {
            "protocol": self.protocol.name,
            "data": self.protocol.data,
            "recipe": self.recipe,
            "samples": [SAMPLES, self.samples],
            "runs": [
                {**run._asdict(), "coverage": _plain(run.coverage), "more": _plain(run.more)}
                for run in self.runs
            ],
            "means": {
                part: {name: dict(zip(("value", "error"), self._known(part, name), strict=True))
                       for name in names}
                for part in ("coverage", "more")
            },
            "true_data": {"high_quality": high_quality_of_true_data() / 100},
            "published": [each._asdict() for each in self.protocol.published],
        }  # fmt: skip

    def _known(self, part: str, name: str) -> tuple[float | None, float | None]:
        value, error = self.mean(part, name)
        return None if math.isnan(value) else value, error


def _plain(found: ModeCoverage | None) -> dict[str, Any] | None:
    return None if found is None else found._asdict()


def _measures(found: ModeCoverage) -> tuple[str, str, str]:
    quality = 100 * found.high_quality
    return f"{found.captured} of {found.modes}", f"{quality:.1f} %", f"{found.reverse_kl:.4f}"


def _with_unit(said: str, unit: str) -> str:
    return said and f"{said} {unit}"


def _published(row: Published) -> tuple[str, str, str, str]:
    modes = Mean(row.modes, row.modes_error).said(".1f")
    quality = Mean(row.high_quality, row.high_quality_error).said(".1f")
    kl = "" if row.reverse_kl is None else f"{row.reverse_kl:.2f}"
    return row.method, modes, f"{quality} %", kl


def chance_kl(modes: int, samples: int) -> float:
    """
    Return the expected reverse KL of true data, (modes − 1) / 2n to first order.

    Counts differ from their expectation by chance, so it is above 0 for a perfect generator too.
    """
    return (modes - 1) / (2 * samples)
