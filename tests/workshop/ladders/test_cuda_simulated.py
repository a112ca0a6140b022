"""The rungs of notebook 11, in Numba's simulator: it must be chosen before Numba loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
HERE = Path(__file__).parent


def test_the_ladder_in_the_simulator():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, str(HERE / "simulated_cuda.py")],
        env=environment | {"NUMBA_ENABLE_CUDASIM": "1"}, cwd=HERE.parents[2],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout


def test_a_process_of_its_own_counts():
    from scratchgan.workshop.ladders import counted
    from scratchgan.workshop.ladders.cuda import LADDER, traffic

    rung = LADDER["naive"]
    (found,) = counted.in_simulator([("naive", rung.tile, 32, 8, 8)])
    assert found["sectors"] == traffic(rung, 32, 8, 8).sectors
    assert found["error"] <= 1e-6
    with pytest.raises(RuntimeError, match="the simulator failed:[^$]*slow rung"):
        counted.in_simulator([("slow rung", rung.tile, 32, 8, 8)])
    with pytest.raises(RuntimeError, match="NUMBA_ENABLE_CUDASIM=1 is not set"):
        counted.measure(rung, 32, 8, 8)
