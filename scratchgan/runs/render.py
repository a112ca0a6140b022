"""The pictures of a run: sample grids, loss figure and animation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from scratchgan import plots
from scratchgan.data import Dataset
from scratchgan.errors import RunError
from scratchgan.files import write_atomically
from scratchgan.gan import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Renderer",
    "sample_figure",
    "samples_in_plane",
    "save_figure",
    "visible_zoom",
    "write_animation",
    "write_losses",
]

COLUMNS = 10
LONGEST = 2**16 - 1  # pixels: the largest width or height that Matplotlib draws


class Renderer:
    """Draws G's samples for the fixed noise, as images, points or a density."""

    def __init__(self, trainer: Trainer, data: Dataset) -> None:
        self._trainer = trainer
        self._data = data

    def write(self, path: Path) -> None:
        """Write the current sample grid as a PNG."""
        trainer, data = self._trainer, self._data
        title = f"iteration {trainer.iteration:,}"
        if data.image_shape is not None:
            codes = trainer.settings.prior.in_turn(100)  # as labels: one for each column
            figure = sample_figure(trainer.samples(100, codes=codes), data.image_shape)
        elif data.features == 1 and data.density is not None and trainer.settings.pack == 1:
            reading = trainer.played.reading
            figure = plots.sample_density(
                trainer.samples(5000), data.density.pdf, self._read, _limits(data), title, reading
            )
        elif data.features == 2:
            p_data = None if data.density is None else data.density.pdf
            figure = plots.game_2d(trainer, p_data, title=title)
        else:
            figure = samples_in_plane(trainer.samples(2000), data.x, title)
        save_figure(path, figure)

    def _read(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the game's reading of D's outputs at points (n,)."""
        return plots.reading_at(self._trainer, x.reshape(-1, 1))


def visible_zoom(image_shape: Sequence[int]) -> int:
    """Return the number of screen pixels along each side of an image pixel."""
    return max(2, 48 // image_shape[0])


def sample_figure(samples: NDArray[Any], image_shape: Sequence[int]) -> Figure:
    """Return a grid of enlarged images, ten in a row; raise ValueError for too many images."""
    height, width = image_shape
    zoom = visible_zoom(image_shape)
    most = COLUMNS * (LONGEST // ((height + 1) * zoom) - 1)
    if len(samples) > most:
        raise ValueError(
            f"there are {len(samples):,} samples, and a picture holds at most {most:,} images of"
            " this size; save them as an array with --out FILE.npy"
        )
    return plots.image_grid(samples, (height, width), COLUMNS, zoom)


def samples_in_plane(
    samples: NDArray[Any], data: NDArray[Any] | None = None, title: str = ""
) -> Figure:
    """Return a scatter plot of the samples' first two features, or a histogram of one feature."""
    if samples.shape[1] == 1:
        return plots.histogram(samples, data, title)
    return plots.sample_scatter(samples[:, :2], None if data is None else data[:, :2], title)


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG, completely or not at all."""
    write_atomically(path, lambda stream: figure.savefig(stream, format="png"))


def write_losses(path: Path, trainer: Trainer) -> None:
    """Write the figure of losses over iterations."""
    save_figure(path, plots.losses(trainer.history, trainer.games))


def write_animation(path: Path, frames: Sequence[Path], seconds: float = 6.0) -> None:
    """Join the sample grids into a GIF of about ``seconds``, with a pause on the last one."""
    from PIL import Image

    images = []
    for frame in frames:
        try:
            images.append(Image.open(frame).convert("RGB"))
        except OSError as error:
            raise RunError(f"sample grid {frame} cannot be read ({error}); remove it") from None
    if not images:
        return
    each = max(40, round(1000 * seconds / len(images)))  # ms; browsers slow down shorter times
    durations = [each] * (len(images) - 1) + [1500]
    write_atomically(
        path,
        lambda stream: images[0].save(
            stream, format="GIF", save_all=True, append_images=images[1:],
            duration=durations, loop=0,
        ),
    )  # fmt: skip


def _limits(data: Dataset) -> tuple[float, float]:
    low, high = float(data.x.min()), float(data.x.max())
    margin = 0.25 * (high - low)
    return low - margin, high + margin
