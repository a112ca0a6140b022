"""The noise prior p_z: what G turns into samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from scratchgan.backends import Array, Backend, Stream
from scratchgan.errors import unknown

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise:
    """
    p_z, independent in each of ``features`` dimensions.

    Parameters
    ----------
    features : int
    kind : str
        ``"normal"``, N(0, 1), or ``"uniform"``, U(low, high).
    low, high : float
        Bounds of the uniform. Goodfellow et al. 2014 used ±√3 (unit variance).
    """

    features: int
    kind: str = "normal"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("normal", "uniform"):
            raise unknown("noise", self.kind, ("normal", "uniform"))
        if not isinstance(self.features, int) or self.features < 1:
            raise ValueError(
                f"Noise: features is {self.features!r}; expected a whole number, at least 1"
            )
        if not self.low < self.high:
            raise ValueError(f"Noise: low {self.low} must be below high {self.high}")

    def sample(
        self, ops: Backend, rows: int, stream: Stream, dtype: Any, temperature: float = 1.0
    ) -> Array:
        """Draw z, (rows, features), ``temperature`` times as far from its mean as p_z has it."""
        shape = (rows, self.features)
        if self.kind == "normal":
            return ops.normal(shape, stream, 0.0, temperature, dtype)
        inwards = (1 - temperature) * (self.high - self.low) / 2
        return ops.uniform(shape, stream, self.low + inwards, self.high - inwards, dtype)

    def to_config(self) -> dict[str, Any]:
        """Return the noise as plain data."""
        return asdict(self)
