"""The games: what D ascends and what G descends."""

from scratchgan.games.game import (
    OBJECTIVES,
    Minimax,
    NonSaturating,
    Objective,
    Objectives,
    get_objective,
    objectives_by_start,
)

__all__ = [
    "OBJECTIVES",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Objectives",
    "get_objective",
    "objectives_by_start",
]
