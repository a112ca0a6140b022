"""One table of measures for a run: generated samples, real held-out ones, and a control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.metrics.classifier import SETTINGS, ClassifierSettings, trained_classifier
from scratchgan.metrics.confidence import classifier_confidence, train_classifier
from scratchgan.metrics.images import image_figures
from scratchgan.metrics.modes import mode_coverage
from scratchgan.theory import GaussianMixture

__all__ = ["Evaluation", "EvaluationLine", "evaluate"]


class EvaluationLine(NamedTuple):
    """One row: the same measure of three sets of samples."""

    name: str
    generated: str
    real: str
    control: str = ""


class Evaluation(NamedTuple):
    """What ``evaluate`` returns."""

    samples: int
    measures: list[EvaluationLine]
    note: str  # what the columns hold, for a person
    figures: dict[str, Any] | None = (
        None  # of images: the same as plain data, by column and measure
    )

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
    validation: int = 0,
) -> Evaluation:
    """
    Measure samples in the way that suits the data, beside real ones.

    Labelled images: all of ``image_figures``, by a classifier that is trained once and kept
    in the cache. Mixtures of normals in the plane: mode
    coverage. Otherwise: mean and standard deviation.

    Parameters
    ----------
    samples : array (n, features)
    data : Dataset
    seed : int
        For the control and fresh real samples.
    asked, validation
        As in ``image_figures``.

    Raises
    ------
    ShapeError
        If the samples are no matrix of the data's width.
    ValueError
        If an argument is of another kind.
    """
    checks.instance("evaluate", "data", data, Dataset, "a Dataset, such as load('ring')")
    samples = checks.array("evaluate", "samples", samples, (None, data.features), rows=1)
    seed = checks.seed("evaluate", "seed", seed)
    if data.labels is not None and data.x_test is not None:
        return _evaluate_images(samples, data, seed, asked, validation)
    real = _fresh(data, len(samples), seed)
    if isinstance(data.density, GaussianMixture):
        return _evaluate_modes(samples, real, data.density)
    return _evaluate_moments(samples, real)


def _evaluate_images(
    samples: NDArray[Any],
    data: Dataset,
    seed: int,
    asked: NDArray[np.integer] | None,
    validation: int,
) -> Evaluation:
    assert data.labels is not None
    assert data.x_test is not None
    other = train_classifier(data.x, data.labels, seed)
    control = np.random.default_rng(seed).permuted(data.x[: len(samples)], axis=0)
    seen = [classifier_confidence(other, x) for x in (samples, data.x_test, control)]
    classifier = trained_classifier(data, SETTINGS.get(data.name) or _untuned(data))
    found = image_figures(samples, data, classifier, asked=asked, validation=validation, seed=seed)

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
    images, names = found.generated["frechet"]["images"], data.label_names
    counts = [" ".join(map(str, c.counts)) for c in seen[:2]]
    return Evaluation(
        len(samples),
        rows,
        f"{len(samples):,} generated samples, {len(data.x_test):,} real held-out images; control:"
        " every pixel taken from another real image.\n"
        f"Sure samples by class ({names[0]} … {names[-1]}): generated {counts[0]};"
        f" real {counts[1]}.\n"
        "Sure: scikit-learn's MLP, trained on the real training images. Score, distances, precision"
        f" and recall: {classifier}; {images:,} images of each beside training images."
        " Nearest: median L2 distance of pixels. Parzen:"
        f" σ {found.generated['parzen']['sigma']:.3f}, {len(samples):,} centres"
        f" (real: σ {found.real['parzen']['sigma']:.3f}, {found.real['parzen']['samples']:,}"
        " training images).",
        {"generated": found.generated, "real": found.real, "control": found.control},
    )


def _untuned(data: Dataset) -> ClassifierSettings:
    """Return settings for images that none were chosen for."""
    return ClassifierSettings(
        data.name, hidden=(256, 256), keep=0.7, epochs=30, batch_size=min(128, data.n // 12 or 1),
        rate=1e-3, shift=0 if data.image_shape is None else 1, validation=data.n // 6 or 1,
    )  # fmt: skip


def _evaluate_modes(
    samples: NDArray[Any], real: NDArray[Any], density: GaussianMixture
) -> Evaluation:
    both = [mode_coverage(x, density.means, density.std, density.weights) for x in (samples, real)]
    return Evaluation(
        len(samples),
        [
            EvaluationLine("modes captured", *(f"{c.captured} of {c.modes}" for c in both)),
            EvaluationLine(
                "within 3 σ of a mode", *(f"{100 * c.high_quality:.1f} %" for c in both)
            ),
            EvaluationLine("reverse KL (nats)", *(f"{c.reverse_kl:.4f}" for c in both)),
        ],
        f"{len(samples):,} samples each; the real ones are fresh draws from the density.",
    )


def _evaluate_moments(samples: NDArray[Any], real: NDArray[Any]) -> Evaluation:
    def row(name: str, measure: Any) -> EvaluationLine:
        return EvaluationLine(
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
