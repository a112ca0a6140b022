"""The settings of a training: each is declared here, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from scratchgan import checks
from scratchgan.backends import backend_names
from scratchgan.fields import (
    Checked,
    Flag,
    Kind,
    Number,
    OneOf,
    Part,
    Seed,
    Text,
    Whole,
    fill_docstring,
    setting,
    settings_in,
)
from scratchgan.games import GAMES, Games, objectives_by_start
from scratchgan.gan.noise import Noise
from scratchgan.optim import OPTIMIZER, Optimizer

__all__ = ["Settings"]

MOST_UPDATES = 0xFFFF  # of D in an iteration: a stream numbers them by 16 bits
COUNT = Whole(1)


class Objective(Kind):
    """A game, its name, or several by the iteration from which each is played."""

    metavar = "NAME"

    def check(self, owner: str, name: str, value: Any) -> Games:
        objectives_by_start(value)
        if not isinstance(value, Mapping):
            return value  # type: ignore[no-any-return]
        return dict(sorted((int(start), each) for start, each in value.items()))

    def to_plain(self, name: str, value: Any) -> Any:
        if isinstance(value, Mapping):  # JSON's keys are texts
            return {str(start): self.to_plain(name, each) for start, each in value.items()}
        if isinstance(value, str):
            return value
        if value.name in GAMES and type(value) is not type(GAMES[value.name]):
            raise ValueError(
                f"objective is {checks.shown(value)} and has the name of another game,"
                f" '{value.name}'; give its class a name of its own"
            )
        return value.name


@dataclass(frozen=True, kw_only=True)
class Settings(Checked):
    """
    All settings of a training, checked when they are made.

    A recipe fills them, a run keeps them in config.json, a ``Trainer`` takes them, and the options
    of the command line are made of them. ``replace`` (of ``dataclasses``) and ``changed`` return
    other settings.

    Parameters
    ----------
    {settings}
    """

    data: str = setting(
        Text(), "digits", run=True,
        help="a data set by name, or your own: points.csv, array.npy, a folder of PNGs",
    )  # fmt: skip
    labels: str | None = setting(
        Text(), None, help="a file with the labels of your own data, .npy or .csv", run=True
    )
    backend: str | None = setting(
        OneOf("backend", backend_names), None, help="where arithmetic happens", run=True
    )
    dtype: str = setting(
        OneOf("dtype", ("float32", "float64")), "float32", help="of all numbers", run=True
    )
    seed: int = setting(Seed(), 0, help="for everything random")
    steps: int = setting(COUNT, 10_000, help="iterations", bits=False, run=True)
    batch_size: int = setting(COUNT, 64, help="examples in a minibatch")
    k: int = setting(Whole(1, MOST_UPDATES), 1, help="updates of D for each of G")
    objective: Games = setting(
        Objective(), "non_saturating", help=f"the game that is played: {' or '.join(GAMES)}"
    )
    updates: str = setting(
        OneOf("kind of updates", ("alternating", "simultaneous")),
        "alternating",
        help="alternating (Algorithm 1), or simultaneous (the 2014 code; k = 1)",
    )
    ema: float | None = setting(
        Number(0, 1, below=True),
        None,
        help="decay of a moving average of G, from which samples are then drawn",
    )
    conditional: bool = setting(Flag(), False, help="the labels go into G and D", run=True)
    noise: Noise = setting(
        Part(Noise, "a Noise, such as Noise(16), or a table"),
        help="p_z, as wide as what G takes",
        option=False,
    )
    optimizer_g: Optimizer = setting(OPTIMIZER, help="of G", option=False)
    optimizer_d: Optimizer = setting(OPTIMIZER, help="of D", option=False)
    log_every: int = setting(
        COUNT, 100, help="iterations between records; each looks for NaN, too", bits=False
    )
    sample_every: int = setting(
        COUNT, 200, help="iterations between sample grids", bits=False, run=True
    )
    checkpoint_every: int = setting(
        COUNT, 500, help="iterations between checkpoints", bits=False, run=True
    )
    validation: int = setting(
        Whole(0), 0, help="training examples, the last ones, that are held back", run=True
    )
    measure: str | None = setting(
        OneOf("measure", ("parzen",)),  # what each is, scratchgan.runs.measures says
        None,
        help="what is measured on the examples held back",
        bits=False,
        run=True,
    )
    measure_every: int = setting(
        COUNT, 1000, help="iterations between measurements", bits=False, run=True
    )
    keep_best: bool = setting(
        Flag(), True, help="use the G that measured best, not the last one", bits=False, run=True
    )

    def _owner(self) -> str:
        return ""

    def _check_together(self) -> None:
        if self.updates == "simultaneous" and self.k != 1:
            raise ValueError(f"k is {self.k}; simultaneous updates need k = 1")
        if self.measure is not None and not self.validation:
            raise ValueError(
                f"measure is '{self.measure}' and validation is 0; expected examples that are held"
                " back to measure on"
            )

    def changed(self, **changes: Any) -> Self:
        """
        Return the same settings with changes in their place.

        A table (a dict, as JSON and TOML have it) in the place of ``noise`` or an optimizer
        changes what it names; ``optimizer_g={"rate": 1e-4}`` leaves the rest as it is.
        """
        return type(self).from_plain(changes, self)

    def quick(self, steps: int = 200) -> Self:
        """Return the quick form: the same game, just long enough to see whether all works."""
        part = max(1, steps // 2)
        return replace(
            self, steps=steps, log_every=max(1, steps // 10), sample_every=part,
            checkpoint_every=part, measure_every=part,
        )  # fmt: skip


fill_docstring(Settings, settings_in(Settings).values())
