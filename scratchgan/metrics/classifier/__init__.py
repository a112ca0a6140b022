"""
An independent classifier, trained by scratchgan itself: the examiner of generated images.

Classifier score, Fréchet distance and label agreement all ask a classifier, and their figures
mean nothing without saying which. This one is a plain network of ``Linear`` and ``Dropout``
layers, trained by the same backward passes and the same optimiser as any GAN here: only the
loss is another. ``python -m scratchgan.metrics.classifier mnist`` trains it and says how good
it is.
"""

from scratchgan.metrics.classifier.cache import trained_classifier
from scratchgan.metrics.classifier.files import read_classifier, write_classifier
from scratchgan.metrics.classifier.model import Classifier
from scratchgan.metrics.classifier.settings import SETTINGS, ClassifierSettings, settings_for
from scratchgan.metrics.classifier.training import train, training_step

__all__ = [
    "SETTINGS",
    "Classifier",
    "ClassifierSettings",
    "read_classifier",
    "settings_for",
    "train",
    "trained_classifier",
    "training_step",
    "write_classifier",
]
