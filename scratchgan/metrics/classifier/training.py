"""The training of a classifier, with the layers' own backward passes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.data.dataset import Dataset, Examples
from scratchgan.errors import DataError, NonFiniteError
from scratchgan.gan.minibatches import Minibatches
from scratchgan.gan.player import Player
from scratchgan.metrics.classifier.model import Classifier, build
from scratchgan.metrics.classifier.settings import ClassifierSettings, settings_for
from scratchgan.nn import Context
from scratchgan.optim import Adam, Cosine

__all__ = ["digest", "shifted", "train", "training_step"]


def training_step(player: Player, x: Array, y: Array, stream: Stream) -> Array:
    """
    Make one update that descends the mean of −log p(label | x) over a minibatch.

    Parameters
    ----------
    player : Player
        The network and its optimiser.
    x, y : Array
        Examples (batch, features) and their labels, one-hot (batch, classes).
    stream : Stream
        The random stream for dropout.

    Returns
    -------
    Array
        The mean before the update, in nats, (1,).
    """
    ops = player.network.ops
    ctx = Context(ops, training=True, stream=stream)
    logits, cache = player.forward(x, ctx)
    loss, d_logits = ops.softmax_cross_entropy(logits, y)
    player.zero_grads()
    player.backward(cache, d_logits, ctx)
    player.descend()
    return loss


def train(
    data: Dataset,
    settings: ClassifierSettings | None = None,
    seed: int = 0,
    backend: str | Backend | None = None,
    after_epoch: Callable[[dict[str, float]], object] = lambda record: None,
) -> Classifier:
    """
    Train a classifier on a labelled data set, without the held-back examples.

    Parameters
    ----------
    data : Dataset
    settings : ClassifierSettings, optional
        Default: ``settings_for(data.name)``.
    seed : int
        Seed of the initial parameters, the order of the examples, their shifts, and dropout.
    backend : str or Backend, optional
        Default: the fastest that works here.
    after_epoch : callable
        It gets each record of ``Classifier.history``.

    Raises
    ------
    UnknownNameError
        If there are no settings for this data set.
    DataError
        If the data have no labels or too few examples, or are not images but ``shift`` > 0.
    NonFiniteError
        If the loss becomes NaN or infinite.
    """
    settings = settings or settings_for(data.name)
    (x, labels), (x_held, labels_held) = _split(data, settings)
    assert labels_held is not None
    network = build(settings, data.features, data.classes, seed, backend)
    classifier = Classifier(network, settings, seed, digest(data))
    per_epoch = len(x) // settings.batch_size
    player = Player(network, Adam(Cosine(settings.rate, 0.0, settings.epochs * per_epoch)))

    for epoch in range(settings.epochs):
        moved = shifted(x, data.image_shape, settings.shift, np.random.default_rng([seed, epoch]))
        minibatches = Minibatches(network.ops, moved, settings.batch_size, seed, labels)
        losses = []
        for step in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            images, one_hot = minibatches[step]
            stream = Stream(seed, step).purpose(Purpose.USER)
            losses.append(training_step(player, images, one_hot, stream))
        record = {
            "epoch": epoch + 1,
            "cross_entropy": float(np.mean([network.ops.to_numpy(loss) for loss in losses])),
            "validation_accuracy": classifier.accuracy(x_held, labels_held),
        }
        if not np.isfinite(record["cross_entropy"]):
            raise NonFiniteError(
                f"the classifier's cross-entropy is not finite in epoch {epoch + 1};"
                f" use a lower rate than {settings.rate:g}"
            )
        classifier.history.append(record)
        after_epoch(record)
    return classifier


def shifted(
    x: NDArray[Any], shape: tuple[int, ...] | None, most: int, rng: np.random.Generator
) -> NDArray[Any]:
    """
    Shift each image by up to ``most`` pixels along each axis. All shifts are equally probable.

    Parameters
    ----------
    x : array (n, height · width)
        Images. Pixels from outside an image are 0.
    shape : (height, width)
    most : int
        With 0, nothing is shifted.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> moved = shifted(np.array([[1, 2, 3, 4]] * 99), (2, 2), 1, rng)
    >>> sorted(map(tuple, np.unique(moved, axis=0).tolist()))[:4]
    [(0, 0, 0, 1), (0, 0, 1, 2), (0, 0, 2, 0), (0, 1, 0, 3)]
    """
    if most == 0:
        return x
    assert shape is not None
    n = len(x)
    padded = np.pad(x.reshape(n, *shape), ((0, 0), (most, most), (most, most)))
    windows = sliding_window_view(padded, shape, axis=(1, 2))  # (n, down, right, height, width)
    down, right = rng.integers(0, 2 * most + 1, (2, n))
    moved: NDArray[Any] = windows[np.arange(n), down, right].reshape(n, -1)
    moved.flags.writeable = False  # so that Minibatches need not copy it
    return moved


def digest(data: Dataset) -> str:
    """Return the SHA-256 of a data set's training examples and labels."""
    total = hashlib.sha256(np.ascontiguousarray(data.x).data)
    if data.labels is not None:
        total.update(np.ascontiguousarray(data.labels).data)
    return total.hexdigest()


def _split(data: Dataset, settings: ClassifierSettings) -> tuple[Examples, Examples]:
    """Return the training examples and the held-back examples, with labels."""
    if data.labels is None:
        raise DataError(f"data set '{data.name}' has no labels; a classifier needs them")
    if settings.shift and (data.image_shape is None or len(data.image_shape) != 2):
        raise DataError(
            f"data set '{data.name}' has no images (height, width) to shift by"
            f" up to {settings.shift} pixels; use settings with shift=0"
        )
    n = data.n - settings.validation
    if n < settings.batch_size:
        raise DataError(
            f"data set '{data.name}' has {data.n} examples, and {settings.validation} are held"
            f" back; the rest is smaller than a minibatch of {settings.batch_size}"
        )
    return data.split(settings.validation)
