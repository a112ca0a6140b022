"""
How a time is taken: warmed up, in turns, as a median.

A machine is never quiet: its clock changes, and other processes come and go. So the
contenders of a case take turns, a few milliseconds each, for as long as the case may
last: what disturbs one disturbs the others too, and a median forgets the worst. Before each turn
there is a pause, in which the threads of the one before go to sleep, and a call that is
not counted, which wakes one's own and brings its arrays into the caches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, sleep
from typing import TypeAlias

__all__ = ["Contender", "Run", "Timings", "measure", "reason", "repeated"]

Run: TypeAlias = Callable[[int], object]
"""``run(n)`` does the work n times, and returns when it is done."""

FEWEST_ROUNDS = 3  # of fewer, a median forgets nothing


@dataclass(frozen=True)
class Contender:
    """
    One who does the work of a case.

    Attributes
    ----------
    name : str
    make : callable
        ``make()`` prepares everything and returns a ``Run``; it may raise, as may the run.
    chunk : int
        ``run`` takes multiples of this.
    remarks : list of str
        What ``make`` adds here is told beside the time.
    """

    name: str
    make: Callable[[], Run]
    chunk: int = 1
    remarks: list[str] = field(default_factory=list)


@dataclass
class Timings:
    """
    What came of a case.

    Attributes
    ----------
    seconds : dict of str to float
        For each contender the median time of one call.
    fastest : dict of str to float
        The time of one call in its fastest round.
    failed : dict of str to str
        For each of the others the reason.
    remarks : dict of str to list of str
        Of those who made any.
    rounds : int
    used : float
        Seconds that it took, without what the first calls compile.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    fastest: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    rounds: int = 0
    used: float = 0.0


@dataclass
class _Runner:
    """A contender that is warm: what to call, how often, and what a call took each time."""

    name: str
    run: Run
    chunk: int
    calls: int
    times: list[float] = field(default_factory=list)

    def measure(self, at_least: float, clock: Callable[[], float]) -> None:
        """Take one time, of more calls than before if those turn out to be too few."""
        while True:
            if self.calls > self.chunk:  # before a single long call, another costs too much
                self.run(self.chunk)
            start = clock()
            self.run(self.calls)
            seconds = clock() - start
            # Half is enough: the first time may have been disturbed, and any may be lucky.
            if seconds >= at_least / 2:
                self.times.append(seconds / self.calls)
                return
            # And no great leap from a time too short to be trusted.
            factor = min(1.1 * at_least / seconds, 20.0) if seconds > 0 else 20.0
            self.calls = self.chunk * math.ceil(factor * self.calls / self.chunk)


def measure(
    contenders: Sequence[Contender],
    *,
    budget: float,
    at_least: float,
    pause: float = 0.0,
    rounds: int = FEWEST_ROUNDS,
    clock: Callable[[], float] = perf_counter,
    wait: Callable[[float], object] = sleep,
) -> Timings:
    """
    Measure contenders in turns.

    Parameters
    ----------
    contenders : sequence of Contender
    budget : float
        Seconds after which no further round is begun.
    at_least : float
        Seconds that one measurement should last: as many calls as that takes.
    pause : float
        Seconds before each measurement.
    rounds : int
        How many are made at least, whatever the budget.
    clock, wait : callable
        The time in seconds, and how to let some of it pass.
    """
    result = Timings()
    runners = _warmed_up(contenders, result.failed)
    start = clock()
    while runners and (result.rounds < rounds or clock() - start < budget):
        # There and back again, so that nobody always follows the same other one.
        runners = _round(runners[::-1], result.failed, at_least, pause, clock, wait)
        result.rounds += 1
    result.used = clock() - start
    times = {runner.name: runner.times for runner in runners}
    result.seconds = {c.name: median(times[c.name]) for c in contenders if c.name in times}
    result.fastest = {name: min(times[name]) for name in result.seconds}
    result.remarks = {c.name: c.remarks for c in contenders if c.remarks}
    return result


def repeated(call: Callable[[], object], wait: Callable[[], object] | None = None) -> Run:
    """
    Return the run that makes a call n times.

    Parameters
    ----------
    call : callable
    wait : callable, optional
        Called once, after the last call: where calls return before their work is done, as
        launches on a GPU do, it returns when all of it is.
    """

    def run(n: int) -> None:
        for _ in range(n):
            call()
        if wait is not None:
            wait()

    return run


def reason(error: Exception) -> str:
    """Return an error in one line, without the places where files lie on this machine."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    text = re.sub(r"(?<![\w.])(?:[A-Za-z]:\\|/)[^\s'\":,;)]+", "…", text)
    return text if len(text) <= 160 else text[:159] + "…"


def _warmed_up(contenders: Sequence[Contender], failed: dict[str, str]) -> list[_Runner]:
    """Prepare each, and let its first call compile what there is to compile."""
    runners = []
    for contender in contenders:
        try:
            run = contender.make()
            run(contender.chunk)
        except Exception as error:  # whatever a library raises concerns that library alone
            failed[contender.name] = reason(error)
        else:
            runners.append(_Runner(contender.name, run, contender.chunk, contender.chunk))
    return runners


def _round(
    runners: Sequence[_Runner],
    failed: dict[str, str],
    at_least: float,
    pause: float,
    clock: Callable[[], float],
    wait: Callable[[float], object],
) -> list[_Runner]:
    """Measure each once; return those that did not fail."""
    well = []
    for runner in runners:
        wait(pause)
        try:
            runner.measure(at_least, clock)
        except Exception as error:
            failed[runner.name] = reason(error)
        else:
            well.append(runner)
    return well
