"""A run's folder: config.json, env.json, metrics.jsonl, samples/, checkpoints/ and the like."""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from scratchgan.errors import RunError
from scratchgan.runs.config import Config
from scratchgan.runs.files import explain, remove_unfinished, write_atomically

__all__ = ["MEASURED", "METRICS", "SECONDS", "RunFolder", "environment"]

METRICS, MEASURED, SECONDS = "metrics.jsonl", "measured.jsonl", "seconds.jsonl"
KEEP = 3  # checkpoints; the older ones are removed


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

    @classmethod
    def create(cls, path: Path, config: Config) -> RunFolder:
        """Start a run in an empty folder; raise RunError if it is not one."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            remove_unfinished(path)
            found = {p.name for p in path.iterdir()}
        except OSError as error:
            raise explain(error, path) from error
        if "config.json" in found:
            raise RunError(
                f"{path} already holds a run; continue it with `scratchgan train --resume {path}`"
                " or choose another folder with --out"
            )
        if found - {"env.json"}:  # what a start that was killed leaves
            raise RunError(
                f"{path} is not empty ({min(found)} is in it); choose a new folder with --out"
            )
        folder = cls(path, config)
        folder.write_text("env.json", json.dumps(environment(), indent=2) + "\n")
        folder.write_text("config.json", config.to_json())
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of an earlier run; raise RunError if it holds none."""
        return cls(path, Config.read(path / "config.json"))

    def change_steps(self, steps: int) -> None:
        """Give the run another number of iterations."""
        self.config = self.config.with_steps(steps)
        self.write_text("config.json", self.config.to_json())

    def write_text(self, name: str, text: str) -> None:
        """Write a small file whole."""
        write_atomically(self.path / name, lambda stream: stream.write(text.encode()))

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

    def read_metrics(self, name: str = METRICS) -> list[dict[str, float]]:
        """Return the records of a file, without a last line that was cut short."""
        path = self.path / name
        records = []
        if path.exists():
            for line in path.read_bytes().splitlines():
                with suppress(ValueError):  # a kill may have cut the last line short
                    record = json.loads(line)
                    if isinstance(record, dict) and "step" in record:
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
        records = self.read_metrics(SECONDS)
        return records[-1]["seconds"] if records else None

    def best_measured(self) -> dict[str, float] | None:
        """Return the record of measured.jsonl with the highest score, the first of equals."""
        # A NaN is above nothing, and nothing is above it: it is left out.
        records = [r for r in self.read_metrics(MEASURED) if r["score"] == r["score"]]
        return max(records, key=lambda r: r["score"], default=None)

    def remove_frames_after(self, step: int) -> None:
        """Remove sample grids of iterations after ``step``, and what a kill left half written."""
        for frame in self.frames():
            if _step_of(frame) > step:
                frame.unlink(missing_ok=True)
        for folder in (self.path, self.path / "samples", self.path / "checkpoints"):
            remove_unfinished(folder)

    # -- checkpoints and samples ----------------------------------------------------------------

    def checkpoint_path(self, step: int) -> Path:
        """Where the checkpoint of an iteration lies."""
        return self.path / "checkpoints" / f"step_{step:06d}.npz"

    def sample_path(self, step: int) -> Path:
        """Where the sample grid of an iteration lies."""
        return self.path / "samples" / f"step_{step:06d}.png"

    def checkpoints(self) -> list[Path]:
        """Return all checkpoints, the newest last."""
        return sorted((self.path / "checkpoints").glob("step_*.npz"), key=_step_of)

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
        return sorted((self.path / "samples").glob("step_*.png"), key=_step_of)


def _step_of(path: Path) -> int:
    digits = path.stem.removeprefix("step_")
    return int(digits) if digits.isdigit() else -1


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
