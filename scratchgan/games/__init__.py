"""The games. To add one, write a file with its class and add the class to the list here."""

from __future__ import annotations

from scratchgan.games.auxiliary_classifier import AuxiliaryClassifier
from scratchgan.games.codes import CategoricalCode, Code, GaussianCode, UniformCode
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
from scratchgan.games.mutual_information import MutualInformation
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
from scratchgan.games.penalties import DRAGAN, PENALTIES, R1, R2, Penalty, WassersteinGP
from scratchgan.games.relativistic_average import RelativisticAverage
from scratchgan.games.relativistic_pairing import RelativisticPairing
from scratchgan.games.wasserstein import Wasserstein

__all__ = [
    "DRAGAN",
    "FKL",
    "GAMES",
    "PENALTIES",
    "PROBABILITY",
    "R1",
    "R2",
    "SCORE",
    "AGame",
    "AuxiliaryClassifier",
    "CategoricalCode",
    "Code",
    "FJensenShannon",
    "FMinimax",
    "FPearson",
    "FReverseKL",
    "FSquaredHellinger",
    "Game",
    "Games",
    "GaussianCode",
    "Hinge",
    "Labels",
    "LeastSquares",
    "Minimax",
    "MutualInformation",
    "NonSaturating",
    "Objective",
    "Optimum",
    "Penalty",
    "Reading",
    "RelativisticAverage",
    "RelativisticPairing",
    "UniformCode",
    "Wasserstein",
    "WassersteinGP",
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
    AuxiliaryClassifier,
    MutualInformation,
)

GAMES.update({game.name: game for game in BUILT_IN})
