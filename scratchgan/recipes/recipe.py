"""What a recipe is: all settings of a training, readable in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from scratchgan.gan.noise import Noise
from scratchgan.nn import Concat, Layer, Sequential
from scratchgan.nn.initializers import Initializer
from scratchgan.optim import Optimizer

__all__ = ["Recipe", "Sizes", "joined"]


class Sizes(NamedTuple):
    """What networks are built from."""

    noise: int  # width of z
    features: int  # width of x
    classes: int  # width of the one-hot y; 0 without labels
    marginals: Initializer  # output bias at which a sigmoid G gives the mean image; else zeros


def joined(width: int, classes: int) -> tuple[tuple[Layer, ...], int]:
    """
    Return the first layers of a network that may be conditional, and the width behind them.

    With labels they join x and its one-hot y; without, there is nothing to join.
    """
    if not classes:
        return (), width
    return (Concat(Sequential(), Sequential()),), width + classes


@dataclass(frozen=True)
class Recipe:
    """
    A named training: data, networks, players and schedule.

    Parameters
    ----------
    name, about : str
        Its name on the command line, and one line about it.
    data : str
        Name of a data set.
    networks : callable
        ``networks(sizes) -> (G, D)``, layer trees.
    noise : Noise
    optimizer_g, optimizer_d : Optimizer
    steps : int
        Iterations: k updates of D and one of G each.
    objective, updates, batch_size, k, ema
        As in ``Trainer``.
    conditional : bool
        Whether the labels go into both networks.
    log_every, sample_every, checkpoint_every : int
        Iterations between records, sample grids and checkpoints.
    validation : int
        How many of the training examples, the last ones, are held back from training.
    measure : str, optional
        What is measured on them as the training goes on, one of
        ``scratchgan.runs.measures.MEASURES``.
    keep_best : bool
        Whether the generator with the best figure is kept and used, or the one of the end.
    measure_every : int
        Iterations between measurements.
    quick_steps : int
        Iterations of the quick form: long enough to see whether all works, no longer.
    """

    name: str
    about: str
    data: str
    networks: Callable[[Sizes], tuple[Layer, Layer]]
    noise: Noise
    optimizer_g: Optimizer
    optimizer_d: Optimizer
    steps: int
    objective: str | Mapping[int, str] = "non_saturating"
    updates: str = "alternating"
    batch_size: int = 64
    k: int = 1
    ema: float | None = None
    conditional: bool = False
    log_every: int = 50
    sample_every: int = 200
    checkpoint_every: int = 500
    validation: int = 0
    measure: str | None = None
    keep_best: bool = True
    measure_every: int = 1000
    quick_steps: int = 200

    def quick(self) -> dict[str, int]:
        """Return the settings of the quick form: the same game, in a minute at most."""
        steps = self.quick_steps
        names = ("sample_every", "checkpoint_every", "measure_every")
        return {"steps": steps, "log_every": max(1, steps // 10)} | dict.fromkeys(
            names, max(1, steps // 2)
        )
