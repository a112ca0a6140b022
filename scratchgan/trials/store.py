"""The folder of a comparison: a file for each cell that is finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scratchgan.files import make_folders, open_regular, write_json
from scratchgan.runs import environment
from scratchgan.runs.lock import FolderLock
from scratchgan.trials.cell import DIVERGED, DONE, Cell, Result, file_name

__all__ = ["Store"]

FINISHED = (DONE, DIVERGED)  # a training with the same settings would end in the same way


class Store:
    """
    Results by the settings of their cells. While it is open, no other process can open it.

    Raises
    ------
    RunError
        If another process has opened the folder, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folders(path)
        self._lock = FolderLock(path)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def read(self, cell: Cell, label: str) -> Result | None:
        """Return the result of a cell; None if it is not finished, or its file is damaged."""
        path = self._path(cell, label)
        try:
            with open_regular(path) as stream:
                found: Any = json.load(stream)
            result: Result = found["result"]
            sound = result["status"] in FINISHED and isinstance(result["measures"], dict)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return result if sound else None

    def write(self, cell: Cell, label: str, result: Result) -> None:
        """Keep the result of a cell that is finished."""
        if result["status"] in FINISHED:
            content = {"label": label, "result": result, "cell": cell, "environment": environment()}
            write_json(self._path(cell, label), content)

    def _path(self, cell: Cell, label: str) -> Path:
        return self.path / "cells" / file_name(cell, label)
