"""The products of the cuda backend, in Numba's simulator: it must be chosen before Numba loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
HERE = Path(__file__).parent


def test_products_in_the_simulator():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, str(HERE / "simulated_gemm.py")],
        env=environment | {"NUMBA_ENABLE_CUDASIM": "1"}, cwd=HERE.parents[2],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
