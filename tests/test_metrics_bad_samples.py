"""Samples of a generator that diverged, and what is no array: nothing makes them look good."""

import math

import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.errors import DataError, ShapeError
from scratchgan.metrics import (
    classifier_confidence,
    classifier_score,
    evaluate,
    frechet_distance,
    image_figures,
    kernel_distance,
    label_agreement,
    mode_coverage,
    nearest,
    parzen_log_likelihood,
    precision_recall,
    train_classifier,
    trained_classifier,
)
from scratchgan.metrics.parzen import parzen_log_likelihoods

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 2))
P = rng.dirichlet([1.0, 1.0], 40)
LABELS = np.arange(40) % 2


class Half:
    """A classifier that has no idea."""

    def predict_proba(self, x):
        assert np.isfinite(x).all()
        return np.full((len(x), 2), 0.5)


# Every array of every measure: what to call with an array in its place, and a good array.
ARRAYS = {
    "frechet a": (lambda a: frechet_distance(a, X), X),
    "frechet b": (lambda a: frechet_distance(X, a), X),
    "frechet mean": (lambda a: frechet_distance(a, X, "mean"), X),
    "frechet diagonal": (lambda a: frechet_distance(a, X, "diagonal"), X),
    "kernel a": (lambda a: kernel_distance(a, X, 9), X),
    "kernel b": (lambda a: kernel_distance(X, a, 9), X),
    "precision": (lambda a: precision_recall(X, a)[:4], X),
    "recall": (lambda a: precision_recall(a, X)[:4], X),
    "parzen samples": (lambda a: parzen_log_likelihood(a, X, X)[:2], X),
    "parzen x": (lambda a: parzen_log_likelihood(X, a, X)[:2], X),
    "parzen x_validation": (lambda a: parzen_log_likelihood(X, X, a)[:2], X),
    "parzen each": (lambda a: parzen_log_likelihoods(a, X, [0.1, 1.0]), X),
    "nearest x": (lambda a: nearest(X, a).distances, X),
    "modes": (lambda a: mode_coverage(a, np.eye(2), 0.1)[2:], X),
    "score": (lambda a: [classifier_score(a).mean, classifier_score(a).whole], P),
    "labels": (lambda a: label_agreement(a, LABELS)[:2], P),
    "confidence": (lambda a: classifier_confidence(Half(), a, 0.5).confident, X),
    "evaluate": (lambda a: float(evaluate(a, RING).measures[1].generated.rstrip(" %")), X),
}  # fmt: skip
ROWS = {  # where the other rows keep their figure
    "nearest samples": (lambda a: nearest(a, X).distances, X),
    "parzen of each": (lambda a: parzen_log_likelihoods(X, a, [0.5])[0], X),
}
RING = load("ring", n=100)
every_array = pytest.mark.parametrize("name", [*ARRAYS, *ROWS])


def measured(name, a):
    return np.array({**ARRAYS, **ROWS}[name][0](a), float)


def good(name):
    return {**ARRAYS, **ROWS}[name][1].copy()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e200, -1e200])
@pytest.mark.parametrize("row", [0, 39])
@every_array
def test_what_is_not_finite_or_overflows_is_nan(name, row, value):
    """Without a warning, too, and wherever it stands."""
    a = good(name)
    assert np.isfinite(measured(name, a)).all()
    a[row, 1] = value
    if name in ("score", "labels") and value == value:
        with pytest.raises(ValueError, match="expected values ≥ 0 and rows with sum 1"):
            measured(name, a)
    elif name == "confidence" and math.isfinite(value):
        assert np.isfinite(measured(name, a))  # it measures no distance
    elif name in ROWS:
        assert np.isnan(measured(name, a)).tolist() == [i == row for i in range(40)]
        whole = measured(name, good(name))
        assert np.array_equal(np.delete(measured(name, a), row), np.delete(whole, row))
    else:
        assert np.isnan(measured(name, a)).all()


@pytest.mark.parametrize("value", [1e60, -1e60])
def test_sixth_powers_that_overflow(value):
    """The kernel's are those of features; distances still have room at this size."""
    far, farther = X.copy(), X.copy()
    far[3, 1], farther[3, 1] = value / 1e20, value
    assert np.isfinite(kernel_distance(far, X, 9)).all()
    assert np.isnan(kernel_distance(farther, X, 9)).all()
    assert np.isfinite(frechet_distance(farther, X))


def test_what_is_counted_beside_a_sample_that_is_not_finite():
    """Of the modes none, and of the classes all but that sample's."""
    broken = np.eye(2)
    assert mode_coverage(broken, np.eye(2), 0.1).captured == 2
    broken[0, 0] = math.nan
    found = mode_coverage(broken, np.eye(2), 0.1)
    assert (found.captured, found.modes) == (0, 2)
    assert classifier_confidence(Half(), broken, 0.5).counts == (1, 0)


@every_array
def test_nothing_but_nan(name):
    assert np.isnan(measured(name, np.full((40, 2), math.nan))).all()


@every_array
def test_a_mask_is_not_lost(name):
    with pytest.raises(DataError, match=r"masked array.*\.filled\(value\)"):
        measured(name, np.ma.masked_greater(good(name), 0.5))


