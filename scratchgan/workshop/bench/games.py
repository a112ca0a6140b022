"""
The games whose training step is measured; they are the same for every library.

One step is an update of D and an update of G, each with new z ~ N(0, 1). D also
gathers a minibatch of a data set in memory. G has relu, D has leaky_relu; their last
layers are linear. The loss is the non-saturating one, from logits; both use Adam.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ADAM",
    "D_GRADIENTS",
    "GAMES",
    "PENALISED_GAMES",
    "SLOPE",
    "DGradient",
    "GameSizes",
    "Weights",
]

Weights: TypeAlias = list[tuple[NDArray[Any], NDArray[Any]]]
"""For each layer: the weight (in, out) and the bias (out,)."""

SLOPE = 0.2
# With β₁ = 0.9 the first moment of a dead unit stays a subnormal number, which is slow on
# processors, and never reaches 0. With ½, the usual value in GANs, it reaches 0.
ADAM = {"rate": 2e-4, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8}


@dataclass(frozen=True)
class GameSizes:
    """
    The sizes of a game.

    Attributes
    ----------
    g, d : tuple of int
        The widths of the layers, from the input to the output.
    batch, examples : int
    chunk : int
        The steps of one call of a scan; they should last 20 ms or more.
    mean, std : float
        Of the data, which are normally distributed.
    gamma : float
        The strength of the penalties R1 and R2 on D's gradient; 0 is without.
    """

    g: tuple[int, ...]
    d: tuple[int, ...]
    batch: int
    chunk: int
    examples: int = 10_000
    mean: float = 0.0
    std: float = 1.0
    gamma: float = 0.0

    def data(self) -> NDArray[Any]:
        """Return the examples, (examples, features), as a read-only array that can be shared."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.examples, self.d[0]), np.float32) * np.float32(self.std)
        x += np.float32(self.mean)
        x.flags.writeable = False
        return x

    def weights_g(self) -> Weights:
        """Return the initial weights of G."""
        return _glorot(self.g, seed=1)

    def weights_d(self) -> Weights:
        """Return the initial weights of D."""
        return _glorot(self.d, seed=2)


@dataclass(frozen=True)
class DGradient:
    """
    The gradient of D by its parameters, on a real and a generated batch.

    Attributes
    ----------
    d : tuple of int
        The widths of the layers, from the input to the output.
    batch : int
    chunk : int
        The gradients of one call of a scan.
    gamma : float
        The strength of the penalties R1 and R2; 0 is without.
    """

    d: tuple[int, ...]
    batch: int
    chunk: int
    gamma: float = 0.0

    def weights(self) -> Weights:
        """Return D's weights."""
        return _glorot(self.d, seed=2)

    def batches(self) -> list[NDArray[Any]]:
        """Return x and G(z), each (batch, features)."""
        rng = np.random.default_rng(0)
        return [rng.standard_normal((self.batch, self.d[0]), np.float32) for _ in range(2)]


def _glorot(widths: tuple[int, ...], seed: int) -> Weights:
    rng = np.random.default_rng(seed)
    layers = []
    for i, o in pairwise(widths):
        r = np.sqrt(6 / (i + o))
        layers.append((rng.uniform(-r, r, (i, o)).astype(np.float32), np.zeros(o, np.float32)))
    return layers


GAMES = {
    "toy": GameSizes(g=(8, 32, 32, 1), d=(1, 32, 32, 1), batch=128, chunk=200),
    "ring": GameSizes(g=(64, 128, 128, 2), d=(2, 128, 128, 1), batch=256, chunk=20),
    "mnist": GameSizes(g=(100, 1200, 1200, 784), d=(784, 1200, 1200, 1), batch=100, chunk=2),
}

PENALISED_GAMES = {
    "ring": GameSizes((64, 128, 128, 128, 2), (2, 128, 128, 128, 1), batch=256, chunk=10),
    "digits": GameSizes((64, 192, 192, 64), (64, 192, 192, 1), batch=64, chunk=20),
    "mnist": GameSizes((100, 1200, 1200, 784), (784, 1200, 1200, 1), batch=100, chunk=1),
}
"""Games whose step is measured with R1 and R2, and without."""

D_GRADIENTS = {
    name: DGradient(game.d, game.batch, chunk=2 * game.chunk)
    for name, game in PENALISED_GAMES.items()
}
"""Their D's, of which the gradient alone is measured."""
