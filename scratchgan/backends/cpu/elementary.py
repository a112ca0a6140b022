"""
e^x, log and sine for the CPU, without branches, so that LLVM can vectorise them.

The C library's functions take one number a call, about 20 ns each. Here the
argument is reduced exactly to a small one, and a Taylor series gives the value.
The series' remainder, given below, is less than a rounding error. Float32 needs
the first few terms; the others are only for float64, and the compiler removes
them for float32.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit
from numba.extending import intrinsic

__all__ = ["exp", "expm1", "log", "log1p", "sin_cos_turns"]

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453
LN_2_HIGH = 0.693145751953125  # 15 bits, so that n · LN_2_HIGH is exact in float32 too
LN_2_LOW = 1.4286068203094172e-06  # the rest
LOWEST_32, LOWEST_64 = -87.33654, -708.3964185322641  # the least x for which e^x is normal
TWO_PI = 6.283185307179586

inline = njit(forceinline=True, fastmath={"contract"}, error_model="numpy")


def _format(kind: Any) -> tuple[ir.IntType, int, int]:
    """Integer type of a float's bits, number of mantissa bits, and exponent offset."""
    return (ir.IntType(32), 23, 127) if kind.bitwidth == 32 else (ir.IntType(64), 52, 1023)


@intrinsic
def nearest(typing: Any, x: Any) -> Any:
    """Round a small number to the nearest integer: adding 1.5 · 2²³ leaves no fraction bits."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, mantissa, _ = _format(x)
        magic = context.get_constant(x, 1.5 * 2.0**mantissa)
        return builder.fsub(builder.fadd(arguments[0], magic), magic)

    return x(x), codegen


@intrinsic
def power_of_two(typing: Any, n: Any) -> Any:
    """Return 2ⁿ for a float n with an integer value, −126 ≤ n ≤ 127, by writing its exponent."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, mantissa, offset = _format(n)
        magic = 1.5 * 2.0**mantissa
        shifted = builder.fadd(arguments[0], context.get_constant(n, magic + offset))
        bits = builder.shl(builder.bitcast(shifted, word), ir.Constant(word, mantissa))
        return builder.bitcast(bits, context.get_value_type(n))

    return n(n), codegen