class Table:
    def __init__(self, a):
        self.shape = a.shape

    def to_numpy(self):
        raise AssertionError


@every_array
def test_what_is_no_array_of_numbers(name):
    a = good(name)
    with pytest.raises(ShapeError, match=r"convert it with \.to_numpy\(\)"):
        measured(name, Table(a))
    for wrong in (None, "abc", a.astype(str), a.astype(complex), a.astype(object), {}):
        with pytest.raises(ShapeError, match=r"expected (a NumPy array|real numbers)"):
            measured(name, wrong)
    for wrong in (a[:, 0], a[None], a[:0], a[:, :0]):
        with pytest.raises(ShapeError, match="expected"):
            measured(name, wrong)


@every_array
def test_lists_and_other_numbers_are_measured(name):
    """As the same numbers are, in float64."""
    a = good(name)
    assert np.array_equal(measured(name, a.tolist()), measured(name, a))
    in_columns = measured(name, np.asfortranarray(a))  # summed in another order
    assert np.allclose(in_columns, measured(name, a), rtol=1e-9, atol=1e-12)
    ones = np.eye(2)[np.arange(40) % 2]
    assert np.array_equal(measured(name, ones.astype(np.uint8)), measured(name, ones))
    assert np.array_equal(measured(name, ones.astype(bool)), measured(name, ones))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: precision_recall(X, X, 1.5), "precision_recall: k is 1.5; expected a whole"),
        (lambda: precision_recall(X, X, True), "k is True"),
        (lambda: precision_recall(X, X, None), "k is None"),
        (lambda: kernel_distance(X, X, 2.5), "kernel_distance: block is 2.5"),
        (lambda: kernel_distance(X, X, seed=-1), "kernel_distance: seed is -1"),
        (lambda: frechet_distance(X, X, ["full"]), "unknown form of the Fréchet distance"),
        (lambda: classifier_score(P, 1.5), "classifier_score: splits is 1.5"),
        (lambda: classifier_score(P, 41), "from 1 to 40, the number of samples"),
        (lambda: parzen_log_likelihood(X, X, X, 0.1), r"sigmas has shape \(\); expected \(any,\)"),
        (lambda: parzen_log_likelihood(X, X, X, "abc"), "sigmas is 'abc'; expected a NumPy array"),
        (lambda: parzen_log_likelihood(X, X, X, [1e-200]), "sigmas are .*widths from 1e-100"),
        (lambda: label_agreement(P, LABELS.astype(str)), "labels is .*expected real numbers"),
        (lambda: label_agreement(P, np.ma.masked_equal(LABELS, 1)), "labels is a masked array"),
        (lambda: classifier_confidence(Half(), X, 1.5), "threshold is 1.5"),
        (lambda: classifier_confidence(Half(), X, 0), "threshold is 0"),
        (lambda: train_classifier(X * math.nan, LABELS), "train_classifier: x has 80 values"),
        (lambda: train_classifier(X, LABELS + 1), "train_classifier: labels holds the classes 1"),
        (lambda: train_classifier(X, LABELS, -1), "train_classifier: seed is -1"),
        (lambda: evaluate(X, 3), "evaluate: data is 3; expected a Dataset"),
        (lambda: evaluate(X, RING, seed=-1), "evaluate: seed is -1"),
        (lambda: evaluate(X[:, :1], RING), r"samples has shape \(40, 1\); expected \(any, 2\)"),
    ],
)
def test_other_arguments(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_numpy_numbers_are_right():
    three = np.int64(3)
    assert precision_recall(X, X[::-1], three) == precision_recall(X, X[::-1], 3.0)
    assert type(precision_recall(X, X, three).k) is int
    assert kernel_distance(X, X + 1, np.int32(9), three) == kernel_distance(X, X + 1, 9, 3)
    assert type(classifier_score(P, three).splits) is int
    assert classifier_confidence(Half(), X, np.float32(0.5)).confident == 1


@pytest.fixture(scope="module")
def digits():
    return load("digits")


class TestImages:
    @pytest.mark.slow
    def test_a_generator_that_has_diverged(self, digits):
        """One image of 300 is NaN: no row of the table shows a figure as good as the real one's."""
        samples = digits.x[:300].copy()
        samples[7, 5] = math.nan
        table = {row.name: row.generated for row in evaluate(samples, digits).measures}
        assert len(table) == 9  # without labels that were asked for
        for name, cell in table.items():
            assert "nan" in cell or name == "classes seen", name

    def test_arguments(self, digits):
        classifier = trained_classifier(digits)
        x = digits.x[:20]
        for call, said in (
            (lambda: image_figures(x[:, :9], digits, classifier), r"expected \(any, 64\)"),
            (lambda: image_figures(x[:9], digits, classifier), "9 rows; expected at least 10"),
            (lambda: image_figures(x, digits, classifier, validation=-1), "validation is -1"),
            (lambda: image_figures(x, digits, classifier, validation=digits.n), "validation is 1"),
            (lambda: image_figures(x, digits, classifier, seed=None), "seed is None"),
        ):
            with pytest.raises(ValueError, match=said):
                call()
