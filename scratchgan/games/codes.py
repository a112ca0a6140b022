"""
Latent codes: numbers in z that G's samples should show, and that D's further outputs tell.

A code c is drawn for each sample and joined to its noise. D's outputs for the code are the
parameters of a distribution Q(c|x), the guess of c from the sample (Chen et al. 2016, §5).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Array, Backend, Stream
from scratchgan.errors import ShapeError
from scratchgan.fields import Checked, Kind, Number, Part, Whole, setting

__all__ = ["CategoricalCode", "Code", "Codes", "GaussianCode", "UniformCode"]

MOST = 10_000  # numbers or classes of one code
FARTHEST = 1e9  # of a bound, as for the noise


class Code(Checked, ABC):
    """
    A code: how it is drawn, and the log-likelihood of its value under Q.

    Attributes
    ----------
    width : int
        Columns of z, and the number of D's outputs for this code.
    dimensions : int
        Number of log-likelihoods in ``loss``: 1 for a class, one for each number.
    """

    width: int
    dimensions: int

    @abstractmethod
    def outputs(self, number: int) -> tuple[str, ...]:
        """Return the names of D's outputs for code ``number``."""

    @abstractmethod
    def sample(self, ops: Backend, rows: int, stream: Stream, dtype: Any) -> Array:
        """Draw the code for each of ``rows`` samples: (rows, width)."""

    @abstractmethod
    def chosen(self, value: Any, rows: int) -> NDArray[Any]:
        """
        Return chosen values as they stand in z, (rows, width), on the host.

        ``value`` is one value for all rows, or an array with one for each row.
        """

    @abstractmethod
    def loss(self, outputs: Array, code: Array, ops: Backend) -> tuple[Array, Array]:
        """
        Return −mean log Q(c|x) over the batch, (1,), and its gradient by D's outputs.

        The log-likelihoods of several numbers are added. ``outputs`` and ``code`` are (batch,
        width).
        """


@dataclass(frozen=True)
class CategoricalCode(Code):
    """
    One of ``classes``, all equally likely; one-hot in z. Q is the softmax of D's outputs.

    Parameters
    ----------
    classes : int
        2 … 10,000.
    """

    name = "categorical"
    dimensions = 1

    classes: int = setting(Whole(2, MOST), 10, help="number of classes")

    @property
    def width(self) -> int:  # type: ignore[override]
        """One column for each class."""
        return self.classes

    def outputs(self, number: int) -> tuple[str, ...]:
        """Return a name for the logit of each class."""
        return tuple(f"code {number} class {k}" for k in range(self.classes))

    def sample(self, ops: Backend, rows: int, stream: Stream, dtype: Any) -> Array:
        """Draw classes, one-hot (rows, classes)."""
        return ops.one_hot(ops.random_labels(rows, self.classes, stream), self.classes, dtype)

    def chosen(self, value: Any, rows: int) -> NDArray[Any]:
        """Return chosen classes, one-hot (rows, classes)."""
        given = np.asarray(value)
        if given.dtype.kind not in "iu" or given.shape not in ((), (rows,)):
            raise ShapeError(
                f"a categorical code is {checks.shown(value)}; expected a class, or ({rows},)"
                " integers, one for each sample"
            )
        if given.min() < 0 or given.max() >= self.classes:
            raise ValueError(
                f"a categorical code has the classes {given.min()} … {given.max()}; expected"
                f" 0 … {self.classes - 1}"
            )
        one_hot: NDArray[Any] = np.eye(self.classes)[np.broadcast_to(given, (rows,))]
        return one_hot

    def loss(self, outputs: Array, code: Array, ops: Backend) -> tuple[Array, Array]:
        """Return the cross-entropy of the softmax, and its gradient."""
        return ops.softmax_cross_entropy(outputs, code)


