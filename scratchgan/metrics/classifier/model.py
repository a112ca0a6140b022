"""The classifier: a network with one logit for each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Backend
from scratchgan.errors import ShapeError
from scratchgan.metrics.classifier.settings import ClassifierSettings
from scratchgan.metrics.distances import Doubles
from scratchgan.nn import Context, Dropout, Layer, Linear, Network, Sequential
from scratchgan.nn.initializers import he

__all__ = ["Classifier", "build"]

BLOCK = 1000  # examples at a time, so that memory does not grow with their number
PLAYER = 2  # G's and D's parameters are drawn from [seed, 0] and [seed, 1]


def build(
    settings: ClassifierSettings,
    features: int,
    classes: int,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> Network:
    """Return an untrained network: hidden layers with ReLU and dropout, then the logits."""
    layers: list[Layer] = []
    for width in settings.hidden:
        layers += [Linear(features, width, "relu", weight=he()), Dropout(settings.keep)]
        features = width
    layers.append(Linear(features, classes))
    return Network(Sequential(*layers), seed=[seed, PLAYER], backend=backend)


@dataclass
class Classifier:
    """
    A trained network, with its settings and its training history.

    Attributes
    ----------
    network : Network
    settings : ClassifierSettings
    seed : int
    data_sha256 : str
        SHA-256 of the training examples and labels.
    history : list of dict
        For each epoch: its number, the mean cross-entropy of its minibatches (nats, with
        dropout and shifted images) and the accuracy on the held-back examples.
    path : str
        The classifier's file; empty if it was not saved.

    Examples
    --------
    Probabilities are the softmax of the logits:

    >>> from scratchgan.metrics.classifier.settings import settings_for
    >>> settings = settings_for("digits")
    >>> untrained = Classifier(build(settings, 64, 10), settings, seed=0, data_sha256="")
    >>> x = np.zeros((3, 64), np.float32)
    >>> p, logits = untrained.probabilities(x), untrained.logits(x).astype(np.float64)
    >>> bool(np.allclose(p, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)))
    True
    >>> p.shape, untrained.features(x).shape
    ((3, 10), (3, 256))
    """

    network: Network
    settings: ClassifierSettings
    seed: int
    data_sha256: str
    history: list[dict[str, float]] = field(default_factory=list)
    path: str = ""

    def logits(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return the logits, (n, classes)."""
        return self._in_blocks(x, self.network)

    def log_probabilities(self, x: NDArray[Any]) -> Doubles:
        """Return log p(y|x) in nats, (n, classes): the logits minus log Σ e^logit."""
        logits = self.logits(x).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

    def probabilities(self, x: NDArray[Any]) -> Doubles:
        """Return p(y|x), (n, classes); each row has sum 1. NaN for an x with NaN."""
        return np.exp(self.log_probabilities(x))

    def features(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return the values of the last hidden layer, (n, width), for distances of sets."""
        layer = self.network.layer
        assert isinstance(layer, Sequential)
        body, params = Sequential(*layer.layers[:-1]), self.network.params[:-1]
        ops = self.network.ops

        def hidden(block: NDArray[Any]) -> Any:
            return ops.to_numpy(body.forward(params, ops.asarray(block), Context(ops))[0])

        return self._in_blocks(x, hidden)

    def accuracy(self, x: NDArray[Any], labels: NDArray[Any]) -> float:
        """Return the share of examples whose most probable class is their label; NaN for NaN."""
        labels = np.asarray(labels)
        logits = self.logits(x)
        if labels.shape != (len(logits),):
            raise ShapeError(
                f"labels have shape {labels.shape}; expected ({len(logits)},), one per example"
            )
        right = np.where(np.isnan(logits).any(axis=1), np.nan, logits.argmax(axis=1) == labels)
        return float(right.mean())

    def __str__(self) -> str:
        text = f"scratchgan's own classifier of '{self.settings.data}', seed {self.seed}"
        if self.history:
            right = 100 * self.history[-1]["validation_accuracy"]
            text += f", right for {right:.2f} % of {self.settings.validation:,} held-back examples"
        return text

    def _in_blocks(
        self, x: NDArray[Any], function: Callable[[NDArray[Any]], Any]
    ) -> NDArray[np.float32]:
        """Apply a function to blocks of examples, and join the results."""
        x = np.asarray(x)
        expected = self.network.layer.in_features
        if x.ndim != 2 or x.shape[1] != expected or not len(x) or x.dtype.kind != "f":
            raise ShapeError(
                f"the classifier of '{self.settings.data}' got x of shape {x.shape} and dtype"
                f" {x.dtype}; expected floats (examples, {expected})"
            )
        x = x.astype(self.network.dtype, copy=False)
        return np.concatenate([function(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)])
