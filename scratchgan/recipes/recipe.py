"""The class of recipes: named trainings, each readable in one place."""

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
    A named training: networks and settings.

    Parameters
    ----------
    name : str
        The recipe's name, also used for the folders of its runs.
    about : str
        A description in one line.
    networks : callable
        ``networks(sizes) -> (G, D)``, layer trees.
    settings : Settings
    file : str
        The path of a user's recipe file; empty for the package's recipes.
    sha256 : str
        The SHA-256 of this file.
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
                f"Recipe: name is {self.name!r}; expected letters, digits and hyphens, because the"
                " folders of its runs get this name"
            )
        checks.text("Recipe", "about", self.about)
        checks.function("Recipe", "networks", self.networks, "a function of sizes")
        expected = "Settings, such as Settings(noise=…, optimizer_g=…, optimizer_d=…)"
        checks.instance("Recipe", "settings", self.settings, Settings, expected)

    def trainer(self, data: Dataset | None = None, **changes: Any) -> Trainer:
        """
        Return a trainer of this recipe at iteration 0. Nothing is written to the disk.

        Parameters
        ----------
        data : Dataset, optional
            Default: the recipe's data set.
        **changes
            Settings to use instead of the recipe's, such as ``batch_size=32`` or
            ``noise={"features": 8}``.

        Raises
        ------
        UnknownNameError
            If there is no setting of this name.
        DataError, ValueError
            If a setting is wrong, or the data do not fit the recipe.

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
