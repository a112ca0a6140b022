import json

import pytest

from scratchgan.metrics import ModeCoverage
from scratchgan.trials.coverage import Coverage, SeedResult
from scratchgan.trials.protocol import PROTOCOLS


def result(*found):
    """Results of seeds: each the number of captured modes, or None for a run that stopped."""
    runs = []
    for seed, captured in enumerate(found):
        counted = None if captured is None else ModeCoverage(captured, 25, 0.936, 0.04)
        stopped = "V is no longer finite" if captured is None else ""
        runs.append(SeedResult(seed, f"runs/{seed}", 30.0 + seed, counted, counted, stopped))
    return Coverage(PROTOCOLS["grid25"], "grid", 25, runs, 50_000)


def lines(found):
    return {line.split("  ")[0]: " ".join(line.split()) for line in str(found).splitlines()}


def test_the_table():
    said = lines(result(25, 25, 24, 25, 25))
    assert said["seed 2"].startswith("seed 2 24 of 25 93.6 % 0.0400 24 of 25")
    assert said["mean ± error"].startswith("mean ± error 24.8 ± 0.2 93.6 ± 0.0 %")
    assert said["PacGAN4"] == "PacGAN4 24.8 ± 0.2 93.6 ± 0.6 % 0.04"
    assert said["true data"].startswith("true data 25 of 25 98.89 % 0.0048")


def test_a_seed_that_stopped_counts_in_no_mean():
    found = result(25, None, 23)
    said = lines(found)
    assert said["seed 1"].startswith("seed 1 stopped")
    assert said["seed 1 stopped: V is no longer finite"]
    assert found.mean("coverage", "captured").value == 24


def test_all_stopped():
    assert "mean ± error" in lines(result(None, None))
    assert json.dumps(result(None).to_plain(), allow_nan=False)


def test_one_seed_has_no_mean():
    assert not any(label.startswith("mean") for label in lines(result(25)))


def test_as_plain_data():
    found = json.loads(json.dumps(result(25, 24).to_plain(), allow_nan=False))
    assert [run["coverage"]["captured"] for run in found["runs"]] == [25, 24]
    assert found["means"]["coverage"]["captured"] == pytest.approx({"value": 24.5, "error": 0.5})
    assert found["published"][-1]["method"] == "PacGAN4"
