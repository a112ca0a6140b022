"""A run's folder: config.json, env.json, metrics.jsonl, samples/, checkpoints/ and the like."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from scratchgan import checks
from scratchgan.errors import RunError
from scratchgan.files import (
    SUFFIX_UNFINISHED,
    as_path,
    explain,
    make_folders,
    open_regular,
    read_small_text,
    sync,
    write_atomically,
)
from scratchgan.recipes import get_recipe
from scratchgan.runs.config import Config
from scratchgan.runs.lock import LOCK, FolderLock

__all__ = ["MEASURED", "METRICS", "SECONDS", "RunFolder", "environment", "next_free_folder"]

METRICS, MEASURED, SECONDS = "metrics.jsonl", "measured.jsonl", "seconds.jsonl"
KEEP = 3  # checkpoints; the older ones are removed
STEP = re.compile(r"step_(\d{6,})\.(npz|png)")  # a checkpoint or a sample grid
FILES = (
    r"config\.json|env\.json|metrics\.jsonl|measured\.jsonl|seconds\.jsonl|samples\.png"
    r"|losses\.png|training\.gif|best\.npz"
)
UNFINISHED = re.compile(rf"({FILES}|{STEP.pattern})(\.\d+)?{re.escape(SUFFIX_UNFINISHED)}")


class RunFolder:
    """
    The files of one run.

    Attributes
    ----------
    path : Path
    config : Config
    """

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.config = config
        self._lock: FolderLock | None = None

    @classmethod
    def create(cls, path: Path | str, config: Config) -> RunFolder:
        """
        Start a run in a folder that is new or empty, and hold it: see ``hold``.

        Raises
        ------
        RunError
            If something is in the folder, or another process begins a run there.
        """
        path = as_path("RunFolder.create", path)
        checks.instance("RunFolder.create", "config", config, Config, "a Config")
        try:
            make_folders(path)
            left = _left_by_a_start(path)
            _require_empty(path, left)  # before anything is written there
        except OSError as error:
            raise explain(error, path) from error
        folder = cls(path, config)
        folder.hold()
        try:
            _require_empty(path, left)  # once more, now that nobody else begins here
        except RunError:
            folder.release()
            raise
        try:
            folder.remove_unfinished()
            folder.write_text("env.json", json.dumps(environment(), indent=2) + "\n")
            text = config.to_json().encode()
            write_atomically(
                path / "config.json", lambda stream: stream.write(text), exclusive=True
            )
        except BaseException:
            folder.release(remove=False)  # what is there already is ours, the next start sees
            raise
        return folder

    @classmethod
    def create_next(cls, parent: Path | str, config: Config) -> RunFolder:
        """Start a run in PARENT/RECIPE-001, or the first number after it that is free."""
        parent = as_path("RunFolder.create_next", parent)
        try:
            make_folders(parent)
            while True:
                path = next_free_folder(parent, get_recipe(config.recipe).name)
                with suppress(FileExistsError):  # another start was faster: the next number
                    path.mkdir()
                    break
        except OSError as error:
            raise explain(error, parent) from error
        return cls.create(path, config)

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """Open the folder of an earlier run; raise RunError if it holds none."""
        path = as_path("RunFolder.open", path)
        return cls(path, Config.read(path / "config.json"))

    def hold(self) -> None:
        """Let no other process write here until ``release``; raise RunError if one does."""
        if self._lock is None:
            self._lock = FolderLock(self.path)

    def release(self, remove: bool = True) -> None:
        """End ``hold``; ``remove`` takes its file away."""
        if self._lock is not None:
            self._lock.release(remove)
            self._lock = None

    def change_steps(self, steps: int) -> None:
        """Give the run another number of iterations."""
        self.config = replace(self.config, steps=steps)
        self.write_text("config.json", self.config.to_json())

    def write_text(self, name: str, text: str) -> None:
        """Write a small file whole."""
        write_atomically(self.path / name, lambda stream: stream.write(text.encode()))

    def read_environment(self) -> dict[str, Any]:
        """Return what env.json says; nothing where it is gone or damaged."""
        try:
            found = json.loads(read_small_text(self.path / "env.json"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    # -- metrics --------------------------------------------------------------------------------
    # metrics.jsonl: values of the game; measured.jsonl: figures on held-back examples;
    # seconds.jsonl: how long it took, which two runs alike in all else do not share.

    def append_metrics(self, record: dict[str, float], name: str = METRICS) -> None:
        """Append one line to metrics.jsonl, or to ``name``."""
        path = self.path / name
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise explain(error, path) from error

    def sync_metrics(self) -> None:
        """Force what was appended to the disk: a checkpoint relies on it."""
        for path in (self.path / name for name in (METRICS, MEASURED, SECONDS)):
            if path.exists():
                try:
                    sync(path)
                    sync(self.path)
                except OSError as error:
                    raise explain(error, path) from error

    def read_metrics(self, name: str = METRICS) -> list[dict[str, float]]:
        """Return the records of a file, without a last line that was cut short."""
        path = self.path / name
        try:
            with open_regular(path) as stream:
                lines = stream.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}") from None
        records = []
        for line in lines:
            with suppress(ValueError):  # a kill may have cut the last line short
                record = json.loads(line)
                if isinstance(record, dict) and isinstance(record.get("step"), int):
                    records.append(record)
        return records

    def cut_metrics(self, step: int, name: str = METRICS) -> list[dict[str, float]]:
        """Cut a file back to ``step`` and return what is left."""
        records = [r for r in self.read_metrics(name) if r["step"] <= step]
        self.write_text(name, "".join(json.dumps(r) + "\n" for r in records))
        return records

    def seconds(self) -> float | None:
        """
        Return how long the run has been trained so far, without the time between resumptions.

        None where it was not written down, which is not the same as no time at all.
        """
        records = [r for r in self.read_metrics(SECONDS) if "seconds" in r]
        return records[-1]["seconds"] if records else None

    def best_measured(self) -> dict[str, float] | None:
        """Return the record of measured.jsonl with the highest score, the first of equals."""
        # A NaN is above nothing, and nothing is above it: it is left out.
        records = [r for r in self.read_metrics(MEASURED) if r["score"] == r["score"]]
        return max(records, key=lambda r: r["score"], default=None)

    def remove_frames_after(self, step: int) -> None:
        """Remove sample grids of iterations after ``step``."""
        for frame in self.frames():
            if _step_of(frame) > step:
                frame.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove what a kill left half written of the run's own files; others' are left alone."""
        for folder in (self.path, self.path / "samples", self.path / "checkpoints"):
            for path in folder.glob(f"*{SUFFIX_UNFINISHED}"):
                if UNFINISHED.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    # -- checkpoints and samples ----------------------------------------------------------------

    def checkpoint_path(self, step: int) -> Path:
        """Where the checkpoint of an iteration lies."""
        return self.path / "checkpoints" / f"step_{step:06d}.npz"

    def sample_path(self, step: int) -> Path:
        """Where the sample grid of an iteration lies."""
        return self.path / "samples" / f"step_{step:06d}.png"

    def checkpoints(self) -> list[Path]:
        """Return all checkpoints, the newest last."""
        return self._numbered("checkpoints", ".npz")

    def newest_step(self) -> int | None:
        """Return the iteration of the newest checkpoint; None if there is none."""
        found = self.checkpoints()
        return _step_of(found[-1]) if found else None

    @property
    def best_path(self) -> Path:
        """Where the checkpoint with the best figure on held-back examples lies, if one is kept."""
        return self.path / "best.npz"

    def chosen_checkpoint(self) -> Path:
        """Return the best checkpoint where one is kept, or else the newest."""
        return self.best_path if self.best_path.exists() else self.newest_checkpoint()

    def newest_checkpoint(self) -> Path:
        """Return the newest checkpoint; raise RunError if there is none."""
        found = self.checkpoints()
        if not found:
            raise RunError(
                f"{self.path} has no checkpoint yet; continue the run with"
                f" `scratchgan train --resume {self.path}`"
            )
        return found[-1]

    def remove_old_checkpoints(self) -> None:
        """Keep the newest few."""
        for path in self.checkpoints()[:-KEEP]:
            path.unlink(missing_ok=True)

    def frames(self) -> list[Path]:
        """Return all sample grids in the order of their iterations."""
        return self._numbered("samples", ".png")

    def _numbered(self, name: str, suffix: str) -> list[Path]:
        """Return the files step_NUMBER in their order, and none that has a name of another kind."""
        found = (self.path / name).glob(f"step_*{suffix}")
        return sorted((path for path in found if STEP.fullmatch(path.name)), key=_step_of)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))


