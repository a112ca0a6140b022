"""Measures of samples against held-back examples, by which a run chooses its best generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["MEASURES", "Measure"]


class Measure(NamedTuple):
    """
    A measure of samples against examples that the training does not see.

    Attributes
    ----------
    samples : int
        Number of samples to draw.
    of : callable
        ``of(samples, held_back)`` returns a dict of numbers. The generator with the highest
        ``score`` is the best.
    """

    samples: int
    of: Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]


def _parzen(samples: NDArray[Any], held_back: NDArray[Any]) -> dict[str, float]:
    """The papers' measure: σ from the first 1,000 examples, the mean over all of them."""
    from scratchgan.metrics.parzen import parzen_log_likelihood

    found = parzen_log_likelihood(samples, held_back, held_back)
    return {"score": found.mean, "error": found.error, "sigma": found.sigma}


MEASURES = {"parzen": Measure(10_000, _parzen)}
"""All measures, by the names that the setting ``measure`` may have."""
