"""A recipe in a user's own file."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from scratchgan import checks
from scratchgan.errors import RecipeError
from scratchgan.files import read_small_text
from scratchgan.recipes.recipe import Recipe

__all__ = ["is_file", "read_recipe"]

_read: dict[tuple[str, str], Recipe] = {}  # by path and SHA-256, so that a file is run once


def is_file(name: object) -> bool:
    """Whether the name of a recipe is the path of a file, which ends in .py."""
    return isinstance(name, str | Path) and str(name).endswith(".py")


def read_recipe(path: Path | str) -> Recipe:
    """
    Run a Python file and return its ``recipe``, with the path and SHA-256 of the file.

    Raises
    ------
    RecipeError
        If the file does not exist, raises an error, or does not define a Recipe named ``recipe``.
    """
    path = Path(path).expanduser().resolve()
    try:
        content = read_small_text(path)
    except FileNotFoundError:
        raise RecipeError(f"there is no recipe file {path}; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecipeError(f"recipe file {path} cannot be read: {reason}") from None
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    key = str(path), sha256
    if key not in _read:
        _read[key] = _run(path, content, sha256)
    return _read[key]


def _run(path: Path, content: str, sha256: str) -> Recipe:
    module = ModuleType(f"{path.stem}_{sha256[:12]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look up their module there
    sys.path.insert(0, str(path.parent))  # the file can import its neighbours, as in `python FILE`
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"
        raise RecipeError(f"recipe file {_place(path, error)}: {said}") from error
    finally:
        sys.path.remove(str(path.parent))
    found = getattr(module, "recipe", None)
    if not isinstance(found, Recipe):
        has = "does not define recipe"
        if found is not None:
            has = f"defines recipe as {checks.shown(found)}, which is not a Recipe"
        raise RecipeError(
            f"recipe file {path} {has}; expected recipe = Recipe(…), as in the files of"
            " scratchgan/recipes"
        )
    return replace(found, file=str(path), sha256=sha256)


def _place(path: Path, error: BaseException) -> str:
    """Return the path of the file and the line that raised the error."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}, line {line}" if line else str(path)
