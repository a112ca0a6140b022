"""One table of measures for a run: generated samples, real held-out examples, and a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.metrics.classifier import SETTINGS, ClassifierSettings, trained_classifier
from scratchgan.metrics.confidence import classifier_confidence, train_classifier
from scratchgan.metrics.frechet import frechet_distance
from scratchgan.metrics.images import FEWEST, NEAREST, REFERENCE, image_figures
from scratchgan.metrics.modes import mode_coverage
from scratchgan.metrics.neighbours import nearest
from scratchgan.metrics.precision_recall import precision_recall
from scratchgan.theory import Density, GaussianMixture

__all__ = ["Evaluation", "EvaluationLine", "evaluate"]

WIDEST = 8  # most features of points for which means and standard deviations are shown
BALLS = 3  # the k-th neighbour gives the radius of a ball, in precision and recall


class EvaluationLine(NamedTuple):
    """One row of the table: the same measure of three sets of samples."""

    name: str
    generated: str
    real: str
    control: str = ""


class Evaluation(NamedTuple):
    """The result of ``evaluate``."""

    samples: int
    measures: list[EvaluationLine]
    note: str  # an explanation of the columns
    figures: dict[str, Any] | None = None  # for images: plain data, by column and measure

    def __str__(self) -> str:
        rows = [("", "generated", "real", "control"), *(tuple(m) for m in self.measures)]
        if not any(m.control for m in self.measures):
            rows = [row[:3] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        line = "  ".join([f"{{:<{widths[0]}}}", *(f"{{:>{width}}}" for width in widths[1:])])
        return "\n".join([*(line.format(*row) for row in rows), "", self.note])


def evaluate(
    samples: NDArray[Any],
    data: Dataset,
    seed: int = 0,
    *,
    asked: NDArray[np.integer] | None = None,
    codes: Mapping[int, NDArray[np.integer]] | None = None,
    validation: int = 0,
) -> Evaluation:
    """
    Measure samples, and real examples beside them.

    The measures depend on the data:

    - labelled images with a test set: all measures of ``image_figures``, with a classifier that
      is trained once and kept in the cache;
    - mixtures of normals: mode coverage;
    - other known densities: mean and standard deviation;
    - all other data: precision, recall and the distance to the nearest training example; for
      points also mean, standard deviation and Fréchet distance.

    Parameters
    ----------
    samples : array (n, features)
    data : Dataset
    seed : int
        Seed of the control and of fresh real samples.
    asked, codes, validation
        As in ``image_figures``.

    Raises
    ------
    ShapeError
        If the samples are not a matrix with the data's number of features.
    ValueError
        If an argument is wrong.
    """
    checks.instance("evaluate", "data", data, Dataset, "a Dataset, such as load('ring')")
    samples = checks.array("evaluate", "samples", samples, (None, data.features), rows=1)
    seed = checks.seed("evaluate", "seed", seed)
    if data.density is not None:
        return _evaluate_density(samples, data.density, seed)
    held_out = 0 if data.x_test is None else len(data.x_test)
    if data.labels is not None and data.image_shape is not None and held_out >= FEWEST:
        return _evaluate_images(samples, data, seed, asked, codes or {}, validation)
    return _evaluate_examples(samples, data, seed)


def _evaluate_images(
    samples: NDArray[Any],
    data: Dataset,
    seed: int,
    asked: NDArray[np.integer] | None,
    codes: Mapping[int, NDArray[np.integer]],
    validation: int,
) -> Evaluation:
    assert data.labels is not None
    assert data.x_test is not None
    other = train_classifier(data.x, data.labels, seed)
    control = np.random.default_rng(seed).permuted(data.x[: len(samples)], axis=0)
    seen = [classifier_confidence(other, x) for x in (samples, data.x_test, control)]
    classifier = trained_classifier(data, SETTINGS.get(data.name) or _untuned(data))
    found = image_figures(
        samples, data, classifier, asked=asked, codes=codes, validation=validation, seed=seed
    )

    def row(name: str, measure: str, show: Callable[[dict[str, Any]], str]) -> EvaluationLine:
        return EvaluationLine(name, *(show(f[measure]) if measure in f else "" for f in found))

    def percent(key: str) -> Callable[[dict[str, Any]], str]:
        return lambda f: f"{100 * f[key]:.1f} %"

    rows = [
        EvaluationLine("classifier ≥ 0.9 sure", *(f"{100 * c.confident:.1f} %" for c in seen)),
        EvaluationLine("classes seen", *(f"{np.count_nonzero(c.counts)}" for c in seen)),
        row("classifier score", "classifier_score", lambda f: f"{f['mean']:.2f}"),
        row("Fréchet distance", "frechet", lambda f: f"{f['value']:.2f}"),
        row("kernel distance", "kernel", lambda f: f"{f['value']:.3f} ± {f['error']:.3f}"),
        row("precision", "precision_recall", lambda f: f"{f['precision']:.3f}"),
        row("recall", "precision_recall", lambda f: f"{f['recall']:.3f}"),
        row("nearest training image", "nearest", lambda f: f"{f['median']:.2f}"),
        row("Parzen (nats)", "parzen", lambda f: f"{f['mean']:.1f} ± {f['error']:.1f}"),
    ]
    if asked is not None:
        rows.append(row("label as asked for", "label_agreement", percent("share")))
    for number in codes:
        key = f"code_agreement_{number}"
        rows.append(row(f"class as code {number}", key, percent("share")))
        rows.append(row(f"code {number}, nats", key, lambda f: f"{f['information']:.2f}"))
    images, names = found.generated["frechet"]["images"], data.label_names
    counts = [" ".join(map(str, c.counts)) for c in seen[:2]]
    return Evaluation(
        len(samples),
        rows,
        f"{len(samples):,} generated samples, {len(data.x_test):,} real held-out images. Control:"
        " each pixel comes from another real image.\n"
        f"Sure samples by class ({names[0]} … {names[-1]}): generated {counts[0]};"
        f" real {counts[1]}.\n"
        "Classifier for the sure samples: scikit-learn's MLP, trained on the real training images."
        f" Score, distances, precision and recall: {classifier}; {images:,} images of each set,"
        " compared with training images. Nearest: median L2 distance of pixels. Parzen:"
        f" σ {found.generated['parzen']['sigma']:.3f}, {len(samples):,} centres"
        f" (real: σ {found.real['parzen']['sigma']:.3f}, {found.real['parzen']['samples']:,}"
        " training images).",
        {"generated": found.generated, "real": found.real, "control": found.control},
    )


def _untuned(data: Dataset) -> ClassifierSettings:
    """Return default settings, for data sets without tuned ones."""
    return ClassifierSettings(
        data.name, hidden=(256, 256), keep=0.7, epochs=30, batch_size=min(128, data.n // 12 or 1),
        rate=1e-3, shift=0 if data.image_shape is None else 1, validation=data.n // 6 or 1,
    )  # fmt: skip


def _fresh(density: Density, n: int, seed: int) -> NDArray[Any]:
    """Return new real samples, which the training has not seen."""
    return density.sample(n, np.random.default_rng([seed, 1]))


def _evaluate_density(samples: NDArray[Any], density: Density, seed: int) -> Evaluation:
    real = _fresh(density, len(samples), seed)
    if isinstance(density, GaussianMixture):
        rows = _modes(density, samples, real)
    else:
        rows = _moments(samples, real)
    return Evaluation(
        len(samples),
        rows,
        f"{len(samples):,} samples each; the real ones are fresh draws from the density.",
    )


def _modes(density: GaussianMixture, *sets: NDArray[Any]) -> list[EvaluationLine]:
    found = [mode_coverage(x, density.means, density.std, density.weights) for x in sets]
    return [
        EvaluationLine("modes captured", *(f"{c.captured} of {c.modes}" for c in found)),
        EvaluationLine("within 3 σ of a mode", *(f"{100 * c.high_quality:.1f} %" for c in found)),
        EvaluationLine("reverse KL (nats)", *(f"{c.reverse_kl:.4f}" for c in found)),
    ]


def _moments(*sets: NDArray[Any]) -> list[EvaluationLine]:
    def row(name: str, measure: Any) -> EvaluationLine:
        return EvaluationLine(
            name, *(", ".join(f"{v:.3f}" for v in measure(x, axis=0)) for x in sets)
        )

    return [row("mean", np.mean), row("standard deviation", np.std)]


def _evaluate_examples(samples: NDArray[Any], data: Dataset, seed: int) -> Evaluation:
    """Measure by distances between examples, if there is neither a density nor a classifier."""
    rng = np.random.default_rng(seed)
    if data.x_test is None:
        first, second = np.array_split(rng.permutation(data.n), 2)
        reference, real = data.x[first], data.x[second if len(second) else first]
        of_real = "examples, half of the training set; both are compared with the other half"
    else:
        reference, real = data.x[rng.permutation(data.n)], data.x_test
        of_real = "held-out examples; both are compared with training examples"
    images = data.image_shape is not None
    count = min(len(samples), len(real), len(reference), REFERENCE)
    sets = samples, real
    rows = [] if images or data.features > WIDEST else _moments(*sets)

    def row(name: str, of: Callable[[NDArray[Any]], float]) -> None:
        rows.append(EvaluationLine(name, *(f"{of(x):.3g}" for x in sets)))

    if count >= 2 and not images:
        row("Fréchet distance", lambda x: frechet_distance(x[:count], reference))
    if count > BALLS:
        row("precision", lambda x: precision_recall(reference[:count], x[:count], BALLS).precision)
        row("recall", lambda x: precision_recall(reference[:count], x[:count], BALLS).recall)
    if len(reference):
        near = "nearest training image" if images else "nearest training example"
        row(near, lambda x: float(np.median(nearest(x[:NEAREST], reference).distances)))
    note = (
        f"{len(samples):,} generated samples; real: {len(real):,} {of_real}. Precision and recall"
        f" use {count:,} of each. Nearest: median L2 distance."
    )
    if images:
        note += (
            "\nAll distances are between pixels, and images can look alike but differ in pixels."
            " With labels and at least ten held-out examples, a classifier is used instead."
        )
    return Evaluation(len(samples), rows, note)
