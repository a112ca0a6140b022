"""The noise prior p_z: what G turns into samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scratchgan.backends import Array, Backend, Stream
from scratchgan.fields import Checked, Number, OneOf, Whole, setting

__all__ = ["Noise"]

WIDEST = 1_000_000  # features of z: 10,000 times the papers'
FARTHEST = 1e9  # of a bound: beyond it G's first layer alone is out of all proportion


@dataclass(frozen=True)
class Noise(Checked):
    """
    p_z, independent in each of ``features`` dimensions.

    Parameters
    ----------
    features : int
        1 … 1,000,000.
    kind : str
        ``"normal"``, N(0, 1), or ``"uniform"``, U(low, high).
    low, high : float
        Bounds of the uniform, from −1e9 to 1e9. Goodfellow et al. 2014 used ±√3 (unit variance).

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    features: int = setting(Whole(1, WIDEST))
    kind: str = setting(OneOf("noise", ("normal", "uniform")), "normal")
    low: float = setting(Number(-FARTHEST, FARTHEST), -1.0)
    high: float = setting(Number(-FARTHEST, FARTHEST), 1.0)

    def _check_together(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Noise: low {self.low:g} must be below high {self.high:g}")

    def sample(
        self, ops: Backend, rows: int, stream: Stream, dtype: Any, temperature: float = 1.0
    ) -> Array:
        """Draw z, (rows, features), ``temperature`` times as far from its mean as p_z has it."""
        shape = (rows, self.features)
        if self.kind == "normal":
            return ops.normal(shape, stream, 0.0, temperature, dtype)
        inwards = (1 - temperature) * (self.high - self.low) / 2
        return ops.uniform(shape, stream, self.low + inwards, self.high - inwards, dtype)
