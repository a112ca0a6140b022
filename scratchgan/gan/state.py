"""The state of a training, to go back to: for trying an iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer

__all__ = ["State"]


class State:
    """Copies of everything that an iteration changes."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._counters = (
            trainer.iteration, trainer.minibatch, trainer.D.t, trainer.G.t, trainer.substep,
        )  # fmt: skip
        self._last = trainer.last
        self._arrays = trainer.arrays()
        self._results = [trainer.ops.to_numpy(a) for a in trainer.last_arrays()]

    def restore(self) -> None:
        """Go back to this state."""
        trainer = self._trainer
        (
            trainer.iteration, trainer.minibatch, trainer.D.t, trainer.G.t, trainer.substep,
        ) = self._counters  # fmt: skip
        trainer.put_back(self._arrays)
        trainer.last = self._last
        for a, values in zip(trainer.last_arrays(), self._results, strict=True):
            trainer.ops.copy_(a, trainer.ops.asarray(values))  # a replay writes over them

    def same_as(self, other: State) -> bool:
        """Whether all arrays have the same bits, NaN included."""
        ours = [*self._arrays.values(), *self._results]
        theirs = [*other._arrays.values(), *other._results]
        return self._counters == other._counters and all(
            a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True)
        )
