"""The machine that the numbers come from, in words that name neither it nor its owner."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["available_cores", "describe", "machine", "one_thread_a_core"]

PACKAGES = {"numpy": "NumPy", "numba": "Numba", "torch": "PyTorch", "jax": "JAX"}
TOPOLOGY = Path("/sys/devices/system/cpu")  # Linux only


def available_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def one_thread_a_core(cores: list[int], topology: Path = TOPOLOGY) -> list[int]:
    """
    Return the same cores, those that share no arithmetic unit with an earlier one first.

    Many processors show each of their cores twice; two threads on one core are not
    two threads' worth.
    """
    seen: set[str] = set()
    first: list[int] = []
    second: list[int] = []
    for core in cores:
        try:
            path = topology / f"cpu{core}" / "topology" / "thread_siblings_list"
            siblings = path.read_text().strip()
        except OSError:
            siblings = str(core)
        (second if siblings in seen else first).append(core)
        seen.add(siblings)
    return first + second


def machine(backend: str, isa: str | None) -> dict[str, Any]:
    """Return processor and versions; None stands for a package that is not installed."""
    facts: dict[str, Any] = {
        "cpu": _processor(),
        "cores": len(available_cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "backend": backend,
        "isa": isa,
        "scratchgan": _version("scratchgan"),
        "python": platform.python_version(),
    }
    return facts | {package: _version(package) for package in PACKAGES}


def describe(facts: Mapping[str, Any]) -> str:
    """Return the same in two lines."""
    cores = f"{facts['cores']} core" + ("s" if facts["cores"] != 1 else "")
    isa = f", {facts['isa']}" if facts["isa"] else ""
    versions = [f"Python {facts['python']}"]
    versions += [f"{title} {facts[name]}" for name, title in PACKAGES.items() if facts[name]]
    return f"{facts['cpu']}, {cores}{isa}, {facts['system']}\n{', '.join(versions)}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
