"""
Measured derivatives against claimed ones: central differences and the complex step.

Central differences, (f(x + h) − f(x − h)) / 2h, are wrong by about h² f‴/6 from
the curve and ε |f| / h from rounding; h ≈ ε^⅓ balances the two and leaves 10 or
so digits. The complex step, Im f(x + ih) / h, subtracts nothing, so h may be
1e-30 and all digits remain (Squire & Trapp 1998, "Using complex variables to
estimate derivatives of real functions").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.gradcheck.problem import Problem, dot
from scratchgan.gradcheck.report import GradcheckReport, Status, TensorReport

__all__ = ["EPS", "STEP", "Settings", "check"]

EPS = float(np.finfo(np.float64).eps)
STEP = {"central": 2.0**-17, "complex": 1e-30}  # 2⁻¹⁷ ≈ ε^⅓, and exact in binary
RTOL = {"central": 1e-6, "complex": 1e-10}
SHRINK = (1, 4, 16)  # a difference that disagrees is taken again with these smaller steps
HIDDEN = 1000  # how much larger than their joint jump the error of several kinks may be


class Settings(NamedTuple):
    """How to measure; the arguments of ``gradcheck``."""

    mode: str = "full"
    method: str = "central"
    rtol: float | None = None
    step: float | None = None
    directions: int = 4


class Probe(NamedTuple):
    """A line through the point, x + t·v, along which the derivative is measured."""

    where: tuple[int, ...]  # the entry, or the number of the direction
    claimed: float  # ⟨gradient, v⟩
    size: float  # of x along v
    moved: Callable[[complex], NDArray[Any]]  # t → x + t·v


class Comparison(NamedTuple):
    """What came out along one line."""

    where: tuple[int, ...]
    status: str
    analytic: float
    numeric: float
    error: float
    tolerance: float
    step: float


def check(problem: Problem, settings: Settings, rng: np.random.Generator) -> GradcheckReport:
    """Compare every gradient of ``problem`` with its measured derivatives."""
    again = problem.value(problem.point)
    f0 = problem.value(problem.point)
    if abs(again - f0) > 8 * EPS * problem.magnitude:
        raise ValueError(
            f"{problem.title} gave {again!r} and then {f0!r} at the same point; it must be a"
            " function of its inputs alone: fix its random numbers (a dropout mask, for one)"
        )
    tensors = [_check_tensor(problem, f0, name, settings, rng) for name in problem.point]
    return GradcheckReport(problem.title, settings.method, settings.mode, tuple(tensors))


def _check_tensor(
    problem: Problem, f0: float, name: str, settings: Settings, rng: np.random.Generator
) -> TensorReport:
    x, gradient, point = problem.point[name], problem.gradients[name], problem.point.items()
    rtol = RTOL[settings.method] if settings.rtol is None else settings.rtol
    scale = float(np.sqrt(np.mean(gradient**2)))
    measure = {"central": _central, "complex": _complex}[settings.method]
    if settings.mode == "full":
        probes = _entries(x, gradient)
    else:
        probes = _directions(x, gradient, settings.directions, rng)

    dtype = complex if settings.method == "complex" else float

    def f(moved: NDArray[Any]) -> Any:
        return problem.value({k: (moved if k == name else a.astype(dtype)) for k, a in point})

    compared = []
    for probe in probes:
        size = max(1.0, probe.size)
        h = STEP[settings.method] * size if settings.step is None else settings.step
        rounding = 8 * EPS * problem.magnitude / (h if settings.method == "central" else size)
        tolerance = rtol * max(abs(probe.claimed), scale) + rounding
        compared.append(measure(problem, f, f0, probe, tolerance, h))

    failed = sum(c.status == Status.FAILED for c in compared)
    inconclusive = sum(c.status == Status.INCONCLUSIVE for c in compared)
    worst = max(compared, key=_badness)
    return TensorReport(
        name,
        x.shape,
        worst.status,
        len(compared),
        failed,
        inconclusive,
        worst.where,
        worst.analytic,
        worst.numeric,
        worst.error,
        worst.tolerance,
        worst.step,
    )


def _central(
    problem: Problem,
    f: Callable[[NDArray[Any]], float],
    f0: float,
    probe: Probe,
    tolerance: float,
    h: float,
) -> Comparison:
    """
    Compare with central differences; where they disagree, find out whether a kink is why.

    A bug's error stays as h shrinks. A curve's shrinks, and a kink's vanishes once
    the kink is out of reach. On a kink the error stays, but so does the jump of
    the slope, (f(x + h) − 2 f(x) + f(x − h)) / h, which on a smooth function shrinks
    with h. One kink's error is half its jump, so an error that the jump exceeds at
    every step is inconclusive. Several kinks at once can hide each other's jumps in
    part; where the layer knows of one within reach, a much smaller jump will do.
    """
    reach = h / SHRINK[-1]
    allowed = HIDDEN if problem.margin <= reach else 1
    kinked = True
    for shrink in SHRINK:
        step = h / shrink
        plus, minus = f(probe.moved(step)), f(probe.moved(-step))
        numeric = (plus - minus) / (2 * step)
        error = abs(probe.claimed - numeric)
        now = Comparison(probe.where, Status.OK, probe.claimed, numeric, error, tolerance, step)
        if error <= tolerance < math.inf:
            return now
        if shrink == 1:
            first = now
        jump = abs(plus - 2 * f0 + minus) / step
        kinked = kinked and error <= allowed * jump < math.inf
    return first._replace(status=Status.INCONCLUSIVE if kinked else Status.FAILED)


def _complex(
    problem: Problem,
    f: Callable[[NDArray[Any]], complex],
    f0: float,
    probe: Probe,
    tolerance: float,
    h: float,
) -> Comparison:
    """Compare with the complex step. It stays on one side of a kink: the side f itself took."""
    try:
        value = f(probe.moved(1j * h))
    except Exception as refusal:
        raise TypeError(
            f"{problem.title} does not take complex numbers ({refusal}); the complex step needs"
            " that (a layer needs the reference backend for it). Take method='central'"
        ) from refusal
    if not isinstance(value, complex):
        raise TypeError(
            f"{problem.title} gave a real value for complex inputs: abs, a cast or .real lost the"
            " imaginary part, which carries the derivative. Take method='central'"
        )
    numeric = value.imag / h
    error = abs(probe.claimed - numeric)
    status = Status.OK if error <= tolerance < math.inf else Status.FAILED
    return Comparison(probe.where, status, probe.claimed, numeric, error, tolerance, h)


def _entries(x: NDArray[Any], gradient: NDArray[Any]) -> Iterator[Probe]:
    """One line along each entry."""
    for index in np.ndindex(x.shape):

        def moved(t: complex, index: tuple[int, ...] = index) -> NDArray[Any]:
            a = x.astype(np.result_type(x, t))
            a[index] += t
            return a

        yield Probe(index, float(gradient[index]), abs(float(x[index])), moved)


def _directions(
    x: NDArray[Any], gradient: NDArray[Any], count: int, rng: np.random.Generator
) -> Iterator[Probe]:
    """Lines along random signs, so that every entry weighs the same and none is overlooked."""
    for k in range(count):
        v = rng.choice([-1.0, 1.0], x.shape) / math.sqrt(x.size)  # ‖v‖ = 1, as for one entry

        def moved(t: complex, v: NDArray[Any] = v) -> NDArray[Any]:
            return np.asarray(x + t * v)

        yield Probe((k,), dot(gradient, v), float(np.sqrt(np.mean(x**2))), moved)


def _badness(c: Comparison) -> tuple[int, float]:
    """Order by verdict, then by error against tolerance, NaN last of all."""
    order = [Status.OK, Status.INCONCLUSIVE, Status.FAILED].index(c.status)
    if math.isnan(c.error) or math.isnan(c.tolerance):
        return order, math.inf
    return order, c.error / c.tolerance if c.tolerance else c.error
