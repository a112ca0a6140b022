"""
What changes from step to step in a recorded iteration, and its values in the iterations to come.

A recorded operation names each of its numbers that varies (``Program.varying``). The number of the
iteration, the place of a minibatch, rates and scheduled factors follow from the trainer's counters
and settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.program import Program, Varying, address
from scratchgan.errors import NotRecordableError
from scratchgan.optim import Current, Schedule

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer

__all__ = ["Sources"]


class Sources:
    """For each varying cell, a function that returns its values for the given future steps."""

    def __init__(self, trainer: Trainer, program: Program) -> None:
        self._trainer = trainer
        self._updates: dict[tuple[str, int], int] = {}
        self._of = [self._source(varying) for varying in program.varying]
        self._starts = np.zeros(0, np.int64)

    def values(self, steps: NDArray[Any], starts: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the values of all cells; ``starts`` are those of the steps' minibatches."""
        self._starts = starts
        return [source(steps) for source in self._of]

    def _source(self, varying: Varying) -> Callable[[NDArray[Any]], NDArray[Any]]:
        trainer, each = self._trainer, self._trainer.settings.minibatches
        if varying.name == "step":
            return lambda steps: trainer.iteration + steps
        if varying.name == "factor":
            return self._of_schedule(varying.value)
        if varying.name == "start":
            starts = trainer.data.starts(trainer.minibatch, each).tolist()
            if varying.value not in starts:
                raise NotRecordableError("a minibatch is read that is not the trainer's")
            j = starts.index(varying.value)
            return lambda steps: self._starts[each * steps + j]
        return self._of_optimizer(varying)

    def _of_schedule(self, now: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
        if not isinstance(now, Current):
            raise NotRecordableError(
                f"scale_scheduled has the factor {now}, and it is unknown how it goes on: it is no"
                " Current of scratchgan.optim"
            )
        player, per = {"D": (self._trainer.D, self._trainer.k), "G": (self._trainer.G, 1)}[
            now.player
        ]
        nth = now.t - player.t  # which of the iteration's updates

        return lambda steps: now.factor * _values(now.schedule, player.t + per * steps + nth)

    def _of_optimizer(self, varying: Varying) -> Callable[[NDArray[Any]], NDArray[Any]]:
        trainer = self._trainer
        written = varying.writes
        players = [p for p in (trainer.D, trainer.G) if address(p.network.flat) == written]
        if not players:
            raise NotRecordableError("an optimiser changes an array that is not D's or G's")
        player = players[0]
        ours = player is trainer.D
        per, sign = (trainer.k, -1.0) if ours else (1, 1.0)  # D ascends
        key = (varying.name, written)
        nth = self._updates.setdefault(key, 0)
        self._updates[key] += 1

        def t(steps: NDArray[Any]) -> NDArray[Any]:
            return player.t + per * steps + nth

        if varying.name == "t":
            return lambda steps: t(steps) + 1  # Adam counts from 1
        if varying.name == "rate":
            return lambda steps: sign * _values(player.optimizer.rate, t(steps))
        momentum = getattr(player.optimizer, "momentum", varying.value)
        return lambda steps: _values(momentum, t(steps))


def _values(schedule: Schedule, t: NDArray[Any]) -> NDArray[Any]:
    if not callable(schedule):
        return np.full(t.size, float(schedule))
    return np.array([schedule(int(each)) for each in t], np.float64)
