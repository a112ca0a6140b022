"""A description of the machine that the numbers come from, without its name or its owner's."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scratchgan import __version__
from scratchgan.workshop.bench import uses_gpu

__all__ = ["available_cores", "describe", "machine", "one_thread_a_core"]

PACKAGES = {"numpy": "NumPy", "numba": "Numba", "torch": "PyTorch", "jax": "JAX"}
GPU_PACKAGES = {"numba-cuda": "numba-cuda", "cuda-core": "cuda-core"}
TOPOLOGY = Path("/sys/devices/system/cpu")  # Linux only


def available_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def one_thread_a_core(cores: list[int], topology: Path = TOPOLOGY) -> list[int]:
    """
    Return the same cores in another order: first, one of each physical core.

    Many processors show each physical core twice, but two threads on one physical core are
    slower than on two.
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
    """
    Return the processor, the GPU if the backend uses one, and versions.

    The version of a package that is not installed is None.
    """
    facts: dict[str, Any] = {
        "cpu": _processor(),
        "cores": len(available_cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "backend": backend,
        "isa": isa,
        "scratchgan": __version__,
        "python": platform.python_version(),
    }
    packages = list(PACKAGES)
    if uses_gpu(backend):
        from scratchgan.workshop.bench.gpu import gpu_facts

        facts["gpu"] = gpu_facts()
        packages += GPU_PACKAGES
    return facts | {package: _version(package) for package in packages}


def describe(facts: Mapping[str, Any]) -> str:
    """Return the same as text, in two lines, or in three with a GPU."""
    cores = f"{facts['cores']} core" + ("s" if facts["cores"] != 1 else "")
    isa = f", {facts['isa']}" if facts["isa"] else ""
    versions = [f"Python {facts['python']}"]
    titles = PACKAGES | GPU_PACKAGES
    versions += [f"{title} {facts[name]}" for name, title in titles.items() if facts.get(name)]
    lines = [f"{facts['cpu']}, {cores}{isa}, {facts['system']}", ", ".join(versions)]
    if facts.get("gpu"):
        lines.insert(1, _gpu_line(facts["gpu"]))
    return "\n".join(lines)


def _gpu_line(gpu: Mapping[str, Any]) -> str:
    """Return the known facts about a GPU, in one line."""
    parts = {
        "name": "{}",
        "compute_capability": "compute capability {}",
        "multiprocessors": "{} multiprocessors",
        "memory_gib": "{} GiB",
        "driver": "driver {}",
        "cuda": "CUDA {}",
    }
    return ", ".join(text.format(gpu[key]) for key, text in parts.items() if gpu[key] is not None)


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
