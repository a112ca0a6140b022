"""
The state of a training: named arrays and five counters, which decide its next iteration.

Noise, masks and minibatches follow from the counters and the seed. Checkpoints and the recorder's
trials read and write the state with these functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from scratchgan.backends import Array

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer

__all__ = [
    "COUNTERS", "Moment", "counters", "named_arrays", "put_arrays", "put_counters", "seen_arrays",
]  # fmt: skip

COUNTERS = ("iteration", "substep", "minibatch", "d_updates", "g_updates")
"""Iterations, updates of D in this iteration, minibatches drawn, and updates of each player."""


def named_arrays(trainer: Trainer) -> dict[str, Array]:
    """
    Return the arrays of the state, not copies.

    They are the players' flat arrays (``D.params``, …), the latest values of penalties, which a
    record may show, and the pool's arrays.
    """
    named: dict[str, Array] = {}
    for name, player in (("D", trainer.D), ("G", trainer.G)):
        named[f"{name}.params"] = player.network.flat
        for slot, a in zip(player.optimizer.slots, player.slots, strict=True):
            named[f"{name}.{slot}"] = a
        if player.average_flat is not None:
            named[f"{name}.average"] = player.average_flat
    if trainer.penalties.flat is not None:
        named["penalties.latest"] = trainer.penalties.flat
    return named if trainer.pool is None else named | trainer.pool.arrays()


def put_arrays(trainer: Trainer, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy values from the host into all arrays of ``named_arrays``."""
    for name, a in named_arrays(trainer).items():
        trainer.ops.copy_(a, trainer.ops.asarray(arrays[name], a.dtype))


def seen_arrays(trainer: Trainer) -> list[Array]:
    """Return the arrays of the latest steps: V, D's outputs; the loss, D's outputs."""
    return [a for step in trainer.last if step is not None for a in step.arrays()]


def counters(trainer: Trainer) -> dict[str, int]:
    """Return the counters by name."""
    values = (
        trainer.iteration, trainer.substep, trainer.minibatch, trainer.D.t, trainer.G.t,
    )  # fmt: skip
    return dict(zip(COUNTERS, values, strict=True))


def put_counters(trainer: Trainer, values: Mapping[str, int]) -> None:
    """Set the counters."""
    (
        trainer.iteration, trainer.substep, trainer.minibatch, trainer.D.t, trainer.G.t,
    ) = (values[name] for name in COUNTERS)  # fmt: skip


class Moment:
    """A copy of everything that an iteration changes, to try an iteration and undo it."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._counters = counters(trainer)
        self._last = trainer.last
        self._arrays = [trainer.ops.to_numpy(a) for a in self._changing()]

    def _changing(self) -> list[Array]:
        """Return the state's arrays and the latest steps' arrays: a replay overwrites both."""
        return [*named_arrays(self._trainer).values(), *seen_arrays(self._trainer)]

    def restore(self) -> None:
        """Set the trainer back to this state."""
        trainer = self._trainer
        put_counters(trainer, self._counters)
        trainer.last = self._last
        for a, values in zip(self._changing(), self._arrays, strict=True):
            trainer.ops.copy_(a, trainer.ops.asarray(values))

    def same_as(self, other: Moment) -> bool:
        """Whether all counters are equal and all arrays have the same bits, even for NaN."""
        return self._counters == other._counters and all(
            a.tobytes() == b.tobytes() for a, b in zip(self._arrays, other._arrays, strict=True)
        )
