"""Run a training in its folder, from the start or from a checkpoint, and save its results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

from scratchgan import checks
from scratchgan.data import Dataset
from scratchgan.errors import NonFiniteError, RunError
from scratchgan.files import as_path
from scratchgan.gan import Trainer
from scratchgan.runs.build import FOLDER, build_trainer, describe_data, load_trainer
from scratchgan.runs.checkpoint import begin_from, made_with, read_checkpoint, write_checkpoint
from scratchgan.runs.config import Config
from scratchgan.runs.folder import MEASURED, SECONDS, RunFolder
from scratchgan.runs.interrupts import interrupts
from scratchgan.runs.measures import MEASURES
from scratchgan.runs.render import Renderer, write_animation, write_losses

__all__ = ["Outcome", "Session"]

Progress = Callable[[Trainer], object]


class Outcome(NamedTuple):
    """The end of a run: its last iteration and its files."""

    interrupted: bool
    iteration: int
    checkpoint: Path
    samples: Path
    losses: Path
    animation: Path
    signal: int = 0  # the signal that interrupted the run: SIGINT, SIGTERM or SIGHUP


class Session:
    """
    A run in its folder: a trainer, and a callback that saves its results.

    Make one with ``start`` or ``resume``, then call ``run``. Until ``run`` ends, or ``close`` is
    called, no other process can write into the folder.
    """

    def __init__(self, folder: RunFolder, data: Dataset, trainer: Trainer) -> None:
        self.folder = folder
        self.trainer = trainer
        self.data = data
        self._began = time.monotonic() - (folder.seconds() or 0.0)
        self._renderer = Renderer(trainer, data)
        self._progress: Progress | None = None

    @classmethod
    def start(
        cls,
        path: Path | str | None,
        config: Config,
        data: Dataset,
        origin: Path | str | None = None,
    ) -> Session:
        """
        Start a run in a new folder.

        The default path is runs/RECIPE-001, or the next free number. ``origin`` is the checkpoint
        of another run from which this run starts, as in ``begin_from``.
        """
        checks.instance("Session.start", "config", config, Config, "a Config")
        checks.instance("Session.start", "data", data, Dataset, "a Dataset")
        config = describe_data(config, data)
        trainer = build_trainer(config, data)  # raises errors before anything is written
        if origin is not None:
            origin = as_path("Session.start", origin)
            begin_from(trainer, read_checkpoint(origin))
            config = replace(
                config, origin={"run": origin.parents[1].name, "iteration": trainer.iteration}
            )
        config.to_json()  # also raises errors before anything is written
        if path is None:
            folder = RunFolder.create_next(Path("runs"), config)
        else:
            folder = RunFolder.create(path, config)
        try:
            session = cls(folder, data, trainer)
            if origin is not None:
                session._write_checkpoint()  # ``resume`` needs it
        except BaseException:
            folder.release()
            raise
        return session

    @classmethod
    def resume(cls, folder: RunFolder, data: Dataset, steps: int | None = None) -> Session:
        """
        Continue a run from its newest checkpoint, or from iteration 0 if it has none.

        ``steps`` changes the total number of iterations.

        Raises
        ------
        RunError
            If another process writes into the folder, if the settings or data have changed since
            the checkpoint, or if the checkpoint is damaged.
        """
        checks.instance("Session.resume", "folder", folder, RunFolder, FOLDER)
        if steps is not None:
            steps = checks.whole("", "steps", steps, 1)
        folder.hold()
        try:
            return cls._resume(folder, data, steps)
        except BaseException:
            folder.release()
            raise

    @classmethod
    def _resume(cls, folder: RunFolder, data: Dataset, steps: int | None) -> Session:
        if folder.checkpoints():
            trainer = load_trainer(folder, data)
        elif folder.config.origin is not None:
            raise RunError(
                f"{folder.path} should start from run {folder.config.origin['run']}, but has no"
                " checkpoint; start it again with `scratchgan train --from` in another folder"
            )
        else:
            trainer = build_trainer(folder.config, data)
        if steps is not None:
            if steps < trainer.iteration:
                raise ValueError(
                    f"steps is {steps}, but {folder.path} is already at iteration"
                    f" {trainer.iteration}; expected at least {trainer.iteration}"
                )
            folder.change_steps(steps)
        trainer.history[:] = folder.cut_metrics(trainer.iteration)
        folder.cut_metrics(trainer.iteration, SECONDS)
        if folder.config.measure:
            folder.cut_metrics(trainer.iteration, MEASURED)
        folder.remove_frames_after(trainer.iteration)
        folder.remove_unfinished()
        return cls(folder, data, trainer)

    def close(self) -> None:
        """Release the folder, if ``run`` will not be called; ``run`` also releases it."""
        self.folder.release()

    def run(self, progress: Progress | None = None) -> Outcome:
        """
        Train to the last iteration, and draw the pictures of the run.

        ``progress(trainer)`` is called every ``log_every`` iterations. If it raises OSError (a
        closed pipe, a full disk), the run continues without it.

        After Ctrl-C, SIGTERM or SIGHUP, the current iteration is completed, a checkpoint and the
        pictures are saved, and ``run`` returns. A second signal interrupts at once.

        Raises
        ------
        NonFiniteError
            If a value becomes NaN or infinite; the last good checkpoint is kept.
        RunError
            If a file cannot be written, or if another process writes into the folder or has
            continued the run.
        """
        self.folder.hold()
        try:
            self._require_newest()
            self._progress = progress
            with interrupts() as seen:
                return self._run(seen)
        finally:
            self.folder.release()

    def _run(self, seen: list[int]) -> Outcome:
        trainer, config = self.trainer, self.folder.config
        if trainer.iteration == 0:
            self._write_samples()
        before = list(trainer.callbacks)
        due = gcd(config.log_every, config.sample_every, config.checkpoint_every)
        if config.measure:
            due = gcd(due, config.measure_every)
        trainer.call_every(due, self._write_down)
        trainer.call_every(config.log_every, self._tell)
        try:
            if not seen:
                trainer.train(config.steps - trainer.iteration, until=lambda: seen)
        except NonFiniteError as error:
            raise NonFiniteError(f"{error}. {self._last_good()}") from None
        finally:
            trainer.callbacks[:] = before
        complete = trainer.iteration == config.steps
        if complete and not self.folder.sample_path(trainer.iteration).exists():
            self._write_samples()
        if not self.folder.checkpoint_path(trainer.iteration).exists():
            self._write_checkpoint()
        self._tell(trainer)
        return self._finish(seen[0] if seen and not complete else 0)

    def _require_newest(self) -> None:
        """Refuse to train if another process has continued the run meanwhile."""
        newest = self.folder.newest_step()
        if newest is not None and newest > self.trainer.iteration:
            raise RunError(
                f"{self.folder.path} is at iteration {newest}, but this session is at"
                f" {self.trainer.iteration}: another process has continued the run; resume it again"
            )

    def _tell(self, trainer: Trainer) -> None:
        """Show progress, until its output fails."""
        if self._progress is not None:
            try:
                self._progress(trainer)
            except OSError:
                self._progress = None

    def _write_down(self, trainer: Trainer) -> None:
        """Save what is due at this iteration: metrics first, so that no checkpoint is ahead."""
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
        """Measure samples against the held-back examples; keep the best generator."""
        trainer, measure = self.trainer, MEASURES[name]
        _, held_back = self.data.split(self.folder.config.validation)
        found = measure.of(trainer.samples(measure.samples), held_back.x)
        record = {"step": trainer.iteration, "epoch": trainer.record()["epoch"], **found}
        best = self.folder.best_measured()
        if self.folder.config.keep_best and (best is None or found["score"] > best["score"]):
            write_checkpoint(self.folder.best_path, trainer, self._made_with)
        self.folder.append_metrics(record, MEASURED)

    def _write_samples(self) -> None:
        self._renderer.write(self.folder.sample_path(self.trainer.iteration))

    def _write_checkpoint(self) -> None:
        self.folder.sync_metrics()  # first, so that no checkpoint is ahead of the metrics on disk
        path = self.folder.checkpoint_path(self.trainer.iteration)
        write_checkpoint(path, self.trainer, self._made_with)
        self.folder.remove_old_checkpoints()

    @cached_property
    def _made_with(self) -> dict[str, Any]:
        return made_with(self.folder.config, self.data)

    def _last_good(self) -> str:
        kept = self.folder.checkpoints()
        if not kept:
            return "There is no checkpoint yet"
        return f"The last good checkpoint is {kept[-1]}"

    def _finish(self, signal: int) -> Outcome:
        root, trainer = self.folder.path, self.trainer
        outcome = Outcome(
            interrupted=bool(signal),
            iteration=trainer.iteration,
            checkpoint=self.folder.checkpoint_path(trainer.iteration),
            samples=root / "samples.png",
            losses=root / "losses.png",
            animation=root / "training.gif",
            signal=signal,
        )
        self._renderer.write(outcome.samples)
        write_losses(outcome.losses, trainer)
        write_animation(outcome.animation, self.folder.frames())
        return outcome
