"""Minibatches without state: n and the seed determine minibatch number n."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.backends.philox import sorted_by_words
from scratchgan.errors import DataError

__all__ = ["Minibatches"]


class Minibatches:
    """
    A data set on the backend, cut into minibatches in a new random order each epoch.

    If the last examples of an epoch do not fill a minibatch, the epoch leaves them out.

    Parameters
    ----------
    x : array (n, features), float32 or float64
    batch_size : int
    labels : integer array (n,), optional
        With labels, each minibatch is a pair (x, y) with one-hot y. The classes are 0, 1, …, and
        each must have an example.

    Raises
    ------
    DataError
        If the examples, their labels or the size do not fit; the message says which.
    """

    def __init__(
        self,
        ops: Backend,
        x: NDArray[Any],
        batch_size: int,
        seed: int,
        labels: NDArray[Any] | None = None,
        dtype: Any = np.float32,
    ) -> None:
        x = _own(_examples(x), dtype)
        self.ops = ops
        self.dtype = dtype
        self.n, self.features = x.shape
        self._x = ops.asarray(x, dtype)
        self._labels, self.classes = None, 0
        if labels is not None:
            known = checks.labels("", "labels", labels, self.n)
            self._labels, self.classes = ops.asarray(known), int(known.max()) + 1
        # The orders of this epoch and of the next one are in one buffer, so that a recorded step
        # reads the same buffer every time, at a start that changes.
        self._orders = ops.zeros((2 * self.n,), np.int32)
        self._order(_size(batch_size, self.n), checks.seed("", "seed", seed))

    def _order(self, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed = batch_size, seed
        self.per_epoch = self.n // batch_size
        self._stream = Stream(seed).purpose(Purpose.SHUFFLE)
        self._epoch_in = [-1, -1]  # which epoch each half of the orders holds

    def change(self, batch_size: int, seed: int) -> bool:
        """Cut other minibatches from now on; return whether they are others."""
        other = (_size(batch_size, self.n), seed) != (self.batch_size, self.seed)
        if other:
            self._order(batch_size, seed)
        return other

    def __getitem__(self, number: int) -> Any:
        """Return minibatch ``number``, counted over all epochs: x, or the pair (x, y)."""
        epoch, place = divmod(number, self.per_epoch)
        start = self._fill(epoch) + place * self.batch_size
        x = self.ops.gather_rows(self._x, self._orders, start, self.batch_size)
        if self._labels is None:
            return x
        labels = self.ops.gather_rows(self._labels, self._orders, start, self.batch_size)
        return x, self.ops.one_hot(labels, self.classes, self.dtype)

    def starts(self, number: int, count: int) -> NDArray[np.int64]:
        """
        Return the positions in the buffer of orders at which minibatches start.

        They are those of minibatch ``number`` and of the following ones: ``count`` in all, or
        fewer at the end of the next epoch. This call also writes their orders to the buffer.
        """
        epoch = number // self.per_epoch
        count = min(count, (epoch + 2) * self.per_epoch - number)
        epochs, places = np.divmod(np.arange(number, number + count), self.per_epoch)
        halves = np.array([self._fill(epoch + i) for i in range(int(epochs[-1]) - epoch + 1)])
        starts: NDArray[np.int64] = halves[epochs - epoch] + places * self.batch_size
        return starts

    def buffers(self) -> dict[str, Array]:
        """Return the arrays from which minibatches are made, by name."""
        named = {"x": self._x, "labels": self._labels, "orders": self._orders}
        return {name: a for name, a in named.items() if a is not None}

    def _fill(self, epoch: int) -> int:
        """Return the start of an epoch's order in the buffer; compute the order if needed."""
        half = epoch % 2
        if self._epoch_in[half] != epoch:
            words = self.ops.random_words((self.n, 2), self._stream._replace(step=epoch))
            order = sorted_by_words(self.ops.to_numpy(words))
            here = self.ops.view(self._orders, half * self.n, (self.n,))
            self.ops.copy_(here, self.ops.asarray(order))
            self._epoch_in[half] = epoch
        return int(half * self.n)


def _own(x: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return x in ``dtype``, copied if its owner could still change it."""
    with np.errstate(over="ignore"):
        own = x.astype(dtype, copy=x.flags.writeable)
    if not np.isfinite(own).all():
        raise DataError(
            f"the data have values up to {np.abs(x).max():.3g}, which overflow in"
            f" {np.dtype(dtype)}; scale them first"
        )
    return own


def _examples(value: object) -> NDArray[Any]:
    x = checks.array("", "x", value)
    if x.ndim != 2 or 0 in x.shape:
        raise DataError(f"the data have shape {x.shape}; expected (examples, features)")
    if not np.issubdtype(x.dtype, np.floating):
        raise DataError(
            f"the data are {x.dtype}; expected floats: scale them first, such as"
            " x.astype(np.float32) / 255 for pixels"
        )
    finite = np.isfinite(x)
    if not finite.all():
        row = int(np.argwhere(~finite)[0, 0])
        raise DataError(
            f"the data have {int((~finite).sum())} values that are NaN or infinite, the first in"
            f" row {row}; remove or replace them"
        )
    return x


def _size(value: object, examples: int) -> int:
    try:
        return checks.whole("", "batch_size", value, 1, examples)
    except ValueError:
        raise DataError(
            f"batch_size is {checks.shown(value)} and the data have {examples} examples; expected"
            f" a whole number, 1 ≤ batch_size ≤ {examples}"
        ) from None
