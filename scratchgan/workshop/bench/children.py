"""Workers, seen from the process that starts them: environment, lines, and an end in any case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from scratchgan.errors import RunError
from scratchgan.workshop.bench.worker import Job

__all__ = ["events", "worker_environment"]

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
PATIENCE = 5.0  # seconds that a worker has to end when it is asked to


def worker_environment(threads: int, gpu: bool = False) -> dict[str, str]:
    """Return this process's environment for a worker, on so many threads or on the GPU, quiet."""
    import pooch

    # XLA needs 3 s for a step: keep it. It splits work for the cores it sees as it compiles.
    kept = pooch.os_cache("scratchgan") / ("bench-jax-gpu" if gpu else f"bench-jax-{threads}")
    return {
        **os.environ,
        **(_on_the_gpu() if gpu else _on_threads(threads)),
        "JAX_COMPILATION_CACHE_DIR": str(kept),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # in the worker itself: no processes of its own
        "PYTHONWARNINGS": "ignore",
        "PYTHONIOENCODING": "utf-8",
    }


def _on_threads(threads: int) -> dict[str, str]:
    names = [*(f"{name}_NUM_THREADS" for name in THREADS), "VECLIB_MAXIMUM_THREADS"]  # and macOS
    return {
        **dict.fromkeys(names, str(threads)),
        # Threads that wait for more work keep a core busy, OpenBLAS's for 30 ms: that would be
        # taken from whoever is measured next. Half a millisecond outlasts the gap between calls.
        "OPENBLAS_THREAD_TIMEOUT": "20",  # 2²⁰ cycles
        "GOMP_SPINCOUNT": "30000",
        "KMP_BLOCKTIME": "1",  # ms
        "JAX_PLATFORMS": "cpu",  # where there is a GPU too, it is not what we compare with
    }


def _on_the_gpu() -> dict[str, str]:
    return {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # or JAX takes three quarters of its memory
        "NVIDIA_TF32_OVERRIDE": "0",  # no library takes TF32 for float32, whatever it is told
    }


def events(job: Job, limit: float | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Run a job in a worker; yield what it says, as pairs of kind and content.

    Parameters
    ----------
    job : Job
    limit : float, optional
        Seconds after which the worker is ended; what it has said until then has been yielded.

    Raises
    ------
    RunError
        If the worker ends before its work does, with its last words, or at its limit.
    """
    command = [sys.executable, "-m", "scratchgan.workshop.bench.worker", job.to_json()]
    with tempfile.TemporaryFile() as chatter:
        worker = subprocess.Popen(
            command,
            env=worker_environment(job.threads, job.gpu),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=chatter,
            encoding="utf-8",
        )
        try:
            assert worker.stdout is not None
            with _ended_after(limit, worker) as late:
                for line in worker.stdout:
                    yield next(iter(json.loads(line).items()))
                worker.wait()
            if worker.returncode != 0 and late.is_set():
                raise RunError(f"the worker was ended after {limit:.0f} s, its limit")
            if worker.returncode != 0:
                raise RunError(_last_words(worker.returncode, job, chatter))
        finally:
            _end(worker)


@contextmanager
def _ended_after(limit: float | None, worker: subprocess.Popen[str]) -> Iterator[threading.Event]:
    """End a worker after so many seconds; give the event that then is set."""
    late = threading.Event()

    def end() -> None:
        late.set()
        worker.kill()  # one that waits for a GPU may hear of nothing gentler

    alarm = threading.Timer(limit or 0.0, end)
    if limit is not None:
        alarm.start()
    try:
        yield late
    finally:
        alarm.cancel()


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
        f"the worker for {'the GPU' if job.gpu else threads} ended with status {status}{said};"
        f" `--peers {'none' if job.gpu else 'numpy'}` measures without the other libraries"
    )
