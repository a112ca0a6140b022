"""
The derivative along one line, measured at steps that fall by four.

A central difference, D(h) = (f(x + h) − f(x − h)) / 2h, is wrong by h² f‴/6 from the curve and by
ε |f| / h from rounding. Two of them cancel the first: R = (16 D(h) − D(4h)) / 15 is wrong by
h⁴ times a fifth derivative (Richardson 1911), so that a step 2⁶ times wider than ε^⅓ will do and
rounding costs that much less.

No one step is right for every f: ln x at 10⁻⁶ needs a tiny one, 10⁹ + x² a wide one. What R changes
from one pair of steps to the next says how wrong it still is (as in Ridders 1982), and the pair
with the least error in sum is taken.
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
DEEPEST = 24  # the smallest step is START / RATIO²⁴ ≈ 10⁻¹⁷: below it x + h is x
WIDEST = -8  # the widest is START · RATIO⁹ = 512, for an f that is large beside its changes
TINIEST = 2.0**-1000  # a step that still divides
SPREAD = 6  # rounding of R in units of σ/h: eight times its standard deviation, ¾ σ/h


class Difference(NamedTuple):
    """One central difference."""

    step: float
    slope: float  # (f₊ − f₋) / 2h
    jump: float  # (f₊ − 2 f + f₋) / h: of the slope, where a kink lies within the step
    height: float  # the larger of |f₊| and |f₋|


class Measured(NamedTuple):
    """The derivative by one pair of steps."""

    slope: float
    error: float  # how wrong it may be
    step: float  # the smaller of the two
    jump: float  # of the slope, within the larger one


class Ladder:
    """
    Central differences along one line, each taken once.

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
        """Measure by steps k − 1 and k; the error is that of rounding alone."""
        wide, narrow = self._rung(k - 1), self._rung(k)
        sigma = max(rounding, EPS * narrow.height)
        return Measured(
            (RATIO**2 * narrow.slope - wide.slope) / (RATIO**2 - 1),
            SPREAD * sigma / narrow.step,
            narrow.step,
            abs(RATIO * narrow.jump - wide.jump) / (RATIO - 1),  # the bend f″h cancels
        )

    def best(self, rounding: float, enough: float, *, widen: bool) -> Measured:
        """
        Measure as precisely as differences can, with the error that remains.

        Parameters
        ----------
        rounding : float
            σ of f.
        enough : float
            An error that needs no wider steps.
        widen : bool
            Whether steps wider than the first may be taken.
        """
        best, at = self._with_change(2, rounding), 2
        for k in range(2, DEEPEST):
            now = self._with_change(k, rounding)
            least = self.pair(k, rounding).error
            if now.error < best.error or math.isnan(best.error):  # NaN: outside of f's domain
                best, at = now, k
            if now.error <= 2 * least or least > best.error:
                break  # smaller steps only add rounding
        while widen and at > WIDEST + 1 and best.error > enough:
            now = self._with_change(at - 1, rounding)
            if not (abs(now.slope - best.slope) <= best.error and now.error < best.error):
                break
            best, at = now, at - 1
        return best

    def changes(self, claimed: float) -> list[float]:
        """How much R changes from each pair to the next, times h, so that rounding is one size."""
        found = []
        for k in range(2, DEEPEST):
            now, wider = self.pair(k, 0.0), self.pair(k - 1, 0.0)
            if now.slope != 0 or claimed == 0:  # else f is a flight of stairs, or the claim wrong
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
        """f(t), NaN where a step leaves f's domain."""
        try:
            return float(self._f(t))
        except (ArithmeticError, ValueError):
            return math.nan


def rounding_of(lines: Iterable[tuple[Ladder, float]]) -> float:
    """
    σ of the rounding of f, which is larger than ε |f| where f cancels large numbers.

    Where steps are small enough, R changes from pair to pair by rounding alone; before that, by
    the curve or a kink. The median over steps, and over lines with the derivatives claimed along
    them, is that of rounding: 0.67 σ.
    """
    changes = np.array([change for ladder, claimed in lines for change in ladder.changes(claimed)])
    changes = changes[np.isfinite(changes)]
    return 2 * float(np.median(changes)) if changes.size else 0.0
