"""Runs the tests that need a GPU in their own process, and counts their results."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

__all__ = ["files_with_gpu_tests", "remarkable", "run_tests", "tally"]

# A line of `pytest -v`: the test's name, which may have spaces, and its result.
_LINE = re.compile(r"^(\S+\.py::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")
_LAST = re.compile(r"^=+ .*\b\d+ passed\b.* in [\d.]+s\b")  # its last line, if it ended
_KINDS = {"PASSED": "passed", "FAILED": "failed", "ERROR": "errors", "SKIPPED": "skipped"}
_QUIET = ("PASSED", "SKIPPED", "XFAIL")


def files_with_gpu_tests(folder: Path) -> list[Path]:
    """Return the test files that use the marker: others may need packages that are missing."""
    files = sorted(folder.rglob("test_*.py"))
    return [path for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]


def run_tests(files: Sequence[Path], root: Path, limit: float, log: Path) -> dict[str, Any]:
    """
    Run the tests that are marked ``gpu``, for at most ``limit`` seconds.

    Parameters
    ----------
    files : sequence of Path
        The test files.
    root : Path
        The checkout.
    limit : float
        Seconds.
    log : Path
        The file for pytest's output.

    Returns
    -------
    dict
        The result of ``tally``, and ``seconds``, ``finished`` (within the limit) and ``well``
        (finished, at least one passed and none failed).
    """
    command = [
        sys.executable, "-m", "pytest", "-v", "-m", "gpu", "-p", "no:cacheprovider",
        "-o", "filterwarnings=default",  # warnings of newer libraries are not failures here
        "--color=no", "--tb=short", *map(str, files),
    ]  # fmt: skip
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",  # so that the log is complete even if the run is stopped
        # The tests usually limit NumPy to one core, because several may run at a time; not here.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(os.cpu_count() or 1)),
    }
    start, status = perf_counter(), None
    with log.open("wb") as stream:
        pytest = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            status = pytest.wait(limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            pytest.kill()  # does nothing if it has ended
            pytest.wait()
    said = log.read_text(encoding="utf-8", errors="replace")
    ended_well = status == 0 and any(map(_LAST.match, said.splitlines()[-1:]))
    found = tally(said)
    return {
        **found,
        "seconds": round(perf_counter() - start, 1),
        "finished": status is not None,
        "well": ended_well and found["passed"] > 0,
    }


def remarkable(text: str, most: int) -> str:
    """Return the last lines of pytest's output, without the lines of tests that passed."""
    lines = text.splitlines()
    told = [line for line in lines if not ((m := _LINE.match(line)) and m[2] in _QUIET)]
    return "\n".join(told[-most:])


def tally(text: str) -> dict[str, Any]:
    """
    Count the results of tests in the output of ``pytest -v`` so far.

    Returns
    -------
    dict
        ``passed``, ``failed``, ``errors``, ``skipped``, and ``not_passed``, the names of the
        tests that failed.
    """
    results = [match.groups() for line in text.splitlines() if (match := _LINE.match(line))]
    counts = Counter(result for _, result in results)
    return {
        **{kind: counts[result] for result, kind in _KINDS.items()},
        "not_passed": [name for name, result in results if result in ("FAILED", "ERROR", "XPASS")],
    }
