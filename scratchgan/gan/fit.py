"""The check that networks, noise, data and games fit together, before the first step."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from scratchgan.errors import DataError, ShapeError
from scratchgan.games import Game
from scratchgan.games.codes import Code
from scratchgan.gan.minibatches import Minibatches
from scratchgan.gan.settings import Settings
from scratchgan.nn import Network

__all__ = ["require_fit"]


def require_fit(
    G: Network, D: Network, settings: Settings, data: Minibatches, games: Mapping[int, Game]
) -> None:
    """
    Raise ShapeError or DataError if networks, settings, data and games do not fit together.

    Warn if penalties are asked of a D that mixes the examples of a batch.
    """
    if G.ops is not D.ops or G.dtype != D.dtype:
        raise ShapeError(
            f"G is {G.dtype} on '{G.ops.name}' and D is {D.dtype} on '{D.ops.name}';"
            " expected the same dtype and backend"
        )
    prior, pack = settings.prior, settings.pack
    z_width = (prior.features, data.classes) if data.classes else prior.features
    width = _width("G", G, z_width, "noise and codes" if prior.codes else "noise")
    if width != data.features:
        raise ShapeError(f"G returns {width} features, but the data have {data.features} features")
    for game in games.values():
        if game.codes != prior.codes:
            raise ShapeError(
                f"the game '{game.name}' has the codes {_listed(game.codes)}, and z has"
                f" {_listed(prior.codes)}; all games of a training need the same codes"
            )
    if pack > 1 and data.classes:
        raise DataError(
            f"pack is {pack}, but packed examples have no common label; expected pack = 1 with"
            " labels, or data without labels"
        )
    if pack > 1 and prior.codes:
        raise ShapeError(
            f"pack is {pack}, but packed samples have no common code; expected pack = 1 with codes"
        )
    if settings.pool and prior.codes:
        raise ShapeError(
            f"pool is {settings.pool}, but the pool does not keep the codes of its samples;"
            " expected no pool with codes"
        )
    _require_outputs(D, pack, data, games)
    if settings.penalties and D.layer.mixes_examples:
        warnings.warn(
            "D mixes the examples of a batch, as batch norm does. So a penalty sees the gradient"
            " of the batch's sum, which can vanish whatever D is; use LayerNorm instead of"
            " BatchNorm, or no penalties",
            stacklevel=4,
        )


def _require_outputs(D: Network, pack: int, data: Minibatches, games: Mapping[int, Game]) -> None:
    """Raise an error if a game cannot be played with this D on these data."""
    for game in games.values():
        if game.needs_labels and not data.classes:
            raise DataError(f"the game '{game.name}' needs labels, but the data have none")
        pairs = data.classes and not game.needs_labels  # D gets a sample with its label
        features = pack * data.features
        source = "data" if pack == 1 else f"data ({pack} packed rows; with pack = 1, one row)"
        width = _width("D", D, (features, data.classes) if pairs else features, source)
        if width != len(game.outputs):
            raise ShapeError(
                f"D returns {width} features, but the game '{game.name}' needs"
                f" {len(game.outputs)} ({', '.join(game.outputs)}); in a recipe, the last layer"
                " has sizes.outputs"
            )
        if game.classes and game.classes != data.classes:
            raise DataError(
                f"the game '{game.name}' is for {game.classes} classes, but the labels have"
                f" {data.classes}; give it classes={data.classes}"
            )


def _listed(codes: tuple[Code, ...]) -> str:
    return ", ".join(map(repr, codes)) or "none"


def _width(name: str, network: Network, given: Any, source: str) -> int:
    """Return the number of a network's outputs; raise ShapeError if its input does not fit."""
    if not _fits(network.layer.in_features, given):
        raise ShapeError(
            f"{name} takes {network.layer.in_features} features, but gets {given} from the {source}"
        )
    width: int = network.layer.output_width(given)
    return width


def _fits(expected: Any, given: Any) -> bool:
    """Whether widths agree: None fits any width, and a pair fits only a pair."""
    if isinstance(expected, tuple) or isinstance(given, tuple):
        return (
            isinstance(expected, tuple)
            and isinstance(given, tuple)
            and all(_fits(e, g) for e, g in zip(expected, given, strict=True))
        )
    return expected is None or expected == given
