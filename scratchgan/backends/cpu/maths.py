"""The scalar functions, compiled for the CPU."""

from numba import njit

from scratchgan.backends import scalar
from scratchgan.backends.cpu.elementary import exp, expm1, log1p

__all__ = ["MATHS"]

MATHS = scalar.build(
    njit(forceinline=True, fastmath={"contract"}, error_model="numpy"), exp, expm1, log1p
)
