"""One table of measures for a run: generated samples, real held-out ones, and a control."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.data import Dataset
from scratchgan.metrics.confidence import classifier_confidence, train_classifier
from scratchgan.metrics.modes import mode_coverage
from scratchgan.metrics.neighbours import nearest
from scratchgan.theory import GaussianMixture

__all__ = ["Evaluation", "Measure", "evaluate"]


class Measure(NamedTuple):
    """One row: the same measure of three sets of samples."""

    name: str
    generated: str
    real: str
    control: str = ""


class Evaluation(NamedTuple):
    """What ``evaluate`` returns."""

    samples: int
    measures: list[Measure]
    note: str  # what the columns hold, for a person

    def __str__(self) -> str:
        rows = [("", "generated", "real", "control"), *(tuple(m) for m in self.measures)]
        if not any(m.control for m in self.measures):
            rows = [row[:3] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        line = "  ".join([f"{{:<{widths[0]}}}", *(f"{{:>{width}}}" for width in widths[1:])])
        return "\n".join([*(line.format(*row) for row in rows), "", self.note])


def evaluate(samples: NDArray[Any], data: Dataset, seed: int = 0) -> Evaluation:
    """
    Measure samples in the way that suits the data, beside real ones.

    Labelled images: a classifier's confidence and the classes it sees, and the
    distance to the nearest training image. Mixtures of normals in the plane: mode
    coverage. Otherwise: mean and standard deviation.

    Parameters
    ----------
    samples : array (n, features)
    data : Dataset
    seed : int
        For the classifier, the control and fresh real samples.
    """
    if data.labels is not None and data.x_test is not None:
        return _evaluate_images(samples, data, seed)
    real = _fresh(data, len(samples), seed)
    if isinstance(data.density, GaussianMixture):
        return _evaluate_modes(samples, real, data.density)
    return _evaluate_moments(samples, real)


def _evaluate_images(samples: NDArray[Any], data: Dataset, seed: int) -> Evaluation:
    assert data.labels is not None
    assert data.x_test is not None
    classifier = train_classifier(data.x, data.labels, seed)
    rng = np.random.default_rng(seed)
    control = rng.permuted(data.x[: len(samples)], axis=0)  # each pixel from another image
    sets = (samples, data.x_test, control)
    seen = [classifier_confidence(classifier, x) for x in sets]
    # Far below the real figure means copying.
    near = [np.median(nearest(x[:1000], data.x).distances) for x in sets]
    counts = [" ".join(map(str, s.counts)) for s in seen[:2]]
    names = data.label_names
    return Evaluation(
        len(samples),
        [
            Measure("classifier ≥ 0.9 sure", *(f"{100 * s.confident:.1f} %" for s in seen)),
            Measure("classes seen", *(f"{np.count_nonzero(s.counts)}" for s in seen)),
            Measure("nearest training image", *(f"{d:.2f}" for d in near)),
        ],
        f"{len(samples):,} generated samples, {len(data.x_test):,} real held-out images; control:"
        " every pixel taken from another real image.\n"
        f"Sure samples by class ({names[0]} … {names[-1]}): generated {counts[0]};"
        f" real {counts[1]}.\n"
        "Classifier: scikit-learn's MLP, trained on the real training images."
        " Nearest: median L2 distance.",
    )


def _evaluate_modes(
    samples: NDArray[Any], real: NDArray[Any], density: GaussianMixture
) -> Evaluation:
    both = [mode_coverage(x, density.means, density.std, density.weights) for x in (samples, real)]
    return Evaluation(
        len(samples),
        [
            Measure("modes captured", *(f"{c.captured} of {c.modes}" for c in both)),
            Measure("within 3 σ of a mode", *(f"{100 * c.high_quality:.1f} %" for c in both)),
            Measure("reverse KL (nats)", *(f"{c.reverse_kl:.4f}" for c in both)),
        ],
        f"{len(samples):,} samples each; the real ones are fresh draws from the density.",
    )


def _evaluate_moments(samples: NDArray[Any], real: NDArray[Any]) -> Evaluation:
    def row(name: str, measure: Any) -> Measure:
        return Measure(
            name, *(", ".join(f"{v:.3f}" for v in measure(x, axis=0)) for x in (samples, real))
        )

    return Evaluation(
        len(samples),
        [row("mean", np.mean), row("standard deviation", np.std)],
        f"{len(samples):,} samples each; the real ones are fresh draws from the density.",
    )


def _fresh(data: Dataset, n: int, seed: int) -> NDArray[Any]:
    """Real samples that the training has not seen, where the density is known."""
    if data.density is not None:
        return data.density.sample(n, np.random.default_rng([seed, 1]))
    return data.x if data.x_test is None else data.x_test
