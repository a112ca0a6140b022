"""The scalar functions, compiled for the GPU."""

from __future__ import annotations

import math

from scratchgan.backends import scalar
from scratchgan.backends.cuda.device import device_function

__all__ = ["MATHS", "log", "sin_cos_turns", "sqrt"]

TWO_PI = 6.283185307179586

# The results are converted to the argument's type. On a device this costs nothing: math.exp of a
# float32 is a float32. In the simulator it would be a float64.


@device_function
def exp(x):
    """e^x."""
    return type(x)(math.exp(x))


@device_function
def expm1(x):
    """e^x − 1."""
    return type(x)(math.expm1(x))


@device_function
def log1p(x):
    """log(1 + x)."""
    return type(x)(math.log1p(x))


@device_function
def log(x):
    """Logarithm."""
    return type(x)(math.log(x))


@device_function
def sqrt(x):
    """Square root."""
    return type(x)(math.sqrt(x))


@device_function
def sin_cos_turns(u):
    """
    Sine and cosine of 2π u for 0 ≤ u ≤ 1.

    Subtracting the nearest quarter turn is exact. Two Taylor series then take an angle of at
    most π/4, with remainders below a rounding error of float64. CUDA's sine of a float32 is
    slower: it reduces angles of any size, in float64 and with a table in memory.
    """
    real = type(u)
    quarter = int(u * real(4) + real(0.5))
    t = (u - real(quarter) * real(0.25)) * real(TWO_PI)
    z = t * t
    s = real(-1 / 1307674368000)  # 1/15!, 1/13!, …
    s = s * z + real(1 / 6227020800)
    s = s * z + real(-1 / 39916800)
    s = s * z + real(1 / 362880)
    s = s * z + real(-1 / 5040)
    s = s * z + real(1 / 120)
    s = s * z + real(-1 / 6)
    s = s * z * t + t
    c = real(1 / 20922789888000)  # 1/16!, 1/14!, …
    c = c * z + real(-1 / 87178291200)
    c = c * z + real(1 / 479001600)
    c = c * z + real(-1 / 3628800)
    c = c * z + real(1 / 40320)
    c = c * z + real(-1 / 720)
    c = c * z + real(1 / 24)
    c = c * z + real(-1 / 2)
    c = c * z + real(1)
    odd = quarter == 1 or quarter == 3
    sine, cosine = (c if odd else s), (s if odd else c)
    sine = -sine if quarter == 2 or quarter == 3 else sine
    cosine = -cosine if quarter == 1 or quarter == 2 else cosine
    return sine, cosine


MATHS = scalar.build(device_function, exp, expm1, log1p)
