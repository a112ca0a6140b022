"""All settings of a classifier and its training, in one place for each data set."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scratchgan import checks

__all__ = ["SETTINGS", "ClassifierSettings", "settings_for"]


@dataclass(frozen=True)
class ClassifierSettings:
    """
    A multilayer perceptron with ReLU and dropout, and its training with Adam.

    Parameters
    ----------
    data : str
        Name of the data set.
    hidden : tuple of int
        Widths of the hidden layers. The values of the last hidden layer are the features.
    keep : float
        Probability that dropout keeps a hidden value.
    epochs, batch_size : int
    rate : float
        Adam's initial learning rate. It falls to 0 at the last update, as half a cosine.
    shift : int
        In each epoch, each image is shifted by up to this number of pixels along both axes, and
        filled with zeros. 0 for examples that are not images.
    validation : int
        Number of training examples, from the end, that are held back.

    Raises
    ------
    ValueError
        If a value has the wrong type, or is outside its range.
    """

    data: str
    hidden: tuple[int, ...]
    keep: float
    epochs: int
    batch_size: int
    rate: float
    shift: int
    validation: int

    def __post_init__(self) -> None:
        self._put("data", checks.text("classifier", "data", self.data))
        for name, low in (("epochs", 1), ("batch_size", 1), ("shift", 0), ("validation", 1)):
            self._put(name, checks.whole("classifier", name, getattr(self, name), low))
        self._put("keep", checks.number("classifier", "keep", self.keep, 0, 1, above=True))
        self._put("rate", checks.number("classifier", "rate", self.rate, 0))
        widths = checks.instance("classifier", "hidden", self.hidden, (tuple, list), "widths")
        if not widths:
            raise ValueError("classifier: hidden is (); expected one or more widths")
        self._put("hidden", tuple(checks.whole("classifier", "hidden", w, 1) for w in widths))

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen

    def quick(self) -> ClassifierSettings:
        """Return short settings, to check that all works: two epochs and one narrow layer."""
        return replace(self, hidden=(min(128, *self.hidden),), epochs=min(2, self.epochs))

    def __str__(self) -> str:
        widths = "-".join(map(str, self.hidden))
        return (
            f"hidden {widths}, dropout keep {self.keep}, {self.epochs} epochs of batches of"
            f" {self.batch_size}, Adam {self.rate:g} to 0, images moved by up to {self.shift}"
        )


SETTINGS = {
    s.data: s
    for s in (
        # Chosen by the accuracy on the last 10,000 training images.
        ClassifierSettings(
            "mnist", hidden=(512, 512), keep=0.8, epochs=25, batch_size=128, rate=2e-3, shift=1,
            validation=10_000,
        ),
        # Chosen by the accuracy on the last 250 training images.
        ClassifierSettings(
            "digits", hidden=(256, 256), keep=0.7, epochs=100, batch_size=32, rate=2e-3, shift=1,
            validation=250,
        ),
    )
}  # fmt: skip
"""Settings by the name of the data set. They were not tuned on the test images."""


def settings_for(data: str) -> ClassifierSettings:
    """Return the settings for a data set by its name; raise UnknownNameError if there are none."""
    return SETTINGS[checks.one_of("data set of a classifier", data, SETTINGS)]
