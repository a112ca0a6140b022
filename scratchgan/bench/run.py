"""A whole benchmark: checked settings, a worker for each number of threads, tables, a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratchgan.backends import Backend, default_backend, get_backend
from scratchgan.bench import PEER_CHOICES, SUITES
from scratchgan.bench.cases import suite_cases
from scratchgan.bench.children import events
from scratchgan.bench.machine import available_cores, describe, machine
from scratchgan.bench.peers import absent_peers, peer_names
from scratchgan.bench.report import absence, table
from scratchgan.bench.worker import Job
from scratchgan.errors import RunError, unknown
from scratchgan.runs.files import write_atomically

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """
    What is asked for.

    Parameters
    ----------
    suite : str, optional
        One of ``SUITES``; all of them without it.
    backend : str, optional
        The default backend without it.
    threads : tuple of int
        Each is measured in its own process. 1 and 2 unless given, where there are 2 cores.
    peers : str
        One of ``PEER_CHOICES``.
    json : Path, optional
        Where the records are written.
    quick : bool
        A few small cases, measured too briefly to mean much.
    only : str
        A part of the names of the cases.

    Raises
    ------
    UnknownNameError, ValueError
        For what there is not.
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
        asked = SUITES if self.suite is None else (self.suite,)
        suites = [suite for suite in asked if suite_cases(suite, self.quick, self.only)]
        if not suites:
            known = [case.name for suite in asked for case in suite_cases(suite, self.quick)]
            raise ValueError(f"no case's name holds '{self.only}'; they are: {', '.join(known)}")
        cores = len(available_cores())
        threads = self.threads or tuple(range(1, min(cores, 2) + 1))
        for n in threads:
            if not 1 <= n <= cores:
                raise ValueError(
                    f"--threads {n}: this process may use {cores} cores; expected 1 … {cores}"
                )
        if self.json is not None:
            _require_writable(self.json)
        object.__setattr__(self, "suites", suites)
        object.__setattr__(self, "threads", tuple(dict.fromkeys(threads)))


def run(settings: Settings, say: Callable[[str], object] = print) -> dict[str, Any]:
    """
    Measure; say the tables as they come, and return what ``--json`` writes.

    Returns
    -------
    dict
        ``machine``, ``records`` and ``failures``, all plain data.
    """
    backend = get_backend(settings.backend) if settings.backend else default_backend()
    isa = getattr(backend, "isa", None)
    report: dict[str, Any] = {
        "machine": machine(backend.name, None if isa is None else str(isa)),
        "records": [],
        "failures": [],
    }
    say(describe(report["machine"]))
    for threads in settings.threads:
        _measure(settings, backend, threads, report, say)
    names = peer_names(settings.peers)
    if settings.json is not None:
        content = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        write_atomically(settings.json, lambda stream: stream.write(content.encode()))
        say(f"\nrecords: {settings.json}")
    if absent := absent_peers(names):
        say("\n" + absence(absent))
    return report


def _measure(
    settings: Settings,
    backend: Backend,
    threads: int,
    report: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Let a worker measure all suites, and print each as it ends."""
    names = peer_names(settings.peers)
    absent = absent_peers(names)
    job = Job(
        suites=settings.suites,
        backend=backend.name,
        threads=threads,
        peers=[name for name in names if name not in absent],
        quick=settings.quick,
        only=settings.only,
    )
    progress = _Progress()
    try:
        for kind, content in events(job):
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
    """What is being measured, in one line that is written over; on a terminal only."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()

    def show(self, case: dict[str, Any]) -> None:
        if self._on:
            place = f"{case['suite']} {case['number']}/{case['of']}, threads: {case['threads']}"
            print(f"\r\x1b[K{place}: {case['case']}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _require_writable(path: Path) -> None:
    """Refuse a place for the records now, rather than after minutes of measuring."""
    folder = path.parent
    if path.is_dir():
        raise RunError(f"--json {path}: that is a folder; expected the name of a file")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise RunError(
            f"--json {path}: {folder} is no folder that can be written to; make it first"
        )
