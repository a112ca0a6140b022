"""What a person should know of the start: told on stderr, once a process."""

from __future__ import annotations

import os
import sys

__all__ = ["say"]

_said: set[str] = set()


def say(text: str) -> None:
    """Say something on stderr, once a process; ``SCRATCHGAN_QUIET`` keeps it silent."""
    if text not in _said and not os.environ.get("SCRATCHGAN_QUIET"):
        _said.add(text)
        print(text, file=sys.stderr, flush=True)
