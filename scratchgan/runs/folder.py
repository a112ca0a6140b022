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
KEEP = 3  # number of checkpoints; older ones are removed
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
        Start a run in a new or empty folder, and lock it as ``hold`` does.

        Raises
        ------
        RunError
            If the folder is not empty, or another process starts a run there.
        """
        path = as_path("RunFolder.create", path)
        checks.instance("RunFolder.create", "config", config, Config, "a Config")
        try:
            make_folders(path)
            left = (path / LOCK).exists()  # by a start that was killed, with its files
            _require_empty(path, left)  # before anything is written
        except OSError as error:
            raise explain(error, path) from error
        folder = cls(path, config)
        folder.hold()
        try:
            _require_empty(path, left)  # again, because the folder is locked only now
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
            folder.release(remove=False)  # the lock file tells the next start whose files these are
            raise
        return folder

    @classmethod
    def create_next(cls, parent: Path | str, config: Config) -> RunFolder:
        """Start a run in PARENT/RECIPE-001, or the next free number."""
        parent = as_path("RunFolder.create_next", parent)
        try:
            make_folders(parent)
            while True:
                path = next_free_folder(parent, get_recipe(config.recipe).name)
                with suppress(FileExistsError):  # another process was faster: try the next number
                    path.mkdir()
                    break
        except OSError as error:
            raise explain(error, parent) from error
        return cls.create(path, config)

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """Open the folder of an earlier run; raise RunError if it does not hold a run."""
        path = as_path("RunFolder.open", path)
        return cls(path, Config.read(path / "config.json"))

    def hold(self) -> None:
        """Lock the folder until ``release``; raise RunError if another process has locked it."""
        if self._lock is None:
            self._lock = FolderLock(self.path)

    def release(self, remove: bool = True) -> None:
        """Unlock the folder, and remove the lock file if ``remove``."""
        if self._lock is not None:
            self._lock.release(remove)
            self._lock = None

    def change_steps(self, steps: int) -> None:
        """Change the run's number of iterations."""
        self.config = replace(self.config, steps=steps)
        self.write_text("config.json", self.config.to_json())

    def write_text(self, name: str, text: str) -> None:
        """Write a small file, completely or not at all."""
        write_atomically(self.path / name, lambda stream: stream.write(text.encode()))

    def read_environment(self) -> dict[str, Any]:
        """Return the content of env.json; an empty dict if it is missing or damaged."""
        try:
            found = json.loads(read_small_text(self.path / "env.json"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    # -- metrics --------------------------------------------------------------------------------
    # metrics.jsonl: values of the game. measured.jsonl: measures against held-back examples.
    # seconds.jsonl: training time, in a file of its own because it differs between equal runs.

    def append_metrics(self, record: dict[str, float], name: str = METRICS) -> None:
        """Append one line to metrics.jsonl, or to ``name``."""
        path = self.path / name
        try:
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise explain(error, path) from error

    def sync_metrics(self) -> None:
        """Force the appended lines to the disk, before a checkpoint is written."""
        for path in (self.path / name for name in (METRICS, MEASURED, SECONDS)):
            if path.exists():
                try:
                    sync(path)
                    sync(self.path)
                except OSError as error:
                    raise explain(error, path) from error

    def read_metrics(self, name: str = METRICS) -> list[dict[str, float]]:
        """Return the records of a file; incomplete lines are ignored."""
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
            with suppress(ValueError):  # the last line is incomplete if the process was killed
                record = json.loads(line)
                if isinstance(record, dict) and isinstance(record.get("step"), int):
                    records.append(record)
        return records

    def cut_metrics(self, step: int, name: str = METRICS) -> list[dict[str, float]]:
        """Remove the records after iteration ``step``; return the others."""
        records = [r for r in self.read_metrics(name) if r["step"] <= step]
        self.write_text(name, "".join(json.dumps(r) + "\n" for r in records))
        return records

    def seconds(self) -> float | None:
        """
        Return the training time in seconds, without the time between interruption and resumption.

        None if it was not recorded.
        """
        records = [r for r in self.read_metrics(SECONDS) if "seconds" in r]
        return records[-1]["seconds"] if records else None

    def best_measured(self) -> dict[str, float] | None:
        """Return the record of measured.jsonl with the highest score, the first if several do."""
        # Comparisons with NaN are false, so NaN must be left out.
        records = [r for r in self.read_metrics(MEASURED) if r["score"] == r["score"]]
        return max(records, key=lambda r: r["score"], default=None)

    def remove_frames_after(self, step: int) -> None:
        """Remove sample grids of iterations after ``step``."""
        for frame in self.frames():
            if _step_of(frame) > step:
                frame.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove the run's own files that were only partly written when a process was killed."""
        for folder in (self.path, self.path / "samples", self.path / "checkpoints"):
            for path in folder.glob(f"*{SUFFIX_UNFINISHED}"):
                if UNFINISHED.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    # -- checkpoints and samples ----------------------------------------------------------------

    def checkpoint_path(self, step: int) -> Path:
        """Return the path of the checkpoint of an iteration."""
        return self.path / "checkpoints" / f"step_{step:06d}.npz"

    def sample_path(self, step: int) -> Path:
        """Return the path of the sample grid of an iteration."""
        return self.path / "samples" / f"step_{step:06d}.png"

    def checkpoints(self) -> list[Path]:
        """Return the paths of all checkpoints, the newest last."""
        return self._numbered("checkpoints", ".npz")

    def newest_step(self) -> int | None:
        """Return the iteration of the newest checkpoint; None if there is none."""
        found = self.checkpoints()
        return _step_of(found[-1]) if found else None

    @property
    def best_path(self) -> Path:
        """The path of the checkpoint with the best measurement, if one is kept."""
        return self.path / "best.npz"

    def chosen_checkpoint(self) -> Path:
        """Return the best checkpoint if one is kept, or else the newest."""
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
        """Remove all checkpoints except the newest ``KEEP``."""
        for path in self.checkpoints()[:-KEEP]:
            path.unlink(missing_ok=True)

    def frames(self) -> list[Path]:
        """Return the paths of all sample grids, ordered by iteration."""
        return self._numbered("samples", ".png")

    def _numbered(self, name: str, suffix: str) -> list[Path]:
        """Return the files named step_NUMBER, ordered by number."""
        found = (self.path / name).glob(f"step_*{suffix}")
        return sorted((path for path in found if STEP.fullmatch(path.name)), key=_step_of)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))


def _require_empty(path: Path, left: bool) -> None:
    """Refuse a folder that is not empty; allow a lock and, if ``left``, files of a killed start."""
    found = {p.name for p in path.iterdir()} - {LOCK}
    if "config.json" in found:
        raise RunError(
            f"{path} already holds a run; continue it with `scratchgan train --resume {path}`,"
            " or choose another folder with --out"
        )
    if left:
        found = {name for name in found if name != "env.json" and not UNFINISHED.fullmatch(name)}
    if found:
        raise RunError(
            f"{path} is not empty ({min(found)} is in it); choose a new folder with --out"
        )


def next_free_folder(parent: Path | str, name: str) -> Path:
    """Return parent/name-001, or the next free number."""
    parent = as_path("next_free_folder", parent)
    for number in range(1, 10_000):
        path = parent / f"{name}-{number:03d}"
        if not os.path.lexists(path):
            return path
    raise RunError(f"{parent} has 9,999 runs of '{name}'; give a folder with --out")


def environment() -> dict[str, Any]:
    """Return versions, machine and numbers of threads, for env.json and `scratchgan info`."""
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
