"""The sizes from which a recipe builds its networks."""

from __future__ import annotations

from typing import NamedTuple

from scratchgan.nn import Concat, Layer, Sequential
from scratchgan.nn.initializers import Initializer

__all__ = ["Sizes", "joined"]


class Sizes(NamedTuple):
    """The sizes of networks."""

    noise: int  # width of z: noise, and codes if the game has any
    features: int  # width of x
    classes: int  # width of the one-hot y that G takes; 0 without labels
    marginals: Initializer  # output bias for which a sigmoid G gives the mean image; else zeros
    outputs: int = 1  # number of D's outputs that the game needs
    needs_labels: bool = False  # whether the game compares the labels itself, so D takes none
    pack: int = 1  # rows that D sees as one example

    @property
    def d_classes(self) -> int:
        """Width of the one-hot y that D takes; 0 without labels, or if the game has them."""
        return 0 if self.needs_labels else self.classes

    @property
    def d_features(self) -> int:
        """Width of x as D sees it: of ``pack`` rows."""
        return self.pack * self.features


def joined(width: int, classes: int) -> tuple[tuple[Layer, ...], int]:
    """
    Return the first layers of a network that may be conditional, and their output width.

    With classes, the layers join x and the one-hot y. Without, there are no layers.
    """
    if not classes:
        return (), width
    return (Concat(Sequential(), Sequential()),), width + classes
