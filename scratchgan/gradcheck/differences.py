"""
Compare claimed derivatives with measured ones: central differences and the complex step.

Central differences (``ladder``) work for any function and give about 11 digits. The complex step,
Im f(x + ih) / h, has no subtraction, so h may be 1e-30 and all digits are kept (Squire & Trapp
1998, "Using complex variables to estimate derivatives of real functions").

Each entry is compared on its own scale. A comparison that is too coarse to detect an error is
inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan.gradcheck.ladder import EPS, RATIO, START, Ladder, Measured, rounding_of
from scratchgan.gradcheck.problem import Arrays, Problem, dot
from scratchgan.gradcheck.report import GradcheckReport, Status, TensorReport

__all__ = ["LEAST_STEP", "Measurement", "check"]

STEP = 1e-30  # of the complex step
LEAST_STEP = 1e-300  # smaller steps times a derivative would lose digits
RTOL = {"central": 1e-9, "complex": 1e-10}  # rejects a cast to float32, whose rounding is 6e-8
OWN = 64 * EPS  # rounding of a correct backward pass, relative to its tensor
PRECISE = 1e-6  # relative to an entry or its tensor: differences reach it unless f is large
COARSE = 5e-3  # relative to an entry: a coarser measurement could hide an error of 1 %
NOTHING = 1e-12  # a gradient this small, compared with the others, is 0 up to rounding
SINGLE = 2.0**-21  # relative to an entry: the errors of float32 are this small
HIDDEN = 1000  # largest ratio of the error of several kinks to their combined jump
LINES = 4  # number of lines on which rounding is measured


class Measurement(NamedTuple):
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
    relative: float  # multiplied by rtol: |g| of an entry; along a direction, at least the rms
    size: float  # of x along v
    moved: Callable[[complex], NDArray[Any]]  # t → x + t·v


class Compared(NamedTuple):
    """The result along one line."""

    where: tuple[int, ...]
    status: str
    analytic: float
    numeric: float
    error: float
    tolerance: float
    step: float
    coarseness: float = 0.0  # error of the measurement relative to the entry or its tensor
    unresolved: bool = False  # inconclusive because no difference is precise enough


def check(problem: Problem, how: Measurement, rng: np.random.Generator) -> GradcheckReport:
    """Compare every gradient of ``problem`` with its measured derivatives."""
    again = problem.value(problem.point)
    f0 = problem.value(problem.point)
    if abs(again - f0) > 8 * EPS * problem.magnitude:
        raise ValueError(
            f"{problem.title} gave {again!r} and then {f0!r} at the same point; expected the same"
            " value: fix its random numbers (such as a dropout mask)"
        )
    scales = _scales(problem.gradients)
    with np.errstate(all="ignore"):  # a step may leave f's domain; the next step is smaller
        tensors = [
            _Tensor(problem, f0, name, scales[name], how).report(rng) for name in problem.point
        ]
    return GradcheckReport(problem.title, how.method, how.mode, tuple(tensors))


def _scales(gradients: Arrays) -> dict[str, float]:
    """Return each tensor's rms; for a tensor that is 0 up to rounding, the largest rms of all."""
    scales = {}
    for name, gradient in gradients.items():
        finite = gradient[np.isfinite(gradient)]
        scales[name] = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
    largest = max(scales.values())
    return {name: rms if rms > NOTHING * largest else largest for name, rms in scales.items()}


