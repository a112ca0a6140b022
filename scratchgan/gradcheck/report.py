"""The report of a gradient check: one line for each tensor, with its worst entry."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GradcheckReport", "Status", "TensorReport"]


class Status:
    """The three verdicts: for an entry, a tensor and a report."""

    OK = "ok"
    FAILED = "FAILED"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class TensorReport:
    """
    The check of one tensor.

    Attributes
    ----------
    name : str
        ``x`` (``x[0]`` in a pair) or the parameter's path, such as ``2.weight``.
    shape : tuple of int
    status : str
        ``ok``, ``FAILED`` or ``inconclusive``: the worst status of its entries.
    checked, failed, inconclusive : int
        Number of entries (or directions) that were compared, that failed, and that were
        inconclusive.
    worst_index : tuple of int
        The entry with the largest error relative to its tolerance. In directional mode, the
        number of the direction, as a tuple with one element.
    analytic, numeric, error, tolerance, step : float
        At that entry: the claimed derivative, the measured derivative, their difference, the
        allowed difference, and the step of the measurement.
    unresolved : int
        Number of inconclusive entries whose tolerance was too coarse for a check. The other
        inconclusive entries are near a kink.
    coarseness : float
        The largest error of a measurement, relative to its entry or to the tensor's rms.
    narrow : bool
        Whether the errors are so small that a cast to float32 may be the cause.
    """

    name: str
    shape: tuple[int, ...]
    status: str
    checked: int
    failed: int
    inconclusive: int
    worst_index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    tolerance: float
    step: float
    unresolved: int = 0
    coarseness: float = 0.0
    narrow: bool = False


@dataclass(frozen=True)
class GradcheckReport:
    """
    The check of all tensors of one function; ``print`` it. It is true if all tensors are ok.

    Attributes
    ----------
    title : str
        What was checked.
    method, mode : str
        How it was checked.
    tensors : tuple of TensorReport
    who : str
        The function that checked.
    notes : tuple of str
        What the check could not see.
    """

    title: str
    method: str
    mode: str
    tensors: tuple[TensorReport, ...]
    who: str = "gradcheck"
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every tensor is ok. An inconclusive tensor is not, because nothing was shown."""
        return all(t.status == Status.OK for t in self.tensors)

    @property
    def failed(self) -> tuple[TensorReport, ...]:
        """The tensors with at least one wrong entry."""
        return tuple(t for t in self.tensors if t.status == Status.FAILED)

    @property
    def inconclusive(self) -> tuple[TensorReport, ...]:
        """The tensors with at least one inconclusive entry and no wrong one."""
        return tuple(t for t in self.tensors if t.status == Status.INCONCLUSIVE)

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_failed(self) -> GradcheckReport:
        """
        Return this report, unless a tensor failed.

        Raises
        ------
        AssertionError
            With the whole report as its text. (An inconclusive tensor does not raise an error
            here; ``assert report`` fails for it too.)
        """
        if self.failed:
            raise AssertionError(str(self))
        return self

    def __str__(self) -> str:
        verdict = (self.failed and Status.FAILED) or (self.inconclusive and Status.INCONCLUSIVE)
        method = {"central": "central differences", "complex": "complex step"}[self.method]
        lines = [f"{self.who} of {self.title}: {verdict or Status.OK} ({method}, {self.mode})"]
        lines += _table([_HEADER, *(_cells(t) for t in self.tensors)])
        if any(t.inconclusive > t.unresolved for t in self.tensors):
            lines.append(_KINK_NOTE)
        if any(t.unresolved for t in self.tensors):
            lines.append(_PRECISION_NOTE)
        elif any(t.coarseness > COARSE for t in self.tensors):
            coarsest = max(t.coarseness for t in self.tensors)
            lines.append(_COARSE_NOTE.format(coarsest))
        if any(t.narrow for t in self.tensors):
            lines.append(_NARROW_NOTE)
        lines += self.notes
        return "\n".join(lines)


COARSE = 1e-6  # relative to an entry: a note is printed for less precise measurements
_NUMBERS = ["analytic", "numeric", "error", "tolerance", "step"]
_HEADER = ["tensor", "shape", "status", "worst", *_NUMBERS]
_KINK_NOTE = (
    "inconclusive: a kink or a tie lies within the step, so the difference measures neither"
    " slope.\nMove the point away from the kink, or use method='complex', which needs no step."
)
_PRECISION_NOTE = (
    "inconclusive: the tolerance is too large, compared with the derivative, for a check.\nEither"
    " rtol is too large, or the rounding of f over the step is: use a wider step, or\nsubtract"
    " large constants from f."
)
_COARSE_NOTE = (
    "precision: f is large compared with its changes, so differences resolve only {:.0e} of a"
    " derivative.\nSubtract large constants from f, or use method='complex'."
)
_NARROW_NOTE = (
    "precision: the errors have the size of float32 rounding; look for a cast to float32 in the"
    " backward pass."
)


def _cells(t: TensorReport) -> list[str]:
    bad = t.failed or t.inconclusive
    return [
        t.name,
        str(t.shape),
        f"{t.status} {bad}/{t.checked}" if bad else t.status,
        str(list(t.worst_index)),
        f"{t.analytic:.9g}",
        f"{t.numeric:.9g}",
        f"{t.error:.1e}",
        f"{t.tolerance:.1e}",
        f"{t.step:.1e}",
    ]


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
