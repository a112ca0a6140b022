"""
The kind of an iteration: what decides which operations it runs, in which order.

Most trainings have one kind, so one recorded iteration stands for all. A lazy penalty, which acts
only at each n-th update of D, makes two kinds or more. Each kind has a recording of its own.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer

__all__ = ["kind_of", "stretch"]


def kind_of(trainer: Trainer, ahead: int = 0) -> Hashable:
    """
    Return the kind of the iteration that is ``ahead`` iterations from now.

    It may depend on the settings and on the counters, because both are known for later iterations.
    """
    settings = trainer.settings
    first = trainer.D.t + ahead * settings.k
    updates = range(first, first + settings.k + settings.unroll)  # of D
    lazy = _lazy(trainer)
    return tuple(tuple(name for name, every in lazy if t % every == 0) for t in updates)


def stretch(trainer: Trainer, most: int) -> tuple[Hashable, int]:
    """Return the kind of the next iteration, and how many iterations have it: 1 to ``most``."""
    kind, count = kind_of(trainer), 1
    if not _lazy(trainer):
        return kind, most
    while count < most and kind_of(trainer, count) == kind:
        count += 1
    return kind, count


def _lazy(trainer: Trainer) -> list[tuple[str, int]]:
    """Return the name and the interval of each penalty that acts only at some updates of D."""
    return [(p.name, p.every) for p in trainer.settings.penalties if p.every > 1]
