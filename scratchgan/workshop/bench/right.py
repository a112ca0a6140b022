"""A check that a timed product is right and has the precision of its dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.workshop.bench.cases import Fused, Product

__all__ = ["LARGEST_ERROR", "require_right"]

LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-13}
"""The largest allowed error of some rows of a product, relative to their norm. For sequential sums
of 4096 random float32 the error is 1e-6; with TF32, the default of some GPU libraries, 3e-4."""

ROWS = 64  # of the result that are checked


def require_right(
    work: Product | Fused, inputs: Sequence[NDArray[Any]], found: NDArray[Any]
) -> None:
    """
    Raise unless a result of some work is right.

    Parameters
    ----------
    work : Product or Fused
    inputs : sequence of array
        The arrays that ``work.inputs`` returned.
    found : array
        The result, on the host.

    Raises
    ------
    ArithmeticError
        If it has another shape, or if ‖found − expected‖ / ‖expected‖ over some of its rows is
        above ``LARGEST_ERROR`` or NaN.
    """
    wide = [a.astype(np.float64) for a in inputs]
    if isinstance(work, Product):
        a = wide[0].T if work.trans_a else wide[0]
        b = wide[1].T if work.trans_b else wide[1]
    else:
        a, b = wide[:2]
    if found.shape != (a.shape[0], b.shape[1]):
        raise ArithmeticError(f"the result is {found.shape}; expected {(len(a), b.shape[1])}")
    rows = np.linspace(0, len(a) - 1, min(len(a), ROWS)).astype(int)
    expected = a[rows] @ b
    if isinstance(work, Fused):
        expected = np.maximum(expected + wide[2], 0)
    error = np.linalg.norm(found[rows] - expected) / np.linalg.norm(expected)
    most = LARGEST_ERROR[str(inputs[0].dtype)]
    if not error <= most:
        raise ArithmeticError(
            f"the result has a relative error of {error:.1e}; expected at most {most:.0e} for"
            f" {inputs[0].dtype}"
        )
