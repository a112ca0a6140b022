"""A run, in a line of Python each: train one, open one, draw samples from it, measure it."""

from __future__ import annotations

import io
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks, plots
from scratchgan.data import Dataset, load
from scratchgan.files import as_path, write_atomically
from scratchgan.gan import Generator, Trainer
from scratchgan.progress import Progress
from scratchgan.runs import (
    Config,
    RunFolder,
    begin_run,
    load_generator,
    load_trainer,
    resume_run,
)
from scratchgan.runs.render import sample_figure, samples_in_plane, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgan.exact.game import ExactGame
    from scratchgan.metrics import Evaluation

__all__ = ["Run", "open_run", "train"]


class Run:
    """
    A run in its folder, and what follows from it. Make one with ``train`` or ``open_run``.

    Attributes
    ----------
    path : Path
        Its folder: checkpoints, pictures, records.
    config : Config
        Its settings.
    """

    def __init__(self, folder: RunFolder, data: Dataset | None = None) -> None:
        self._folder = folder
        self._data = data

    def __repr__(self) -> str:
        config = self.config
        done = f"{self._folder.newest_step() or 0:,} of {config.steps:,} iterations"
        return f"Run('{self.path}', recipe '{config.recipe}', {done})"

    @property
    def path(self) -> Path:
        """Where its files are."""
        return self._folder.path

    @property
    def config(self) -> Config:
        """Its settings."""
        return self._folder.config

    @property
    def data(self) -> Dataset:
        """What it is trained on."""
        if self._data is None:
            self._data = load(self.config.data, labels=self.config.labels)
        return self._data

    @property
    def history(self) -> list[dict[str, float]]:
        """A record every ``log_every`` iterations, as ``Trainer.history``."""
        return self._folder.read_metrics()

    def generator(self, temperature: float = 1.0) -> Generator:
        """
        Return G as its best checkpoint has it, where one is kept, or its newest.

        Raises
        ------
        RunError
            If there is no checkpoint yet, or it is damaged.
        """
        return load_generator(self._folder, temperature)

    def trainer(self) -> Trainer:
        """
        Return the trainer as its newest checkpoint has it.

        What it goes on to do is written down nowhere: ``train(resume=run.path)`` continues a run.

        Raises
        ------
        RunError
            If there is no checkpoint yet, or the data are no longer those of the run.
        """
        return load_trainer(self._folder, self.data)

    def samples(
        self, n: int = 100, seed: int = 0, label: int | None = None, temperature: float = 1.0
    ) -> NDArray[Any]:
        """
        Return n samples, (n, features): the same for the same seed.

        Parameters
        ----------
        n, seed : int
        label : int, optional
            Of a conditional generator, which otherwise is asked for 0, 1, … in turn.
        temperature : float
            See ``Generator``.
        """
        return self.generator(temperature).sample(n, seed, label)

    def figure(
        self, n: int = 100, seed: int = 0, label: int | None = None, temperature: float = 1.0
    ) -> Figure:
        """Return a picture of ``samples``: a grid of images, or points."""
        samples, shape = self.samples(n, seed, label, temperature), self.config.image_shape
        return _shown(samples_in_plane(samples) if shape is None else sample_figure(samples, shape))

    def write_samples(
        self,
        path: Path | str | None = None,
        n: int = 100,
        seed: int = 0,
        label: int | None = None,
        temperature: float = 1.0,
    ) -> Path:
        """
        Write ``samples`` as a picture (.png) or an array (.npy); return the file's path.

        Without a path that is sample-seed-N.png in the run's folder.
        """
        if path is None:
            of_label = "" if label is None else f"-label-{label}"
            wide = "" if temperature == 1 else f"-temperature-{temperature:g}"
            path = self.path / f"sample-seed-{seed}{of_label}{wide}.png"
        path = as_path("write_samples", path)
        if path.suffix == ".npy":
            samples = self.samples(n, seed, label, temperature)
            write_atomically(path, lambda stream: np.save(stream, samples))
        elif path.suffix == ".png":
            save_figure(path, self.figure(n, seed, label, temperature))
        else:
            raise ValueError(
                f"samples are written to {path}; expected a name that ends in .png or .npy"
            )
        return path

    def losses(self) -> Figure:
        """Return the figure of ``history``."""
        return _shown(plots.losses(self.history, self.config.objective))

    def evaluate(self, n: int | None = None, seed: int = 0, temperature: float = 1.0) -> Evaluation:
        """
        Measure samples beside real examples: ``scratchgan.metrics.evaluate``.

        Parameters
        ----------
        n : int, optional
            Samples; by default as many as there are examples held out, but 1,000 to 10,000, or
            2,500 where there are none.
        seed : int
            For the samples.
        temperature : float
            See ``Generator``.
        """
        from scratchgan.metrics import evaluate

        if n is None:
            held_out = self.data.x_test
            n = 2500 if held_out is None else min(10_000, max(1000, len(held_out)))
        self.trainer()  # the data are those that it was trained on
        return evaluate(
            self.samples(n, seed, temperature=temperature),
            self.data,
            asked=self.generator().labels_for(n, None),
            validation=self.config.validation,
        )

    def exact(self) -> ExactGame | None:
        """Return how far from the optimum the game stands: on the line; None elsewhere."""
        return exact(self.trainer(), self.data)


