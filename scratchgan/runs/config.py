"""The settings of a run, and what its folder keeps beside them: config.json."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from scratchgan import __version__, checks
from scratchgan.backends import default_backend
from scratchgan.errors import RunError
from scratchgan.fields import MOST, Kind, Text, Whole, setting, settings_in
from scratchgan.files import read_small_text
from scratchgan.gan.settings import Settings
from scratchgan.recipes import Recipe, get_recipe

__all__ = ["Config", "read_toml"]


class RecipeName(Kind):
    """A recipe's name, or the path of its file."""

    def check(self, owner: str, name: str, value: Any) -> str:
        get_recipe(value)
        return str(value)


class ImageShape(Kind):
    """Height and width, as JSON has them."""

    def check(self, owner: str, name: str, value: Any) -> list[int]:
        shape = checks.instance(owner, name, value, (list, tuple), "[height, width]")
        if len(shape) != 2:
            raise ValueError(f"image_shape is {checks.shown(value)}; expected [height, width]")
        return [checks.whole(owner, name, size, 1, MOST) for size in shape]


class Origin(Kind):
    """The run and the iteration that a run began from."""

    def check(self, owner: str, name: str, value: Any) -> dict[str, Any]:
        origin = checks.instance(owner, name, value, dict, "a table")
        return {
            "run": checks.text("origin", "run", origin.get("run")),
            "iteration": checks.whole("origin", "iteration", origin.get("iteration"), 0, MOST),
        }


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """
    The settings of a run, its recipe, and what samples need of the data and is not at hand later.

    Make one with ``from_recipe``; ``changed`` returns another.

    Raises
    ------
    ValueError
        For a setting that cannot be: its name, its value, what is expected.
    """

    recipe: str = setting(RecipeName(), help="a name, or the path of a user's file")
    recipe_sha256: str | None = setting(Text(), None, help="of a user's file")
    features: int = setting(Whole(0), 0, help="of the data")
    classes: int = setting(Whole(0), 0, help="of the data, where the game is conditional")
    image_shape: list[int] | None = setting(ImageShape(), None, help="of the data")
    origin: dict[str, Any] | None = setting(
        Origin(), None, help="the run and iteration that it began from", bits=False
    )
    scratchgan: str = setting(Text(), __version__, help="the version that began it", bits=False)

    @classmethod
    def from_recipe(cls, name: str, changes: Mapping[str, Any] | None = None) -> Config:
        """Return the settings of a recipe, with changes in their place: ``Settings.changed``."""
        recipe = get_recipe(name)
        return cls.of(recipe, recipe.settings.changed(**(changes or {})))

    @classmethod
    def of(cls, recipe: Recipe, settings: Settings) -> Config:
        """Return the settings of a run of a recipe; those of another run may be given."""
        own: dict[str, Any] = {name: getattr(settings, name) for name in settings_in(Settings)}
        own["backend"] = settings.backend or default_backend().name
        return cls(recipe=recipe.file or recipe.name, recipe_sha256=recipe.sha256 or None, **own)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read config.json; raise RunError if it is missing or damaged."""
        try:
            content = json.loads(read_small_text(path))
        except FileNotFoundError:
            raise RunError(
                f"{path.parent} holds no run: there is no {path.name} in it;"
                " give the folder that `scratchgan train` printed"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path} cannot be used: {_reason(error)}") from None
        if not isinstance(content, dict):
            raise RunError(
                f"{path} cannot be used: it holds {checks.shown(content)}; expected settings"
            )
        try:
            return cls._of_content(content)
        except ValueError as error:
            raise RunError(f"{path} cannot be used: {error}") from None

    @classmethod
    def _of_content(cls, content: dict[str, Any]) -> Self:
        """Return what a config.json says; what another version says beside it is passed over."""
        known = {key: value for key, value in content.items() if key in settings_in(cls)}
        return cls.from_plain(known | _own_objects(known))

    def to_json(self) -> str:
        """
        Return the text of config.json.

        Raises
        ------
        ValueError
            For an object of one's own that is not the recipe's: the text could not be read.
        """
        plain = self.to_plain()
        try:
            self._of_content(plain)
        except ValueError as error:
            raise ValueError(
                f"{error}. A run can be resumed where settings have names: put a game or an"
                " optimizer of your own into a recipe file, `scratchgan train my_recipe.py`"
            ) from None
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"

    def to_plain(self) -> dict[str, Any]:
        """Return the settings as JSON has them, the recipe first."""
        return {"recipe": self.recipe} | super().to_plain()


def _own_objects(content: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the recipe's objects for the settings that are as the recipe has them.

    A user's recipe may have a game or an optimizer of its own, which no other file can name.
    """
    settings = get_recipe(content.get("recipe", "")).settings
    return {
        name: own
        for name, plain in settings.to_plain().items()
        if not isinstance(own := getattr(settings, name), str | int | float | None)
        and content.get(name) == plain
    }


def read_toml(path: Path) -> dict[str, Any]:
    """Read a user's settings; raise RunError, naming the file, if that cannot be done."""
    try:
        return tomllib.loads(read_small_text(path))
    except FileNotFoundError:
        raise RunError(f"there is no settings file {path}") from None
    # TOML's and Unicode's errors are ValueErrors; a thousand brackets are too many for its reader.
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"settings file {path} cannot be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
