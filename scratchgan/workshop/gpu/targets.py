"""The target speeds of the cuda backend, compared with measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scratchgan.workshop.bench.cases import REPLAYED, suite_cases
from scratchgan.workshop.bench.report import geometric_mean, ratio_to

__all__ = ["TARGETS", "Target", "judged", "sentence"]


class Target(NamedTuple):
    """
    The least ratio of our speed to a peer's, over the cases whose names have a common prefix.

    With several cases, their geometric mean counts, and only if all of them were measured.
    """

    what: str
    suite: str
    begins: str
    peer: str
    at_least: float


TARGETS = (
    Target("SGEMM 4096 × 4096 × 4096, cuBLAS", "gemm", "square 4096", "torch-eager", 0.85),
    Target("products at batch 100, cuBLAS", "gemm", f"{REPLAYED}gan", "torch-graphs", 0.80),
    Target("fused linear + relu, cuBLAS", "gemm", f"{REPLAYED}fused", "torch-graphs", 1.00),
    Target("recorded mnist step, PyTorch's CUDA graph", "step", "mnist", "torch-graphs", 1.00),
)


def judged(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Compare all targets with records.

    Returns
    -------
    list of dict
        For each of ``TARGETS``: ``what``, ``peer`` and ``at_least``; ``measured``, the ratio, or
        None if a case or the peer is missing; ``met``, which is False in that case.
    """
    return [_judge(target, records) for target in TARGETS]


def sentence(judgement: Mapping[str, Any]) -> str:
    """Return a judgement as a line of text."""
    asked = f"{judgement['what']}: {judgement['at_least']:.2f} × {judgement['peer']} asked"
    if judgement["measured"] is None:
        return f"{asked}, NOT MEASURED"
    return (
        f"{asked}, {judgement['measured']:.3f} measured, {'met' if judgement['met'] else 'MISSED'}"
    )


def _judge(target: Target, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    cases = [case for case in suite_cases(target.suite, gpu=True) if _is_meant(case.name, target)]
    expected = {case.name for case in cases if case.dtype == "float32"}
    ratios = {
        r["case"]: ratio_to(r, target.peer)
        for r in records
        if r["suite"] == target.suite
        and r["case"] in expected
        and r["dtype"] == "float32"
        and target.peer in r["peers"]
    }
    whole = bool(expected) and set(ratios) == expected
    measured = float(f"{geometric_mean(list(ratios.values())):.4g}") if whole else None
    return {
        "what": target.what,
        "peer": target.peer,
        "at_least": target.at_least,
        "measured": measured,
        "met": measured is not None and measured >= target.at_least,
    }


def _is_meant(name: str, target: Target) -> bool:
    return name.startswith(target.begins)
