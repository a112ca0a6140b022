"""
Test and measure the cuda backend on a machine with a GPU.

``python -m scratchgan.workshop.gpu.on_gpu``

It runs from a checkout (``PYTHONPATH=.``), without a network, in under eight minutes. Its parts
are a first kernel, the tests that need a GPU, the benchmark beside PyTorch and JAX on the same
GPU, and the targets. The file, ``docs/benchmarks/cuda.json``, is written after each part, so a
later failure loses no results. The exit status is 0 if all was well, 1 if something failed or a
target was missed, and 2 without a GPU.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

from scratchgan.errors import RunError
from scratchgan.files import write_json
from scratchgan.workshop.bench import SUITES
from scratchgan.workshop.bench.machine import describe
from scratchgan.workshop.bench.peers import absent_peers, peer_names
from scratchgan.workshop.bench.report import absence, table
from scratchgan.workshop.bench.run import BenchOptions, measure, require_writable
from scratchgan.workshop.bench.timing import reason
from scratchgan.workshop.gpu.targets import judged, sentence
from scratchgan.workshop.gpu.tests import files_with_gpu_tests, remarkable, run_tests

__all__ = ["Clock", "main"]

Report: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[3]  # of the checkout
BACKEND = "cuda"
TOTAL = 450.0  # seconds for all; the rest of the eight minutes is for the start and the end
FIRST = 90.0  # seconds for the first kernel
# The seconds of each part, in their order. A part may also use what earlier parts left over.
SHARES = {"tests": 160.0, "gemm": 110.0, "step": 100.0, "kernels": 45.0}
SHOWN = 60  # the most lines of pytest's report on failures


class Clock:
    """
    Divides a time among parts.

    Parameters
    ----------
    total : float
        Seconds for all.
    shares : mapping of str to float
        The guaranteed seconds of each part, in their order.
    now : callable
        Returns the time in seconds.
    """

    def __init__(
        self, total: float, shares: Mapping[str, float], now: Callable[[], float] = perf_counter
    ) -> None:
        self._now, self._end, self._shares = now, now() + total, shares

    def limit(self, part: str) -> float:
        """Return the seconds for a part that begins now: all that later parts do not need."""
        parts = list(self._shares)
        later = sum(self._shares[name] for name in parts[parts.index(part) + 1 :])
        return max(1.0, self._end - self._now() - later)


class _NoGPUError(RuntimeError):
    """There is no GPU; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Test, measure and judge; return the exit status."""
    options = _options(arguments)
    clock = Clock(TOTAL, SHARES)
    try:
        require_writable(options.json)
        facts, seconds = _first_kernel()
    except (_NoGPUError, RunError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, _NoGPUError) else 1
    _say(f"{describe(facts)}\nthe first kernel: right, {seconds:.1f} s including its compilation")

    report: Report = {
        "machine": facts, "tests": None, "records": [], "failures": [], "targets": [],
    }  # fmt: skip
    write_json(options.json, report)
    for part in SHARES:
        limit = clock.limit(part)
        try:
            if part in SUITES:
                _measure(report, part, limit, options.quick)
            else:
                _test(report, limit, options.log)
        except Exception as error:  # whatever it is, the other parts still run
            failure = {"suite": part, "threads": 1, "peer": BACKEND, "reason": reason(error)}
            report["failures"].append(failure)
            _say(f"{part} failed: {failure['reason']}")
        report["targets"] = judged(report["records"])
        write_json(options.json, report)
    _say("\n" + "\n".join(map(sentence, report["targets"])))
    if absent := absent_peers(peer_names("installed", gpu=True)):
        _say("\n" + absence(absent))
    _say(f"\nwritten: {options.json}")
    return 0 if _all_well(report) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scratchgan.workshop.gpu.on_gpu",
        description="Test and measure the cuda backend on a machine with a GPU.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=ROOT / "docs" / "benchmarks" / "cuda.json",
        help="write the results to this file (default: docs/benchmarks/cuda.json)",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="keep pytest's output in this file"
    )
    parser.add_argument("--quick", action="store_true", help="run a few cases briefly")
    return parser.parse_args(arguments)


def _first_kernel() -> tuple[dict[str, Any], float]:
    """Run the first kernel in its own process; return facts about the machine, and its seconds."""
    command = [sys.executable, "-m", "scratchgan.workshop.gpu.first_kernel"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FIRST, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"the first kernel did not end within {FIRST:.0f} s") from None
    said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
    if done.returncode == 2:
        raise _NoGPUError(said[-1])
    if done.returncode != 0:
        raise RunError(f"the first kernel failed: {said[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found["machine"], found["first_kernel_s"]


def _test(report: Report, limit: float, log: Path | None) -> None:
    if log is None:
        log = Path(tempfile.mkdtemp(prefix="scratchgan-")) / "gpu-tests.log"
    _say(f"\ntests that need a GPU, at most {limit:.0f} s; pytest's output: {log}")
    tests = run_tests(files_with_gpu_tests(ROOT / "tests"), ROOT, limit, log)
    report["tests"] = tests
    if not tests["well"]:
        _say(remarkable(log.read_text(encoding="utf-8", errors="replace"), SHOWN))
    if not tests["finished"]:
        _say(f"the tests were stopped after {limit:.0f} s, their limit")
    counts = [f"{tests[kind]} {kind}" for kind in ("passed", "failed", "errors", "skipped")]
    _say(f"tests: {', '.join(counts)} in {tests['seconds']} s")


def _measure(report: Report, suite: str, limit: float, quick: bool) -> None:
    """Measure one suite; if a worker dies or takes too long, its records are still printed."""
    options = BenchOptions(suite=suite, backend=BACKEND, quick=quick)
    try:
        measure(options, BACKEND, 1, report, _say, limit)
    except RunError:
        _say("\n" + table(report, suite, 1))
        raise


def _all_well(report: Report) -> bool:
    """Whether the tests passed, no contender of ours failed, and every target was met."""
    ours = [failure for failure in report["failures"] if failure["peer"] == BACKEND]
    met = [target["met"] for target in report["targets"]]
    return bool(report["tests"] and report["tests"]["well"] and all(met) and not ours)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
