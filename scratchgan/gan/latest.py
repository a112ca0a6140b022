"""The latest value of each penalty, for records. A lazy penalty has no value in every update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scratchgan.backends import Array, Backend
from scratchgan.games.penalties import Penalty
from scratchgan.gan.steps import DStep

__all__ = ["LatestPenalties"]


class LatestPenalties:
    """
    The latest values, in an array that belongs to the state of a training.

    Parameters
    ----------
    ops : Backend
    penalties : sequence of Penalty
    dtype : dtype

    Attributes
    ----------
    flat : Array (penalties,) or None
        None without penalties. A penalty that has not acted yet has the value 0.
    values : dict of str to Array (1,)
        The parts of ``flat``, by name.
    """

    def __init__(self, ops: Backend, penalties: Sequence[Penalty], dtype: Any) -> None:
        self._ops, self._dtype = ops, dtype
        names = [penalty.name for penalty in penalties]
        self.flat: Array | None = ops.zeros((len(names),), dtype) if names else None
        self.values: dict[str, Array] = {
            name: ops.view(self.flat, i, (1,)) for i, name in enumerate(names)
        }

    def changed(self, penalties: Sequence[Penalty]) -> LatestPenalties:
        """Return the values for other penalties: these, if their names are the same."""
        if [penalty.name for penalty in penalties] == list(self.values):
            return self
        return LatestPenalties(self._ops, penalties, self._dtype)

    def noted(self, step: DStep) -> DStep:
        """Copy the values of a step; return the step with the latest value of each penalty."""
        for name, value in step.penalties.items():
            self._ops.copy_(self.values[name], value)
        return step._replace(penalties=self.values)
