"""Runs kept as results: what is written of one, and the table of all."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from scratchgan.cli import main
from scratchgan.errors import RunError
from scratchgan.runs import RunFolder
from scratchgan.workshop.results import records as run_results
from scratchgan.workshop.results.records import END, START, read_results, results_table
from tests.runs.small import finished

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Of a conditional run of six iterations."""
    folder = tmp_path_factory.mktemp("result")
    settings = folder / "settings.toml"
    settings.write_text("validation = 100\nlog_every = 2\n")
    quick = ["--steps", "6", "--k", "2", "--conditional", "--config", str(settings)]
    assert main(["train", "digits", *quick, "--out", str(folder / "run")]) == 0
    target = folder / "kept" / "small.json"
    assert main(["evaluate", str(folder / "run"), "--n", "60", "--json", str(target)]) == 0
    return target


@pytest.mark.slow
def test_what_is_written(result):
    kept = json.loads(result.read_text())
    assert kept["command"] == (
        "scratchgan train digits --steps 6 --k 2 --conditional --log-every 2 --validation 100"
    )
    assert kept["trained"]["iterations"] == kept["chosen"]["iteration"] == 6
    assert kept["seconds"] > 0
    assert {"python", "numpy", "numba", "platform", "cores"} <= kept["environment"].keys()
    parzen = kept["metrics"]["parzen"]
    assert parzen["samples"] == 60
    assert len(parzen["curve"]) == 10
    assert max(mean for _, mean in parzen["curve"]) == dict(parzen["curve"])[parzen["sigma"]]
    # Six iterations give noise; real digits are what they are said to be.
    assert kept["metrics"]["label_agreement"]["share"] <= 0.6
    assert kept["real"]["label_agreement"]["share"] >= 0.9
    assert kept["metrics"]["frechet"]["value"] > 3 * kept["real"]["frechet"]["value"]
    for name in ("small", "small-neighbours", "small-lines"):
        assert result.with_name(f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("seconds", [0.0, 0.004, None])
@pytest.mark.slow
def test_a_run_of_no_time_is_not_one_whose_time_is_unknown(result, tmp_path, seconds):
    run = tmp_path / "run"
    shutil.copytree(result.parents[1] / "run", run)
    if seconds is None:
        (run / "seconds.jsonl").unlink()
    else:
        (run / "seconds.jsonl").write_text(json.dumps({"step": 6, "seconds": seconds}) + "\n")
    target = tmp_path / "again.json"
    assert main(["evaluate", str(run), "--n", "60", "--json", str(target)]) == 0
    kept = json.loads(target.read_text())
    assert kept["seconds"] == seconds
    assert ("| 0 |" in results_table({"again": kept})) == (seconds is not None)


def test_the_table(result):
    (header, rule, row, real) = results_table(read_results(result.parent)).splitlines()
    assert header.count("|") == rule.count("|") == row.count("|") == real.count("|")
    kept = json.loads(result.read_text())
    assert f"{kept['metrics']['parzen']['mean']:.1f}" in row
    assert row.startswith("| [small](results/small.json) |")
    assert f"{kept['real']['frechet']['value']:.2f}" in real


def test_the_table_says_what_a_run_began_from(result):
    kept = json.loads(result.read_text())
    kept["seconds"], kept["config"]["origin"] = 125, {"run": "another", "iteration": 6}
    assert "| 2 after another |" in results_table({"small": kept})
    kept["config"]["origin"] = None
    assert "| 2 |" in results_table({"small": kept})


def test_the_table_says_at_which_temperature(result):
    kept = json.loads(result.read_text())
    assert kept["temperature"] == 1
    assert "(results/small.json) |" in results_table({"small": kept})
    kept["temperature"] = 1.1
    assert "(results/small.json) at temperature 1.1 |" in results_table({"small": kept})
    del kept["temperature"]  # of a file from before there was any
    assert "temperature" not in results_table({"small": kept})


def test_results_are_in_the_order_of_their_names(tmp_path):
    for name in ("a-b.json", "a.json"):
        (tmp_path / name).write_text("{}")
    assert list(read_results(tmp_path)) == ["a", "a-b"]


def test_the_table_is_put_between_its_marks(result, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    assert run_results.main([str(result.parent), str(page)]) == 0
    table = results_table(read_results(result.parent))
    assert page.read_text() == f"before\n{START}\n{table}\n{END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(RunError, match="are missing; the table"):
        run_results.main([str(result.parent), str(page)])
    assert page.read_text() == "no marks"


def test_a_damaged_result_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(RunError, match=r"a\.json is not a result"):
        read_results(tmp_path)


def test_what_is_no_image_has_no_result(tmp_path, capsys):
    quick = ["--steps", "4", "--batch-size", "8"]
    assert main(["train", "gaussian-1d", *quick, "--out", str(tmp_path / "run")]) == 0
    assert main(["evaluate", str(tmp_path / "run"), "--json", str(tmp_path / "r.json")]) == 2
    assert "data set 'gaussian-1d' has none held out" in capsys.readouterr().err
    assert not (tmp_path / "r.json").exists()


def test_another_name_is_refused_before_measuring(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--json", "result.txt"]) == 2
    assert "expected a name that ends in .json" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_of_a_run_that_began_from_another(tmp_path):
    """A name may have spaces."""
    config = finished(tmp_path / "the first").config
    begun = replace(config, origin={"run": "the first", "iteration": 6}, batch_size=9)
    command = run_results._command(RunFolder(tmp_path / "second", begun))
    assert command == (
        "scratchgan train gaussian-1d --from 'the first' --steps 6 --batch-size 9 --log-every 2"
        " --checkpoint-every 2"
    )


def test_the_page_and_the_files_agree():
    """The table of docs/results.md is the one that its files make."""
    page = (DOCS / "results.md").read_text()
    table = page.partition(START)[2].partition(END)[0].strip()
    assert table == results_table(read_results(DOCS / "results")).strip()
    for name, result in read_results(DOCS / "results").items():
        assert math.isfinite(result["metrics"]["parzen"]["mean"]), name
        assert (DOCS / "results" / f"{name}.png").exists(), name
