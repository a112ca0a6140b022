"""The settings of a training. Each is declared once, here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from scratchgan.backends import backend_names
from scratchgan.fields import (
    Checked,
    Flag,
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
from scratchgan.games import GAMES, Games, Objective, objectives_by_start
from scratchgan.games.penalties import PENALTIES, PENALTY_LIST, Penalty
from scratchgan.gan.noise import Noise, Prior
from scratchgan.optim import LARGEST, OPTIMIZER, Optimizer, Schedule, Scheduled

__all__ = ["Settings"]

MOST_UPDATES = 0xFFFF  # of D in an iteration: a stream numbers them with 16 bits
LARGEST_POOL = 2**20  # samples; each of them can be drawn by a word's upper 24 bits
COUNT = Whole(1)


@dataclass(frozen=True, kw_only=True)
class Settings(Checked):
    """
    All settings of a training, checked when the object is made.

    A recipe holds them, a run saves them in config.json, a ``Trainer`` takes them, and the command
    line has an option for most of them. ``changed`` and ``dataclasses.replace`` return changed
    settings.

    Parameters
    ----------
    {settings}
    """

    data: str = setting(
        Text(), "digits", run=True,
        help="name of a data set, or your own data: points.csv, array.npy or a folder of PNGs",
    )  # fmt: skip
    labels: str | None = setting(
        Text(), None, help="file with the labels of your own data, .npy or .csv", run=True
    )
    backend: str | None = setting(
        OneOf("backend", backend_names), None, run=True,
        help="backend for all arithmetic; without one, the fastest that works here",
    )  # fmt: skip
    dtype: str = setting(
        OneOf("dtype", ("float32", "float64")), "float32", help="dtype of all arrays", run=True
    )
    seed: int = setting(Seed(), 0, help="seed of all random numbers")
    steps: int = setting(COUNT, 10_000, help="number of iterations", bits=False, run=True)
    batch_size: int = setting(COUNT, 64, help="examples in a minibatch")
    k: int = setting(Whole(1, MOST_UPDATES), 1, help="updates of D for each update of G")
    objective: Games = setting(
        Objective(), "non_saturating", help=f"game to play: {', '.join(GAMES)}"
    )
    penalties: tuple[Penalty, ...] = setting(
        PENALTY_LIST, (),
        help=f"penalties on D's gradient by x, such as r1=0.1,r2; known: {', '.join(PENALTIES)}",
    )  # fmt: skip
    updates: str = setting(
        OneOf("kind of updates", ("alternating", "simultaneous")),
        "alternating",
        help="alternating (Algorithm 1) or simultaneous (the 2014 paper's code; needs k = 1)",
    )
    ema: float | None = setting(
        Number(0, 1, below=True),
        None,
        help="decay of a moving average of G; with it, samples are drawn from the average",
    )
    clip: float | None = setting(
        Number(0, LARGEST, above=True), None,
        help="bound of D's weights: each is clipped to ±X after D's update (Arjovsky et al. 2017)",
    )  # fmt: skip
    instance_noise: Schedule | None = setting(
        Scheduled(0, LARGEST), None,
        help="σ of normal noise on all that D sees (Sønderby et al. 2017); a number, or a schedule"
        " of D's updates",
    )  # fmt: skip
    pack: int = setting(
        COUNT, 1, help="rows that D sees as one example (PacGAN, Lin et al. 2018); no labels"
    )
    pool: int | None = setting(
        Whole(1, LARGEST_POOL), None,
        help="size of a pool of earlier samples, for D's step (Shrivastava et al. 2017)",
    )  # fmt: skip
    unroll: int = setting(
        Whole(0, MOST_UPDATES), 0,
        help="updates that D is ahead in G's step (Metz et al. 2017, without the gradient through"
        " them)",
    )  # fmt: skip
    conditional: bool = setting(Flag(), False, help="give the labels to G and D", run=True)
    noise: Noise = setting(
        Part(Noise, "a Noise, such as Noise(16), or a table"),
        help="p_z, with as many features as G takes",
        option=False,
    )
    optimizer_g: Optimizer = setting(OPTIMIZER, help="optimizer of G", option=False)
    optimizer_d: Optimizer = setting(
        OPTIMIZER, option=False,
        help="optimizer of D, which may have another rate than G's (Heusel et al. 2017)",
    )  # fmt: skip
    log_every: int = setting(
        COUNT, 100, help="iterations between records, each with a check for NaN", bits=False
    )
    sample_every: int = setting(
        COUNT, 200, help="iterations between sample grids", bits=False, run=True
    )
    checkpoint_every: int = setting(
        COUNT, 500, help="iterations between checkpoints", bits=False, run=True
    )
    validation: int = setting(
        Whole(0), 0, help="number of training examples to hold back, from the end", run=True
    )
    measure: str | None = setting(
        OneOf("measure", ("parzen",)),  # defined in scratchgan.runs.measures
        None,
        help="measure of the samples against the held-back examples",
        bits=False,
        run=True,
    )
    measure_every: int = setting(
        COUNT, 1000, help="iterations between measurements", bits=False, run=True
    )
    keep_best: bool = setting(
        Flag(), True, bits=False, run=True,
        help="sample from the G with the best measurement, not from the last G",
    )  # fmt: skip

    def _owner(self) -> str:
        return ""

    def _check_together(self) -> None:
        names = [penalty.name for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise ValueError(f"penalties are {', '.join(names)}; expected each name once")
        if self.updates == "simultaneous" and self.k != 1:
            raise ValueError(f"k is {self.k}; simultaneous updates need k = 1")
        for name, off in (("pool", None), ("unroll", 0)):
            if self.updates == "simultaneous" and getattr(self, name) != off:
                raise ValueError(
                    f"{name} is {getattr(self, name)} and updates are simultaneous, but D and G"
                    f" then share one pass; use alternating updates, or {name} {off}"
                )
        if self.k + self.unroll > MOST_UPDATES:
            raise ValueError(
                f"k + unroll is {self.k + self.unroll:,}; expected at most {MOST_UPDATES:,} updates"
                " of D in an iteration"
            )
        if self.batch_size % self.pack:
            raise ValueError(
                f"batch_size is {self.batch_size} and pack is {self.pack}; expected a batch_size"
                f" that is a multiple of {self.pack}"
            )
        if self.measure is not None and not self.validation:
            raise ValueError(
                f"measure is '{self.measure}' and validation is 0; expected validation > 0, because"
                " the measure needs held-back examples"
            )

    @property
    def prior(self) -> Prior:
        """Where z comes from: the noise, and the codes of the first game."""
        (first, *_) = objectives_by_start(self.objective).values()
        return Prior(self.noise, first.codes)

    @property
    def minibatches(self) -> int:
        """Minibatches of x in an iteration: one for each update of D, also for those ahead."""
        return self.k + self.unroll

    def changed(self, **changes: Any) -> Self:
        """
        Return these settings with changes.

        A dict for ``noise`` or an optimizer changes only what it names:
        ``optimizer_g={"rate": 1e-4}`` keeps the optimizer's other settings.
        """
        return type(self).from_plain(changes, self)

    def quick(self, steps: int = 200) -> Self:
        """Return a short form: the same game, long enough to check that all works."""
        part = max(1, steps // 2)
        return replace(
            self, steps=steps, log_every=max(1, steps // 10), sample_every=part,
            checkpoint_every=part, measure_every=part,
        )  # fmt: skip


fill_docstring(Settings, settings_in(Settings).values())
