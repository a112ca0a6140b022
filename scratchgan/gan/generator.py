"""A generator in use: noise in, samples out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Stream
from scratchgan.gan.noise import Noise
from scratchgan.nn import Network
from scratchgan.nn.layer import Params

__all__ = ["Generator"]


class Generator:
    """
    G with its noise prior, for drawing samples.

    Parameters
    ----------
    network : Network
    noise : Noise
    classes : int
        Number of labels of a conditional G; 0 otherwise.
    params : Params, optional
        A tree to use instead of the network's own, its moving average for instance.
    """

    def __init__(
        self, network: Network, noise: Noise, classes: int = 0, params: Params | None = None
    ) -> None:
        self.network = network
        self.noise = noise
        self.classes = classes
        self.params = params

    def sample(self, n: int, stream: Stream, label: int | None = None) -> NDArray[Any]:
        """
        Return G(z) for the z of ``stream``, (n, features), on the host.

        A conditional G is asked for labels 0, 1, … in turn, or for ``label`` alone.
        """
        if n < 1:
            raise ValueError(f"{n} samples are asked for; expected at least 1")
        ops, dtype = self.network.ops, self.network.dtype
        z: Any = self.noise.sample(ops, n, stream, dtype)
        if self.classes:
            z = (z, ops.one_hot(ops.asarray(self._wanted(n, label)), self.classes, dtype))
        elif label is not None:
            raise ValueError("this generator is not conditional: it takes no label")
        samples: NDArray[Any] = ops.to_numpy(self.network(z, self.params))
        return samples

    def _wanted(self, n: int, label: int | None) -> NDArray[np.int32]:
        if label is None:
            return np.arange(n, dtype=np.int32) % self.classes
        if not 0 <= label < self.classes:
            raise ValueError(f"label is {label}; expected 0 … {self.classes - 1}")
        return np.full(n, label, np.int32)
