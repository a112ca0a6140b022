"""10,000 samples beside 10,000 examples of 784 pixels, in under 1 GB."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GIGABYTE = 1e9

# A process of its own, whose peak is nobody else's. "VmHWM" is the most that was resident.
CHILD = """
import json
import numpy as np
from scratchgan.metrics import *

rng = np.random.default_rng(0)
a, b = (rng.random((10_000, 784), dtype=np.float32) for _ in range(2))
{work}
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps(1024 * int(peak.split()[1])))
"""
WORK = {
    "parzen": "assert np.isfinite(parzen_log_likelihood(a, b, b[:1000]).mean)",
    "frechet": "assert np.isfinite(frechet_distance(a, b))",
    "kernel": "assert np.isfinite(kernel_distance(a, b).error)",
    "precision_recall": "assert 0 < precision_recall(a, b).f < 1",
    "nearest": "assert np.isfinite(nearest(a, b).distances).all()",
}
linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="peak memory at full size was not measured: /proc is Linux's",
)


def peak_of(work):
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(work=work)],
        env={**os.environ, **threads}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@linux
@pytest.mark.parametrize("name", WORK)
@pytest.mark.slow
def test_full_size(name):
    assert peak_of(WORK[name]) <= GIGABYTE


@linux
@pytest.mark.slow
def test_too_much_memory_is_seen():
    """Little more than one matrix of all distances, which takes 0.8 GB."""
    assert peak_of("x = np.ones((10_000, 13_000))") > GIGABYTE
