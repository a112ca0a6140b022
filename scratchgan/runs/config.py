"""The settings of a run: a recipe with what the user changed, as plain data in config.json."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from scratchgan import __version__, checks
from scratchgan.backends import backend_names, default_backend
from scratchgan.errors import RunError, unknown
from scratchgan.games import GAMES, objectives_by_start
from scratchgan.gan.noise import Noise
from scratchgan.gan.trainer import UPDATES
from scratchgan.limits import read_small_text
from scratchgan.optim import optimizer_from_config, optimizer_to_config
from scratchgan.recipes import Recipe, get_recipe, recipe_names
from scratchgan.runs.measures import MEASURES

__all__ = ["Config", "read_toml"]

_COUNTS = (
    "steps", "batch_size", "k", "log_every", "sample_every", "checkpoint_every", "measure_every",
)  # fmt: skip
MOST = 10**12  # of a count: more iterations than any run makes, and exact in every kind of number
_TABLES = ("noise", "optimizer_g", "optimizer_d")


@dataclass(frozen=True)
class Config:
    """
    All settings of a run.

    ``features``, ``classes`` and ``image_shape`` are of the data; they are kept so
    that samples can be drawn where the data are not at hand.

    Raises
    ------
    ValueError
        For a setting that cannot be: its name, its value, what is expected.
    """

    recipe: str
    data: str
    backend: str
    seed: int
    steps: int
    batch_size: int
    k: int
    objective: str | dict[str, str]  # several by the iteration from which each is played
    updates: str
    ema: float | None
    conditional: bool
    noise: dict[str, Any]
    optimizer_g: dict[str, Any]
    optimizer_d: dict[str, Any]
    log_every: int
    sample_every: int
    checkpoint_every: int
    dtype: str = "float32"
    validation: int = 0
    measure: str | None = None
    measure_every: int = 1000
    keep_best: bool = True
    features: int = 0
    classes: int = 0
    image_shape: list[int] | None = None
    origin: dict[str, Any] | None = None  # "run" and "iteration" that it began from, if any
    scratchgan: str = field(default=__version__)

    def __post_init__(self) -> None:
        """Put plain values in the place of what was given; say of a wrong one what is expected."""
        self._put(
            recipe=checks.one_of("recipe", self.recipe, recipe_names()),
            data=checks.text("", "data", self.data),
            backend=checks.one_of("backend", self.backend, backend_names()),
            seed=checks.seed("", "seed", self.seed),
            updates=checks.one_of("kind of updates", self.updates, UPDATES),
            dtype=checks.one_of("dtype", self.dtype, ("float32", "float64")),
            scratchgan=checks.text("", "scratchgan", self.scratchgan),
            noise=_noise(self.noise),
        )
        least = {"validation": 0, "features": 0, "classes": 0, **dict.fromkeys(_COUNTS, 1)}
        for name, low in least.items():
            self._put(**{name: checks.whole("", name, getattr(self, name), low, MOST)})
        for name in ("conditional", "keep_best"):
            self._put(**{name: checks.flag("", name, getattr(self, name))})
        if self.ema is not None:
            self._put(ema=checks.number("", "ema", self.ema, 0, 1, below=True))
        for name in ("optimizer_g", "optimizer_d"):
            optimizer_from_config(_table(name, getattr(self, name)))
        _check_objective(self.objective)
        if self.image_shape is not None:
            self._put(image_shape=_image_shape(self.image_shape))
        if self.origin is not None:
            origin = _table("origin", self.origin)
            checks.text("origin", "run", origin.get("run"))
            checks.whole("origin", "iteration", origin.get("iteration"), 0, MOST)
        if self.measure is not None:
            checks.one_of("measure", self.measure, MEASURES)
            if not self.validation:
                raise ValueError(
                    f"measure is '{self.measure}' and validation is 0; expected examples that"
                    " are held back to measure on"
                )

    def _put(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)  # it is frozen for everyone else

    @classmethod
    def from_recipe(cls, name: str, *all_changes: dict[str, Any]) -> Config:
        """
        Return the settings of a recipe, with changes in their place, the later above the earlier.

        A change of ``noise``, ``optimizer_g`` or ``optimizer_d`` is a table; what it
        does not name stays as the recipe has it, unless it names another optimiser.
        """
        recipe = get_recipe(name)
        base = _plain(recipe)
        for key, value in (item for changes in all_changes for item in changes.items()):
            if key not in base:
                raise unknown("setting", key, base)
            if key in _TABLES:
                value = _table(key, value, base[key])
                same = value.get("name", base[key].get("name")) == base[key].get("name")
                value = {**base[key], **value} if same else value
            base[key] = value
        return cls(recipe=name, **base)

    @classmethod
    def read(cls, path: Path) -> Config:
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
        absent = [f.name for f in fields(cls) if f.name not in content and _needed(f)]
        if absent:
            raise RunError(f"{path} cannot be used: {', '.join(absent)} not in it")
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{key: value for key, value in content.items() if key in known})
        except ValueError as error:
            raise RunError(f"{path} cannot be used: {error}") from None

    def to_json(self) -> str:
        """Return the text of config.json."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def changed(self, changes: dict[str, Any]) -> Config:
        """Return the same settings with ``changes`` in their place, as ``from_recipe`` does."""
        known = _plain(get_recipe(self.recipe))
        mine = {name: value for name, value in asdict(self).items() if name in known}
        return Config.from_recipe(self.recipe, mine, changes)

    def with_steps(self, steps: int) -> Config:
        """Return the same settings with another number of iterations."""
        return replace(self, steps=steps)


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


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING


