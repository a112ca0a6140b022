"""The figures of images are the measures of the right sets, and the table shows those figures."""

import dataclasses
import math
import sys

import numpy as np
import pytest

from scratchgan.data import Dataset, load
from scratchgan.metrics import (
    classifier_score,
    code_agreement,
    evaluate,
    frechet_distance,
    image_figures,
    kernel_distance,
    label_agreement,
    nearest,
    parzen_log_likelihood,
    precision_recall,
    train_classifier,
    trained_classifier,
)
from scratchgan.metrics.evaluation import _fresh
from scratchgan.metrics.images import NEAREST, REFERENCE
from scratchgan.theory import GaussianMixture

MODULE = sys.modules["scratchgan.metrics.images"]
HELD_BACK, SEED = 200, 3


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def classifier(digits):
    return trained_classifier(digits)


@pytest.fixture(scope="module")
def samples(digits):
    """Test images, a little worse, and fewer than there are of them."""
    noise = np.random.default_rng(1).normal(0, 0.1, (150, 64))
    return (digits.x_test[:150] + noise).astype(np.float32)


@pytest.fixture(scope="module")
def asked(digits):
    return digits.labels_test[:150]


@pytest.fixture(scope="module")
def figures(digits, classifier, samples, asked):
    return image_figures(
        samples, digits, classifier,
        asked=asked, codes={1: 9 - asked}, validation=HELD_BACK, seed=SEED,
    )  # fmt: skip


def test_each_figure_is_the_measure_of_its_set(digits, classifier, samples, asked, figures):
    seen, held_back = digits.x[:-HELD_BACK], digits.x[-HELD_BACK:]
    rng = np.random.default_rng(SEED)
    reference = seen[rng.permutation(len(seen))]
    control = rng.permuted(reference[:150], axis=0)
    assert (np.sort(control, axis=0) == np.sort(reference[:150], axis=0)).all()
    assert (control != reference[:150]).any(axis=1).all()
    of_reference = classifier.features(reference)
    for found, x, centres, labels in (
        (figures.generated, samples, samples, asked),
        (figures.real, digits.x_test, reference[:150], digits.labels_test),
        (figures.control, control, control, None),
    ):
        p, features = classifier.probabilities(x), classifier.features(x[:150])
        score, kernel = classifier_score(p), kernel_distance(features, of_reference)
        parzen = parzen_log_likelihood(centres, digits.x_test, held_back)
        expected = {
            "classifier_score": {"mean": score.mean, "error": score.std, "whole": score.whole},
            "frechet": {"value": frechet_distance(features, of_reference), "images": 150},
            "kernel": {"value": kernel.value, "error": kernel.error},
            "precision_recall": precision_recall(of_reference[:150], features)._asdict(),
            "nearest": {"median": float(np.median(nearest(x, seen).distances))},
            "parzen": {**parzen._asdict(), "curve": [list(point) for point in parzen.curve]},
        }
        if labels is not None:
            agreement = label_agreement(p, labels)
            expected["label_agreement"] = {
                "share": agreement.share,
                "error": agreement.error,
                "by_class": list(agreement.by_class),
            }
        if x is samples:
            matched = code_agreement(p, 9 - asked)
            expected["code_agreement_1"] = {
                "share": matched.share,
                "error": matched.error,
                "matching": list(matched.matching),
                "information": matched.information,
                "counts": [list(row) for row in matched.counts],
            }
        assert repr(found) == repr(expected)
    assert len(digits.x_test) < NEAREST == 1000
    assert REFERENCE == 10_000


def test_without_images_held_back(digits, classifier, samples, monkeypatch):
    """All training images are compared with; the last 1,000 choose Parzen's width."""
    given = {}

    def spy(name, at):
        real = getattr(MODULE, name)

        def call(*arguments, **options):
            given[name, at] = arguments[at]
            return real(*arguments, **options)

        monkeypatch.setattr(MODULE, name, call)

    spy("nearest", 1)
    spy("parzen_log_likelihood", 2)
    found = image_figures(samples, digits, classifier)
    assert (given["parzen_log_likelihood", 2] == digits.x[-1000:]).all()
    assert (given["nearest", 1] == digits.x).all()
    assert "label_agreement" not in found.generated
    monkeypatch.setattr(MODULE, "REFERENCE", 120)
    monkeypatch.setattr(MODULE, "NEAREST", 7)
    spy("nearest", 0)
    less = image_figures(samples, digits, classifier)
    assert len(given["nearest", 0]) == 7
    assert less.control["frechet"]["images"] == 120


