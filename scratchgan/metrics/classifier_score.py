"""Measures from a classifier's probabilities: the classifier score and the label agreement."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.metrics.distances import Doubles, matrices

__all__ = ["ClassifierScore", "LabelAgreement", "classifier_score", "label_agreement"]


class ClassifierScore(NamedTuple):
    """The result of ``classifier_score``. Scores lie between 1 and the number of classes."""

    mean: float  # over the splits, as in the paper
    std: float  # over the splits
    splits: int
    whole: float  # score of all samples together

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.std:.2f} ({self.splits} splits; {self.whole:.2f} whole)"


class LabelAgreement(NamedTuple):
    """The result of ``label_agreement``."""

    share: float  # share of samples whose most probable class is their label
    error: float  # standard error of the share, √(share (1 − share) / n)
    by_class: tuple[float, ...]  # share among the samples with each label; NaN if there are none
    asked: tuple[int, ...]  # number of samples with each label

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ± {100 * self.error:.1f} %"


def classifier_score(probabilities: NDArray[Any], splits: int = 10) -> ClassifierScore:
    """
    Return exp E KL(p(y|x) ‖ p(y)): high if each sample clearly has a class and all classes occur.

    It is the score of Salimans et al. 2016, "Improved techniques for training GANs", §4, named
    after its classifier there, an Inception network. p(y) is the mean of p(y|x) over the
    samples. As in the paper, the samples are cut into 10 splits in their order, and the result
    has the mean and standard deviation over the splits. It also has the score of all samples.

    Its limitations (Barratt & Sharma 2018, "A note on the Inception score"):

    - It does not use real examples. One perfect image for each class gets the highest score,
      and so does anything about which the classifier is confident.
    - It depends on the classifier. Compare only scores from the same classifier, and with the
      score of real held-out examples.
    - p(y) is estimated from the samples, so the score of a split is lower on average than the
      score of all samples. If samples are sorted by class, each split holds one class: shuffle
      them, or use ``whole``.

    Parameters
    ----------
    probabilities : array (n, classes)
        p(y|x), one row for each sample. Computed in float64, with p log p = 0 for p = 0.
    splits : int
        At least 1.

    Returns
    -------
    ClassifierScore
        NaN if a probability is NaN.

    Raises
    ------
    ShapeError
        If ``probabilities`` is not a matrix, or is empty.
    ValueError
        If a row does not hold probabilities, or there are fewer samples than splits.

    Examples
    --------
    >>> sure_and_even = np.eye(4)[np.arange(40) % 4]
    >>> score = classifier_score(sure_and_even)
    >>> round(score.mean, 6), round(score.std, 6), round(score.whole, 6)
    (4.0, 0.0, 4.0)
    """
    p = as_probabilities(probabilities)
    try:
        splits = checks.whole("classifier_score", "splits", splits, 1, len(p))
    except ValueError as error:
        raise ValueError(f"{error}, the number of samples") from None
    cuts = [i * len(p) // splits for i in range(splits + 1)]
    each = [_score(p[low:high]) for low, high in pairwise(cuts)]
    return ClassifierScore(float(np.mean(each)), float(np.std(each)), splits, _score(p))


def label_agreement(probabilities: NDArray[Any], labels: NDArray[Any]) -> LabelAgreement:
    """
    Return how often a classifier agrees with the labels given to a conditional generator.

    It is the share of samples whose most probable class is their label: the classifier's
    accuracy if the labels were the truth. Compare with its accuracy on real held-out examples.
    A generator that makes only one perfect image for each label reaches a share of 1.

    Parameters
    ----------
    probabilities : array (n, classes)
        p(y|x), one row for each sample.
    labels : integer array (n,)
        The labels given to the generator, 0 … classes − 1.

    Returns
    -------
    LabelAgreement
        NaN if a probability is NaN.

    Raises
    ------
    ShapeError
        If there is not one label for each row.
    ValueError
        If a row does not hold probabilities, or a label is not a class.

    Examples
    --------
    >>> found = label_agreement(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]))
    >>> found.by_class, found.asked, str(found)
    ((1.0, 0.5), (1, 2), '66.7 ± 27.2 %')
    """
    p = as_probabilities(probabilities)
    labels = checks.array("", "labels", labels)
    classes = p.shape[1]
    if labels.shape != (len(p),) or labels.dtype.kind not in "iu":
        raise ShapeError(
            f"labels have shape {labels.shape} and are {labels.dtype}; expected ({len(p)},)"
            " integers, one for each sample"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels are from {labels.min()} to {labels.max()}; expected 0 … {classes - 1}"
        )
    # A row with a NaN has no most probable class, but argmax would return one.
    agrees = np.where(np.isnan(p).any(axis=1), math.nan, p.argmax(axis=1) == labels)
    share = float(agrees.mean())
    return LabelAgreement(
        share=share,
        error=math.sqrt(share * (1 - share) / len(p)),
        by_class=tuple(
            float(agrees[labels == c].mean()) if (labels == c).any() else math.nan
            for c in range(classes)
        ),
        asked=tuple(int(n) for n in np.bincount(labels, minlength=classes)),
    )


def _score(p: Doubles) -> float:
    kl = np.sum(p * (_log(p) - _log(p.mean(axis=0))), axis=1)
    return float(np.exp(kl.mean()))


def _log(p: Doubles) -> Doubles:
    """Return log p, with 0 for log 0; here it is always multiplied by p = 0."""
    return np.log(p, out=np.zeros_like(p), where=p != 0)


def as_probabilities(given: object) -> Doubles:
    """Return checked rows, normalised to sum to 1 in float64."""
    p = matrices(probabilities=given)[0].astype(np.float64)
    sums = p.sum(axis=1, keepdims=True)
    if (p < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        raise ValueError(
            f"probabilities: values are from {p.min():.3g} to {p.max():.3g}, sums of rows from"
            f" {sums.min():.3g} to {sums.max():.3g}; expected values ≥ 0 and rows with sum 1"
            " (apply softmax to logits first)"
        )
    return np.asarray(p / sums)
