"""10,000 samples beside 10,000 examples of 784 pixels: under 1 GB and a minute, on one core."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GIGABYTE, MINUTE = 1e9, 60

# A process of its own, whose peak is nobody else's. "VmHWM" is the most that was resident.
CHILD = """
import json, time
import numpy as np
from scratchgan.metrics import *

rng = np.random.default_rng(0)
a, b = (rng.random((10_000, 784), dtype=np.float32) for _ in range(2))
start = time.process_time()
{work}
used = time.process_time() - start
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([1024 * int(peak.split()[1]), used]))
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


def peak_and_seconds(work):
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(work=work)],
        env={**os.environ, **threads}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@linux
@pytest.mark.parametrize("name", WORK)
def test_full_size(name):
    """Processor time: on one thread, what a person waits for on a quiet machine."""
    peak, seconds = peak_and_seconds(WORK[name])
    assert peak <= GIGABYTE
    assert seconds <= MINUTE


@linux
def test_too_much_memory_and_time_are_seen():
    """Little more than one matrix of all distances, which takes 0.8 GB."""
    peak, seconds = peak_and_seconds(
        "x = np.ones((10_000, 13_000))\nwhile time.process_time() - start < 0.3: pass"
    )
    assert peak > GIGABYTE
    assert seconds >= 0.3
