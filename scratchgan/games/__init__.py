"""The games: one by its name, or several by the iteration at which each begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from scratchgan import checks
from scratchgan.games.game import PROBABILITY, SCORE, Game, Labels, Optimum, Reading
from scratchgan.games.minimax import Minimax
from scratchgan.games.non_saturating import NonSaturating
from scratchgan.games.penalties import DRAGAN, PENALTIES, R1, R2, Penalty, WassersteinGP

__all__ = [
    "DRAGAN",
    "GAMES",
    "PENALTIES",
    "PROBABILITY",
    "R1",
    "R2",
    "SCORE",
    "Game",
    "Games",
    "Labels",
    "Minimax",
    "NonSaturating",
    "Optimum",
    "Penalty",
    "Reading",
    "WassersteinGP",
    "game_at",
    "get_game",
    "objectives_by_start",
]

GAMES: dict[str, Game] = {game.name: game for game in (Minimax(), NonSaturating())}

GameOrName: TypeAlias = str | Game
Games: TypeAlias = GameOrName | Mapping[Any, GameOrName]
"""The type of ``objective``: one game for the whole run, or several by first iteration."""


def get_game(name: str) -> Game:
    """Return a game by its name; raise UnknownNameError with the known names if there is none."""
    return GAMES[checks.one_of("objective", name, GAMES)]


def objectives_by_start(objective: Games) -> dict[int, Game]:
    """
    Return the games by the iteration at which each begins, in increasing order.

    Parameters
    ----------
    objective : str, Game or mapping
        With ``{0: "non_saturating", 10_000: "minimax"}``, G descends −log D(G(z)) for 10,000
        iterations, and log(1 − D(G(z))) after that. The iterations may be strings of digits,
        as in JSON and TOML.

    Raises
    ------
    UnknownNameError
        If there is no game of this name.
    ValueError
        If an iteration is not a whole number, if no game begins at 0, or if a value is not a game
        (a class of games must be called to make a game).
    """
    if not isinstance(objective, Mapping):
        objective = {0: objective}
    found = {_start(key): _game(value) for key, value in objective.items()}
    if 0 not in found or len(found) < len(objective):
        raise ValueError(
            f"objectives begin at iterations {', '.join(map(str, objective)) or '(none given)'};"
            " expected distinct iterations, starting with 0"
        )
    return dict(sorted(found.items()))


def game_at(games: Mapping[int, Game], iteration: int) -> Game:
    """Return the game that is played at an iteration."""
    return [game for start, game in games.items() if start <= iteration][-1]


def _game(value: object) -> Game:
    if isinstance(value, Game):
        checks.text("objective", "name", getattr(value, "name", None))
        return value
    if isinstance(value, type):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name or a Game object (call the class:"
            f" {value.__name__}())"
        )
    if callable(getattr(value, "d", None)) and callable(getattr(value, "g", None)):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name or a Game: make"
            f" {type(value).__name__} a subclass of scratchgan.games.Game"
        )
    return get_game(value)  # type: ignore[arg-type]


def _start(key: Any) -> int:
    """Return an iteration, which may be given as a string of digits."""
    written = isinstance(key, str) and key.isascii() and key.isdigit()
    try:
        return checks.whole("", "iteration", int(key) if written else key, 0, 2**32 - 1)
    except ValueError:
        raise ValueError(
            f"an objective begins at {checks.shown(key)}; expected an iteration, 0 or later"
        ) from None
