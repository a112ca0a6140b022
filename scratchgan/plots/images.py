"""Grids of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.plots.axes import ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["image_grid", "label_grid", "nearest_grid"]

LARGEST = 10_000  # limit of an image's height and width in pixels, of images in a row, of the zoom


def image_grid(
    samples: NDArray[Any], image_shape: tuple[int, int], columns: int = 10, zoom: int = 4
) -> Figure:
    """
    Show images side by side; each pixel takes ``zoom`` × ``zoom`` screen pixels.

    Parameters
    ----------
    samples : array (n, height · width), values in [0, 1]
        Values outside are shown as 0 or 1.
    image_shape : (height, width)
    columns, zoom : int

    Raises
    ------
    ShapeError
        If the samples are not images of that shape.
    ValueError
        If another argument is invalid.
    """
    image_shape, zoom = _shape(image_shape), checks.whole("", "zoom", zoom, 1, LARGEST)
    columns = checks.whole("", "columns", columns, 1, LARGEST)
    images = _images("samples", samples, image_shape, rows=1)
    return _picture(_page(images, image_shape, columns), zoom)


def nearest_grid(
    samples: NDArray[Any], nearest: NDArray[Any], image_shape: tuple[int, int], zoom: int = 4
) -> Figure:
    """
    Show samples in rows; at the end of each row is the training image nearest to its last sample.

    The figure follows Fig. 2 of Goodfellow et al. 2014. The training images have orange frames.

    Parameters
    ----------
    samples : array (rows · columns, height · width), values in [0, 1]
    nearest : array (rows, height · width)
        The images nearest to samples columns − 1, 2 columns − 1, …; ``metrics.nearest`` finds
        them.
    image_shape : (height, width)
    zoom : int

    Raises
    ------
    ShapeError
        If the samples do not fill rows of equal length, or are not images of that shape.
    """
    image_shape, zoom = _shape(image_shape), checks.whole("", "zoom", zoom, 1, LARGEST)
    samples = _images("samples", samples, image_shape)
    nearest = _images("nearest", nearest, image_shape)
    rows = len(nearest)
    if rows == 0 or len(samples) == 0 or len(samples) % rows:
        raise ShapeError(
            f"{len(samples)} samples and {rows} nearest images; expected a whole number of samples"
            " for each nearest image"
        )
    left = _page(samples, image_shape, len(samples) // rows)
    right = _page(nearest, image_shape, 1)
    frame = _page(np.ones_like(nearest), image_shape, 1) == 0
    page = np.repeat(np.hstack([left, np.zeros((len(left), 3)), right])[:, :, None], 3, axis=2)
    page[:, -right.shape[1] :][frame] = [int(ORANGE[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return _picture(page.clip(0, 1), zoom)


def label_grid(
    samples: NDArray[Any],
    labels: NDArray[Any],
    image_shape: tuple[int, int],
    label_names: Sequence[str],
    columns: int = 10,
    zoom: int = 4,
) -> Figure:
    """
    Show the samples of a conditional generator, one row for each label, with the label's name.

    The figure follows Fig. 2 of Mirza & Osindero 2014. It shows the first ``columns`` samples of
    each label.

    Parameters
    ----------
    samples : array (n, height · width), values in [0, 1]
    labels : integer array (n,)
        The labels that were given to the generator; ``Generator.labels_for`` returns them.
    image_shape : (height, width)
    label_names : sequence of str
    columns, zoom : int

    Raises
    ------
    ShapeError
        If there is not one label for each sample, or the samples are not images of that shape.
    """
    image_shape, zoom = _shape(image_shape), checks.whole("", "zoom", zoom, 1, LARGEST)
    columns = checks.whole("", "columns", columns, 1, LARGEST)
    samples = _images("samples", samples, image_shape)
    labels = checks.array("", "labels", labels)
    label_names = [checks.text("", "a label's name", name) for name in label_names]
    if labels.shape != (len(samples),):
        raise ShapeError(
            f"labels have shape {labels.shape}; expected ({len(samples)},), one for each sample"
        )
    shown = np.zeros((len(label_names), columns, samples.shape[1]))
    for row, images in enumerate(shown):
        of_label = samples[labels == row][:columns]
        images[: len(of_label)] = of_label
    page = _page(shown.reshape(-1, samples.shape[1]), image_shape, columns)
    margin = 14 + 8 * max(map(len, label_names))  # screen pixels; a letter of 10 points takes 8
    figure = _picture(page, zoom, margin)
    across, up = 100 * figure.get_size_inches()
    for row, name in enumerate(label_names):
        middle = zoom * (1 + (row + 0.5) * (image_shape[0] + 1) - 0.5)
        figure.text(
            (margin - 7) / across, 1 - middle / up, name,
            horizontalalignment="right", verticalalignment="center", fontsize=10,
        )  # fmt: skip
    return figure


def _shape(given: object) -> tuple[int, int]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise ShapeError(f"image_shape is {checks.shown(given)}; expected (height, width)")
    height, width = (checks.whole("", "image_shape", size, 1, LARGEST) for size in given)
    return height, width


def _images(name: str, given: object, image_shape: tuple[int, int], rows: int = 0) -> NDArray[Any]:
    """Return images as rows, (n, height · width)."""
    images = checks.array("", name, given, rows=rows)
    height, width = image_shape
    if images.shape[1:] not in ((height * width,), image_shape):
        raise ShapeError(
            f"{name} has shape {images.shape}; expected (n, {height * width}), images of"
            f" {height} × {width}"
        )
    return images.reshape(-1, height * width)


def _page(samples: NDArray[Any], image_shape: tuple[int, int], columns: int) -> NDArray[Any]:
    """Return images side by side, with a gap of one pixel around each, where the page is 0."""
    height, width = image_shape
    rows = -(-len(samples) // columns)
    page: NDArray[Any] = np.zeros((rows * (height + 1) + 1, columns * (width + 1) + 1))
    for i, image in enumerate(samples.reshape(-1, height, width)):
        top, left = 1 + (i // columns) * (height + 1), 1 + (i % columns) * (width + 1)
        page[top : top + height, left : left + width] = image
    return page


def _picture(page: NDArray[Any], zoom: int, margin: int = 0) -> Figure:
    """Return a page, (height, width) or (height, width, 3), as a figure with a white margin."""
    from matplotlib.figure import Figure

    page = page.repeat(zoom, axis=0).repeat(zoom, axis=1)
    height, width = page.shape[0], page.shape[1] + margin
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    figure.set_layout_engine("none")  # overrides the user's settings
    # figimage would need no axes, but a notebook shows no figure without axes.
    axes = figure.add_axes((margin / width, 0, 1 - margin / width, 1))
    axes.imshow(page, cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
    axes.set_axis_off()
    return figure
