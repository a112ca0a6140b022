"""Tests that run in Numba's simulator of a GPU, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def check(file, *options):
    """
    Run all tests of the file; each must pass.

    The simulator has to be chosen before Numba is imported, so it cannot be here.
    """
    outer = ("PYTEST_", "NUMBA_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, file],
        env=environment | {"NUMBA_ENABLE_CUDASIM": "1"}, cwd=ROOT,
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert " passed" in last
    assert "skipped" not in last, done.stdout
    assert "NOT RUN" not in done.stdout
