"""
Initialisers: functions that draw the initial values of a parameter.

Each factory returns ``draw(rng, shape, dtype) -> array``. A weight's shape is
(fan_in, fan_out).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgan import checks
from scratchgan.errors import DataError, ShapeError

__all__ = [
    "Initializer",
    "constant",
    "data_marginals",
    "glorot",
    "he",
    "initializer",
    "normal",
    "orthogonal",
    "uniform",
    "zeros",
]

Initializer: TypeAlias = Callable[[np.random.Generator, tuple[int, ...], Any], NDArray[Any]]


def initializer(owner: str, name: str, value: object) -> Initializer:
    """Return an argument that is an initialiser, or raise ValueError."""
    return checks.function(owner, name, value, "an initialiser, such as initializers.he()")


def uniform(r: float) -> Initializer:
    """Draw from U(−r, r), as in Goodfellow et al. 2014 (r = 0.05 for G, 0.005 for D)."""
    r = checks.number("uniform", "r", r, 0)
    return lambda rng, shape, dtype: rng.uniform(-r, r, shape).astype(dtype)


def normal(std: float) -> Initializer:
    """Draw from N(0, std²)."""
    std = checks.number("normal", "std", std, 0)
    return lambda rng, shape, dtype: rng.normal(0, std, shape).astype(dtype)


def glorot() -> Initializer:
    """
    Draw from U(−r, r) with r = √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16).

    It preserves the variance of signals and gradients for activations that are nearly linear
    around 0, such as tanh.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        r = np.sqrt(6 / (shape[0] + shape[-1]))
        return rng.uniform(-r, r, shape).astype(dtype)

    return draw


def he() -> Initializer:
    """Draw from N(0, 2 / fan_in) (He et al. 2015, eq. 10), which preserves variance with ReLU."""
    return lambda rng, shape, dtype: rng.normal(0, np.sqrt(2 / shape[0]), shape).astype(dtype)


def orthogonal(gain: float = 1.0) -> Initializer:
    """
    Draw ``gain`` times a random matrix with orthonormal rows or columns, whichever are fewer.

    A square one keeps all lengths, so a stack of them neither blows up signals nor shrinks them
    (Saxe et al. 2014, arXiv 1312.6120).
    """
    gain = checks.number("orthogonal", "gain", gain, 0)

    def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        tall = rng.normal(size=(max(shape), min(shape)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))  # without this, q is not uniform over the orthogonal matrices
        return np.ascontiguousarray(gain * (q if shape[0] >= shape[-1] else q.T), dtype)

    return draw


def zeros() -> Initializer:
    """Return zeros."""
    return lambda rng, shape, dtype: np.zeros(shape, dtype)


def constant(values: ArrayLike) -> Initializer:
    """Return the given values, broadcast to the parameter's shape."""
    fixed = checks.array("constant", "values", values)

    def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        try:
            return np.broadcast_to(fixed, shape).astype(dtype)
        except ValueError:
            raise ShapeError(
                f"constant: values have shape {fixed.shape}; expected a shape that broadcasts to"
                f" the parameter's, {shape}"
            ) from None

    return draw


def data_marginals(data: NDArray[Any], eps: float = 1e-7) -> Initializer:
    """
    Initialise the output bias of a sigmoid generator: the logit of each pixel's mean in the data.

    With zero weights, G then outputs the mean image. Goodfellow et al. 2014 start this way, with
    the mean clipped to [eps, 1 − eps].

    Parameters
    ----------
    data : array (examples, features), values in [0, 1]
    eps : float
    """
    data = checks.array("data_marginals", "data", data, (None, None))
    eps = checks.number("data_marginals", "eps", eps, 0, 0.5, above=True, below=True)
    if data.size == 0:
        raise DataError(
            f"data_marginals: data is empty, of shape {data.shape}; expected at least one example"
        )
    if not (data.min() >= 0 and data.max() <= 1):
        raise DataError(
            f"data_marginals: data has values in [{data.min():.3g}, {data.max():.3g}]; expected"
            " [0, 1], the range of a sigmoid"
        )
    mean = np.clip(data.mean(axis=0, dtype=np.float64), eps, 1 - eps)
    return constant(np.log(mean) - np.log1p(-mean))
