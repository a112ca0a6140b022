"""Runs in Python: train or open a run, draw samples from it and measure them."""

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
    A run, read from its folder. ``train`` and ``open_run`` return one.

    Attributes
    ----------
    path : Path
        The folder with checkpoints, pictures and records.
    config : Config
        The settings.
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
        """The run's folder."""
        return self._folder.path

    @property
    def config(self) -> Config:
        """The run's settings."""
        return self._folder.config

    @property
    def data(self) -> Dataset:
        """The data set of the run."""
        if self._data is None:
            self._data = load(self.config.data, labels=self.config.labels)
        return self._data

    @property
    def history(self) -> list[dict[str, float]]:
        """One record every ``log_every`` iterations, as in ``Trainer.history``."""
        return self._folder.read_metrics()

    def generator(self, temperature: float = 1.0) -> Generator:
        """
        Return G from the best checkpoint if one is kept, or else from the newest.

        Raises
        ------
        RunError
            If there is no checkpoint yet, or the checkpoint is damaged.
        """
        return load_generator(self._folder, temperature)

    def trainer(self) -> Trainer:
        """
        Return a trainer in the state of the newest checkpoint.

        The trainer writes nothing into the run's folder. To continue the run, call
        ``train(resume=run.path)``.

        Raises
        ------
        RunError
            If there is no checkpoint yet, or the data have changed since the run began.
        """
        return load_trainer(self._folder, self.data)

    def samples(
        self, n: int = 100, seed: int = 0, label: int | None = None, temperature: float = 1.0
    ) -> NDArray[Any]:
        """
        Return n samples, (n, features). The same seed gives the same samples.

        Parameters
        ----------
        n, seed : int
        label : int, optional
            For a conditional generator: the label of all samples. Without it, labels are
            0, 1, … in turn.
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
        Write ``samples`` as a picture (.png) or an array (.npy); return the path of the file.

        The default path is sample-seed-N.png in the run's folder.
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
                f"cannot write samples to {path}; expected a name that ends in .png or .npy"
            )
        return path

    def losses(self) -> Figure:
        """Return a figure of the losses in ``history``."""
        return _shown(plots.losses(self.history, self.config.objective))

    def evaluate(self, n: int | None = None, seed: int = 0, temperature: float = 1.0) -> Evaluation:
        """
        Measure samples beside real examples, with ``scratchgan.metrics.evaluate``.

        Parameters
        ----------
        n : int, optional
            Number of samples. Default: the size of the test set, but between 1,000 and 10,000;
            2,500 without a test set.
        seed : int
            Seed of the samples.
        temperature : float
            See ``Generator``.
        """
        from scratchgan.metrics import evaluate

        if n is None:
            held_out = self.data.x_test
            n = 2500 if held_out is None else min(10_000, max(1000, len(held_out)))
        self.trainer()  # checks that the data have not changed
        generator = self.generator(temperature)
        return evaluate(
            generator.sample(n, seed),
            self.data,
            asked=generator.labels_for(n, None),
            codes={k: code for k, code in generator.drawn_codes(n, seed).items() if code.ndim == 1},
            validation=self.config.validation,
        )

    def exact(self) -> ExactGame | None:
        """Return the distance of a game on the line from its optimum; None for other data."""
        return exact(self.trainer(), self.data)


def _shown(figure: Figure) -> Figure:
    """Let a notebook display the figure, even if it has not imported pyplot."""
    setattr(figure, "_repr_png_", partial(_png, figure))  # noqa: B010
    return figure


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def exact(trainer: Trainer, data: Dataset) -> ExactGame | None:
    """Return the distance of a game on the line from its optimum; None for other games."""
    from scratchgan.exact.game import exact_game

    density = data.density
    z_width = trainer.settings.prior.features
    if density is None or not density.dim == z_width == trainer.settings.pack == 1:
        return None
    return exact_game(trainer, density)


def open_run(folder: Path | str, data: Dataset | None = None) -> Run:
    """
    Open the folder of an earlier run.

    Parameters
    ----------
    folder : path
        For example ``"runs/digits-001"``.
    data : Dataset, optional
        Needed only if the run was trained on a ``Dataset`` that you made from an array.

    Raises
    ------
    RunError
        If the folder does not hold a run.
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
    Train as ``scratchgan train`` does, with a progress bar, and return the run.

    Parameters
    ----------
    recipe : str, optional
        The name of a recipe, or the path of your own recipe file. Default: the recipe that suits
        the data, or digits.
    data : str, path or Dataset, optional
        A data set to use instead of the recipe's: a name or path that ``load`` takes, or a
        ``Dataset``.
    out : path, optional
        A new folder for the run. Default: runs/RECIPE-001, or the next free number.
    quick : bool
        Whether to train briefly, for a minute at most.
    origin : path, optional
        The folder of another run. The new run starts from its newest checkpoint.
    resume : path, optional
        The folder of a run to continue with its settings. Only ``steps`` may change.
    progress : bool
        Whether to show progress.
    **changes
        Settings to use instead of the recipe's, such as ``steps``, ``batch_size`` and ``seed``:
        all fields of ``scratchgan.gan.settings.Settings``.

    Raises
    ------
    ValueError, RunError
        If arguments are wrong or do not fit together. Nothing is written then.
    NonFiniteError
        If a value becomes NaN or infinite; the last good checkpoint is kept.
    KeyboardInterrupt
        After Ctrl-C, once the current iteration is complete and a checkpoint is written.

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
        if outcome.signal != signal.SIGINT:
            raise SystemExit(128 + outcome.signal)
        raise KeyboardInterrupt(
            f"interrupted at iteration {outcome.iteration}; continue with"
            f" train(resume={str(folder.path)!r})"
        )
    return Run(folder, session.data)
