"""
A classifier for measuring generated images, trained with scratchgan's own layers.

Classifier score, Fréchet distance and label agreement all depend on a classifier, so their values
have a meaning only together with it. This one is a plain network of ``Linear`` and ``Dropout``
layers. Its training uses the same backward passes and optimiser as the GANs here, with another
loss. ``python -m scratchgan.metrics.classifier mnist`` trains it and prints its accuracy.
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
