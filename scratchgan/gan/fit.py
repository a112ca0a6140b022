"""Whether the parts of a game fit together: asked once, before the first step."""

from __future__ import annotations

from typing import Any

from scratchgan.errors import ShapeError
from scratchgan.gan.minibatches import Minibatches
from scratchgan.gan.noise import Noise
from scratchgan.nn import Network

__all__ = ["require_fit"]


def require_fit(G: Network, D: Network, noise: Noise, data: Minibatches) -> None:
    """Refuse networks that do not fit each other, the noise or the data, before any step."""
    if G.ops is not D.ops or G.dtype != D.dtype:
        raise ShapeError(
            f"G is {G.dtype} on '{G.ops.name}' and D is {D.dtype} on '{D.ops.name}';"
            " expected one dtype and one backend"
        )
    z_width: Any = noise.features
    x_width: Any = data.features
    if data.classes:
        z_width, x_width = (z_width, data.classes), (x_width, data.classes)
    for name, network, given, source, expected in (
        ("G", G, z_width, "noise", data.features),
        ("D", D, x_width, "data", 1),
    ):
        if not _fits(network.layer.in_features, given):
            raise ShapeError(
                f"{name} takes {network.layer.in_features} features and the {source} give {given}"
            )
        width = network.layer.output_width(given)
        if width != expected:
            what = f"the data have {expected} features" if name == "G" else "D ends in one logit"
            raise ShapeError(f"{name} gives {width} features, but {what}")


def _fits(expected: Any, given: Any) -> bool:
    """Whether widths agree; None takes any width, and a pair only a pair."""
    if isinstance(expected, tuple) or isinstance(given, tuple):
        return (
            isinstance(expected, tuple)
            and isinstance(given, tuple)
            and all(_fits(e, g) for e, g in zip(expected, given, strict=True))
        )
    return expected is None or expected == given
