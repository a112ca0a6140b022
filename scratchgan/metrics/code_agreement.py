"""Do the codes of a generator mean classes? They are matched with the classes of its samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.metrics.classifier_score import as_probabilities

__all__ = ["CodeAgreement", "best_matching", "code_agreement"]


class CodeAgreement(NamedTuple):
    """The result of ``code_agreement``."""

    share: float  # of samples that have the class of their code
    error: float  # its standard error
    matching: tuple[int | None, ...]  # class of each code; None for codes beyond the classes
    information: float  # I(code; class) in nats, of the samples' frequencies
    counts: tuple[tuple[int, ...], ...]  # samples of each code by class

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ± {100 * self.error:.1f} %"


def code_agreement(
    probabilities: NDArray[Any], codes: NDArray[Any], n_codes: int | None = None
) -> CodeAgreement:
    """
    Return how often the class of a sample is the one that its code stands for.

    InfoGAN finds its codes without labels, so code 3 may stand for the digit 7. Each code gets
    another class, so that as many samples as possible agree. A code that G ignores reaches the
    share of the most frequent class, at least 1/classes.

    The information is I = Σ p(c, k) log p(c, k) / (p(c) p(k)). It needs no matching, and is log
    n_codes if each code has its own class. The code's noise adds about (n_codes − 1)(classes − 1)
    / 2n to it.

    Parameters
    ----------
    probabilities : array (n, classes)
        p(k|x) of a classifier, one row for each sample. The most probable class counts.
    codes : integer array (n,)
        The values of a categorical code that were given to G, 0 … n_codes − 1.
    n_codes : int, optional
        Default: the largest code + 1.

    Returns
    -------
    CodeAgreement
        With share and information NaN if a probability is NaN.

    Raises
    ------
    ShapeError
        If there is not one code for each row.
    ValueError
        If a row does not hold probabilities, or a code is out of its range.

    Examples
    --------
    >>> classes = np.array([2, 2, 1, 1, 0, 1])
    >>> found = code_agreement(np.eye(3)[classes], np.array([0, 0, 1, 1, 2, 2]))
    >>> found.matching, f"{found.share:.2f}", f"{found.information:.2f}"
    ((2, 1, 0), '0.83', '0.78')
    """
    p = as_probabilities(probabilities)
    codes = checks.array("", "codes", codes)
    if codes.shape != (len(p),) or codes.dtype.kind not in "iu":
        raise ShapeError(
            f"codes have shape {codes.shape} and are {codes.dtype}; expected ({len(p)},) integers,"
            " one for each sample"
        )
    known = int(codes.max()) + 1 if n_codes is None else checks.whole("", "n_codes", n_codes, 1)
    if codes.min() < 0 or codes.max() >= known:
        raise ValueError(f"codes are from {codes.min()} to {codes.max()}; expected 0 … {known - 1}")
    counts = np.zeros((known, p.shape[1]), int)
    np.add.at(counts, (codes, p.argmax(axis=1)), 1)
    matching = best_matching(counts)
    agree = sum(int(counts[c, k]) for c, k in enumerate(matching) if k is not None)
    finite = not np.isnan(p).any()  # argmax would return a class for NaN too
    share = agree / len(p) if finite else math.nan
    return CodeAgreement(
        share,
        math.sqrt(share * (1 - share) / len(p)),
        matching,
        _information(counts) if finite else math.nan,
        tuple(tuple(int(n) for n in row) for row in counts),
    )


def _information(counts: NDArray[Any]) -> float:
    p = counts / counts.sum()
    alone = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / alone[seen])))


def best_matching(counts: NDArray[Any]) -> tuple[int | None, ...]:
    """
    Return for each row another column, so that the sum of the chosen counts is largest.

    If there are more rows than columns, some rows get None. Rows are added one by one; each takes
    the cheapest path of exchanges with earlier rows (Kuhn 1955, in the form with potentials:
    Jonker & Volgenant 1987).

    Examples
    --------
    >>> best_matching(np.array([[9, 8], [9, 0]]))  # 8 + 9 is more than 9 + 0
    (1, 0)
    """
    n = max(counts.shape)
    cost = np.zeros((n + 1, n + 1))  # row 0 and column 0 stand for "none yet"
    cost[1 : 1 + counts.shape[0], 1 : 1 + counts.shape[1]] = -counts
    of_row, of_column = np.zeros(n + 1), np.zeros(n + 1)  # potentials: cost ≥ their sum
    row_at = np.zeros(n + 1, int)  # the row that each column has
    for row in range(1, n + 1):
        row_at[0], column = row, 0
        nearest, before = np.full(n + 1, np.inf), np.zeros(n + 1, int)
        reached = np.zeros(n + 1, bool)
        while row_at[column]:
            reached[column] = True
            here = row_at[column]
            step = cost[here] - of_row[here] - of_column
            better = ~reached & (step < nearest)
            nearest[better], before[better] = step[better], column
            nearest_open = np.where(reached, np.inf, nearest)
            nearest_open[0] = np.inf
            following = int(nearest_open.argmin())
            delta = nearest_open[following]
            of_row[row_at[reached]] += delta
            of_column[reached] -= delta
            nearest[~reached] -= delta
            column = following
        while column:  # exchange along the path
            row_at[column] = row_at[before[column]]
            column = before[column]
    found: list[int | None] = [None] * counts.shape[0]
    for column in range(1, counts.shape[1] + 1):
        if row_at[column] <= counts.shape[0]:
            found[row_at[column] - 1] = column - 1
    return tuple(found)
