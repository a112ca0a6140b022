"""
Tests for your own layers: one call that checks a layer, and strategies for Hypothesis.

This is the only part of scratchgan that needs Hypothesis: ``pip install "scratchgan[test]"``.
"""

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError(
        'scratchgan.testing needs Hypothesis; install it with: pip install "scratchgan[test]"'
    ) from error

from scratchgan.testing.check import check_layer
from scratchgan.testing.contract import check_contract
from scratchgan.testing.opaque import OpaqueArray, OpaqueBackend
from scratchgan.testing.strategies import (
    KINDS,
    Case,
    dyadics,
    layer_cases,
    layers,
    spread_floats,
)

__all__ = [
    "KINDS",
    "Case",
    "OpaqueArray",
    "OpaqueBackend",
    "check_contract",
    "check_layer",
    "dyadics",
    "layer_cases",
    "layers",
    "spread_floats",
]
