"""
Measure the derivative along one line, with steps that fall by a factor of four.

A central difference, D(h) = (f(x + h) − f(x − h)) / 2h, has two errors: a truncation error of
h² f‴/6 and a rounding error of ε |f| / h. Two steps cancel the truncation error: R = (16 D(h) −
D(4h)) / 15 has an error of h⁴ times a fifth derivative (Richardson 1911). So the step can be
2⁶ times wider than ε^⅓, and the rounding error is smaller by that factor.

No single step is right for every f: ln x at 10⁻⁶ needs a tiny step, 10⁹ + x² a wide one. The
change of R from one pair of steps to the next estimates its error (as in Ridders 1982). The pair
with the smallest total error is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["EPS", "RATIO", "START", "Ladder", "Measured", "rounding_of"]

EPS = float(np.finfo(np.float64).eps)
START = 2.0**-9  # the first step, in units of x
RATIO = 4
DEEPEST = 24  # the smallest step is START / RATIO²⁴ ≈ 10⁻¹⁷; below it x + h rounds to x
WIDEST = -8  # the widest step is START · RATIO⁹ = 512, for an f much larger than its changes
TINIEST = 2.0**-1000  # a smaller step would overflow when divided by
SPREAD = 6  # bound on the rounding of R in units of σ/h: 8 times its standard deviation ¾ σ/h


class Difference(NamedTuple):
    """One central difference."""

    step: float
    slope: float  # (f₊ − f₋) / 2h
    jump: float  # (f₊ − 2 f + f₋) / h: the jump of the slope if a kink lies within the step
    height: float  # the larger of |f₊| and |f₋|


class Measured(NamedTuple):
    """The derivative from one pair of steps."""

    slope: float
    error: float  # estimated error of the slope
    step: float  # the smaller step
    jump: float  # jump of the slope within the larger step


class Ladder:
    """
    Central differences along one line; each is computed once.

    Parameters
    ----------
    f : function of one number
    f0 : float
        f(0).
    start : float
        The first step.
    """

    def __init__(self, f: Callable[[float], Any], f0: float, start: float) -> None:
        self._f, self._f0, self._start = f, f0, start
        self._rungs: dict[int, Difference] = {}

    def pair(self, k: int, rounding: float) -> Measured:
        """Measure with the steps k − 1 and k; ``error`` is only that of rounding."""
        wide, narrow = self._rung(k - 1), self._rung(k)
        sigma = max(rounding, EPS * narrow.height)
        return Measured(
            (RATIO**2 * narrow.slope - wide.slope) / (RATIO**2 - 1),
            SPREAD * sigma / narrow.step,
            narrow.step,
            abs(RATIO * narrow.jump - wide.jump) / (RATIO - 1),  # the term f″h cancels
        )

    def best(self, rounding: float, enough: float, *, widen: bool) -> Measured:
        """
        Return the most precise measurement that differences give, with its error.

        Parameters
        ----------
        rounding : float
            Standard deviation σ of f's rounding.
        enough : float
            Wider steps are tried only if the error is larger than this.
        widen : bool
            Whether steps wider than the first may be used.
        """
        best, at = self._with_change(2, rounding), 2
        for k in range(2, DEEPEST):
            now = self._with_change(k, rounding)
            least = self.pair(k, rounding).error
            if now.error < best.error or math.isnan(best.error):  # NaN: outside f's domain
                best, at = now, k
            if now.error <= 2 * least or least > best.error:
                break  # smaller steps only increase the rounding error
        while widen and at > WIDEST + 1 and best.error > enough:
            now = self._with_change(at - 1, rounding)
            if not (abs(now.slope - best.slope) <= best.error and now.error < best.error):
                break
            best, at = now, at - 1
        return best

    def changes(self, claimed: float) -> list[float]:
        """Return the change of R from each pair to the next, times h, so that rounding is equal."""
        found = []
        for k in range(2, DEEPEST):
            now, wider = self.pair(k, 0.0), self.pair(k - 1, 0.0)
            if now.slope != 0 or claimed == 0:  # else f is a step function, or the claim is wrong
                found.append(abs(now.slope - wider.slope) * now.step)
        return found

    def _with_change(self, k: int, rounding: float) -> Measured:
        now = self.pair(k, rounding)
        change = abs(now.slope - self.pair(k - 1, rounding).slope)
        return now._replace(error=now.error + change)

    def _rung(self, k: int) -> Difference:
        if k not in self._rungs:
            h = max(self._start / RATIO**k, TINIEST)
            plus, minus = self._value(h), self._value(-h)
            slope, jump = (plus - minus) / (2 * h), (plus - 2 * self._f0 + minus) / h
            self._rungs[k] = Difference(h, slope, jump, max(abs(plus), abs(minus)))
        return self._rungs[k]

    def _value(self, t: float) -> float:
        """Return f(t), or NaN if t is outside f's domain."""
        try:
            return float(self._f(t))
        except (ArithmeticError, ValueError):
            return math.nan


def rounding_of(lines: Iterable[tuple[Ladder, float]]) -> float:
    """
    Return σ of the rounding of f, which exceeds ε |f| if large numbers cancel in f.

    At small steps, R changes from pair to pair only by rounding; at wider steps also by truncation
    or a kink. The median change, over all steps and all lines (each with its claimed derivative),
    is one of rounding: 0.67 σ.
    """
    changes = np.array([change for ladder, claimed in lines for change in ladder.changes(claimed)])
    changes = changes[np.isfinite(changes)]
    return 2 * float(np.median(changes)) if changes.size else 0.0
