import csv
import io
import json

import pytest

from scratchgan.errors import UnknownNameError
from scratchgan.trials.comparison import Comparison, Setup, Trained
from scratchgan.trials.measures import BOUND, MODES


def done(captured, quality=0.95):
    measures = {"captured": captured, "high_quality": quality, "reverse_kl": 0.01, "js": 0.1}
    return {"status": "done", "reason": "", "measures": measures, "seconds": 2.0}


LOST = {"status": "diverged", "reason": "V is no longer finite", "measures": {}, "seconds": 1.0}


def made(path, **results):
    trained = [
        Trained(Setup(name, "none"), seed, result)
        for name, found in results.items()
        for seed, result in enumerate(found)
    ]
    return Comparison("grid", "grid", 100, (*MODES, BOUND), trained, path, 25)


def rows(comparison):
    return {line.split()[0]: " ".join(line.split()) for line in comparison.table().splitlines()}


def test_means_are_of_the_seeds_that_ended(tmp_path):
    found = made(tmp_path, hinge=[done(25), done(24), LOST], wild=[LOST, LOST])
    said = rows(found)
    assert said["game"].startswith("game penalties modes of 25 high quality, %")
    assert said["hinge"].startswith("hinge none 24.5 ± 0.5 95.0 ± 0.0 0.010 ± 0.000")
    assert said["hinge"].endswith("2, 1 diverged")
    assert said["wild"] == "wild none 2 diverged"
    assert "hinge, seed 2: diverged: V is no longer finite" in str(found)


def test_forms(tmp_path):
    found = made(tmp_path, hinge=[done(25), LOST])
    lines = list(csv.DictReader(io.StringIO(found.table("csv"))))
    assert [(each["seed"], each["status"], each["captured"]) for each in lines] == [
        ("0", "done", "25"), ("1", "diverged", ""),
    ]  # fmt: skip
    assert found.table("markdown").splitlines()[2].startswith("| hinge | none | 25.0 |")
    assert json.loads(json.dumps(found.to_plain(), allow_nan=False))["trained"][1] == {
        "objective": "hinge", "penalties": "none", "seed": 1, **LOST,
    }  # fmt: skip
    with pytest.raises(UnknownNameError, match="form of a table"):
        found.table("html")


def test_the_figure_has_a_panel_for_each_measure(tmp_path):
    figure = made(tmp_path, hinge=[done(25), done(24)], wild=[LOST, LOST]).figure()
    said = [axes.get_xlabel() for axes in figure.axes]
    assert said == ["modes of 25", "high quality, %", "reverse KL", "JSD, at least", "time, s"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["hinge", "wild"]
