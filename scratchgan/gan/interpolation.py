"""Interpolate in z: samples along the straight line between two points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Stream
from scratchgan.gan.generator import MOST, Generator, stream_of

__all__ = ["interpolate"]


def interpolate(
    generator: Generator,
    n_pairs: int,
    steps: int,
    stream: Stream | int = 0,
    label: int | None = None,
) -> NDArray[Any]:
    """
    Return G along straight lines between pairs of z, as in Fig. 3 of Goodfellow et al. 2014.

    z(t) = (1 − t) z₀ + t z₁ with t from 0 to 1. If the images between the ends are as good as
    those at the ends, and change smoothly, then G has not memorised a list of examples. The
    figure shows only this, and only for the lines that were drawn.

    Between two normal z in many dimensions, the middle is shorter than the z of training by a
    factor of √2. Between uniform z it is also nearer to 0, but within the prior's support.

    Parameters
    ----------
    generator : Generator
    n_pairs : int
    steps : int
        Number of samples along each line, including both ends; at least 2.
    stream : Stream or int
        A seed, or a stream of your own. z₀ of line i is row 2i of its noise, and z₁ is row 2i + 1.
    label : int, optional
        The label of all lines, for a conditional G. By default the lines have the labels 0, 1,
        … in turn.

    Returns
    -------
    array (n_pairs · steps, features)
        One line after another, so that a grid with ``steps`` columns shows a line in each row.

    Raises
    ------
    ValueError
        If there is no pair, if there are fewer than 2 steps, or if another argument is invalid.
    """
    checks.instance("interpolate", "generator", generator, Generator, "a Generator")
    n_pairs = checks.whole("interpolate", "n_pairs", n_pairs, 1, MOST // 2)
    steps = checks.whole("interpolate", "steps", steps, 2, MOST)
    stream = stream_of("interpolate", stream)
    network = generator.network
    z = network.ops.to_numpy(generator.draw_z(2 * n_pairs, stream))
    start, end = z[0::2, None, :], z[1::2, None, :]
    t = np.linspace(0, 1, steps, dtype=network.dtype)[None, :, None]
    lines = (1 - t) * start + t * end  # (n_pairs, steps, noise features)
    labels = generator.labels_for(n_pairs, label)
    return generator.at(
        lines.reshape(n_pairs * steps, -1), None if labels is None else labels.repeat(steps)
    )