def _left_by_a_start(path: Path) -> bool:
    """Whether a start of ours that was killed left what is there: its lock lies beside."""
    return (path / LOCK).exists()


def _require_empty(path: Path, left: bool) -> None:
    """Refuse a folder with anything in it but a lock and, with ``left``, what a start leaves."""
    found = {p.name for p in path.iterdir()} - {LOCK}
    if "config.json" in found:
        raise RunError(
            f"{path} already holds a run; continue it with `scratchgan train --resume {path}`"
            " or choose another folder with --out"
        )
    if left:
        found = {name for name in found if name != "env.json" and not UNFINISHED.fullmatch(name)}
    if found:
        raise RunError(
            f"{path} is not empty ({min(found)} is in it); choose a new folder with --out"
        )


def next_free_folder(parent: Path | str, name: str) -> Path:
    """Return parent/name-001, or the first number after it that is free."""
    parent = as_path("next_free_folder", parent)
    for number in range(1, 10_000):
        path = parent / f"{name}-{number:03d}"
        if not os.path.lexists(path):
            return path
    raise RunError(f"{parent} is full of runs of '{name}'; give a folder with --out")


def environment() -> dict[str, Any]:
    """Return what the run ran on: versions, machine and threads."""
    from importlib.metadata import PackageNotFoundError, version

    import numpy

    from scratchgan import __version__

    try:
        numba = version("numba")
    except PackageNotFoundError:
        numba = "not installed"
    return {
        "scratchgan": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numba": numba,
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
            if name in os.environ
        },
        "byteorder": sys.byteorder,
    }