@pytest.mark.slow
def test_the_table_shows_the_figures(digits, samples, asked, figures):
    found = evaluate(samples, digits, SEED, asked=asked, codes={1: 9 - asked}, validation=HELD_BACK)
    sets = (figures.generated, figures.real, figures.control)
    assert repr(found.figures) == repr(
        dict(zip(("generated", "real", "control"), sets, strict=True))
    )
    assert found.samples == 150
    table = {row.name: list(row[1:]) for row in found.measures}

    def shown(show):
        return [show(f) for f in sets]

    assert table["classifier score"] == shown(lambda f: f"{f['classifier_score']['mean']:.2f}")
    assert table["Fréchet distance"] == shown(lambda f: f"{f['frechet']['value']:.2f}")
    assert table["kernel distance"] == shown(
        lambda f: f"{f['kernel']['value']:.3f} ± {f['kernel']['error']:.3f}"
    )
    for name in ("precision", "recall"):
        assert table[name] == shown(lambda f, name=name: f"{f['precision_recall'][name]:.3f}")
    assert table["nearest training image"] == shown(lambda f: f"{f['nearest']['median']:.2f}")
    assert table["Parzen (nats)"] == shown(
        lambda f: f"{f['parzen']['mean']:.1f} ± {f['parzen']['error']:.1f}"
    )
    shares = [f"{100 * f['label_agreement']['share']:.1f} %" for f in sets[:2]]
    assert table["label as asked for"] == [*shares, ""]
    counts = train_classifier(digits.x, digits.labels, SEED).predict_proba(digits.x_test)
    assert table["classifier ≥ 0.9 sure"][1] == f"{100 * (counts.max(1) >= 0.9).mean():.1f} %"
    sure = [float(cell.rstrip(" %")) for cell in table["classifier ≥ 0.9 sure"]]
    assert sure[1] > sure[0] > sure[2]
    assert table["classes seen"][:2] == ["10", "10"]
    matched = figures.generated["code_agreement_1"]
    assert table["class as code 1"] == [f"{100 * matched['share']:.1f} %", "", ""]
    assert table["code 1, nats"] == [f"{matched['information']:.2f}", "", ""]
    assert matched["matching"] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert abs(matched["share"] - figures.generated["label_agreement"]["share"]) <= 1e-12
    assert len(table) == 12
    assert f"σ {figures.generated['parzen']['sigma']:.3f}, 150 centres" in found.note


class TestNoImages:
    def test_weights_of_the_modes(self):
        density = GaussianMixture([[0.0, 0.0], [9.0, 0.0]], 0.1, [0.9, 0.1])
        x = density.sample(5000, np.random.default_rng(0)).astype(np.float32)
        found = evaluate(x, Dataset.from_array(x, name="uneven", density=density)).measures
        assert float(found[2].generated) <= 0.001
        assert float(found[2].real) <= 0.001

    def test_moments(self):
        """Of skewed numbers, whose median is not their mean, and of two features."""
        x = np.random.default_rng(0).exponential([1.0, 2.0], (400, 2))
        data = dataclasses.replace(Dataset.from_array(x[50:], name="mine"), x_test=x[:50])
        mean, std, *_ = evaluate(x[50:90], data).measures
        for row, measure in ((mean, np.mean), (std, np.std)):
            assert row.generated == ", ".join(f"{v:.3f}" for v in measure(x[50:90], axis=0))
            assert row.real == ", ".join(f"{v:.3f}" for v in measure(data.x_test, axis=0))

    def test_fresh_examples_are_none_of_the_training(self):
        """Real samples are drawn anew, also with the seed of the data."""
        for seed in (0, 5):
            data = load("ring", n=300, seed=seed)
            drawn = data.density.sample(300, np.random.default_rng(seed)).astype(np.float32)
            fresh = _fresh(data.density, 300, seed).astype(np.float32)
            for seen in (data.x, drawn):
                assert not {row.tobytes() for row in seen} & {row.tobytes() for row in fresh}


def test_the_other_classifier(monkeypatch):
    """It is given at most 10,000 examples, each with its own label, in an order of the seed."""
    made = []

    class Recorded:
        def __init__(self, hidden, max_iter, random_state):
            made.append((hidden, max_iter, random_state))

        def fit(self, x, labels):
            return x, labels

    monkeypatch.setattr("sklearn.neural_network.MLPClassifier", Recorded)
    x = np.arange(12_000.0)[:, None]
    labels = np.arange(12_000) % 7
    seen, of = train_classifier(x, labels)
    assert seen.shape == (10_000, 1)
    assert len(np.unique(seen)) == 10_000
    assert (of == seen[:, 0] % 7).all()
    again, _ = train_classifier(x, labels, seed=2**32 + 5)
    assert (again != seen).any()
    assert made == [((128,), 1000, 0), ((128,), 1000, 5)]


def test_a_share_of_nothing():
    """No sample of one asked class: its share is NaN, the whole's is not."""
    found = label_agreement(np.eye(3)[[0, 1, 1]], np.array([0, 1, 0]))
    assert found.share == 2 / 3
    assert math.isnan(found.by_class[2])
