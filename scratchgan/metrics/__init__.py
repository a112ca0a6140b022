"""Measures of sample quality, each with its paper and its limitations."""

from scratchgan.metrics.classifier import Classifier, trained_classifier
from scratchgan.metrics.classifier_score import (
    ClassifierScore,
    LabelAgreement,
    classifier_score,
    label_agreement,
)
from scratchgan.metrics.code_agreement import CodeAgreement, code_agreement
from scratchgan.metrics.confidence import Confidence, classifier_confidence, train_classifier
from scratchgan.metrics.evaluation import Evaluation, evaluate
from scratchgan.metrics.frechet import frechet_distance
from scratchgan.metrics.images import ImageFigures, image_figures
from scratchgan.metrics.kernel_distance import KernelDistance, kernel_distance
from scratchgan.metrics.modes import ModeCoverage, mode_coverage
from scratchgan.metrics.neighbours import Nearest, nearest
from scratchgan.metrics.parzen import Parzen, parzen_log_likelihood
from scratchgan.metrics.precision_recall import PrecisionRecall, precision_recall

__all__ = [
    "Classifier",
    "ClassifierScore",
    "CodeAgreement",
    "Confidence",
    "Evaluation",
    "ImageFigures",
    "KernelDistance",
    "LabelAgreement",
    "ModeCoverage",
    "Nearest",
    "Parzen",
    "PrecisionRecall",
    "classifier_confidence",
    "classifier_score",
    "code_agreement",
    "evaluate",
    "frechet_distance",
    "image_figures",
    "kernel_distance",
    "label_agreement",
    "mode_coverage",
    "nearest",
    "parzen_log_likelihood",
    "precision_recall",
    "train_classifier",
    "trained_classifier",
]
