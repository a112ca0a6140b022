"""
How times are measured: after a warm-up, in turns, as a median.

A machine is never quiet: its clock frequency changes, and other processes run. So the
contenders of a case take turns, a few milliseconds each, until the case's time is used up.
A disturbance then affects all of them, and a median ignores the worst times. Before each
turn there is a pause, in which the previous contender's threads go to sleep, and a call that
is not counted, which wakes the contender's threads and brings its arrays into the caches.
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
"""``run(n)`` does the work n times, and returns when all of it is done."""

FEWEST_ROUNDS = 3  # with fewer, a median ignores nothing


@dataclass(frozen=True)
class Contender:
    """
    A program that does the work of a case.

    Attributes
    ----------
    name : str
    make : callable
        ``make()`` prepares everything and returns a ``Run``. Both may raise.
    chunk : int
        ``run`` takes multiples of this.
    remarks : list of str
        ``make`` may add remarks, which are reported beside the time.
    """

    name: str
    make: Callable[[], Run]
    chunk: int = 1
    remarks: list[str] = field(default_factory=list)


@dataclass
class Timings:
    """
    The measured times of a case.

    Attributes
    ----------
    seconds : dict of str to float
        The median time of one call, for each contender that did not fail.
    fastest : dict of str to float
        The time of one call in the fastest round.
    failed : dict of str to str
        The reason, for each contender that failed.
    remarks : dict of str to list of str
        For each contender with remarks.
    rounds : int
    used : float
        The seconds that the case took, without compilation in the first calls.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    fastest: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    rounds: int = 0
    used: float = 0.0


@dataclass
class _Runner:
    """A contender after its warm-up: its run, the calls of a measurement, and its times."""

    name: str
    run: Run
    chunk: int
    calls: int
    times: list[float] = field(default_factory=list)

    def measure(self, at_least: float, clock: Callable[[], float]) -> None:
        """Measure one time; if it is too short, measure again with more calls."""
        while True:
            if self.calls > self.chunk:  # before a single call, one more would double the time
                self.run(self.chunk)
            start = clock()
            self.run(self.calls)
            seconds = clock() - start
            # Half is enough: the first time may have been slowed, and any may be fast by luck.
            if seconds >= at_least / 2:
                self.times.append(seconds / self.calls)
                return
            # A very short time is not reliable, so the factor is limited.
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
        Seconds after which no further round begins.
    at_least : float
        Seconds that one measurement should last; the number of calls follows from it.
    pause : float
        Seconds before each measurement.
    rounds : int
        The least number of rounds, whatever the budget.
    clock, wait : callable
        ``clock()`` returns the time in seconds; ``wait(seconds)`` sleeps.
    """
    result = Timings()
    runners = _warmed_up(contenders, result.failed)
    start = clock()
    while runners and (result.rounds < rounds or clock() - start < budget):
        # Every second round goes backwards, so that nobody always follows the same contender.
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
    Return a run that repeats a call n times.

    Parameters
    ----------
    call : callable
    wait : callable, optional
        Called once, after the last call. It waits until all work is done, if calls return
        earlier (launches on a GPU do).
    """

    def run(n: int) -> None:
        for _ in range(n):
            call()
        if wait is not None:
            wait()

    return run


def reason(error: Exception) -> str:
    """Return an error in one line, without paths of this machine."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    text = re.sub(r"(?<![\w.])(?:[A-Za-z]:\\|/)[^\s'\":,;)]+", "…", text)
    return text if len(text) <= 160 else text[:159] + "…"


def _warmed_up(contenders: Sequence[Contender], failed: dict[str, str]) -> list[_Runner]:
    """Prepare each contender and run its first call, which may compile."""
    runners = []
    for contender in contenders:
        try:
            run = contender.make()
            run(contender.chunk)
        except Exception as error:  # one library's error must not stop the others
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
    """Measure each contender once; return those that did not fail."""
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