class _Tensor:
    """The comparisons of one tensor."""

    def __init__(
        self, problem: Problem, f0: float, name: str, scale: float, how: Measurement
    ) -> None:
        self.problem, self.f0, self.name, self.scale = problem, f0, name, scale
        self.how = how
        self.rtol = RTOL[how.method] if how.rtol is None else how.rtol
        self._rounding: float | None = None

    def report(self, rng: np.random.Generator) -> TensorReport:
        x, gradient = self.problem.point[self.name], self.problem.gradients[self.name]
        if self.how.mode == "full":
            probes = _entries(x, gradient)
        else:
            probes = _directions(x, gradient, self.how.directions, rng)
        self.probes = probes
        compare = {"central": self._central, "complex": self._complex}[self.how.method]
        return _summary(self.name, x.shape, self.scale, [compare(probe) for probe in probes])

    def _central(self, probe: Probe) -> Compared:
        """
        Compare with central differences; if they disagree, find out whether a kink is the cause.

        Most entries agree at the first pair of steps. For the others the most precise pair is
        searched. If a kink lies within the steps, the result R is wrong by half the jump of the
        slope. The jump is measured too: at a kink it does not shrink with h, but on a smooth
        function it does. The jumps of several kinks may partly cancel. So if the layer reports a
        kink within reach, a much smaller jump counts as the cause.
        """
        least = EPS * self.problem.magnitude
        ladder = self._ladder(probe)
        first = ladder.pair(1, least)
        compared = self._compare(probe, first)
        if not math.isfinite(probe.claimed):
            return compared
        enough = self._enough(probe)
        if compared.status == Status.OK and first.error <= enough:
            return compared
        rounding = max(least, self._measured_rounding())
        widen = self.how.step is None
        best = ladder.best(rounding, enough, widen=widen)
        compared = self._compare(probe, best)
        allowed = HIDDEN if self.problem.margin <= RATIO * best.step else 1
        if compared.status == Status.FAILED and compared.error <= allowed * best.jump < math.inf:
            return compared._replace(status=Status.INCONCLUSIVE)
        return compared

    def _complex(self, probe: Probe) -> Compared:
        """Compare with the complex step, which stays on the side of a kink on which f is."""
        h = STEP * max(1.0, probe.size) if self.how.step is None else self.how.step
        try:
            value = self._f(probe.moved(1j * h))
        except Exception as refusal:
            raise TypeError(
                f"{self.problem.title} does not accept complex numbers ({refusal}), which the"
                " complex step needs; use method='central' (or, for a layer, the reference backend)"
            ) from refusal
        if not isinstance(value, complex):
            raise TypeError(
                f"{self.problem.title} gave a real value for complex inputs: abs, a cast or .real"
                " removed the imaginary part, which holds the derivative; use method='central'"
            )
        rounding = 8 * EPS * self.problem.magnitude / max(1.0, probe.size)
        return self._compare(probe, Measured(value.imag / h, rounding, h, 0.0))

    def _compare(self, probe: Probe, found: Measured) -> Compared:
        scale = self._scale(probe)
        error = abs(probe.claimed - found.slope)
        tolerance = self.rtol * probe.relative + OWN * scale + found.error
        own = abs(probe.claimed)
        resolved = found.error <= max(COARSE * own, PRECISE * scale) and self.rtol < 1
        status = Status.OK if resolved else Status.INCONCLUSIVE
        if not error <= tolerance < math.inf:
            status = Status.FAILED
        if math.isfinite(self.f0 + probe.claimed) and math.isnan(found.slope):
            status = Status.INCONCLUSIVE  # every step leaves f's domain
        top = max(own, scale)
        return Compared(
            probe.where,
            status,
            probe.claimed,
            found.slope,
            error,
            tolerance,
            found.step,
            found.error / top if top else 0.0,
            status == Status.INCONCLUSIVE,
        )

    def _enough(self, probe: Probe) -> float:
        """Return the error at which the search for a better measurement stops."""
        own = abs(probe.claimed)
        if own <= OWN * self.scale:  # 0 up to rounding
            return PRECISE * self.scale
        return min(PRECISE * max(own, self.scale), COARSE * own)

    def _scale(self, probe: Probe) -> float:
        """Return the size of the tensor's derivatives; if all are claimed to be 0, |f| / |x|."""
        return self.scale or self.problem.magnitude / max(1.0, probe.size)

    def _ladder(self, probe: Probe) -> Ladder:
        start = START * max(1.0, probe.size) if self.how.step is None else self.how.step
        return Ladder(lambda t: self._f(probe.moved(t)), self.f0, start)

    def _measured_rounding(self) -> float:
        if self._rounding is None:
            some = self.probes[:: -(-len(self.probes) // LINES)]
            self._rounding = rounding_of((self._ladder(p), p.claimed) for p in some)
        return self._rounding

    def _f(self, moved: NDArray[Any]) -> Any:
        """Return f with this tensor moved; if it is complex, the others become complex too."""
        others = {k: a.astype(moved.dtype, copy=False) for k, a in self.problem.point.items()}
        return self.problem.value({**others, self.name: moved})


def _summary(
    name: str, shape: tuple[int, ...], scale: float, compared: Sequence[Compared]
) -> TensorReport:
    failed = [c for c in compared if c.status == Status.FAILED]
    worst = max(compared, key=_badness)
    narrow = bool(failed) and all(c.error <= SINGLE * max(abs(c.numeric), scale) for c in failed)
    return TensorReport(
        name,
        shape,
        worst.status,
        len(compared),
        len(failed),
        sum(c.status == Status.INCONCLUSIVE for c in compared),
        worst.where,
        worst.analytic,
        worst.numeric,
        worst.error,
        worst.tolerance,
        worst.step,
        sum(c.unresolved for c in compared),
        max(c.coarseness for c in compared),
        narrow,
    )


def _entries(x: NDArray[Any], gradient: NDArray[Any]) -> list[Probe]:
    """Return a line along each entry."""
    probes = []
    for index in np.ndindex(x.shape):

        def moved(t: complex, index: tuple[int, ...] = index) -> NDArray[Any]:
            a = x.astype(np.result_type(x, t))
            a[index] += t
            return a

        g, size = float(gradient[index]), abs(float(x[index]))
        probes.append(Probe(index, g, abs(g), size, moved))
    return probes


def _directions(
    x: NDArray[Any], gradient: NDArray[Any], count: int, rng: np.random.Generator
) -> list[Probe]:
    """Return lines along vectors of random signs, so that every entry has the same weight."""
    rms = float(np.sqrt(np.mean(gradient**2)))
    size = float(np.sqrt(np.mean(x**2)))
    probes = []
    for k in range(count):
        v = rng.choice([-1.0, 1.0], x.shape) / math.sqrt(x.size)  # ‖v‖ = 1, as for one entry

        def moved(t: complex, v: NDArray[Any] = v) -> NDArray[Any]:
            return np.asarray(x + t * v)

        claimed = dot(gradient, v)
        probes.append(Probe((k,), claimed, max(abs(claimed), rms), size, moved))
    return probes


def _badness(c: Compared) -> tuple[int, float]:
    """Return a key that sorts by verdict, then by error relative to tolerance, with NaN last."""
    order = [Status.OK, Status.INCONCLUSIVE, Status.FAILED].index(c.status)
    if math.isnan(c.error) or math.isnan(c.tolerance):
        return order, math.inf
    return order, c.error / c.tolerance if c.tolerance else c.error
