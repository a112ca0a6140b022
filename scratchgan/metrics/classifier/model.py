"""The classifier: a network from an example to one logit a class."""

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

BLOCK = 1000  # examples at a time: memory does not grow with their number
PLAYER = 2  # G's and D's parameters are drawn from [seed, 0] and [seed, 1]


def build(
    settings: ClassifierSettings,
    features: int,
    classes: int,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> Network:
    """Return an untrained network: Linear with ReLU, dropout, and so on; then one logit a class."""
    layers: list[Layer] = []
    for width in settings.hidden:
        layers += [Linear(features, width, "relu", weight=he()), Dropout(settings.keep)]
        features = width
    layers.append(Linear(features, classes))
    return Network(Sequential(*layers), seed=[seed, PLAYER], backend=backend)


@dataclass
class Classifier:
    """
    A trained network, and what it was trained with.

    Attributes
    ----------
    network : Network
    settings : ClassifierSettings
    seed : int
    data_sha256 : str
        Of the examples and labels that it was trained on.
    history : list of dict
        For each epoch its number, the mean cross-entropy of its minibatches (nats, with
        dropout and moved images) and the accuracy on the examples held back.
    path : str
        The file that it came from; empty where it has just been trained.

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
        """Return one number for each class, (n, classes)."""
        return self._in_blocks(x, self.network)

    def log_probabilities(self, x: NDArray[Any]) -> Doubles:
        """Return log p(y|x), nats, (n, classes): the logits less the log of Σ e^logit."""
        logits = self.logits(x).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

    def probabilities(self, x: NDArray[Any]) -> Doubles:
        """Return p(y|x), (n, classes); each row sums to 1. NaN where x is NaN."""
        return np.exp(self.log_probabilities(x))

    def features(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return the values of the last hidden layer, (n, width), for distances between sets."""
        layer = self.network.layer
        assert isinstance(layer, Sequential)
        body, params = Sequential(*layer.layers[:-1]), self.network.params[:-1]
        ops = self.network.ops

        def hidden(block: NDArray[Any]) -> Any:
            return ops.to_numpy(body.forward(params, ops.asarray(block), Context(ops))[0])

        return self._in_blocks(x, hidden)

    def accuracy(self, x: NDArray[Any], labels: NDArray[Any]) -> float:
        """Return the share of examples whose most probable class is their label; NaN if one is."""
        labels = np.asarray(labels)
        logits = self.logits(x)
        if labels.shape != (len(logits),):
            raise ShapeError(
                f"labels have shape {labels.shape}; expected ({len(logits)},), one an example"
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
        """Apply a function to some examples at a time."""
        x = np.asarray(x)
        expected = self.network.layer.in_features
        if x.ndim != 2 or x.shape[1] != expected or not len(x) or x.dtype.kind != "f":
            raise ShapeError(
                f"the classifier of '{self.settings.data}' got x of shape {x.shape} and dtype"
                f" {x.dtype}; expected floats (examples, {expected})"
            )
        x = x.astype(self.network.dtype, copy=False)
        return np.concatenate([function(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)])
