"""The history pool: D also sees samples of earlier generators, so that G cannot go in circles."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgan.backends import Array, Backend, Purpose, Stream

__all__ = ["Pool"]


class Pool:
    """
    A pool of earlier samples, of which D gets some in the place of fresh ones (in its step only).

    Shrivastava et al. 2017 (arXiv 1612.07828, §2.3), with the rule of TF-GAN's ``tensor_pool``.
    Until the pool is full, each sample is stored and goes to D. Then each sample takes the place of
    a random one in the pool, and D gets the one that was there with probability ``share``, else
    the sample itself. In a conditional game, a sample's label stays with it.

    Parameters
    ----------
    ops : Backend
    size : int
        Samples in the pool. TF-GAN's default is 50.
    features, classes : int
        Widths of a sample and of its one-hot label; 0 classes without labels.
    dtype : dtype
    share : float
        Default: TF-GAN's ½.

    Attributes
    ----------
    rows : Array (size, features + classes)
        The pool. It is a part of the training's state, and so is ``filled``.
    filled : Array (1,), int32
        Number of samples in the pool.

    Examples
    --------
    The first two samples fill the pool. With share 1, D then gets only older ones:

    >>> from scratchgan.backends import get_backend
    >>> pool = Pool(get_backend("reference"), 2, features=1, classes=0, dtype=float, share=1.0)
    >>> seen, _ = pool.swapped(np.arange(6.0).reshape(6, 1), None, Stream(seed=0))
    >>> seen.ravel().tolist(), pool.rows.ravel().tolist()
    ([0.0, 1.0, 0.0, 1.0, 2.0, 4.0], [5.0, 3.0])
    """

    def __init__(
        self, ops: Backend, size: int, features: int, classes: int, dtype: Any, share: float = 0.5
    ) -> None:
        self._ops, self._features, self._share = ops, features, share
        self.rows = ops.zeros((size, features + classes), dtype)
        self.filled = ops.zeros((1,), np.int32)

    @property
    def size(self) -> int:
        """Samples in the pool when it is full."""
        return int(self.rows.shape[0])

    def arrays(self) -> dict[str, Array]:
        """Return the pool's state, by name."""
        return {"pool.rows": self.rows, "pool.filled": self.filled}

    def swapped(self, sample: Array, z: Any, stream: Stream) -> tuple[Array, Any]:
        """
        Store samples; return as many, some of them older, and z with their labels.

        ``sample`` is G(z), (batch, features). ``z`` is noise, or the pair (noise, label).
        """
        ops, n = self._ops, self._features
        words = ops.random_words((sample.shape[0], 2), stream.purpose(Purpose.POOL))
        if not isinstance(z, tuple):
            return ops.swap_rows_(self.rows, self.filled, sample, words, self._share), z
        pairs = ops.concat_columns(sample, z[1])
        found = ops.swap_rows_(self.rows, self.filled, pairs, words, self._share)
        return ops.columns(found, 0, n), (z[0], ops.columns(found, n, pairs.shape[1]))
