"""How sure an independent classifier is of generated samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.metrics.distances import matrices

__all__ = ["Confidence", "classifier_confidence", "train_classifier"]


class Confidence(NamedTuple):
    """The result of ``classifier_confidence``."""

    confident: float  # share of samples whose largest probability reaches the threshold
    counts: tuple[int, ...]  # number of these samples in each class


def train_classifier(x: NDArray[Any], labels: NDArray[Any], seed: int = 0) -> Any:
    """
    Train scikit-learn's MLP classifier (128 hidden units) on real examples.

    At most 10,000 examples are used, so that training takes less than half a minute.

    Parameters
    ----------
    x : array (n, features)
        Finite.
    labels : integer array (n,)
        Classes 0, 1, …, each with at least one example.
    seed : int

    Returns
    -------
    sklearn.neural_network.MLPClassifier
    """
    from sklearn.neural_network import MLPClassifier

    (x,) = matrices(x=x)
    x = checks.array("train_classifier", "x", x, finite=True)
    labels = checks.labels("train_classifier", "labels", labels, len(x))
    seed = checks.seed("train_classifier", "seed", seed)
    chosen = np.random.default_rng(seed).permutation(len(x))[:10_000]
    classifier = MLPClassifier((128,), max_iter=1000, random_state=seed % 2**32)  # 32 bits at most
    return classifier.fit(x[chosen], labels[chosen])


def classifier_confidence(
    classifier: Any, samples: NDArray[Any], threshold: float = 0.9
) -> Confidence:
    """
    Return the share of samples to which the classifier gives a class with high probability.

    The share falls for samples between classes. It does not notice that all samples of a class
    are the same. A classifier may also be confident about images that are not digits, so
    compare with the share for real held-out examples and for a control.

    Parameters
    ----------
    classifier : fitted classifier with ``predict_proba``
    samples : array (n, features)
    threshold : float
        The probability that counts as high, in (0, 1].

    Returns
    -------
    Confidence
        If a sample has a NaN or infinite value, the share is NaN, and the sample counts for no
        class.
    """
    (samples,) = matrices(samples=samples)
    threshold = checks.number("classifier_confidence", "threshold", threshold, 0, 1, above=True)
    good = np.isfinite(samples).all(axis=1)
    probability = classifier.predict_proba(np.where(good[:, None], samples, 0))
    sure = (probability.max(axis=1) >= threshold) & good
    counts = np.bincount(probability.argmax(axis=1)[sure], minlength=probability.shape[1])
    share = float(sure.mean()) if good.all() else math.nan
    return Confidence(share, tuple(int(c) for c in counts))
