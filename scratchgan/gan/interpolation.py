"""From one z to another in equal steps: what lies between two samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Stream
from scratchgan.gan.generator import MOST, Generator, checked_stream

__all__ = ["interpolate"]


def interpolate(
    generator: Generator, n_pairs: int, steps: int, stream: Stream, label: int | None = None
) -> NDArray[Any]:
    """
    Return G along straight lines between pairs of z, as in Fig. 3 of Goodfellow et al. 2014.

    z(t) = (1 − t) z₀ + t z₁ with t from 0 to 1. Where the pictures between are as good as those
    at the ends, and change smoothly, G has not learned a list of examples by heart. It shows no
    more than that, and only for the lines that were drawn.

    Between two normals in many dimensions, the middle is shorter by √2 than any z that G has been
    trained on; between uniforms it is nearer to 0 too, but never outside the prior's support.

    Parameters
    ----------
    generator : Generator
    n_pairs : int
    steps : int
        Samples along each line, both ends among them; at least 2.
    stream : Stream
        z₀ of line i is row 2i of its noise, z₁ is row 2i + 1.
    label : int, optional
        Of a conditional G. A label stays the same along a line: ``label``, or unless given
        0, 1, … in turn for the lines.

    Returns
    -------
    array (n_pairs · steps, features)
        Line after line, so that a grid with ``steps`` columns has one line a row.

    Raises
    ------
    ValueError
        If there is no pair, or fewer than 2 steps, or the label is no class; or for what is
        no generator or stream.
    """
    checks.instance("interpolate", "generator", generator, Generator, "a Generator")
    n_pairs = checks.whole("interpolate", "n_pairs", n_pairs, 1, MOST // 2)
    steps = checks.whole("interpolate", "steps", steps, 2, MOST)
    stream = checked_stream("interpolate", stream)
    network = generator.network
    z = network.ops.to_numpy(generator.draw_noise(2 * n_pairs, stream))
    start, end = z[0::2, None, :], z[1::2, None, :]
    t = np.linspace(0, 1, steps, dtype=network.dtype)[None, :, None]
    lines = (1 - t) * start + t * end  # (n_pairs, steps, noise features)
    labels = generator.labels_for(n_pairs, label)
    return generator.at(
        lines.reshape(n_pairs * steps, -1), None if labels is None else labels.repeat(steps)
    )
