"""Processes in which trainings run side by side, with one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any

__all__ = ["available_cores", "processes", "stopped"]

THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip

_stop: Any = None  # in a worker: the event that ends its training


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """
    Start processes, which end with the block or with this process, even if it is killed.

    Their threads are limited by environment variables, which they read as they start. A process
    starts at a call of ``submit``, so these variables are set as long as the block lasts.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang
    stop = context.Event()
    with _environment(dict.fromkeys(THREADS, "1")):
        pool = ProcessPoolExecutor(count, context, _begin, (stop,))
        try:
            yield pool
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def stopped() -> bool:
    """Whether the training of this worker is to end."""
    return _stop is not None and _stop.is_set()


def _begin(stop: Any) -> None:
    """Prepare a worker. Ctrl-C reaches all processes of a terminal; the first one decides."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_first, daemon=True).start()


def _end_with_the_first() -> None:
    first = multiprocessing.parent_process()
    assert first is not None
    connection.wait([first.sentinel])
    os._exit(1)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
