"""Whether the parts of a game fit together: asked once, before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scratchgan.errors import DataError, ShapeError
from scratchgan.games import Game
from scratchgan.gan.minibatches import Minibatches
from scratchgan.gan.noise import Noise
from scratchgan.nn import Network

__all__ = ["require_fit"]


def require_fit(
    G: Network, D: Network, noise: Noise, data: Minibatches, games: Mapping[int, Game]
) -> None:
    """Refuse networks that do not fit each other, noise, data or a game, before any step."""
    if G.ops is not D.ops or G.dtype != D.dtype:
        raise ShapeError(
            f"G is {G.dtype} on '{G.ops.name}' and D is {D.dtype} on '{D.ops.name}';"
            " expected one dtype and one backend"
        )
    z_width = (noise.features, data.classes) if data.classes else noise.features
    width = _width("G", G, z_width, "noise")
    if width != data.features:
        raise ShapeError(f"G gives {width} features, but the data have {data.features} features")
    _require_outputs(D, data, games)


def _require_outputs(D: Network, data: Minibatches, games: Mapping[int, Game]) -> None:
    """Refuse a game that cannot be played with this D on these data."""
    for game in games.values():
        if game.needs_labels and not data.classes:
            raise DataError(f"the game '{game.name}' needs labels, and the data have none")
        pairs = data.classes and not game.needs_labels  # D judges a sample with its label
        width = _width("D", D, (data.features, data.classes) if pairs else data.features, "data")
        if width != len(game.outputs):
            raise ShapeError(
                f"D gives {width} features, but the game '{game.name}' reads"
                f" {len(game.outputs)} ({', '.join(game.outputs)})"
            )


def _width(name: str, network: Network, given: Any, source: str) -> int:
    """Return how many features a network gives for what it is given."""
    if not _fits(network.layer.in_features, given):
        raise ShapeError(
            f"{name} takes {network.layer.in_features} features and the {source} give {given}"
        )
    width: int = network.layer.output_width(given)
    return width


def _fits(expected: Any, given: Any) -> bool:
    """Whether widths agree; None takes any width, and a pair only a pair."""
    if isinstance(expected, tuple) or isinstance(given, tuple):
        return (
            isinstance(expected, tuple)
            and isinstance(given, tuple)
            and all(_fits(e, g) for e, g in zip(expected, given, strict=True))
        )
    return expected is None or expected == given
