"""The settings of a run: a recipe with what the user changed, as plain data in config.json."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from scratchgan import __version__
from scratchgan.backends import backend_names, default_backend
from scratchgan.errors import RunError, unknown
from scratchgan.gan.noise import Noise
from scratchgan.gan.recipes import Recipe, get_recipe
from scratchgan.gan.trainer import UPDATES
from scratchgan.objectives import objectives_by_start
from scratchgan.optim import optimizer_from_config, optimizer_to_config
from scratchgan.runs.measures import MEASURES

__all__ = ["Config", "read_toml"]

_COUNTS = (
    "steps", "batch_size", "k", "log_every", "sample_every", "checkpoint_every", "measure_every",
)  # fmt: skip
_TABLES = ("noise", "optimizer_g", "optimizer_d")


@dataclass(frozen=True)
class Config:
    """
    All settings of a run.

    ``features``, ``classes`` and ``image_shape`` are of the data; they are kept so
    that samples can be drawn where the data are not at hand.
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
        least = {"validation": 0, **dict.fromkeys(_COUNTS, 1)}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"{name} is {value!r}; expected a whole number, at least {low}")
        if self.measure is not None:
            if self.measure not in MEASURES:
                raise unknown("measure", self.measure, MEASURES)
            if not self.validation:
                raise ValueError(
                    f"measure is '{self.measure}' and validation is 0; expected examples that"
                    " are held back to measure on"
                )
        for name in ("conditional", "keep_best"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected true or false")
        if self.ema is not None and (
            isinstance(self.ema, bool)
            or not isinstance(self.ema, int | float)
            or not 0 <= self.ema < 1
        ):
            raise ValueError(f"ema is {self.ema!r}; expected a decay in [0, 1), such as 0.999")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed is {self.seed!r}; expected a whole number, 0 or more")
        if self.dtype not in ("float32", "float64"):
            raise unknown("dtype", self.dtype, ("float32", "float64"))
        if self.backend not in backend_names():
            raise unknown("backend", self.backend, backend_names())
        objectives_by_start(self.objective)
        if self.updates not in UPDATES:
            raise unknown("kind of updates", self.updates, UPDATES)
        Noise(**self.noise)
        optimizer_from_config(self.optimizer_g)
        optimizer_from_config(self.optimizer_d)

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
                if not isinstance(value, dict):
                    raise ValueError(f"{key} is {value!r}; expected a table, such as {base[key]}")
                same = value.get("name", base[key].get("name")) == base[key].get("name")
                value = {**base[key], **value} if same else value
            base[key] = value
        try:
            return cls(recipe=name, **base)
        except TypeError as error:
            raise ValueError(f"a setting is of the wrong kind: {error}") from None

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read config.json; raise RunError if it is missing or damaged."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = {f.name for f in fields(cls)}
            return cls(**{key: value for key, value in content.items() if key in known})
        except FileNotFoundError:
            raise RunError(
                f"{path.parent} holds no run: there is no {path.name} in it;"
                " give the folder that `scratchgan train` printed"
            ) from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
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
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise RunError(f"there is no settings file {path}") from None
    except (OSError, ValueError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise RunError(f"settings file {path} cannot be read: {error}") from None


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
