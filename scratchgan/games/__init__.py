"""The games. To add one, write a file with its class and add the class to the list here."""

from __future__ import annotations

from scratchgan.games.f_gan import (
    FKL,
    FJensenShannon,
    FMinimax,
    FPearson,
    FReverseKL,
    FSquaredHellinger,
)
from scratchgan.games.game import PROBABILITY, SCORE, Game, Labels, Optimum, Reading
from scratchgan.games.hinge import Hinge
from scratchgan.games.least_squares import LeastSquares
from scratchgan.games.minimax import Minimax
from scratchgan.games.names import (
    GAMES,
    AGame,
    Games,
    Objective,
    game_at,
    get_game,
    objectives_by_start,
)
from scratchgan.games.non_saturating import NonSaturating
from scratchgan.games.relativistic_average import RelativisticAverage
from scratchgan.games.relativistic_pairing import RelativisticPairing
from scratchgan.games.wasserstein import Wasserstein

__all__ = [
    "FKL",
    "GAMES",
    "PROBABILITY",
    "SCORE",
    "AGame",
    "FJensenShannon",
    "FMinimax",
    "FPearson",
    "FReverseKL",
    "FSquaredHellinger",
    "Game",
    "Games",
    "Hinge",
    "Labels",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Optimum",
    "Reading",
    "RelativisticAverage",
    "RelativisticPairing",
    "Wasserstein",
    "game_at",
    "get_game",
    "objectives_by_start",
]

BUILT_IN: tuple[type[Game], ...] = (
    Minimax,
    NonSaturating,
    LeastSquares,
    Wasserstein,
    Hinge,
    RelativisticPairing,
    RelativisticAverage,
    FKL,
    FReverseKL,
    FPearson,
    FSquaredHellinger,
    FJensenShannon,
    FMinimax,
)

GAMES.update({game.name: game for game in BUILT_IN})
