"""Notices on stderr about the start, once per process."""

from __future__ import annotations

import os
import sys

__all__ = ["say"]

_said: set[str] = set()


def say(text: str) -> None:
    """Print a notice on stderr, once per process; ``SCRATCHGAN_QUIET`` turns notices off."""
    if text not in _said and not os.environ.get("SCRATCHGAN_QUIET"):
        _said.add(text)
        print(text, file=sys.stderr, flush=True)
