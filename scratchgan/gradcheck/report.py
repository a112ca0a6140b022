"""What a gradient check found: one line for each tensor, and the worst place in it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GradcheckReport", "Status", "TensorReport"]


class Status:
    """The three verdicts on an entry, a tensor and a report."""

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
        ``ok``, ``FAILED`` or ``inconclusive``: the worst of its entries'.
    checked, failed, inconclusive : int
        How many entries (or directions) were compared, and how many were not ok.
    worst_index : tuple of int
        The entry with the largest error relative to its tolerance; in directional
        mode the number of the direction, as a tuple of one.
    analytic, numeric, error, tolerance, step : float
        At that entry: the derivative given, the one measured, their distance, what
        was allowed, and the step of the difference.
    unresolved : int
        How many of the inconclusive were compared with a tolerance too coarse to be a
        check; a kink explains the others.
    coarseness : float
        The largest error of a measurement, relative to its entry or to the tensor's rms.
    narrow : bool
        Whether it failed by no more than what a cast to float32 loses.
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
    The check of all tensors of one function; ``print`` it. It is true where all are ok.

    Attributes
    ----------
    title : str
        What was checked.
    method, mode : str
        How it was checked.
    tensors : tuple of TensorReport
    """

    title: str
    method: str
    mode: str
    tensors: tuple[TensorReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every tensor is ok: an inconclusive one has not been shown to be right."""
        return all(t.status == Status.OK for t in self.tensors)

    @property
    def failed(self) -> tuple[TensorReport, ...]:
        """The tensors with at least one wrong entry."""
        return tuple(t for t in self.tensors if t.status == Status.FAILED)

    @property
    def inconclusive(self) -> tuple[TensorReport, ...]:
        """The tensors without a wrong entry, but with one that could not be told."""
        return tuple(t for t in self.tensors if t.status == Status.INCONCLUSIVE)

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_failed(self) -> GradcheckReport:
        """
        Return this report, unless a tensor failed.

        Raises
        ------
        AssertionError
            With the whole report as its text. (An inconclusive tensor does not raise;
            ``assert report`` refuses it too.)
        """
        if self.failed:
            raise AssertionError(str(self))
        return self

    def __str__(self) -> str:
        verdict = (self.failed and Status.FAILED) or (self.inconclusive and Status.INCONCLUSIVE)
        method = {"central": "central differences", "complex": "complex step"}[self.method]
        lines = [f"gradcheck of {self.title}: {verdict or Status.OK} ({method}, {self.mode})"]
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
        return "\n".join(lines)


COARSE = 1e-6  # of an entry: a measurement less precise than this is said to be
_NUMBERS = ["analytic", "numeric", "error", "tolerance", "step"]
_HEADER = ["tensor", "shape", "status", "worst", *_NUMBERS]
_KINK_NOTE = (
    "inconclusive: a kink or a tie lies within the step, so that a difference measures neither"
    " slope.\nMove the point away from it, or take method='complex', which does not step."
)
_PRECISION_NOTE = (
    "inconclusive: the tolerance is not small beside the derivative, so that this was no check."
    "\nRounding of f over the step is too large (take a wider step, or subtract what is large and"
    " constant\nin f), or rtol is."
)
_COARSE_NOTE = (
    "precision: f is large beside its changes, so that differences resolve no more than {:.0e} of a"
    " derivative.\nSubtract what is large and constant in f, or take method='complex'."
)
_NARROW_NOTE = (
    "precision: the errors are as small as those of float32; look for a cast to it in the backward"
    " pass."
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
