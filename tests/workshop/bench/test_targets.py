"""Targets are met, missed or not measured, each by the cases that it names."""

import math

import pytest

from scratchgan.workshop.bench.cases import suite_cases
from scratchgan.workshop.bench.targets import TARGETS, judged, sentence
from scratchgan.workshop.bench.timing import Timings
from scratchgan.workshop.bench.worker import OURS, record


def records(ratio, peers=("torch-eager", "torch-graphs")):
    """All cases of a GPU, in which we are ``ratio`` times as fast as everybody."""
    seconds = {OURS: 1.0, **dict.fromkeys(peers, ratio)}
    cases = [case for suite in ("gemm", "step") for case in suite_cases(suite, gpu=True)]
    return [record(case, 1, Timings(seconds=seconds)) for case in cases]


def met(judgements):
    return [each["met"] for each in judgements]


def test_four_targets():
    assert [target.at_least for target in TARGETS] == [0.85, 0.8, 1.0, 1.0]
    assert [target.peer for target in TARGETS] == ["torch-eager", *["torch-graphs"] * 3]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (1.1, [True] * 4),
        (1.0, [True] * 4),
        (0.99, [True, True, False, False]),
        (0.84, [False, True, False, False]),
        (0.5, [False] * 4),
    ],
)
def test_met_and_missed(ratio, expected):
    judgements = judged(records(ratio))
    assert met(judgements) == expected
    for each in judgements:
        assert each["measured"] == pytest.approx(ratio, rel=1e-3)
        assert sentence(each).endswith("met" if each["met"] else "MISSED")


def test_the_geometric_mean_of_all_15_products():
    found = records(1.0)
    products = [r for r in found if r["case"].startswith("replayed gan")]
    assert len(products) == 15
    for r, factor in zip(products, [2.0, 0.25] + [1.0] * 13, strict=True):
        r["value"] *= factor
    measured = judged(found)[1]["measured"]
    assert measured == pytest.approx(0.5 ** (1 / 15), rel=1e-3)


def test_a_case_that_is_missing_leaves_its_target_not_measured():
    found = [r for r in records(2.0) if r["case"] not in ("replayed gan dW 784→1200", "mnist")]
    judgements = judged(found)
    assert met(judgements) == [True, False, True, False]
    assert [each["measured"] is None for each in judgements] == [False, True, False, True]
    assert sentence(judgements[1]).endswith("NOT MEASURED")


def test_a_peer_that_is_missing_leaves_its_targets_not_measured():
    assert met(judged(records(2.0, peers=("torch-eager",)))) == [True, False, False, False]
    assert met(judged([])) == [False] * 4


def test_nan_meets_nothing():
    found = records(2.0)
    for r in found:
        r["value"] = math.nan
    assert met(judged(found)) == [False] * 4


def test_other_cases_do_not_count():
    """Calls one by one, other games and float64 stand in the table, not in the targets."""
    found = records(1.0)
    named = ("square 4096", "replayed", "mnist")
    for r in found:
        if not r["case"].startswith(named) or r["dtype"] == "float64":
            r["value"] *= 1e-3 if r["unit"] == "GFLOP/s" else 1e3
    assert met(judged(found)) == [True] * 4
