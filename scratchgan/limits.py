"""The limit of memory: what would take more than there is, is refused before it is begun."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["memory", "require_memory"]

_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory() -> int | None:
    """Return how many bytes of memory this process may have; None where that is not known."""
    found = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _CGROUPS:  # a container's; without a limit there stands "max", or a huge number
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            found.append(limit)
    return min((n for n in found if n > 0), default=None)


def require_memory(needed: int, what: str) -> None:
    """Raise ValueError if ``what`` needs more bytes than there are."""
    here = memory()
    if here is not None and needed > here:
        raise ValueError(
            f"{what}, which takes about {needed / 1e9:,.1f} GB of memory; this machine has"
            f" {here / 1e9:,.1f} GB"
        )
