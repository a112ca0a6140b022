"""Reports of a trainer: numbers of its latest updates, and the check that all is finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgan.backends import Array
from scratchgan.errors import NonFiniteError
from scratchgan.gan.state import named_arrays

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer

__all__ = ["check_finite", "line", "record", "standing"]


def record(trainer: Trainer) -> dict[str, float]:
    """Return the record that ``Trainer.record`` describes."""
    epoch = trainer.minibatch / trainer.data.per_epoch
    d, g = trainer.last
    found: dict[str, float] = {"step": trainer.iteration, "epoch": round(epoch, 4)}
    if d is not None:
        found["value"] = _number(trainer, d.value)
        if d.penalties:
            found["penalty"] = sum(_number(trainer, value) for value in d.penalties.values())
        reading = d.game.reading
        for key, outputs in zip(reading.keys, (d.real_outputs, d.fake_outputs), strict=True):
            found[key] = float(trainer.ops.to_numpy(reading.of(outputs, trainer.ops)).mean())
        found["rate_d"] = trainer.D.optimizer.rate_at(trainer.D.t - 1)
    if g is not None:
        found["loss_g"] = _number(trainer, g.loss)
        found["rate_g"] = trainer.G.optimizer.rate_at(trainer.G.t - 1)
    return found


def _number(trainer: Trainer, value: Array) -> float:
    return float(trainer.ops.to_numpy(value)[0])


def line(trainer: Trainer) -> str:
    """Return V and the game's reading of D's outputs, as text for a line of progress."""
    d, _ = trainer.last
    if d is None:
        return ""
    numbers = record(trainer)
    penalty = f"penalty {numbers['penalty']:.3g}  " if d.penalties else ""
    return f"V {numbers['value']:+.3f}  {penalty}{d.game.reading.said(numbers)}"


def standing(trainer: Trainer) -> dict[str, Any]:
    """Return the data that ``Trainer.state`` describes."""
    return {
        **record(trainer),
        "updates_d": trainer.D.t,
        "updates_g": trainer.G.t,
        "objective": trainer.objective.name,
        "updates": trainer.updates,
        "k": trainer.k,
        "batch_size": trainer.data.batch_size,
        "backend": trainer.ops.name,
    }


def check_finite(trainer: Trainer) -> None:
    """Raise NonFiniteError with the name of the first value or array that is not finite."""
    d, _ = trainer.last
    penalties = {} if d is None else d.penalties
    named = {f"the penalty {name}": _number(trainer, p) for name, p in penalties.items()}
    for name, value in (named | record(trainer)).items():
        if not np.isfinite(value):
            raise NonFiniteError(_not_finite(trainer, name))
    for name, a in named_arrays(trainer).items():
        if not np.isfinite(trainer.ops.to_numpy(a)).all():
            raise NonFiniteError(_not_finite(trainer, f"an element of {name}"))


def _not_finite(trainer: Trainer, what: str) -> str:
    return (
        f"{what} is no longer finite at iteration {trainer.iteration} (checked every"
        f" {trainer.log_every}); lower the learning rates, or check the range of the data"
    )
