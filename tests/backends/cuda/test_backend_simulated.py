"""Without a GPU: kernels, and recorded steps, each in a process of Numba's simulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("tests", ["simulated.py", "simulated_replay.py"])
def test_in_the_simulator(tests):
    """The simulator has to be chosen before Numba is imported. It wraps unsigned numbers aloud."""
    outer = ("PYTEST_", "NUMBA_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
            "-W", "ignore::RuntimeWarning", "--durations=8", HERE / tests,
        ],
        env=environment | {"NUMBA_ENABLE_CUDASIM": "1"}, cwd=HERE.parents[2],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout
