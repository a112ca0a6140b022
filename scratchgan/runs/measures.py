"""What a run can measure on held-back examples as it trains, to choose its best generator by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["MEASURES", "Measure"]


class Measure(NamedTuple):
    """
    A measure of samples beside examples that the training has not seen.

    Attributes
    ----------
    samples : int
        How many are drawn.
    of : callable
        ``of(samples, held_back)`` returns plain numbers, of which ``score`` is the one to
        choose by: more is better.
    """

    samples: int
    of: Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]


def _parzen(samples: NDArray[Any], held_back: NDArray[Any]) -> dict[str, float]:
    """The papers' own figure; σ by the first 1,000 of the examples, the mean over them all."""
    from scratchgan.metrics.parzen import parzen_log_likelihood

    found = parzen_log_likelihood(samples, held_back, held_back)
    return {"score": found.mean, "error": found.error, "sigma": found.sigma}


MEASURES = {"parzen": Measure(10_000, _parzen)}
"""All of them, by the names that a recipe's ``measure`` may have."""
