"""What a measure takes where nothing is said: as the papers have it, or as its docstring says."""

import inspect

import numpy as np

from scratchgan.metrics import (
    classifier_confidence,
    classifier_score,
    frechet_distance,
    kernel_distance,
    parzen_log_likelihood,
    precision_recall,
)
from scratchgan.metrics.classifier_score import ClassifierScore
from scratchgan.metrics.parzen import SIGMAS

rng = np.random.default_rng(0)
A, B = rng.normal(size=(1500, 2)), 0.5 + rng.normal(size=(1400, 2))
P = rng.dirichlet([1.0, 1.0, 1.0], 200)


def defaults(measure):
    given = inspect.signature(measure).parameters.values()
    return {p.name: p.default for p in given if p.default is not p.empty}


def test_defaults_are_those_that_are_told():
    for measure, arguments, expected in (
        (kernel_distance, (A, B), {"block": 1000, "seed": 0}),
        (precision_recall, (A[:300], B[:300]), {"k": 3}),
        (frechet_distance, (A, B), {"form": "full"}),
        (classifier_score, (P,), {"splits": 10}),
        (parzen_log_likelihood, (A[:50], B[:50], B[50:90]), {"sigmas": SIGMAS}),
    ):
        assert defaults(measure) == expected
        assert measure(*arguments) == measure(*arguments, **expected)


def test_other_values_are_other_figures():
    """So that the comparison above is one."""
    found = kernel_distance(A, B)
    assert found.error == found.error
    assert len({found, kernel_distance(A, B, 100), kernel_distance(A, B, seed=1)}) == 3
    assert precision_recall(A[:300], B[:300], 5) != precision_recall(A[:300], B[:300])
    assert frechet_distance(A, B, "mean") != frechet_distance(A, B)
    assert isinstance(classifier_score(P), ClassifierScore)
    assert classifier_score(P, 5) != classifier_score(P)


def test_how_sure_a_classifier_has_to_be():
    class AsGiven:
        def predict_proba(self, x):
            return np.concatenate([x, 1 - x], axis=1)

    x = np.array([[0.95], [0.9], [0.89], [0.5]])
    assert classifier_confidence(AsGiven(), x).confident == 0.5
    assert classifier_confidence(AsGiven(), x, 0.89).confident == 0.75
