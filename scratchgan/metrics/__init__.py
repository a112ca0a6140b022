"""How good are the samples: measures with their papers and their failings."""

from scratchgan.metrics.confidence import Confidence, classifier_confidence, train_classifier
from scratchgan.metrics.evaluation import Evaluation, evaluate
from scratchgan.metrics.modes import ModeCoverage, mode_coverage

__all__ = [
    "Confidence",
    "Evaluation",
    "ModeCoverage",
    "classifier_confidence",
    "evaluate",
    "mode_coverage",
    "train_classifier",
]
