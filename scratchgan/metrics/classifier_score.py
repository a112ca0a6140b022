"""What a classifier says of samples: the classifier score, and whether labels are obeyed."""

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
    """What ``classifier_score`` returns; all from 1 to the number of classes."""

    mean: float  # over the splits, as published
    std: float  # over the splits
    splits: int
    whole: float  # of all samples together

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.std:.2f} ({self.splits} splits; {self.whole:.2f} whole)"


class LabelAgreement(NamedTuple):
    """What ``label_agreement`` returns."""

    share: float  # of the samples whose most probable class is the asked one
    error: float  # its standard error, √(share (1 − share) / n)
    by_class: tuple[float, ...]  # the share among those asked to be of a class; NaN if none were
    asked: tuple[int, ...]  # how many were asked to be of each class

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ± {100 * self.error:.1f} %"


def classifier_score(probabilities: NDArray[Any], splits: int = 10) -> ClassifierScore:
    """
    exp E KL(p(y|x) ‖ p(y)): high where each sample is surely of one class, and all classes occur.

    Salimans et al. 2016, "Improved techniques for training GANs", §4, where the classifier is an
    Inception network and the score is named after it. p(y) is the mean of p(y|x) over the
    samples. As published, the samples are cut into 10 splits in the order in which they stand, and
    mean and standard deviation over the splits are given; the score of them all stands beside.

    Its failings (Barratt & Sharma 2018, "A note on the Inception score"). It never looks at real
    examples: one perfect image a class, or anything that the classifier is sure about, gets the
    highest score. It rests on the classifier: compare only with the same one, and with the score
    of real held-out examples. p(y) is estimated from the samples themselves, so a split
    scores lower on average than the whole, and samples sorted by class lie in splits of one class:
    shuffle them, or read ``whole``.

    Parameters
    ----------
    probabilities : array (n, classes)
        p(y|x), one row a sample. Computed in float64; where p = 0, p log p is its limit 0.
    splits : int
        At least 1.

    Returns
    -------
    ClassifierScore
        NaN where a probability is NaN.

    Raises
    ------
    ShapeError
        If ``probabilities`` is no matrix, or is empty.
    ValueError
        If rows are no probabilities, or there are fewer samples than splits.

    Examples
    --------
    >>> sure_and_even = np.eye(4)[np.arange(40) % 4]
    >>> score = classifier_score(sure_and_even)
    >>> round(score.mean, 6), round(score.std, 6), round(score.whole, 6)
    (4.0, 0.0, 4.0)
    """
    p = _probabilities(probabilities)
    try:
        splits = checks.whole("classifier_score", "splits", splits, 1, len(p))
    except ValueError as error:
        raise ValueError(f"{error}, the number of samples") from None
    cuts = [i * len(p) // splits for i in range(splits + 1)]
    each = [_score(p[low:high]) for low, high in pairwise(cuts)]
    return ClassifierScore(float(np.mean(each)), float(np.std(each)), splits, _score(p))


def label_agreement(probabilities: NDArray[Any], labels: NDArray[Any]) -> LabelAgreement:
    """
    How often a classifier finds that a conditional generator made what it was asked for.

    The share of samples whose most probable class is their label: the classifier's accuracy, if
    the labels are taken for the truth. That of real held-out examples is what to compare with. A
    generator that makes one perfect image a label gets all of them right.

    Parameters
    ----------
    probabilities : array (n, classes)
        p(y|x), one row a sample.
    labels : integer array (n,)
        The asked classes, 0 … classes − 1.

    Returns
    -------
    LabelAgreement
        NaN where a probability is NaN.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    ValueError
        If rows are no probabilities, or a label is no class.

    Examples
    --------
    >>> found = label_agreement(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]))
    >>> found.by_class, found.asked, str(found)
    ((1.0, 0.5), (1, 2), '66.7 ± 27.2 %')
    """
    p = _probabilities(probabilities)
    labels = checks.array("", "labels", labels)
    classes = p.shape[1]
    if labels.shape != (len(p),) or labels.dtype.kind not in "iu":
        raise ShapeError(
            f"labels have shape {labels.shape} and are {labels.dtype}; expected ({len(p)},)"
            " integers, one for each sample"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels lie from {labels.min()} to {labels.max()}; expected 0 … {classes - 1}"
        )
    # A row with a NaN has no most probable class: argmax would name one all the same.
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
    """log p, and 0 for log 0: whatever it is multiplied by here is 0 too."""
    return np.log(p, out=np.zeros_like(p), where=p != 0)


def _probabilities(given: object) -> Doubles:
    """Return checked rows, which sum to 1 in float64."""
    p = matrices(probabilities=given)[0].astype(np.float64)
    sums = p.sum(axis=1, keepdims=True)
    if (p < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        raise ValueError(
            f"probabilities: values from {p.min():.3g} to {p.max():.3g}, sums of rows from"
            f" {sums.min():.3g} to {sums.max():.3g}; expected rows of values ≥ 0 that sum to 1"
            " (logits want a softmax first)"
        )
    return np.asarray(p / sums)
