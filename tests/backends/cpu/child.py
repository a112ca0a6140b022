"""Python anew, in another environment: what has to be set before Numba is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def start(code: str, *arguments: Any, package: Path = ROOT, **environment: Any) -> Any:
    """
    Run ``code`` with ``scratchgan`` from the folder ``package``; it may import ``tests``.

    Variables that are None are taken out of the environment.
    """
    changed = {"PYTHONPATH": os.pathsep.join(map(str, [package, ROOT])), **environment}
    kept = {name: value for name, value in os.environ.items() if name not in changed}
    added = {name: str(value) for name, value in changed.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=kept | added, cwd=package, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def answer(code: str, *arguments: Any, **options: Any) -> str:
    """Return what ``code`` prints; it must end well."""
    done = start(code, *arguments, **options)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def answers(code: str, environments: list[dict[str, Any]], *arguments: Any) -> list[str]:
    """Return ``answer`` in each environment; two processes run at a time."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(answer, code, *arguments, **each) for each in environments]
        return [each.result() for each in waiting]
