"""A cell of a comparison: one game with one seed, as plain data, and its training."""

from __future__ import annotations

import hashlib
import json
import re
import time
from typing import Any

from scratchgan.data import Dataset, load
from scratchgan.errors import NonFiniteError
from scratchgan.runs import Config, build_trainer
from scratchgan.runs.build import describe_data
from scratchgan.trials.measures import measure
from scratchgan.trials.workers import stopped

__all__ = ["DIVERGED", "DONE", "FAILED", "STOPPED", "Cell", "Result", "file_name", "make", "play"]

Cell = dict[str, Any]
"""The content of a config.json: numbers, texts, lists and dicts."""
Result = dict[str, Any]
"""``status``, ``reason``, ``measures`` and ``seconds``."""

DONE, DIVERGED, FAILED, STOPPED = "done", "diverged", "failed", "stopped"
WARM = 2  # iterations that load the compiled kernels before the time is taken


def make(config: Config, data: Dataset) -> Cell:
    """Return settings as plain data; raise ValueError for an object that a file cannot name."""
    cell: Cell = json.loads(describe_data(config, data).to_json())
    return cell


def file_name(cell: Cell, label: str) -> str:
    """Return the name of a cell's file, which is different for cells with different settings."""
    decisive = {name: value for name, value in cell.items() if name != "scratchgan"}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', label).strip('-')[:80]}-{digest[:10]}.json"


def play(cell: Cell) -> Result:
    """
    Train and measure; never raise an error.

    ``status`` is "done"; "diverged" if a value became NaN or infinite; "stopped" if the training
    was told to end; or "failed" after another error. ``reason`` says more.
    """
    result: Result = {"status": DONE, "reason": "", "measures": {}, "seconds": None}
    began = time.monotonic()
    try:
        config = Config.of_content(cell)
        data = load(config.data, labels=config.labels)
        build_trainer(config, data).train(min(WARM, config.steps))
        trainer = build_trainer(config, data)
        began = time.monotonic()
        trainer.train(config.steps, until=stopped)
        trainer.check_finite()
        result["seconds"] = round(time.monotonic() - began, 3)
        if trainer.iteration < config.steps:
            return result | {"status": STOPPED}
        result["measures"] = measure(trainer, data)
    except NonFiniteError as error:
        taken = round(time.monotonic() - began, 3)
        return result | {"status": DIVERGED, "reason": str(error), "seconds": taken}
    except Exception as error:
        return result | {"status": FAILED, "reason": f"{type(error).__name__}: {error}"}
    return result
