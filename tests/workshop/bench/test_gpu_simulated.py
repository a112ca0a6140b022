"""Our side of the GPU benchmark without a GPU: simulated_gpu.py in Numba's simulator."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_in_the_simulator():
    """The simulator has to be chosen before Numba is imported. It wraps unsigned numbers aloud."""
    outer = ("PYTEST_", "NUMBA_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
            "-W", "ignore::RuntimeWarning", HERE / "simulated_gpu.py",
        ],
        env=environment | {"NUMBA_ENABLE_CUDASIM": "1"}, cwd=HERE.parents[2],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout
