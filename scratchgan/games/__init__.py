"""The games. To add one, write a file with its class and add the class to the list here."""

from __future__ import annotations

from scratchgan.games.auxiliary_classifier import AuxiliaryClassifier
from scratchgan.games.codes import CategoricalCode, Code, GaussianCode, UniformCode
from scratchgan.games.game import PROBABILITY, SCORE, Game, Labels, Optimum, Reading
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

__all__ = [
    "DRAGAN",
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
    "Game",
    "Games",
    "GaussianCode",
    "Labels",
    "Minimax",
    "MutualInformation",
    "NonSaturating",
    "Objective",
    "Optimum",
    "Penalty",
    "Reading",
    "UniformCode",
    "WassersteinGP",
    "game_at",
    "get_game",
    "objectives_by_start",
]

BUILT_IN: tuple[type[Game], ...] = (Minimax, NonSaturating, AuxiliaryClassifier, MutualInformation)

GAMES.update({game.name: game for game in BUILT_IN})
