"""
Scalar functions for the compiled backends: plain Python, compiled for each target.

``build`` takes the target's compiler and its elementary functions. It returns the functions
that kernels need: the activations of ``activations.py``, log σ, e^a and Philox. The reference does
not use this file, so each tests the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchgan.backends.activations import TABLE

__all__ = ["build", "choice"]

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)  # Philox's multipliers
W0, W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)  # each round adds these to its key
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def build(
    compile: Callable[[Any], Any],
    exp: Any,  # e^x, for x ≤ 0
    expm1: Any,  # e^x − 1, for x ≤ 0
    log1p: Any,  # log(1 + x), for 0 ≤ x ≤ 1
) -> SimpleNamespace:
    """
    Compile the scalar functions.

    Returns
    -------
    namespace
        ``phi``, a dict of ``Formulas`` by the name of φ; ``log_sigmoid(a)``;
        ``power(a)``, e^a for any a; ``philox(c0, c1, c2, c3, k0, k1)``.

    Examples
    --------
    With a compiler that does nothing, they are plain Python:

    >>> import math
    >>> maths = build(lambda f: f, math.exp, math.expm1, math.log1p)
    >>> maths.phi["sigmoid"].value(0.0), maths.log_sigmoid(-800.0)
    (0.5, -800.0)
    """

    @compile
    def log_sigmoid(a):
        rest = log1p(exp(-abs(a)))
        return (a if a < type(a)(0) else type(a)(0)) - rest

    @compile
    def power(a):
        """e^a for every a; ∞ where it is too large."""
        e = exp(-abs(a))
        if a < type(a)(0):
            return e
        return type(a)(inf) if e == type(a)(0) else type(a)(1) / e

    @compile
    def philox(c0, c1, c2, c3, k0, k1):
        """Ten rounds of Philox4x32 (Salmon et al. 2011) on one counter of four uint32."""
        for _ in range(10):
            p0, p1 = M0 * np.uint64(c0), M1 * np.uint64(c2)
            c0, c1, c2, c3 = (
                np.uint32(p1 >> HALF) ^ c1 ^ k0,
                np.uint32(p1 & LOW),
                np.uint32(p0 >> HALF) ^ c3 ^ k1,
                np.uint32(p0 & LOW),
            )
            k0, k1 = np.uint32(k0 + W0), np.uint32(k1 + W1)
        return c0, c1, c2, c3

    functions = {"exp": exp, "expm1": expm1, "log1p": log1p}
    phi = {name: entry.number.compiled(compile, **functions) for name, entry in TABLE.items()}
    return SimpleNamespace(phi=phi, log_sigmoid=log_sigmoid, power=power, philox=philox)


def choice(compile: Callable[[Any], Any], functions: Mapping[int, Any]) -> Any:
    """
    Return ``chosen(code, …)``: it calls the function for a code with the other arguments.

    Compiled code cannot look up a function in a dict, so this is a chain of comparisons. A code
    without a function runs the function for 0.

    Examples
    --------
    >>> chosen = choice(lambda f: f, {0: min, 1: max, 2: pow})
    >>> [chosen(code, 2, 3) for code in (0, 1, 2)]
    [2, 3, 8]
    """
    plain = functions[0]

    @compile
    def chosen(code, *arguments):
        return plain(*arguments)

    for number in sorted(functions, reverse=True):
        if number > 0:
            chosen = _either(compile, number, functions[number], chosen)
    return chosen


def _either(compile: Callable[[Any], Any], number: int, function: Any, otherwise: Any) -> Any:
    @compile
    def chosen(code, *arguments):
        if code == number:
            return function(*arguments)
        return otherwise(code, *arguments)

    return chosen
