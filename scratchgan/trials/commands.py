"""The command line of trials: ``scratchgan evaluate --protocol`` and ``scratchgan compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

from scratchgan.files import write_json
from scratchgan.progress import Progress
from scratchgan.runs import environment, read_toml
from scratchgan.trials.comparing import compare
from scratchgan.trials.protocol import evaluate_protocol

__all__ = ["add_compare_options", "run_compare", "run_protocol"]


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


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``scratchgan compare``."""
    parser.add_argument(
        "--data", default="grid", metavar="NAME", help="a data set or a file (default: grid)"
    )
    parser.add_argument(
        "--objectives", type=_listed, metavar="A,B,…",
        help="games to compare (default: all that fit the recipe)",
    )  # fmt: skip
    parser.add_argument(
        "--penalties", type=_listed, metavar="P,Q+R,…",
        help="sets of penalties to compare, such as none,r1,r1+r2 (default: the recipe's own)",
    )  # fmt: skip
    for flag, kind, metavar, about in (
        ("--seeds", int, "N", "number of seeds, 0, 1, … (default: 5)"),
        ("--steps", int, "N", "number of iterations; schedules are scaled with it"
         " (default: the recipe's)"),
        ("--recipe", str, "NAME", "networks and settings (default: the recipe of the data)"),
        ("--config", Path, "FILE.toml", "a file with other settings, for all trainings alike"),
        ("--out", Path, "FOLDER", "folder of the results (default: runs/compare-DATA)"),
        ("--workers", int, "N", "processes, one thread each (default: one for each core)"),
    ):  # fmt: skip
        parser.add_argument(flag, type=kind, metavar=metavar, help=about)
    parser.epilog = (
        "The same command goes on where it was interrupted; with more games, penalties or seeds it"
        " trains only these."
    )


def run_compare(options: argparse.Namespace) -> int:
    """Run ``scratchgan compare``; return the exit status."""
    changes = read_toml(options.config) if options.config else {}
    for name in ("data", "recipe", "steps"):
        if name in changes:
            raise ValueError(f"{options.config} sets {name}; give --{name} instead")
    try:
        found = compare(
            options.data, objectives=options.objectives, penalties=options.penalties,
            seeds=5 if options.seeds is None else options.seeds, steps=options.steps,
            recipe=options.recipe, out=options.out, workers=options.workers, **changes,
        )  # fmt: skip
    except KeyboardInterrupt:
        print("what is done is kept; the same command goes on")
        raise
    print(found)
    print(f"figure: {found.path / 'comparison.png'}; tables: {found.path}")
    return 0


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")]