def _split(want_exponent: bool) -> Any:
    @intrinsic
    def split(typing: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word, mantissa, offset = _format(x)
            bits = builder.bitcast(arguments[0], word)
            # √½ as bits: 2^-1 with the mantissa of √2.
            root = ((offset - 1) << mantissa) + int((2**0.5 - 1) * 2**mantissa)
            above = builder.sub(bits, ir.Constant(word, root))
            exponent = builder.ashr(above, ir.Constant(word, mantissa))
            if want_exponent:
                return builder.sitofp(exponent, context.get_value_type(x))
            scale = builder.shl(exponent, ir.Constant(word, mantissa))
            return builder.bitcast(builder.sub(bits, scale), context.get_value_type(x))

        return x(x), codegen

    return split


exponent = _split(True)  # x = mantissa · 2^exponent,
mantissa = _split(False)  # √½ ≤ mantissa < √2; for normal x > 0


@inline
def wide(x):
    """Whether x is a float64; a constant in compiled code."""
    return type(x)(1) + type(x)(1e-9) != type(x)(1)


@inline
def expm1_over(r):
    """(e^r − 1) / r for |r| ≤ ln 2 / 2; remainder 5e-9, in float64 4e-18."""
    real = type(r)
    p = real(1 / 5040)
    if wide(r):
        p = real(1 / 87178291200)
        p = p * r + real(1 / 6227020800)
        p = p * r + real(1 / 479001600)
        p = p * r + real(1 / 39916800)
        p = p * r + real(1 / 3628800)
        p = p * r + real(1 / 362880)
        p = p * r + real(1 / 40320)
        p = p * r + real(1 / 5040)
    p = p * r + real(1 / 720)
    p = p * r + real(1 / 120)
    p = p * r + real(1 / 24)
    p = p * r + real(1 / 6)
    p = p * r + real(1 / 2)
    return p * r + real(1)


@inline
def reduced(x):
    """Write x ≤ 0 as n ln 2 + r, |r| ≤ ln 2 / 2; a lower x than ``lowest`` counts as it."""
    real = type(x)
    lowest = real(LOWEST_64) if wide(x) else real(LOWEST_32)
    x = lowest if x < lowest else x
    n = nearest(x * real(LOG2_E))
    return n, (x - n * real(LN_2_HIGH)) - n * real(LN_2_LOW)


@inline
def exp(x):
    """e^x for x ≤ 0; 0 below the smallest normal number."""
    real = type(x)
    n, r = reduced(x)
    y = power_of_two(n) * (real(1) + r * expm1_over(r))
    return real(0) if x < (real(LOWEST_64) if wide(x) else real(LOWEST_32)) else y


@inline
def expm1(x):
    """e^x − 1 for x ≤ 0, without cancellation: 2ⁿ (e^r − 1) + (2ⁿ − 1)."""
    n, r = reduced(x)
    scale = power_of_two(n)
    return scale * (r * expm1_over(r)) + (scale - type(x)(1))


@inline
def atanh_over(s):
    """2 atanh(s) / s for |s| ≤ 1/3: 2 + 2s²/3 + 2s⁴/5 + …; remainder 5e-9, in float64 4e-18."""
    real = type(s)
    z = s * s
    p = real(2 / 17)
    if wide(s):
        p = real(2 / 35)
        p = p * z + real(2 / 33)
        p = p * z + real(2 / 31)
        p = p * z + real(2 / 29)
        p = p * z + real(2 / 27)
        p = p * z + real(2 / 25)
        p = p * z + real(2 / 23)
        p = p * z + real(2 / 21)
        p = p * z + real(2 / 19)
        p = p * z + real(2 / 17)
    p = p * z + real(2 / 15)
    p = p * z + real(2 / 13)
    p = p * z + real(2 / 11)
    p = p * z + real(2 / 9)
    p = p * z + real(2 / 7)
    p = p * z + real(2 / 5)
    p = p * z + real(2 / 3)
    return p * z + real(2)


@inline
def log1p(x):
    """log(1 + x) = 2 atanh(x / (2 + x)), for 0 ≤ x ≤ 1."""
    s = x / (type(x)(2) + x)
    return s * atanh_over(s)


@inline
def log(x):
    """Logarithm of a normal number above 0."""
    real = type(x)
    m = mantissa(x)
    s = (m - real(1)) / (m + real(1))
    return exponent(x) * real(LN_2) + s * atanh_over(s)


@inline
def sin_cos_turns(u):
    """
    Sine and cosine of 2π u for 0 ≤ u ≤ 1.

    Subtracting the nearest quarter turn is exact. The two series then take an angle of at
    most π/4; their remainders are 2e-9 and 7e-12, and at most 3e-17 in float64.
    """
    real = type(u)
    quarter = nearest(u * real(4))
    t = (u - quarter * real(0.25)) * real(TWO_PI)
    z = t * t
    s = real(1 / 362880)
    c = real(-1 / 3628800)
    if wide(u):
        s = real(-1 / 1307674368000)
        s = s * z + real(1 / 6227020800)
        s = s * z + real(-1 / 39916800)
        s = s * z + real(1 / 362880)
        c = real(1 / 20922789888000)
        c = c * z + real(-1 / 87178291200)
        c = c * z + real(1 / 479001600)
        c = c * z + real(-1 / 3628800)
    s = s * z + real(-1 / 5040)
    s = s * z + real(1 / 120)
    s = s * z + real(-1 / 6)
    s = s * z * t + t
    c = c * z + real(1 / 40320)
    c = c * z + real(-1 / 720)
    c = c * z + real(1 / 24)
    c = c * z + real(-1 / 2)
    c = c * z + real(1)
    odd = (quarter == real(1)) | (quarter == real(3))
    sine, cosine = (c if odd else s), (s if odd else c)
    sine = -sine if (quarter == real(2)) | (quarter == real(3)) else sine
    cosine = -cosine if (quarter == real(1)) | (quarter == real(2)) else cosine
    return sine, cosine
