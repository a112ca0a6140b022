"""A number with its error estimate."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Estimate"]


class Estimate(NamedTuple):
    """
    The result of a quadrature.

    Attributes
    ----------
    value : float
        In nats if it is a divergence; may be inf.
    error : float
        An estimate of the error of ``value``, from comparing two quadratures of different
        order; it includes rounding. For smooth integrands the true error is far smaller.
    """

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.error:.1g}"