def _table(name: str, value: object, such_as: object = None) -> dict[str, Any]:
    example = "" if such_as is None else f", such as {such_as}"
    return checks.instance("", name, value, dict, f"a table{example}")


def _noise(value: object) -> dict[str, Any]:
    table = _table("noise", value)
    known = [f.name for f in fields(Noise)]
    for key in table:
        checks.one_of("setting of noise", key, known)
    if "features" not in table:
        raise ValueError("noise has no features; expected their number, such as 16")
    return Noise(**table).to_config()


def _check_objective(value: object) -> None:
    """A name, or several by the iterations, which JSON and TOML write as texts."""
    for name in value.values() if isinstance(value, dict) else [value]:
        checks.one_of("objective", name, GAMES)
    objectives_by_start(value)  # type: ignore[arg-type]


def _image_shape(value: object) -> list[int]:
    shape = checks.instance("", "image_shape", value, (list, tuple), "[height, width]")
    if len(shape) != 2:
        raise ValueError(f"image_shape is {checks.shown(value)}; expected [height, width]")
    return [checks.whole("", "image_shape", size, 1, MOST) for size in shape]


def _plain(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe lets a user change, as plain data."""
    return {
        "data": recipe.data,
        "backend": default_backend().name,
        "seed": 0,
        "steps": recipe.steps,
        "batch_size": recipe.batch_size,
        "k": recipe.k,
        "objective": _objective(recipe.objective),
        "updates": recipe.updates,
        "ema": recipe.ema,
        "conditional": recipe.conditional,
        "noise": recipe.noise.to_config(),
        "optimizer_g": optimizer_to_config(recipe.optimizer_g),
        "optimizer_d": optimizer_to_config(recipe.optimizer_d),
        "log_every": recipe.log_every,
        "sample_every": recipe.sample_every,
        "checkpoint_every": recipe.checkpoint_every,
        "validation": recipe.validation,
        "measure": recipe.measure,
        "measure_every": recipe.measure_every,
        "keep_best": recipe.keep_best,
        "dtype": "float32",
    }


def _objective(objective: str | Mapping[int, str]) -> str | dict[str, str]:
    """Return it as JSON has it, whose keys are texts."""
    if isinstance(objective, str):
        return objective
    return {str(start): name for start, name in objective.items()}
