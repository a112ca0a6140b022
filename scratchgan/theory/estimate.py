"""A number and how far it may be off."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Estimate"]


class Estimate(NamedTuple):
    """
    What a quadrature gives.

    Attributes
    ----------
    value : float
        In nats where it is a divergence; may be inf.
    error : float
        How far the value may be off. It is estimated, by comparing two quadratures
        of different order, and includes rounding; on smooth integrands the true
        error is far smaller.
    """

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.error:.1g}"
