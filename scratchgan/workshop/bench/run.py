"""A whole benchmark: options, a worker for each number of threads, tables, a file of records."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratchgan.backends import default_backend, get_backend
from scratchgan.errors import RunError, unknown
from scratchgan.files import write_json
from scratchgan.workshop.bench import PEER_CHOICES, SUITES, uses_gpu
from scratchgan.workshop.bench.cases import suite_cases
from scratchgan.workshop.bench.children import events
from scratchgan.workshop.bench.machine import available_cores, describe, machine
from scratchgan.workshop.bench.peers import absent_peers, peer_names
from scratchgan.workshop.bench.report import absence, table
from scratchgan.workshop.bench.worker import Job

__all__ = ["BenchOptions", "measure", "require_writable", "run"]


@dataclass(frozen=True)
class BenchOptions:
    """
    The options of a benchmark, checked.

    Parameters
    ----------
    suite : str, optional
        One of ``SUITES``; the default is all of them.
    backend : str, optional
        The default is the default backend.
    threads : tuple of int
        Each number is measured in its own process. The default is 1, and 2 if there are 2
        cores. On a GPU threads do not matter: there is one process, and records have 1.
    peers : str
        One of ``PEER_CHOICES``.
    json : Path, optional
        Where the records are written.
    quick : bool
        Measure a few small cases, too briefly for precise results.
    only : str
        Measure only the cases whose name contains this.

    Raises
    ------
    UnknownNameError, ValueError
        If a name or a number is not one of those above.
    """

    suite: str | None = None
    backend: str | None = None
    threads: tuple[int, ...] = ()
    peers: str = "installed"
    json: Path | None = None
    quick: bool = False
    only: str = ""
    suites: list[str] = field(init=False)

    def __post_init__(self) -> None:
        if self.suite is not None and self.suite not in SUITES:
            raise unknown("suite", self.suite, SUITES)
        if self.peers not in PEER_CHOICES:
            raise unknown("choice of peers", self.peers, PEER_CHOICES)
        gpu = uses_gpu(self.backend)
        if gpu and self.peers == "numpy":
            raise ValueError(
                f"--peers numpy: '{self.backend}' computes on a GPU and NumPy does not;"
                " expected none, installed or all"
            )
        asked = SUITES if self.suite is None else (self.suite,)
        suites = [suite for suite in asked if suite_cases(suite, self.quick, self.only, gpu)]
        if not suites:
            known = [c.name for suite in asked for c in suite_cases(suite, self.quick, gpu=gpu)]
            raise ValueError(
                f"--only {self.only}: no case's name contains it; the cases are: {', '.join(known)}"
            )
        threads = self._checked_threads(gpu)
        if self.json is not None:
            require_writable(self.json)
        object.__setattr__(self, "suites", suites)
        object.__setattr__(self, "threads", tuple(dict.fromkeys(threads)))

    def _checked_threads(self, gpu: bool) -> tuple[int, ...]:
        if gpu:
            if self.threads:
                raise ValueError(
                    f"--threads: '{self.backend}' computes on a GPU, where threads do not matter;"
                    " leave the option out"
                )
            return (1,)
        cores = len(available_cores())
        for n in self.threads:
            if not 1 <= n <= cores:
                raise ValueError(
                    f"--threads {n}: this process may use {cores} cores; expected 1 … {cores}"
                )
        return self.threads or tuple(range(1, min(cores, 2) + 1))


def run(options: BenchOptions, say: Callable[[str], object] = print) -> dict[str, Any]:
    """
    Measure; print each table when it is ready, and return the report that ``--json`` writes.

    Returns
    -------
    dict
        ``machine``, ``records`` and ``failures``, all plain data.
    """
    backend = get_backend(options.backend) if options.backend else default_backend()
    isa = getattr(backend, "isa", None)
    report: dict[str, Any] = {
        "machine": machine(backend.name, None if isa is None else str(isa)),
        "records": [],
        "failures": [],
    }
    say(describe(report["machine"]))
    for threads in options.threads:
        measure(options, backend.name, threads, report, say)
    names = peer_names(options.peers, uses_gpu(backend.name))
    if options.json is not None:
        write_json(options.json, report)
        say(f"\nrecords: {options.json}")
    if absent := absent_peers(names):
        say("\n" + absence(absent))
    return report


def measure(
    options: BenchOptions,
    backend: str,
    threads: int,
    report: dict[str, Any],
    say: Callable[[str], object],
    limit: float | None = None,
) -> None:
    """
    Measure all suites in a worker; add its records to the report, and print each table.

    Raises
    ------
    RunError
        If the worker dies, or is killed after ``limit`` seconds. The report keeps its records.
    """
    gpu = uses_gpu(backend)
    names = peer_names(options.peers, gpu)
    absent = absent_peers(names)
    job = Job(
        suites=options.suites,
        backend=backend,
        threads=threads,
        peers=[name for name in names if name not in absent],
        quick=options.quick,
        only=options.only,
    )
    progress = _Progress()
    try:
        for kind, content in events(job, limit):
            if kind == "begin":
                progress.show(content)
            elif kind == "record":
                report["records"].append(content)
            elif kind == "failure":
                report["failures"].append(content)
            elif kind == "end":
                progress.clear()
                say("\n" + table(report, content["suite"], threads))
    finally:
        progress.clear()


class _Progress:
    """Shows the current case in one line that is overwritten; only on a terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()

    def show(self, case: dict[str, Any]) -> None:
        if self._on:
            place = f"{case['suite']} {case['number']}/{case['of']}, threads: {case['threads']}"
            print(f"\r\x1b[K{place}: {case['case']}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def require_writable(path: Path) -> None:
    """Raise RunError if records cannot be written to a path: before the measurement, not after."""
    folder = path.parent
    if path.is_dir():
        raise RunError(f"--json {path}: it is a folder; expected the name of a file")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise RunError(
            f"--json {path}: the folder {folder} is missing or not writable; make it first"
        )
