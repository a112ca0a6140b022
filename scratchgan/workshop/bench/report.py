"""Tables of records: one for each suite and number of threads, at most 100 columns wide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scratchgan.workshop.bench.cases import PENALISED, REPLAYED, WITHOUT
from scratchgan.workshop.bench.peers import PEERS, Library

__all__ = ["absence", "geometric_mean", "ratio_to", "table"]

ON_CPU, ON_GPU = ("numpy",), ("torch-graphs", "torch-eager")
"""The peers that means compare us with: in each case, the first of these that was measured."""

RATES = ("GFLOP/s",)  # units of which more is better
GROUPS = {
    "gemm": ("gan", "fused", "square", "small", f"{REPLAYED}gan", f"{REPLAYED}fused"),
    "kernels": ("",),
    "step": ("",),
}
"""Prefixes of case names: cases with the same prefix are averaged together."""


def ratio_to(record: Mapping[str, Any], peer: str) -> float:
    """Return our speed divided by a peer's."""
    ours, theirs = record["value"], record["peers"][peer]
    ratio: float = ours / theirs if record["unit"] in RATES else theirs / ours
    return ratio


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean of ratios: that of 2 and ½ is 1."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def table(report: Mapping[str, Any], suite: str, threads: int) -> str:
    """
    Return the table of a suite for a number of threads, its means, and the failures.

    Parameters
    ----------
    report : mapping
        ``machine``, ``records`` and ``failures``.
    """
    records = [r for r in report["records"] if (r["suite"], r["threads"]) == (suite, threads)]
    facts = report["machine"]
    bases = ON_GPU if facts.get("gpu") else ON_CPU
    where = facts["gpu"]["name"] if facts.get("gpu") else _threads(threads)
    text = _lines(records, f"{suite}, {where}", facts["backend"], bases)
    text += _means(records, GROUPS[suite], bases)
    text += _costs(records)
    text += [
        f"{failure['peer']} failed{_place(failure)}: {failure['reason']}"
        for failure in report["failures"]
        if failure["threads"] == threads and failure.get("suite", suite) == suite
    ]
    return "\n".join(text)


def absence(absent: Mapping[str, Library]) -> str:
    """Return a line with the libraries that are not installed, and how to install them."""
    libraries = dict.fromkeys(absent.values())
    named = [
        f"{library.title} ({', '.join(p for p in absent if absent[p] == library)})"
        for library in libraries
    ]
    packages = " ".join(library.package for library in libraries)
    return f"not installed, so not measured: {', '.join(named)}; pip install {packages}"


def _threads(threads: int) -> str:
    return f"{threads} thread" + ("s" if threads > 1 else "")


def _lines(
    records: Sequence[Mapping[str, Any]], what: str, backend: str, bases: Sequence[str]
) -> list[str]:
    if not records:
        return [f"{what}: nothing was measured"]
    unit = records[0]["unit"]
    better = "more is better" if unit in RATES else "less is better"
    per = {"kernels": " a call", "step": " an iteration"}.get(records[0]["suite"], "")
    peers = [name for name in PEERS if any(name in r["peers"] for r in records)]
    rows = [["case", backend, *peers, f"× {bases[0].partition('-')[0]}", "× best"]]
    rows += [_row(record, peers, bases) for record in records]
    head = f"{what}: {unit}{per}, {better}; × says how many times as fast {backend} is"
    return [head, *_aligned(rows)]


def _row(record: Mapping[str, Any], peers: Sequence[str], bases: Sequence[str]) -> list[str]:
    name = record["case"] + (" f64" if record["dtype"] == "float64" else "")
    values = [_number(record["peers"].get(peer)) for peer in peers]
    base = _base(record, bases)
    to_base = f"{ratio_to(record, base):.2f}" if base else "–"
    fastest = "–" if record["ratio"] is None else f"{record['ratio']:.2f}"
    return [name, _number(record["value"]), *values, to_base, fastest]


def _base(record: Mapping[str, Any], bases: Sequence[str]) -> str | None:
    return next((name for name in bases if name in record["peers"]), None)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines: names aligned left, numbers aligned right, a rule below the first row."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    return [lines[0], "─" * len(lines[0]), *lines[1:]]


def _number(value: float | None) -> str:
    """Return a number with three significant digits, or more if it is large."""
    if value is None:
        return "–"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _means(
    records: Sequence[Mapping[str, Any]], groups: Sequence[str], bases: Sequence[str]
) -> list[str]:
    """Return a line per group: its geometric mean over a base, in float32, and its worst case."""
    lines = []
    for group in groups:
        of_group = [
            r
            for r in records
            if r["case"].startswith(group) and r["dtype"] == "float32" and _base(r, bases)
        ]
        if len(of_group) < 2:
            continue
        base = _base(of_group[0], bases)  # all cases have the same peers unless one failed
        assert base is not None
        ratios = {r["case"]: ratio_to(r, base) for r in of_group if base in r["peers"]}
        worst = min(ratios, key=lambda name: ratios[name])
        mean = geometric_mean(list(ratios.values()))
        lines.append(
            f"geometric mean of {group or 'all'}: {mean:.2f} × {base};"
            f" lowest {ratios[worst]:.2f} ({worst.removeprefix(REPLAYED)})"
        )
    return lines


def _costs(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each penalised case whose twin without penalties was measured."""
    values = {record["case"]: record["value"] for record in records}
    twins = [(name, f"{name}{WITHOUT}") for name in values]
    return [
        f"{name}: {values[name] / values[plain]:.2f} × the time without {PENALISED}"
        for name, plain in twins
        if plain in values
    ]


def _place(failure: Mapping[str, Any]) -> str:
    return f" in {failure['case']}" if "case" in failure else ""
