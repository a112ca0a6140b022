"""What a classifier is and how it is trained: all of it, in one place for each data set."""

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
        Widths of the hidden layers; the last one's values are the features.
    keep : float
        Dropout's probability of keeping a hidden value.
    epochs, batch_size : int
    rate : float
        Adam's at first; half a cosine brings it to 0 at the last update.
    shift : int
        Each epoch sees each image moved by up to so many pixels in either direction, zeros
        coming in. 0 for examples that are no images.
    validation : int
        How many of the training examples, the last ones, are held back from training.

    Raises
    ------
    ValueError
        If a value is of another kind, or outside its range.
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
        object.__setattr__(self, name, value)  # it is frozen for everyone else

    def quick(self) -> ClassifierSettings:
        """Return a form of at most two epochs and one narrow layer, to see whether all works."""
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
"""By the name of the data set. The test images had no say in them."""


def settings_for(data: str) -> ClassifierSettings:
    """Return the settings for a data set by its name; raise UnknownNameError if there are none."""
    return SETTINGS[checks.one_of("data set of a classifier", data, SETTINGS)]
