"""Minibatches without state: minibatch number n follows from n and the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.backends.philox import sorted_by_words
from scratchgan.errors import DataError

__all__ = ["Minibatches"]


class Minibatches:
    """
    A data set on the backend, cut into shuffled minibatches, a new order each epoch.

    The examples that do not fill a last minibatch wait for another epoch's order.

    Parameters
    ----------
    x : array (n, features), float32 or float64
    batch_size : int
    labels : array (n,), int32, optional
        With them each minibatch is a pair (x, y), y one-hot.
    classes : int, optional
        Number of labels; by default the largest one + 1.
    """

    def __init__(
        self,
        ops: Backend,
        x: NDArray[Any],
        batch_size: int,
        seed: int,
        labels: NDArray[Any] | None = None,
        classes: int = 0,
        dtype: Any = np.float32,
    ) -> None:
        if labels is not None:
            labels = np.asarray(labels)
        _check(x, batch_size, labels, classes)
        x = _own(x, dtype)
        self.ops = ops
        self.dtype = dtype
        self.n, self.features = x.shape
        self.batch_size = batch_size
        self.per_epoch = self.n // batch_size
        self._x = ops.asarray(x, dtype)
        self._labels = None if labels is None else ops.asarray(labels, np.int32)
        self.classes = 0 if labels is None else classes or int(labels.max()) + 1
        self._stream = Stream(seed).purpose(Purpose.SHUFFLE)
        # The orders of two epochs, one behind the other: this one's and the next one's, so
        # that a recorded step reads one buffer, at a start that changes.
        self._orders = ops.zeros((2 * self.n,), np.int32)
        self._epoch_in = [-1, -1]  # which epoch each half holds

    def __getitem__(self, number: int) -> Any:
        """Minibatch ``number``, counted over all epochs: x, or the pair (x, y)."""
        epoch, place = divmod(number, self.per_epoch)
        start = self._fill(epoch) + place * self.batch_size
        x = self.ops.gather_rows(self._x, self._orders, start, self.batch_size)
        if self._labels is None:
            return x
        labels = self.ops.gather_rows(self._labels, self._orders, start, self.batch_size)
        return x, self.ops.one_hot(labels, self.classes, self.dtype)

    def starts(self, number: int, count: int) -> NDArray[np.int64]:
        """
        Where minibatches ``number``, ``number`` + 1, … begin in the buffer of orders.

        Up to ``count`` of them, but no further than the next epoch; after this call
        their orders are in the buffer.
        """
        epoch = number // self.per_epoch
        count = min(count, (epoch + 2) * self.per_epoch - number)
        epochs, places = np.divmod(np.arange(number, number + count), self.per_epoch)
        halves = np.array([self._fill(epoch + i) for i in range(int(epochs[-1]) - epoch + 1)])
        starts: NDArray[np.int64] = halves[epochs - epoch] + places * self.batch_size
        return starts

    def buffers(self) -> dict[str, Array]:
        """Return the arrays of which minibatches are made, by name."""
        named = {"x": self._x, "labels": self._labels, "orders": self._orders}
        return {name: a for name, a in named.items() if a is not None}

    def _fill(self, epoch: int) -> int:
        """Return where an epoch's order begins in the buffer; compute it if it is not there."""
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
        raise DataError(f"the data reach {np.abs(x).max():.3g}, too far for {np.dtype(dtype)}")
    return own


def _check(x: NDArray[Any], batch_size: int, labels: NDArray[Any] | None, classes: int) -> None:
    if not isinstance(x, np.ndarray) or x.ndim != 2 or 0 in x.shape:
        shape = getattr(x, "shape", type(x).__name__)
        raise DataError(f"the data are {shape}; expected an array (examples, features)")
    if not np.issubdtype(x.dtype, np.floating):
        raise DataError(
            f"the data are {x.dtype}; expected floats: scale them first, such as"
            " x.astype(np.float32) / 255 for pixels"
        )
    finite = np.isfinite(x)
    if not finite.all():
        row = int(np.argwhere(~finite)[0, 0])
        raise DataError(
            f"the data hold {int((~finite).sum())} values that are NaN or infinite, the first in"
            f" row {row}; remove or replace them"
        )
    if not isinstance(batch_size, int) or not 1 <= batch_size <= len(x):
        raise DataError(
            f"batch_size is {batch_size} and the data have {len(x)} examples; expected"
            f" 1 ≤ batch_size ≤ {len(x)}"
        )
    if labels is not None and (
        labels.shape != (len(x),)
        or not np.issubdtype(labels.dtype, np.integer)
        or not (labels.min() >= 0 and labels.max() < (classes or labels.max() + 1))
    ):
        raise DataError(
            f"the labels are {labels.shape} {labels.dtype}; expected ({len(x)},) integers from 0"
            + (f" to {classes - 1}" if classes else "")
        )
