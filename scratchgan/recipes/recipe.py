"""What a recipe is: a training, readable in one place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scratchgan import checks
from scratchgan.data import Dataset, load
from scratchgan.gan.settings import Settings
from scratchgan.nn import Layer
from scratchgan.recipes.sizes import Sizes

if TYPE_CHECKING:
    from scratchgan.gan import Trainer

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """
    A named training: networks, and the settings of the game that they play.

    Parameters
    ----------
    name, about : str
        Its name, of which its runs' folders are called, and one line about it.
    networks : callable
        ``networks(sizes) -> (G, D)``, layer trees.
    settings : Settings
    file : str
        The file that it was read from, where it is a user's own.
    sha256 : str
        Of that file.
    """

    name: str
    about: str
    networks: Callable[[Sizes], tuple[Layer, Layer]]
    settings: Settings
    file: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        checks.text("Recipe", "name", self.name)
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise ValueError(
                f"Recipe: name is {self.name!r}; expected letters, digits and hyphens, for it names"
                " the folders of its runs"
            )
        checks.text("Recipe", "about", self.about)
        checks.function("Recipe", "networks", self.networks, "a function of sizes")
        expected = "Settings, such as Settings(noise=…, optimizer_g=…, optimizer_d=…)"
        checks.instance("Recipe", "settings", self.settings, Settings, expected)

    def trainer(self, data: Dataset | None = None, **changes: Any) -> Trainer:
        """
        Return a trainer of this recipe, at iteration 0: nothing is written to the disk.

        Parameters
        ----------
        data : Dataset, optional
            The recipe's own unless given.
        **changes
            Settings in the place of the recipe's: ``batch_size=32``, ``noise={"features": 8}``.

        Raises
        ------
        UnknownNameError
            For what is no setting.
        DataError, ValueError
            If a setting cannot be, or the data do not fit the recipe.

        Examples
        --------
        >>> import scratchgan as sg
        >>> game = sg.recipe("gaussian-1d").trainer(backend="reference", batch_size=32)
        >>> history = game.train(20)
        >>> game.samples(5).shape
        (5, 1)
        """
        from scratchgan.recipes.build import build_trainer

        settings = self.settings.changed(**changes)
        if data is None:
            data = load(settings.data, labels=settings.labels)
        return build_trainer(self, settings, data)
