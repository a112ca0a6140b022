"""The content of config.json: a run's settings, its recipe and facts of its data."""

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
    """Height and width, as a list."""

    def check(self, owner: str, name: str, value: Any) -> list[int]:
        shape = checks.instance(owner, name, value, (list, tuple), "[height, width]")
        if len(shape) != 2:
            raise ValueError(f"image_shape is {checks.shown(value)}; expected [height, width]")
        return [checks.whole(owner, name, size, 1, MOST) for size in shape]


class Origin(Kind):
    """The run and the iteration from which a run started."""

    def check(self, owner: str, name: str, value: Any) -> dict[str, Any]:
        origin = checks.instance(owner, name, value, dict, "a table")
        return {
            "run": checks.text("origin", "run", origin.get("run")),
            "iteration": checks.whole("origin", "iteration", origin.get("iteration"), 0, MOST),
        }


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """
    The settings of a run, its recipe, and facts of the data that drawing samples needs.

    ``from_recipe`` makes a Config; ``changed`` returns a changed one.

    Raises
    ------
    ValueError
        If a setting is wrong. The message has its name, its value and what is expected.
    """

    recipe: str = setting(RecipeName(), help="name, or path of a user's recipe file")
    recipe_sha256: str | None = setting(Text(), None, help="SHA-256 of a user's recipe file")
    features: int = setting(Whole(0), 0, help="features of the data")
    classes: int = setting(Whole(0), 0, help="classes of the data; 0 if not conditional")
    image_shape: list[int] | None = setting(ImageShape(), None, help="image shape of the data")
    origin: dict[str, Any] | None = setting(
        Origin(), None, help="the run and iteration from which it started", bits=False
    )
    scratchgan: str = setting(
        Text(), __version__, help="version of scratchgan that started the run", bits=False
    )

    @classmethod
    def from_recipe(cls, name: str, changes: Mapping[str, Any] | None = None) -> Config:
        """Return the settings of a recipe, with changes as in ``Settings.changed``."""
        recipe = get_recipe(name)
        return cls.of(recipe, recipe.settings.changed(**(changes or {})))

    @classmethod
    def of(cls, recipe: Recipe, settings: Settings) -> Config:
        """Return the settings of a run of ``recipe``, given as ``Settings`` or another Config."""
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
                f"{path.parent} holds no run: it has no {path.name};"
                " give the folder that `scratchgan train` printed"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path} cannot be used: {_reason(error)}") from None
        if not isinstance(content, dict):
            raise RunError(
                f"{path} cannot be used: it holds {checks.shown(content)}; expected settings"
            )
        try:
            return cls.of_content(content)
        except ValueError as error:
            raise RunError(f"{path} cannot be used: {error}") from None

    @classmethod
    def of_content(cls, content: dict[str, Any]) -> Self:
        """Return the content of a config.json; unknown keys, from other versions, are ignored."""
        known = {key: value for key, value in content.items() if key in settings_in(cls)}
        return cls.from_plain(known | _own_objects(known))

    def to_json(self) -> str:
        """
        Return the text of config.json.

        Raises
        ------
        ValueError
            For a user's object that is not part of the recipe, because it could not be read back.
        """
        plain = self.to_plain()
        try:
            self.of_content(plain)
        except ValueError as error:
            raise ValueError(
                f"{error}. The run could not be resumed, because config.json holds names, not"
                " objects: put your own game or optimizer into a recipe file and use"
                " `scratchgan train my_recipe.py`"
            ) from None
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"

    def to_plain(self) -> dict[str, Any]:
        """Return the settings in a form that JSON can hold, beginning with the recipe."""
        return {"recipe": self.recipe} | super().to_plain()


def _own_objects(content: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the recipe's objects for those settings that have the recipe's values.

    A user's recipe file may define a game or an optimizer. Its name alone does not find it.
    """
    settings = get_recipe(content.get("recipe", "")).settings
    return {
        name: own
        for name, plain in settings.to_plain().items()
        if not isinstance(own := getattr(settings, name), str | int | float | None)
        and content.get(name) == plain
    }


def read_toml(path: Path) -> dict[str, Any]:
    """Read a user's settings file; raise RunError with its path if it cannot be read."""
    try:
        return tomllib.loads(read_small_text(path))
    except FileNotFoundError:
        raise RunError(f"there is no settings file {path}; check the path") from None
    # Errors of TOML and Unicode are ValueErrors; a thousand nested brackets: RecursionError.
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"settings file {path} cannot be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
