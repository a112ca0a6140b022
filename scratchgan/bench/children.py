"""Workers, seen from the process that starts them: environment, lines, and an end in any case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from scratchgan.bench.worker import Job
from scratchgan.errors import RunError

__all__ = ["events", "worker_environment"]

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
PATIENCE = 5.0  # seconds that a worker has to end when it is asked to


def worker_environment(threads: int) -> dict[str, str]:
    """Return this process's environment, with a number of threads, and quiet."""
    import pooch

    names = [*(f"{name}_NUM_THREADS" for name in THREADS), "VECLIB_MAXIMUM_THREADS"]  # and macOS
    return {
        **os.environ,
        **dict.fromkeys(names, str(threads)),
        # Threads that wait for more work keep a core busy, OpenBLAS's for 30 ms: that would be
        # taken from whoever is measured next. Half a millisecond outlasts the gap between calls.
        "OPENBLAS_THREAD_TIMEOUT": "20",  # 2²⁰ cycles
        "GOMP_SPINCOUNT": "30000",
        "KMP_BLOCKTIME": "1",  # ms
        # XLA needs 3 s for a step: keep it. It splits work for the cores it sees as it compiles.
        "JAX_COMPILATION_CACHE_DIR": str(pooch.os_cache("scratchgan") / f"bench-jax-{threads}"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
        "JAX_PLATFORMS": "cpu",  # where there is a GPU too, it is not what we compare with
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # in the worker itself: no processes of its own
        "PYTHONWARNINGS": "ignore",
        "PYTHONIOENCODING": "utf-8",
    }


def events(job: Job) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Run a job in a worker; yield what it says, as pairs of kind and content.

    Raises
    ------
    RunError
        If the worker ends before its work does, with its last words.
    """
    command = [sys.executable, "-m", "scratchgan.bench.worker", job.to_json()]
    with tempfile.TemporaryFile() as chatter:
        worker = subprocess.Popen(
            command,
            env=worker_environment(job.threads),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=chatter,
            encoding="utf-8",
        )
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                yield next(iter(json.loads(line).items()))
            if worker.wait() != 0:
                raise RunError(_last_words(worker.returncode, job, chatter))
        finally:
            _end(worker)


def _end(worker: subprocess.Popen[str]) -> None:
    """Leave no worker behind, whatever happened: Ctrl-C above all."""
    worker.terminate()  # does nothing to one that has ended
    try:
        worker.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    if worker.stdout is not None:
        worker.stdout.close()


def _last_words(status: int, job: Job, chatter: IO[bytes]) -> str:
    chatter.seek(0)
    lines = chatter.read().decode(errors="replace").strip().splitlines()
    said = f": {lines[-1]}" if lines else ""
    threads = f"{job.threads} thread" + ("s" if job.threads > 1 else "")
    return (
        f"the worker for {threads} ended with status {status}{said};"
        " `--peers numpy` measures without the other libraries"
    )
