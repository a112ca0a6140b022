"""
Optimisers and learning-rate schedules.

They hold settings only: arrays, such as the momentum, are arguments of ``update``. An update
changes one flat buffer of parameters. ``t`` counts a player's updates from 0. A rate is a number
or a schedule, which is a function of t.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from scratchgan import checks
from scratchgan.backends import Array, Backend
from scratchgan.fields import Checked, Flag, Number, Part, Whole, setting

__all__ = [
    "LARGEST",
    "OPTIMIZER",
    "SGD",
    "Adam",
    "Cosine",
    "Current",
    "ExponentialDecay",
    "LinearRamp",
    "Optimizer",
    "Schedule",
    "Scheduled",
    "value_at",
]

LARGEST = 1e15  # largest rate, factor or eps: no network learns with a larger one
LEAST = 1e-37  # smallest eps of Adam: float32 rounds a smaller one to 0, which gives 0 / 0
LONGEST = 10**12  # updates in a schedule: more than any run makes


@dataclass(frozen=True)
class Scheduled(Number):
    """A number, or a function of t. Its range is checked at the first and the last update."""

    def check(self, owner: str, name: str, value: Any) -> Any:
        if callable(value) and not isinstance(value, type):
            for t in (0, LONGEST):  # the values of each schedule here lie between these two
                try:
                    reached = value(t)
                except TypeError as error:
                    raise ValueError(
                        f"{owner}: {name} is not a function of t: {error}; expected f(t)"
                    ) from error
                super().check(owner, f"{name} at update {t:,}", reached)
            return value
        try:
            return super().check(owner, name, value)
        except ValueError as error:
            remedy = f"{error}, or a schedule, such as Cosine(1e-3, 0, 10_000)"
            raise ValueError(remedy) from None

    def to_plain(self, name: str, value: Any) -> Any:
        if not callable(value):
            return value
        expected = "a schedule from scratchgan.optim, because a file can name only these"
        return checks.instance("", name, value, SCHEDULES, expected).to_plain()

    def from_plain(self, name: str, value: Any, now: Any = None) -> Any:
        if not isinstance(value, dict):
            return value
        table, named = dict(value), {schedule.name: schedule for schedule in SCHEDULES}
        make = named[checks.one_of("schedule", table.pop("name", None), named)]
        return make.from_plain(table)


POSITIVE = Number(0, LARGEST)
UPDATES = Whole(1, LONGEST)


@dataclass(frozen=True)
class ExponentialDecay(Checked):
    """
    max(initial / factor^t, floor). With ``period``, t restarts at 0 every ``period`` updates.

    Goodfellow et al. 2014 used initial 0.1, factor 1.000004, floor 1e-6, and no period. A restart
    with a large rate is called a warm restart (Loshchilov & Hutter 2017, arXiv 1608.03983).
    """

    initial: float = setting(POSITIVE)
    factor: float = setting(Number(1, LARGEST))
    floor: float = setting(POSITIVE, 0.0)
    period: int | None = setting(UPDATES, None)
    name: ClassVar[str] = "exponential"

    def __call__(self, t: int) -> float:
        if self.period is not None:
            t %= self.period
        # exp(−t log factor) instead of 1 / factor^t: no overflow for large t
        return max(self.initial * math.exp(-t * math.log(self.factor)), self.floor)


@dataclass(frozen=True)
class LinearRamp(Checked):
    """Linear from ``start`` at t = 0 to ``end`` at t = ``steps``, then constant."""

    start: float = setting(POSITIVE)
    end: float = setting(POSITIVE)
    steps: int = setting(UPDATES)
    name: ClassVar[str] = "linear"

    def __call__(self, t: int) -> float:
        return self.start + (self.end - self.start) * min(t / self.steps, 1.0)


@dataclass(frozen=True)
class Cosine(Checked):
    """Half a cosine from ``start`` at t = 0 to ``end`` at t = ``steps``, then constant."""

    start: float = setting(POSITIVE)
    end: float = setting(POSITIVE)
    steps: int = setting(UPDATES)
    name: ClassVar[str] = "cosine"

    def __call__(self, t: int) -> float:
        progress = min(t / self.steps, 1.0)
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


SCHEDULES = (ExponentialDecay, LinearRamp, Cosine)
"""The schedules that a file can name."""

Schedule: TypeAlias = float | ExponentialDecay | LinearRamp | Cosine


def value_at(schedule: Schedule, t: int) -> float:
    """Return the value of a number or of a schedule at update ``t``."""
    return schedule(t) if callable(schedule) else float(schedule)


class Current(float):
    """
    The value of a schedule at one update. It is a number that remembers its schedule.

    ``Backend.scale_scheduled`` takes it. The recorder of a step then knows the factor of each
    later update. A product with a number remembers the schedule too; any other result of
    arithmetic is a plain float.

    Parameters
    ----------
    schedule : float or schedule
    t : int
        A number of updates of a player, from 0.
    player : str
        "D" or "G": whose updates ``t`` counts.
    factor : float
        A constant factor.

    Examples
    --------
    >>> gamma = Current(LinearRamp(1.0, 0.0, 10), t=5)
    >>> float(gamma), gamma.at(6)
    (0.5, 0.4)
    >>> half = -0.5 * gamma
    >>> float(half), half.at(6)
    (-0.25, -0.2)
    """

    schedule: Schedule
    t: int
    player: str
    factor: float

    def __new__(cls, schedule: Schedule, t: int, player: str = "D", factor: float = 1.0) -> Current:
        now = super().__new__(cls, factor * value_at(schedule, t))
        now.schedule, now.t, now.player, now.factor = schedule, t, player, factor
        return now

    def at(self, t: int) -> float:
        """Return the value at update ``t``."""
        return self.factor * value_at(self.schedule, t)

    def __mul__(self, factor: float) -> Current:
        return Current(self.schedule, self.t, self.player, float(factor) * self.factor)

    __rmul__ = __mul__

    def __neg__(self) -> Current:
        return self * -1.0


class Optimizer(Checked, ABC):
    """The base class of optimisers. A subclass makes one update in ``_apply``."""

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]]
    """Names of the optimiser's arrays. Each has the size of the parameters and begins at zero."""

    rate: Schedule

    def rate_at(self, t: int) -> float:
        """Return the learning rate of update ``t``."""
        return value_at(self.rate, t)

    def update(
        self,
        ops: Backend,
        params: Array,
        grads: Array,
        slots: tuple[Array, ...],
        t: int,
        ascend: bool = False,
    ) -> None:
        """
        Make one update: change ``params`` and ``slots`` in place.

        All arrays are flat, (n,). With ``ascend``, the sign of the rate is reversed.
        """
        rate = self.rate_at(t)
        self._apply(ops, params, grads, slots, t, -rate if ascend else rate)

    @abstractmethod
    def _apply(
        self,
        ops: Backend,
        params: Array,
        grads: Array,
        slots: tuple[Array, ...],
        t: int,
        rate: float,
    ) -> None:
        """Make update ``t`` with this rate, which is negative to ascend."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """
    Stochastic gradient descent with momentum.

    Classical momentum (Polyak 1964): v ← μ v − rate · g; θ ← θ + v. Nesterov's momentum
    (Sutskever et al. 2013, eq. 3–4), written for the shifted point: θ ← θ + μ v − rate · g.

    Parameters
    ----------
    rate, momentum : float or schedule
        0 ≤ rate ≤ 1e15, 0 ≤ momentum < 1.
    nesterov : bool

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> theta, v = np.array([1.0]), np.array([0.5])
    >>> SGD(rate=0.1, momentum=0.9).update(
    ...     get_backend("reference"), theta, np.array([2.0]), (v,), t=0
    ... )
    >>> v, theta                                          # 0.9 · 0.5 − 0.1 · 2
    (array([0.25]), array([1.25]))
    """

    rate: Schedule = setting(Scheduled(0, LARGEST))
    momentum: Schedule = setting(Scheduled(0, 1, below=True), 0.0)
    nesterov: bool = setting(Flag(), False)
    name: ClassVar[str] = "sgd"
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def _apply(
        self,
        ops: Backend,
        params: Array,
        grads: Array,
        slots: tuple[Array, ...],
        t: int,
        rate: float,
    ) -> None:
        momentum = value_at(self.momentum, t)
        ops.sgd_(params, grads, slots[0], rate=rate, momentum=momentum, nesterov=self.nesterov)


@dataclass(frozen=True)
class Adam(Optimizer):
    """
    Adam (Kingma & Ba 2015, Algorithm 1), with both bias corrections.

    Parameters
    ----------
    rate : float or schedule
        0 ≤ rate ≤ 1e15.
    beta1, beta2 : float
        Decay rates of the first and second moment, in [0, 1).
    eps : float
        Added to √v̂. Between 1e-37, because float32 cannot hold less, and 1e15.
    """

    rate: Schedule = setting(Scheduled(0, LARGEST), 1e-3)
    beta1: float = setting(Number(0, 1, below=True), 0.9)
    beta2: float = setting(Number(0, 1, below=True), 0.999)
    eps: float = setting(Number(LEAST, LARGEST), 1e-8)
    name: ClassVar[str] = "adam"
    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def _apply(
        self,
        ops: Backend,
        params: Array,
        grads: Array,
        slots: tuple[Array, ...],
        t: int,
        rate: float,
    ) -> None:
        m, v = slots
        ops.adam_(
            params, grads, m, v,
            rate=rate, t=t + 1, beta1=self.beta1, beta2=self.beta2, eps=self.eps,
        )  # fmt: skip


OPTIMIZER = Part(Optimizer, "an optimizer, such as Adam(), or a table", (SGD, Adam))
"""The kind of a setting that is an optimiser; in JSON and TOML, a table with its name."""
