"""Whether a product that is timed is right, and of the precision that it is said to have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.workshop.bench.cases import Fused, Product

__all__ = ["LARGEST_ERROR", "require_right"]

LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-13}
"""Of some rows of a product, relative to their norm. For sums of 4096 random float32, added one
after the other, it is 1e-6; of TF32, which a GPU's library may take unasked, 3e-4."""

ROWS = 64  # of the result that are looked at


def require_right(
    work: Product | Fused, inputs: Sequence[NDArray[Any]], found: NDArray[Any]
) -> None:
    """
    Raise unless a result is that of some work.

    Parameters
    ----------
    work : Product or Fused
    inputs : sequence of array
        What ``work.inputs`` gave.
    found : array
        The result, on the host.

    Raises
    ------
    ArithmeticError
        If it has another shape, or ‖found − expected‖ / ‖expected‖ over some of its rows is
        above ``LARGEST_ERROR``; NaN is.
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
            f"the result is off by {error:.1e} of its norm; expected at most {most:.0e} of"
            f" {inputs[0].dtype}"
        )
