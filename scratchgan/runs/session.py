"""A training from start, or from its last checkpoint, to its end, with everything written down."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import gcd
from pathlib import Path
from typing import NamedTuple

from scratchgan.data import Dataset
from scratchgan.errors import NonFiniteError, RunError
from scratchgan.gan import Trainer
from scratchgan.runs.build import build_trainer, describe_data
from scratchgan.runs.checkpoint import begin_from, load_into, read_checkpoint, write_checkpoint
from scratchgan.runs.config import Config
from scratchgan.runs.folder import MEASURED, SECONDS, RunFolder
from scratchgan.runs.measures import MEASURES
from scratchgan.runs.render import Renderer, write_animation, write_losses

__all__ = ["Outcome", "Session", "next_free_folder"]


class Outcome(NamedTuple):
    """What a run left behind."""

    interrupted: bool
    iteration: int
    checkpoint: Path
    samples: Path
    losses: Path
    animation: Path


class Session:
    """
    A run in its folder: a trainer, and a callback that writes down what it does.

    Make one with ``start`` or ``resume``, then call ``run``.
    """

    def __init__(self, folder: RunFolder, data: Dataset, trainer: Trainer) -> None:
        self.folder = folder
        self.trainer = trainer
        self.data = data
        self._began = time.monotonic() - (folder.seconds() or 0.0)
        self._renderer = Renderer(trainer, data)

    @classmethod
    def start(
        cls, path: Path, config: Config, data: Dataset, origin: Path | None = None
    ) -> Session:
        """
        Begin a run in a folder that holds none.

        With ``origin``, a checkpoint, it begins where that one stands: see ``begin_from``.
        """
        config = describe_data(config, data)
        # What does not fit is refused before anything is written.
        trainer = build_trainer(config, data)
        if origin is None:
            return cls(RunFolder.create(path, config), data, trainer)
        begin_from(trainer, read_checkpoint(origin))
        config = replace(
            config, origin={"run": origin.parents[1].name, "iteration": trainer.iteration}
        )
        session = cls(RunFolder.create(path, config), data, trainer)
        session._write_checkpoint()  # what it is resumed from
        return session

    @classmethod
    def resume(cls, folder: RunFolder, data: Dataset, steps: int | None = None) -> Session:
        """
        Continue a run from its newest checkpoint, or from its start if it has none.

        ``steps`` gives it another number of iterations; what is done stays done.
        """
        trainer = build_trainer(folder.config, data)
        if folder.checkpoints():
            load_into(trainer, read_checkpoint(folder.newest_checkpoint()))
        elif folder.config.origin is not None:
            raise RunError(
                f"{folder.path} was to begin from {folder.config.origin['run']}, and has no"
                " checkpoint; begin it again with `scratchgan train --from` in another folder"
            )
        if steps is not None:
            if steps < trainer.iteration:
                raise ValueError(
                    f"steps is {steps}, and {folder.path} is already at iteration"
                    f" {trainer.iteration}; expected at least that"
                )
            folder.change_steps(steps)
        trainer.history[:] = folder.cut_metrics(trainer.iteration)
        folder.cut_metrics(trainer.iteration, SECONDS)
        if folder.config.measure:
            folder.cut_metrics(trainer.iteration, MEASURED)
        folder.remove_frames_after(trainer.iteration)
        return cls(folder, data, trainer)

    def run(self, progress: Callable[[Trainer], object] | None = None) -> Outcome:
        """
        Train to the last iteration, and draw the pictures of the whole run.

        ``progress(trainer)`` is called now and then. Ctrl-C lets the iteration end,
        writes a checkpoint and returns; a second Ctrl-C interrupts at once.

        Raises
        ------
        NonFiniteError
            If a value is no longer finite; the last good checkpoint is kept.
        RunError
            If the disk does not take a file.
        """
        trainer, config = self.trainer, self.folder.config
        if trainer.iteration == 0:
            self._write_samples()
        before = list(trainer.callbacks)
        due = gcd(config.log_every, config.sample_every, config.checkpoint_every)
        if config.measure:
            due = gcd(due, config.measure_every)
        trainer.call_every(due, self._write_down)
        if progress is not None:
            trainer.call_every(config.log_every, progress)
        try:
            with _interrupts() as interrupted:
                trainer.train(config.steps - trainer.iteration, until=lambda: interrupted)
        except NonFiniteError as error:
            raise NonFiniteError(f"{error}. {self._last_good()}") from None
        finally:
            trainer.callbacks[:] = before
        complete = trainer.iteration == config.steps
        if complete and not self.folder.sample_path(trainer.iteration).exists():
            self._write_samples()
        if not self.folder.checkpoint_path(trainer.iteration).exists():
            self._write_checkpoint()
        if progress is not None:
            progress(trainer)
        return self._finish(bool(interrupted) and not complete)

    def _write_down(self, trainer: Trainer) -> None:
        """What is due at this iteration. Metrics first: a checkpoint never runs ahead of them."""
        config, step = self.folder.config, trainer.iteration
        if step % config.log_every == 0:
            self.folder.append_metrics(trainer.history[-1])
            seconds = round(time.monotonic() - self._began, 3)
            self.folder.append_metrics({"step": step, "seconds": seconds}, SECONDS)
        if config.measure and step % config.measure_every == 0:
            self._measure(config.measure)
        if step % config.sample_every == 0:
            self._write_samples()
        if step % config.checkpoint_every == 0:
            self._write_checkpoint()

    def _measure(self, name: str) -> None:
        """Measure samples on the examples held back; keep the generator that does best on them."""
        trainer, measure = self.trainer, MEASURES[name]
        held_back = self.data.x[self.data.n - self.folder.config.validation :]
        found = measure.of(trainer.samples(measure.samples), held_back)
        record = {"step": trainer.iteration, "epoch": trainer.record()["epoch"], **found}
        best = self.folder.best_measured()
        if self.folder.config.keep_best and (best is None or found["score"] > best["score"]):
            write_checkpoint(self.folder.best_path, trainer)
        self.folder.append_metrics(record, MEASURED)

    def _write_samples(self) -> None:
        self._renderer.write(self.folder.sample_path(self.trainer.iteration))

    def _write_checkpoint(self) -> None:
        write_checkpoint(self.folder.checkpoint_path(self.trainer.iteration), self.trainer)
        self.folder.remove_old_checkpoints()

    def _last_good(self) -> str:
        kept = self.folder.checkpoints()
        if not kept:
            return "No checkpoint had been written yet"
        return f"The last good checkpoint is {kept[-1]}"

    def _finish(self, interrupted: bool) -> Outcome:
        root, trainer = self.folder.path, self.trainer
        outcome = Outcome(
            interrupted=interrupted,
            iteration=trainer.iteration,
            checkpoint=self.folder.checkpoint_path(trainer.iteration),
            samples=root / "samples.png",
            losses=root / "losses.png",
            animation=root / "training.gif",
        )
        self._renderer.write(outcome.samples)
        write_losses(outcome.losses, trainer.history)
        write_animation(outcome.animation, self.folder.frames())
        return outcome


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Let the first Ctrl-C end the training after its iteration; the list is then not empty."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread may handle signals
        return
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: object) -> None:
        seen.append(number)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, first)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def next_free_folder(parent: Path, name: str) -> Path:
    """Return parent/name-001, or the first number after it that is free."""
    for number in range(1, 10_000):
        path = parent / f"{name}-{number:03d}"
        if not path.exists():
            return path
    raise RunError(f"{parent} is full of runs of '{name}'; give a folder with --out")
