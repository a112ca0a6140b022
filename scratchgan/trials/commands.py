"""The command line of trials: ``scratchgan evaluate --protocol``."""

from __future__ import annotations

import argparse
from pathlib import Path

from scratchgan.files import write_json
from scratchgan.progress import Progress
from scratchgan.runs import environment
from scratchgan.trials.protocol import evaluate_protocol

__all__ = ["run_protocol"]


def run_protocol(options: argparse.Namespace) -> int:
    """Run ``scratchgan evaluate --protocol NAME``; return the exit status."""
    changes = {} if options.steps is None else {"steps": options.steps}
    try:
        found = evaluate_protocol(
            options.protocol, options.seeds, recipe=options.recipe, samples=options.samples,
            sample_seed=options.seed, out=options.out, show=_show, **changes,
        )  # fmt: skip
    except KeyboardInterrupt as interrupt:
        print(interrupt)
        raise
    print(found)
    if options.json is not None:
        write_json(options.json, found.to_plain() | {"environment": environment()})
        print(f"written: {options.json}")
    return 1 if all(run.stopped for run in found.runs) else 0


def _show(folder: Path, steps: int, done: int) -> Progress:
    print(f"{'continuing' if done else 'training'} {folder}: iterations {done:,} → {steps:,}")
    return Progress(steps, done)
