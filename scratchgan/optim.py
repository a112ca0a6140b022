"""
Optimisers and schedules: descriptions; their arrays (momentum and the like) are arguments.

An update works on one flat buffer of parameters. ``t`` counts a player's updates
from 0; a rate may be a number or a schedule, a function of t.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from scratchgan import checks
from scratchgan.backends import Array, Backend
from scratchgan.errors import unknown

__all__ = [
    "SGD",
    "Adam",
    "Cosine",
    "ExponentialDecay",
    "LinearRamp",
    "Optimizer",
    "Schedule",
    "optimizer_from_config",
    "optimizer_to_config",
    "value_at",
]

LARGEST = 1e15  # of a rate and the like: with a larger one nothing is learnt, by any network
LEAST = 1e-37  # of Adam's eps: float32 takes a smaller one for 0, and 0 / 0 follows
LONGEST = 10**12  # updates of a schedule: more than any run makes


class _Checked:
    """A frozen dataclass that puts plain numbers in the place of what it was given."""

    def _number(self, name: str, low: float, high: float = LARGEST, **sides: bool) -> None:
        owner, value = type(self).__name__, getattr(self, name)
        self._put(name, checks.number(owner, name, value, low, high, **sides))

    def _updates(self, name: str) -> None:
        owner, value = type(self).__name__, getattr(self, name)
        self._put(name, checks.whole(owner, name, value, 1, LONGEST))

    def _schedule(self, name: str, low: float, high: float = LARGEST, **sides: bool) -> None:
        """Check a number, or a function of t at both ends of a long run."""
        owner, value = type(self).__name__, getattr(self, name)
        if callable(value) and not isinstance(value, type):
            for t in (0, LONGEST):  # every schedule here lies between its two ends
                try:
                    reached = value(t)
                except TypeError as error:
                    raise ValueError(f"{owner}: {name} is no function of t: {error}") from error
                checks.number(owner, f"{name} at update {t:,}", reached, low, high, **sides)
            return
        try:
            self._number(name, low, high, **sides)
        except ValueError as error:
            remedy = f"{error}, or a schedule, such as Cosine(1e-3, 0, 10_000)"
            raise ValueError(remedy) from None

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # it is frozen for everyone else


@dataclass(frozen=True)
class ExponentialDecay(_Checked):
    """
    max(initial / factor^t, floor), where t may begin anew every ``period`` updates.

    Goodfellow et al. 2014 used initial 0.1, factor 1.000004, floor 1e-6, and no period. To begin
    anew with a large rate is a warm restart (Loshchilov & Hutter 2017, arXiv 1608.03983).
    """

    initial: float
    factor: float
    floor: float = 0.0
    period: int | None = None
    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        self._number("initial", 0)
        self._number("factor", 1)
        self._number("floor", 0)
        if self.period is not None:
            self._updates("period")

    def __call__(self, t: int) -> float:
        if self.period is not None:
            t %= self.period
        # exp(−t log factor) instead of factor^t: no overflow however long the run
        return max(self.initial * math.exp(-t * math.log(self.factor)), self.floor)


@dataclass(frozen=True)
class LinearRamp(_Checked):
    """From ``start`` at t = 0 in a straight line to ``end`` at t = ``steps``, then constant."""

    start: float
    end: float
    steps: int
    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        self._number("start", 0)
        self._number("end", 0)
        self._updates("steps")

    def __call__(self, t: int) -> float:
        return self.start + (self.end - self.start) * min(t / self.steps, 1.0)


@dataclass(frozen=True)
class Cosine(_Checked):
    """Half a cosine from ``start`` at t = 0 to ``end`` at t = ``steps``, then constant."""

    start: float
    end: float
    steps: int
    name: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        self._number("start", 0)
        self._number("end", 0)
        self._updates("steps")

    def __call__(self, t: int) -> float:
        progress = min(t / self.steps, 1.0)
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


Schedule: TypeAlias = float | ExponentialDecay | LinearRamp | Cosine


def value_at(schedule: Schedule, t: int) -> float:
    """Return the value of a number or of a schedule at update ``t``."""
    return schedule(t) if callable(schedule) else float(schedule)


class Optimizer(_Checked, ABC):
    """
    What a player asks of an optimiser.

    A subclass says in ``_apply`` how one update is made for a given rate.
    """

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]]
    """Names of the flat arrays that it keeps, each as large as the parameters, zero at first."""

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
        """Change ``params`` and ``slots`` in place; all are flat, (n,). To ascend, rate < 0."""
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
        """Make update ``t`` with this rate."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """
    Stochastic gradient descent with momentum.

    Classical (Polyak 1964): v ← μ v − rate · g; θ ← θ + v. Nesterov's look-ahead
    as in Sutskever et al. 2013, eq. 3–4, at the shifted point: θ ← θ + μ v − rate · g.

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

    rate: Schedule
    momentum: Schedule = 0.0
    nesterov: bool = False
    name: ClassVar[str] = "sgd"
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        self._schedule("rate", 0)
        self._schedule("momentum", 0, 1, below=True)
        self._put("nesterov", checks.flag("SGD", "nesterov", self.nesterov))

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
        Decay of the first and second moment, in [0, 1).
    eps : float
        Added to √v̂; from 1e-37, which float32 can hold, to 1e15.
    """

    rate: Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    name: ClassVar[str] = "adam"
    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def __post_init__(self) -> None:
        self._schedule("rate", 0)
        self._number("beta1", 0, 1, below=True)
        self._number("beta2", 0, 1, below=True)
        self._number("eps", LEAST)

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


_SCHEDULES: dict[str, Any] = {s.name: s for s in (ExponentialDecay, LinearRamp, Cosine)}
_OPTIMIZERS: dict[str, Any] = {o.name: o for o in (SGD, Adam)}


def optimizer_to_config(optimizer: Optimizer) -> dict[str, Any]:
    """
    Return an optimiser as plain data, for config.json.

    Examples
    --------
    >>> optimizer_to_config(SGD(LinearRamp(0.1, 0.0, 500)))["rate"]
    {'name': 'linear', 'start': 0.1, 'end': 0.0, 'steps': 500}
    """
    config: dict[str, Any] = {"name": optimizer.name}
    for key, value in vars(optimizer).items():
        if callable(value):
            known = tuple(_SCHEDULES.values())
            schedule = checks.instance(optimizer.name, key, value, known, "a schedule of this file")
            value = {"name": schedule.name, **asdict(schedule)}
        config[key] = value
    return config


def optimizer_from_config(config: dict[str, Any]) -> Optimizer:
    """Return the optimiser that ``optimizer_to_config`` (or a TOML file) describes."""
    arguments = dict(checks.instance("", "optimizer", config, dict, "a table with a name"))
    make = _named("optimizer", arguments, _OPTIMIZERS)
    for key, value in arguments.items():
        if isinstance(value, dict):
            schedule = dict(value)
            arguments[key] = _build(_named("schedule", schedule, _SCHEDULES), schedule)
    optimizer: Optimizer = _build(make, arguments)
    return optimizer


def _named(kind: str, arguments: dict[str, Any], known: dict[str, Any]) -> Any:
    return known[checks.one_of(kind, arguments.pop("name", None), known)]


def _build(make: Any, arguments: dict[str, Any]) -> Any:
    fields = make.__dataclass_fields__
    for key in arguments:
        if key not in fields:
            raise unknown(f"setting of {make.name}", key, fields)
    try:
        return make(**arguments)
    except TypeError as error:
        raise ValueError(f"{make.name}: {error}") from None
