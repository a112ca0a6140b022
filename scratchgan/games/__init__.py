"""The games: each by its name, or several by the iteration from which each is played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from scratchgan import checks
from scratchgan.games.game import PROBABILITY, SCORE, Game, Labels, Optimum, Reading
from scratchgan.games.minimax import Minimax
from scratchgan.games.non_saturating import NonSaturating

__all__ = [
    "GAMES",
    "PROBABILITY",
    "SCORE",
    "Game",
    "Games",
    "Labels",
    "Minimax",
    "NonSaturating",
    "Optimum",
    "Reading",
    "game_at",
    "get_game",
    "objectives_by_start",
]

GAMES: dict[str, Game] = {game.name: game for game in (Minimax(), NonSaturating())}

GameOrName: TypeAlias = str | Game
Games: TypeAlias = GameOrName | Mapping[Any, GameOrName]
"""The setting ``objective``: a game for the whole run, or several by iteration."""


def get_game(name: str) -> Game:
    """Return a game by its name; raise UnknownNameError, listing the known ones."""
    return GAMES[checks.one_of("objective", name, GAMES)]


def objectives_by_start(objective: Games) -> dict[int, Game]:
    """
    Return the games by the iteration from which each is played, in that order.

    Parameters
    ----------
    objective : str, Game or mapping
        ``{0: "non_saturating", 10_000: "minimax"}`` has G descend −log D(G(z)) for 10,000
        iterations and log(1 − D(G(z))) from then on. The iterations may be texts of digits,
        as in JSON and TOML.

    Raises
    ------
    UnknownNameError
        If a name is none of a game.
    ValueError
        If an iteration is no whole number, or none of them is 0; or if a value is no game, such
        as the class of one, which has to be called.
    """
    if not isinstance(objective, Mapping):
        objective = {0: objective}
    found = {_start(key): _game(value) for key, value in objective.items()}
    if 0 not in found or len(found) < len(objective):
        raise ValueError(
            f"objectives begin at the iterations {', '.join(map(str, objective)) or 'none'};"
            " expected distinct iterations, starting with 0"
        )
    return dict(sorted(found.items()))


def game_at(games: Mapping[int, Game], iteration: int) -> Game:
    """Return which of ``objectives_by_start``'s games is played at an iteration."""
    return [game for start, game in games.items() if start <= iteration][-1]


def _game(value: object) -> Game:
    if isinstance(value, Game):
        checks.text("objective", "name", getattr(value, "name", None))
        return value
    if isinstance(value, type):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name, or a game itself (call the"
            f" class: {value.__name__}())"
        )
    if callable(getattr(value, "d", None)) and callable(getattr(value, "g", None)):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name or a game: derive"
            f" {type(value).__name__} from scratchgan.games.Game"
        )
    return get_game(value)  # type: ignore[arg-type]


def _start(key: Any) -> int:
    """Return an iteration that may be written as a text."""
    written = isinstance(key, str) and key.isascii() and key.isdigit()
    try:
        return checks.whole("", "iteration", int(key) if written else key, 0, 2**32 - 1)
    except ValueError:
        raise ValueError(
            f"an objective begins at {checks.shown(key)}; expected an iteration, 0 or later"
        ) from None