class NumberCode(Code):
    """``features`` independent numbers. Q is normal: D's outputs are its means, and σ = 1."""

    features: int

    @property
    def width(self) -> int:  # type: ignore[override]
        """One column for each number."""
        return self.features

    @property
    def dimensions(self) -> int:  # type: ignore[override]
        """One log-likelihood for each number."""
        return self.features

    def outputs(self, number: int) -> tuple[str, ...]:
        """Return a name for the mean of each number."""
        return tuple(f"code {number} mean {k}" for k in range(self.features))

    def chosen(self, value: Any, rows: int) -> NDArray[Any]:
        """Return chosen numbers, (rows, features)."""
        given = np.asarray(value)
        if given.dtype.kind not in "iuf" or given.shape not in ((), (rows,), (rows, self.features)):
            raise ShapeError(
                f"a {self.name} code is {checks.shown(value)}; expected a number, or ({rows},) or"
                f" ({rows}, {self.features}) numbers"
            )
        if not np.isfinite(given).all():
            raise ValueError(f"a {self.name} code is NaN or infinite; expected finite numbers")
        given = given[:, None] if given.ndim == 1 else given
        return np.array(np.broadcast_to(given, (rows, self.features)), float)

    def loss(self, outputs: Array, code: Array, ops: Backend) -> tuple[Array, Array]:
        """Return ½ log 2π + ½ (c − μ)², added over numbers and averaged over the batch."""
        batch, width = outputs.shape
        off = ops.add(outputs, ops.scale(code, -1.0))
        squares = ops.sum_rows(ops.multiply(off, off))  # of each number
        value = ops.scale(ops.sum_rows(ops.view(squares, 0, (width, 1))), 0.5 / batch)
        constant = ops.empty((1,), value.dtype)
        ops.fill_(constant, width * math.log(2 * math.pi) / 2)
        return ops.add(value, constant), ops.scale(off, 1 / batch)


@dataclass(frozen=True)
class UniformCode(NumberCode):
    """
    Numbers that are uniform on [low, high).

    Parameters
    ----------
    features : int
        1 … 10,000.
    low, high : float
        Bounds. Chen et al. 2016 used ±1 for MNIST.
    """

    name = "uniform"

    features: int = setting(Whole(1, MOST), 1, help="number of numbers")
    low: float = setting(Number(-FARTHEST, FARTHEST), -1.0)
    high: float = setting(Number(-FARTHEST, FARTHEST), 1.0)

    def _check_together(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"UniformCode: low {self.low:g} must be below high {self.high:g}")

    def sample(self, ops: Backend, rows: int, stream: Stream, dtype: Any) -> Array:
        """Draw numbers, (rows, features)."""
        return ops.uniform((rows, self.features), stream, self.low, self.high, dtype)


@dataclass(frozen=True)
class GaussianCode(NumberCode):
    """
    Numbers that are N(0, 1).

    Parameters
    ----------
    features : int
        1 … 10,000.
    """

    name = "gaussian"

    features: int = setting(Whole(1, MOST), 1, help="number of numbers")

    def sample(self, ops: Backend, rows: int, stream: Stream, dtype: Any) -> Array:
        """Draw numbers, (rows, features)."""
        return ops.normal((rows, self.features), stream, 0.0, 1.0, dtype)


KNOWN = Part(
    Code, "a code, such as CategoricalCode(10)", (CategoricalCode, UniformCode, GaussianCode)
)


class Codes(Kind):
    """Codes of a game, in the order in which they stand in z; in JSON and TOML a list of tables."""

    def check(self, owner: str, name: str, value: Any) -> tuple[Code, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(
                f"{owner}: {name} is {checks.shown(value)}; expected a tuple of codes, such as"
                " (CategoricalCode(10),)"
            )
        return tuple(KNOWN.check(owner, f"{name}[{i}]", code) for i, code in enumerate(value))

    def to_plain(self, name: str, value: Any) -> Any:
        return [KNOWN.to_plain(name, code) for code in value]

    def from_plain(self, name: str, value: Any, now: Any = None) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return tuple(KNOWN.from_plain(name, code) for code in value)
