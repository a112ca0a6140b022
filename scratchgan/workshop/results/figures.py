"""The pictures of a run: its samples, their nearest training images, and lines in z."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scratchgan import plots
from scratchgan.backends import Purpose, Stream
from scratchgan.data import Dataset
from scratchgan.gan import Generator, interpolate
from scratchgan.metrics import nearest
from scratchgan.runs.render import COLUMNS, sample_figure, visible_zoom

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["result_figures"]

NEAREST_ROWS, NEAREST_COLUMNS = 6, 8
LINES = 6


def result_figures(
    generator: Generator, data: Dataset, validation: int, seed: int
) -> dict[str, Figure]:
    """
    Return figures of a generator of images; none of the samples is chosen by hand.

    Parameters
    ----------
    generator : Generator
    data : Dataset
        A data set of images.
    validation : int
        The number of examples at its end that training did not use: they are not neighbours.
    seed : int
        The seed of the noise.

    Returns
    -------
    dict of str to Figure
        ``"samples"``: a grid; for a conditional G, each row has one label (Mirza & Osindero 2014,
        Fig. 2). ``"neighbours"``: the last sample of each row beside its nearest training image
        (Goodfellow et al. 2014, Fig. 2). ``"lines"``: straight lines in z (its Fig. 3).
    """
    if data.image_shape is None:
        raise ValueError(f"data set '{data.name}' has no images; expected a data set of images")
    height, width = data.image_shape
    shape, zoom = (height, width), visible_zoom(data.image_shape)
    stream = Stream(seed).purpose(Purpose.USER)
    rows = generator.classes or COLUMNS
    samples = generator.sample(rows * COLUMNS, stream)
    if generator.classes:
        labels = generator.labels_for(len(samples), None)
        assert labels is not None
        grid = plots.label_grid(samples, labels, shape, data.label_names, COLUMNS, zoom)
    else:
        grid = sample_figure(samples, shape)
    some = samples[: NEAREST_ROWS * NEAREST_COLUMNS]
    last = some[NEAREST_COLUMNS - 1 :: NEAREST_COLUMNS]
    seen = data.split(validation)[0].x
    found = seen[nearest(last, seen).indices]
    lines = interpolate(generator, LINES, COLUMNS, stream)
    return {
        "samples": grid,
        "neighbours": plots.nearest_grid(some, found, shape, zoom),
        "lines": sample_figure(lines, shape),
    }
