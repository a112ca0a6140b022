"""Samples in a grid: codes change along each row, as in Fig. 2 of Chen et al. 2016."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Stream
from scratchgan.gan.generator import MOST, Generator, stream_of

__all__ = ["code_grid"]


def code_grid(
    generator: Generator,
    across: Mapping[int, Any],
    down: Mapping[int, Any] | int = 10,
    stream: Stream | int = 0,
    label: int | None = None,
) -> NDArray[Any]:
    """
    Return samples whose codes change along each row, while the rest of z stays the same.

    Each row has its own noise. What changes along a row is what the code means.

    Parameters
    ----------
    generator : Generator
    across : mapping of int to array (columns,) or (columns, numbers)
        The values along a row of each code that changes, by the code's number.
    down : int or mapping
        The number of rows; or codes with a value for each row, as in ``across``.
    stream : Stream or int
        A seed, or a stream of your own. z of row i is row i of its noise.
    label : int, optional
        The label of all samples, for a conditional G. By default the rows have the labels 0, 1,
        … in turn.

    Returns
    -------
    array (rows · columns, features)
        One row after another, so that ``plots.image_grid`` with as many columns shows the grid.

    Raises
    ------
    ValueError
        If values of a code are wrong, or if codes have different numbers of values.

    Examples
    --------
    >>> import scratchgan as sg
    >>> from scratchgan.games import CategoricalCode, MutualInformation, UniformCode
    >>> game = MutualInformation(codes=(CategoricalCode(10), UniformCode()))
    >>> t = sg.recipe("digits-plain").trainer(objective=game, backend="reference")
    >>> grid = code_grid(t.generator(), {1: np.linspace(-1, 1, 7)}, down={0: np.arange(10)})
    >>> grid.shape
    (70, 64)
    """
    checks.instance("code_grid", "generator", generator, Generator, "a Generator")
    checks.instance("code_grid", "across", across, Mapping, "a mapping such as {0: [0, 1, 2]}")
    rows = _length("down", down) if isinstance(down, Mapping) else down
    rows = checks.whole("code_grid", "down", rows, 1, MOST)
    columns = _length("across", across)
    z = generator.network.ops.to_numpy(generator.draw_z(rows, stream_of("code_grid", stream)))
    if isinstance(down, Mapping):
        z = generator.with_codes(z, down)
    along = {number: np.tile(value, _times(value, rows)) for number, value in across.items()}
    labels = generator.labels_for(rows, label)
    return generator.at(
        generator.with_codes(z.repeat(columns, axis=0), along),
        None if labels is None else labels.repeat(columns),
    )


def _times(value: Any, rows: int) -> tuple[int, ...]:
    """Return how often an array is repeated along its axes, for one after another row."""
    return (rows, *[1] * (np.ndim(value) - 1))


def _length(name: str, codes: Mapping[int, Any]) -> int:
    lengths = {len(value) if np.ndim(value) else 0 for value in codes.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"code_grid: {name} is {checks.shown(codes)}; expected codes with equally many values,"
            " such as {0: [0, 1, 2]}"
        )
    return lengths.pop()
