"""The reference: the vocabulary's own definitions, in NumPy."""

from __future__ import annotations

from scratchgan.backends.vocabulary import Backend

__all__ = ["ReferenceBackend"]


class ReferenceBackend(Backend):
    """NumPy arrays and NumPy arithmetic."""

    name = "reference"
