"""The prior p_z: what G turns into samples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend, Stream
from scratchgan.fields import Checked, Number, OneOf, Whole, setting
from scratchgan.games.codes import CategoricalCode, Code

__all__ = ["Noise", "Prior"]

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


class Prior(NamedTuple):
    """
    Where z comes from: noise, and the codes of the game if it has any.

    z has the noise in its first columns, then one code after another.
    """

    noise: Noise
    codes: tuple[Code, ...] = ()

    @property
    def features(self) -> int:
        """Width of z."""
        return self.noise.features + sum(code.width for code in self.codes)

    @property
    def draws(self) -> int:
        """Number of random operations that z takes: one for the noise, one for each code."""
        return 1 + len(self.codes)

    def columns(self) -> list[slice]:
        """Return the columns of z that hold each code."""
        ends = list(accumulate((code.width for code in self.codes), initial=self.noise.features))
        return [slice(start, end) for start, end in pairwise(ends)]

    def sample(
        self, ops: Backend, rows: int, stream: Stream, dtype: Any, temperature: float = 1.0
    ) -> Array:
        """Draw z, (rows, features); the codes are drawn 1, 2, … operations after the noise."""
        z = self.noise.sample(ops, rows, stream, dtype, temperature)
        for number, code in enumerate(self.codes, 1):
            z = ops.concat_columns(z, code.sample(ops, rows, stream.at(number), dtype))
        return z

    def in_turn(self, n: int) -> dict[int, NDArray[np.int64]]:
        """Return a choice for n samples: the first categorical code takes 0, 1, … in turn."""
        for number, code in enumerate(self.codes):
            if isinstance(code, CategoricalCode):
                return {number: np.arange(n) % code.classes}
        return {}
