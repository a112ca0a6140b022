"""All measures of generated images at once, beside those of real images and of a control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.errors import DataError
from scratchgan.metrics.classifier import Classifier
from scratchgan.metrics.classifier_score import classifier_score, label_agreement
from scratchgan.metrics.code_agreement import code_agreement
from scratchgan.metrics.frechet import frechet_distance
from scratchgan.metrics.kernel_distance import kernel_distance
from scratchgan.metrics.neighbours import nearest
from scratchgan.metrics.parzen import FIRST, parzen_log_likelihood
from scratchgan.metrics.precision_recall import precision_recall

__all__ = ["ImageFigures", "image_figures"]

REFERENCE = 10_000  # training images that each set is compared with
FEWEST = 10  # samples at least: one for each split of the classifier score
NEAREST = 1000  # images of each set whose nearest training image is searched

Images = NDArray[Any]


Figures: TypeAlias = dict[str, dict[str, Any]]
"""Plain data for each measure, such as ``figures["frechet"]["value"]``."""


class ImageFigures(NamedTuple):
    """The result of ``image_figures``."""

    generated: Figures
    real: Figures  # test images
    control: Figures  # images that take each pixel from another training image


def image_figures(
    samples: Images,
    data: Dataset,
    classifier: Classifier,
    *,
    asked: NDArray[np.integer] | None = None,
    codes: Mapping[int, NDArray[np.integer]] | None = None,
    validation: int = 0,
    seed: int = 0,
) -> ImageFigures:
    """
    Measure three sets of images: generated images, real held-out images and a control.

    Each set is compared with training images by the features of the classifier's last hidden
    layer. All sets are cut to the size of the smallest, because the Fréchet distance falls as
    sets grow. In the Parzen window of the real images, the centres are as many training images
    as there are samples.

    Parameters
    ----------
    samples : array (n, features)
        10 or more.
    data : Dataset
        Labelled images with a test set.
    classifier : Classifier
        A classifier trained on the same data.
    asked : integer array (n,), optional
        The labels that were given to a conditional generator.
    codes : mapping of int to integer array (n,), optional
        The values of categorical codes that were given to a generator, by the code's number;
        ``Generator.drawn_codes`` returns them.
    validation : int
        Number of training images, the last ones, that were held out from the GAN. The first
        1,000 of them choose the width of the Parzen window; if 0, the last 1,000 training
        images do.
    seed : int
        Seed for the choice of training images and for the control.

    Raises
    ------
    ShapeError
        If the samples do not have the data's number of features, or are too few.
    DataError
        If the data have no labelled test images.
    ValueError
        If ``validation`` or ``seed`` is not a whole number in its range.
    """
    if data.x_test is None or data.labels_test is None:
        raise DataError(
            f"data set '{data.name}' has no labelled test images; image_figures compares with them"
        )
    samples = checks.array("image_figures", "samples", samples, (None, data.features), rows=FEWEST)
    rng = np.random.default_rng(checks.seed("image_figures", "seed", seed))
    (seen, _), (held_back, _) = data.split(validation)
    reference = seen[rng.permutation(len(seen))[:REFERENCE]]
    control = rng.permuted(reference[: len(samples)], axis=0)
    chosen_by = held_back if validation else data.x[-FIRST:]  # examples that choose σ
    features = classifier.features(reference)
    count = min(len(samples), len(data.x_test), len(control))
    sets = [
        _of_a_set(x, count, features, seen, classifier) for x in (samples, data.x_test, control)
    ]
    for figures, centres in zip(sets, (samples, reference[: len(samples)], control), strict=True):
        found = parzen_log_likelihood(centres, data.x_test, chosen_by)
        figures["parzen"] = {**found._asdict(), "curve": [list(point) for point in found.curve]}
    if asked is not None:
        for figures, x, labels in zip(
            sets[:2], (samples, data.x_test), (asked, data.labels_test), strict=True
        ):
            agreement = label_agreement(classifier.probabilities(x), labels)
            figures["label_agreement"] = {
                "share": agreement.share,
                "error": agreement.error,
                "by_class": list(agreement.by_class),
            }
    for number, values in (codes or {}).items():
        matched = code_agreement(classifier.probabilities(samples), values)
        sets[0][f"code_agreement_{number}"] = {
            "share": matched.share,
            "error": matched.error,
            "matching": list(matched.matching),
            "information": matched.information,
            "counts": [list(row) for row in matched.counts],
        }
    return ImageFigures(*sets)


def _of_a_set(
    x: Images, count: int, reference: Images, seen: Images, classifier: Classifier
) -> Figures:
    probabilities = classifier.probabilities(x)
    score = classifier_score(probabilities)
    features = classifier.features(x[:count])
    kernel = kernel_distance(features, reference)
    covered = precision_recall(reference[:count], features)
    return {
        "classifier_score": {"mean": score.mean, "error": score.std, "whole": score.whole},
        "frechet": {"value": frechet_distance(features, reference), "images": count},
        "kernel": {"value": kernel.value, "error": kernel.error},
        "precision_recall": {
            "precision": covered.precision,
            "recall": covered.recall,
            "density": covered.density,
            "coverage": covered.coverage,
            "k": covered.k,
        },
        "nearest": {"median": float(np.median(nearest(x[:NEAREST], seen).distances))},
    }
