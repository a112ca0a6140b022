"""
Check whether a change of the code changed any result: ``python -m scratchgan.workshop.bits``.

    python -m scratchgan.workshop.bits --json before.json       before the change
    python -m scratchgan.workshop.bits --against before.json    after it

Each recipe's quick form is trained in its own folder, on one thread. Digests of the arrays of its
last checkpoint and of its metrics are written or compared; the exit status is 1 if one differs.
Compare only digests of the same machine and the same version of Numba.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypeAlias

import numpy as np

from scratchgan.files import write_json
from scratchgan.recipes import recipe_names

__all__ = ["differences", "digests", "main"]

Digests: TypeAlias = dict[str, dict[str, str]]  # by recipe, then by array


def main(arguments: list[str] | None = None) -> int:
    """Train, then write or compare; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scratchgan.workshop.bits",
        description="Train the quick form of each recipe; write or compare digests of the results.",
        allow_abbrev=False,
    )
    parser.add_argument("recipes", nargs="*", help="default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the digests to this file")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with this file")
    options = parser.parse_args(arguments)
    before = json.loads(options.against.read_text("utf-8")) if options.against else None
    found: Digests = {}
    for name in options.recipes or recipe_names():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = digests(name, Path(folder) / "run")
        said = f"{len(found[name]) - 1} arrays, and the metrics"
        if before is not None:
            parts = differences(before.get(name, {}), found[name])
            said = f"differs in {', '.join(parts)}" if parts else f"equal: {said}"
        print(f"{name}: {said}", flush=True)
    if options.json:
        write_json(options.json, found)
    return int(
        before is not None and any(differences(before.get(name, {}), found[name]) for name in found)
    )


def digests(recipe: str, folder: Path) -> dict[str, str]:
    """Train a recipe's quick form; return a digest of each array, and of the metrics."""
    threads = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-m", "scratchgan", "train", recipe, "--quick", "--out", str(folder)],
        env={**os.environ, **threads}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    last = max((folder / "checkpoints").glob("*.npz"))
    with np.load(last) as arrays:  # the description has the version and the settings' names
        found = {key: arrays[key].tobytes() for key in sorted(arrays.files) if key != "meta"}
    found["metrics.jsonl"] = (folder / "metrics.jsonl").read_bytes()
    return {key: hashlib.sha256(content).hexdigest()[:16] for key, content in found.items()}


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names whose digests differ or are only in one of the two."""
    return sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )


if __name__ == "__main__":
    sys.exit(main())
