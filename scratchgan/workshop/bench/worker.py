"""
The process that measures for one number of threads.

``python -m scratchgan.workshop.bench.worker JOB``

JOB is JSON (see ``Job``). Each printed line is a JSON object with one key, its kind: ``failure``
(of a peer, in one case or in all), ``begin`` (of a case), ``record``, ``end`` (of a suite).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchgan.workshop.bench.cases import BenchCase
    from scratchgan.workshop.bench.peers import Peer
    from scratchgan.workshop.bench.timing import Timings

# These imports must not load NumPy. Libraries start their threads when they are loaded, and a
# thread keeps the cores that the process had at that time.
from scratchgan.workshop.bench import uses_gpu
from scratchgan.workshop.bench.machine import available_cores, one_thread_a_core

__all__ = ["Job", "main", "record", "run_suite"]

# Seconds of measurement. With these, a suite with two numbers of threads ends within 50 s on two
# cores, including the start and the compilation by PyTorch and JAX.
SUITE_SECONDS = {"gemm": 12.0, "kernels": 12.0, "step": 12.0}
AT_LEAST = {"gemm": 2e-3, "kernels": 2e-3, "step": 20e-3}  # seconds of one measurement
# On a GPU they are longer, because each measurement ends with a wait for the GPU.
AT_LEAST_ON_GPU = {"gemm": 10e-3, "kernels": 10e-3, "step": 50e-3}
QUICK = 0.01  # ``--quick`` multiplies both by this
PAUSE = 2e-3  # seconds before each measurement, if there are threads that must go to sleep
OURS = ""  # the name of our contender; no library has it


@dataclass(frozen=True)
class Job:
    """The options of a worker; on a GPU, ``threads`` is 1 and limits nothing."""

    suites: list[str]
    backend: str
    threads: int
    peers: list[str]
    quick: bool = False
    only: str = ""

    @property
    def gpu(self) -> bool:
        """Whether the job is measured on a GPU."""
        return uses_gpu(self.backend)

    def to_json(self) -> str:
        """Return the worker's command-line argument."""
        return json.dumps(asdict(self))


def main(arguments: Sequence[str]) -> int:
    """Run one job; return the exit status."""
    job = Job(**json.loads(arguments[0]))
    tell = _line_by_line()
    # XLA starts a thread for each core. If a GPU computes, all cores may compile for it.
    if hasattr(os, "sched_setaffinity") and not job.gpu:
        os.sched_setaffinity(0, one_thread_a_core(available_cores())[: job.threads])
    logging.disable(logging.CRITICAL)
    try:
        _work(job, tell)
    except (KeyboardInterrupt, BrokenPipeError):  # the parent process is gone, or is ending
        return 130
    return 0


def _work(job: Job, tell: Callable[[str, Any], None]) -> None:
    from scratchgan.backends import get_backend
    from scratchgan.workshop.bench.cases import suite_cases
    from scratchgan.workshop.bench.peers import load_peers
    from scratchgan.workshop.bench.peers.ours import BackendPeer

    peers, broken = load_peers(job.peers, job.threads, job.gpu)
    for peer, why in broken.items():
        tell("failure", {"threads": job.threads, "peer": peer, "reason": why})
    ours = BackendPeer(get_backend(job.backend), OURS)
    for suite in job.suites:
        cases = suite_cases(suite, job.quick, job.only, job.gpu)
        run_suite(cases, [ours, *peers], job, tell)
        tell("end", {"suite": suite, "threads": job.threads})


def run_suite(
    cases: Sequence[BenchCase], peers: Sequence[Peer], job: Job, tell: Callable[[str, Any], None]
) -> None:
    """
    Measure the cases of one suite.

    The remaining time of the suite is divided among the remaining cases, by weight. So a case
    that takes longer than its share shortens the others, and the suite does not take longer.
    """
    from scratchgan.workshop.bench.timing import measure

    factor = QUICK if job.quick else 1.0
    at_least = AT_LEAST_ON_GPU if job.gpu else AT_LEAST
    weights = [case.weight for case in cases]
    left = SUITE_SECONDS[cases[0].suite] * factor if cases else 0.0
    for number, case in enumerate(cases):
        where = {"suite": case.suite, "case": case.name, "threads": job.threads}
        tell("begin", {**where, "number": number + 1, "of": len(cases)})
        measured = measure(
            [contender for peer in peers for contender in peer.contenders(case)],
            budget=left * weights[number] / sum(weights[number:]),
            at_least=at_least[case.suite] * factor,
            pause=PAUSE if job.threads > 1 else 0.0,
        )
        left -= measured.used
        for peer, why in measured.failed.items():
            tell("failure", {**where, "peer": peer or job.backend, "reason": why})
        for peer, remarks in measured.remarks.items():
            why = "; ".join(dict.fromkeys(remarks))
            tell(
                "failure", {**where, "peer": peer or job.backend, "reason": f"measured, but {why}"}
            )
        if OURS in measured.seconds:
            tell("record", record(case, job.threads, measured))


def record(case: BenchCase, threads: int, measured: Timings) -> dict[str, Any]:
    """
    Return the record of a case.

    ``ratio`` compares us with the fastest peer: above 1, we are faster. It is None without peers.
    """
    ours = measured.seconds[OURS]
    others = {name: s for name, s in measured.seconds.items() if name != OURS}
    return {
        "suite": case.suite,
        "case": case.name,
        "dtype": case.dtype,
        "threads": threads,
        "value": _rounded(case.value(ours)),
        "unit": case.unit,
        "peers": {name: _rounded(case.value(seconds)) for name, seconds in others.items()},
        "ratio": _rounded(min(others.values()) / ours) if others else None,
    }


def _rounded(number: float) -> float:
    """Round to five digits, which is more than the precision of a measurement."""
    return float(f"{number:.5g}")


def _line_by_line() -> Callable[[str, Any], None]:
    """Reserve standard output for our lines; send all that libraries print to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(kind: str, content: Any) -> None:
        channel.write(json.dumps({kind: content}, ensure_ascii=False) + "\n")
        channel.flush()

    return tell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
