"""How a worker is run: its environment, its lines of output, and its end, in every case."""

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
PATIENCE = 5.0  # seconds for a worker to end after SIGTERM


def worker_environment(threads: int, gpu: bool = False) -> dict[str, str]:
    """Return the environment for a worker, with this many threads or on the GPU."""
    import pooch

    # XLA needs 3 s to compile a step, so cache it. The code depends on the number of cores.
    kept = pooch.os_cache("scratchgan") / ("bench-jax-gpu" if gpu else f"bench-jax-{threads}")
    return {
        **os.environ,
        **(_on_the_gpu() if gpu else _on_threads(threads)),
        "JAX_COMPILATION_CACHE_DIR": str(kept),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # in the worker itself: start no processes
        "PYTHONWARNINGS": "ignore",
        "PYTHONIOENCODING": "utf-8",
    }


def _on_threads(threads: int) -> dict[str, str]:
    names = [*(f"{name}_NUM_THREADS" for name in THREADS), "VECLIB_MAXIMUM_THREADS"]  # macOS
    return {
        **dict.fromkeys(names, str(threads)),
        # Waiting threads keep a core busy (30 ms in OpenBLAS), which would slow the next
        # contender. Half a millisecond is still longer than the gap between calls.
        "OPENBLAS_THREAD_TIMEOUT": "20",  # 2²⁰ cycles
        "GOMP_SPINCOUNT": "30000",
        "KMP_BLOCKTIME": "1",  # ms
        "JAX_PLATFORMS": "cpu",  # even if there is a GPU: we compare on the CPU
    }


def _on_the_gpu() -> dict[str, str]:
    return {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # otherwise JAX takes 3/4 of its memory
        "NVIDIA_TF32_OVERRIDE": "0",  # no library may use TF32 for float32
    }


def events(job: Job, limit: float | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Run a job in a worker; yield its messages, as pairs of kind and content.

    Parameters
    ----------
    job : Job
    limit : float, optional
        Seconds after which the worker is killed. All its messages until then are yielded.

    Raises
    ------
    RunError
        If the worker ends before its work is done, with its last line, or at the limit.
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
                raise RunError(f"the worker was stopped after {limit:.0f} s, its limit")
            if worker.returncode != 0:
                raise RunError(_last_words(worker.returncode, job, chatter))
        finally:
            _end(worker)


@contextmanager
def _ended_after(limit: float | None, worker: subprocess.Popen[str]) -> Iterator[threading.Event]:
    """Kill a worker after ``limit`` seconds; give the event that is set then."""
    late = threading.Event()

    def end() -> None:
        late.set()
        worker.kill()  # one that waits for a GPU may not react to SIGTERM

    alarm = threading.Timer(limit or 0.0, end)
    if limit is not None:
        alarm.start()
    try:
        yield late
    finally:
        alarm.cancel()


def _end(worker: subprocess.Popen[str]) -> None:
    """End a worker, whatever has happened, such as Ctrl-C."""
    worker.terminate()  # does nothing if it has ended
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