def _shown(figure: Figure) -> Figure:
    """Let a figure show itself in a notebook, also in one that has not imported pyplot."""
    setattr(figure, "_repr_png_", partial(_png, figure))  # noqa: B010
    return figure


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def exact(trainer: Trainer, data: Dataset) -> ExactGame | None:
    """Return how far from the optimum a game on the line stands; None elsewhere."""
    from scratchgan.exact.game import exact_game

    density = data.density
    if density is None or not density.dim == trainer.noise.features == 1:
        return None
    return exact_game(trainer, density)


def open_run(folder: Path | str, data: Dataset | None = None) -> Run:
    """
    Open the folder of an earlier run.

    Parameters
    ----------
    folder : path
        Such as ``"runs/digits-001"``.
    data : Dataset, optional
        What it was trained on, where that was an array of your own: ``load`` finds the others.

    Raises
    ------
    RunError
        If it holds no run.
    """
    if data is not None:
        checks.instance("open_run", "data", data, Dataset, "a Dataset, such as load('digits')")
    return Run(RunFolder.open(folder), data)


def train(
    recipe: str | None = None,
    *,
    data: str | Path | Dataset | None = None,
    out: Path | str | None = None,
    quick: bool = False,
    origin: Path | str | None = None,
    resume: Path | str | None = None,
    progress: bool = True,
    **changes: Any,
) -> Run:
    """
    Train as ``scratchgan train`` does, with a bar in a terminal or a notebook; return the run.

    Parameters
    ----------
    recipe : str, optional
        The name of a recipe, or the path of your own file of one; without it, that of the data.
    data : str, path or Dataset, optional
        Another data set than the recipe's: as ``load`` takes it, or an array of your own as a
        ``Dataset``.
    out : path, optional
        The run's own folder, which is new; runs/RECIPE-001 or the next number unless given.
    quick : bool
        Whether the recipe is run in its quick form, a minute at most.
    origin : path, optional
        The folder of a run whose newest checkpoint this one begins at.
    resume : path, optional
        The folder of a run to continue, with its own settings; ``steps`` alone may change.
    progress : bool
        Whether progress is shown.
    **changes
        Settings in the place of the recipe's: ``steps``, ``batch_size``, ``seed``, …, all those of
        ``scratchgan.gan.settings.Settings``; ``labels`` for a file of your own.

    Raises
    ------
    ValueError, RunError
        If something that is asked for cannot be, before anything is written.
    NonFiniteError
        If a value is no longer finite; the last good checkpoint is kept.
    KeyboardInterrupt
        After Ctrl-C, when the iteration is whole and a checkpoint is written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> run = train("gaussian-1d", steps=20, out=f"{folder.name}/first", progress=False)
    >>> run.samples(5).shape
    (5, 1)
    >>> print(run.evaluate(n=1000))  # doctest: +ELLIPSIS
                        generated   real
    mean                      ...  2.9...
    standard deviation        ...  0.5...
    <BLANKLINE>
    1,000 samples each; the real ones are fresh draws from the density.
    >>> further = train(resume=run.path, steps=30, progress=False)
    >>> further.trainer().iteration
    30
    >>> folder.cleanup()
    """
    if resume is None:
        session = begin_run(recipe, data=data, out=out, quick=quick, origin=origin, **changes)
    else:
        session = resume_run(
            resume, data=data, recipe=recipe, out=out, quick=quick, origin=origin, **changes
        )
    folder, done = session.folder, session.trainer.iteration
    if progress and done < folder.config.steps:
        with Progress(folder.config.steps, done) as shown:
            outcome = session.run(shown)
    else:
        outcome = session.run()
    if outcome.interrupted:
        how = f"interrupted at iteration {outcome.iteration}; train(resume={str(folder.path)!r})"
        if outcome.signal != signal.SIGINT:
            raise SystemExit(128 + outcome.signal)
        raise KeyboardInterrupt(f"{how} goes on")
    return Run(folder, session.data)
