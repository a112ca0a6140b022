"""The command line of trials as a person meets it."""

import json
from pathlib import Path

import pytest

from scratchgan.cli import main
from scratchgan.trials import commands

pytestmark = pytest.mark.usefixtures("plain_pictures")


def test_a_protocol(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["evaluate", "--protocol", "ring8", "--seeds", "1", "--steps", "2"]
    assert main([*command, "--json", "ring.json"]) == 0
    said = capsys.readouterr().out
    assert "training runs/ring8-ring/seed-0: iterations 0 → 2" in said
    assert "seed 0" in said
    assert json.loads((tmp_path / "ring.json").read_text())["protocol"] == "ring8"
    assert main(command) == 0
    again = capsys.readouterr().out
    assert "training" not in again
    assert again.strip() in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("evaluate", "no run is given; give its folder, or --protocol NAME"),
        ("evaluate nowhere --seeds 3", "--seeds belongs to --protocol NAME"),
        ("evaluate nowhere --protocol ring8", "leave out the run's folder"),
        ("evaluate --protocol ring8 --n 5", "give --samples"),
        ("evaluate --protocol ring8 --temperature 2", "leave out --temperature"),
        ("evaluate --protocol ring9", "did you mean 'ring8'"),
        ("evaluate --protocol ring8 --seeds 0", "seeds is 0"),
    ],
)
def test_what_does_not_fit_together(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_compare(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []

    def played(data, **options):
        asked.append((data, options))
        raise ValueError("enough")

    monkeypatch.setattr(commands, "compare", played)
    Path("s.toml").write_text("batch_size = 8\n")
    words = "compare --data ring --objectives minimax,non_saturating --penalties none --seeds 2"
    assert main([*words.split(), "--steps", "3", "--config", "s.toml", "--workers", "1"]) == 2
    ((data, options),) = asked
    assert data == "ring"
    assert options == {
        "objectives": ["minimax", "non_saturating"], "penalties": ["none"], "seeds": 2, "steps": 3,
        "recipe": None, "out": None, "workers": 1, "batch_size": 8,
    }  # fmt: skip
    Path("s.toml").write_text("steps = 8\n")
    assert main(["compare", "--config", "s.toml"]) == 2
    assert "sets steps; give --steps instead" in capsys.readouterr().err


@pytest.mark.slow
def test_compare_in_processes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "compare --data gaussian-1d --objectives minimax --seeds 1 --steps 3"
    assert main(words.split()) == 0
    said = capsys.readouterr().out
    assert "1 / 1  minimax, seed 0: done" in said
    assert "figure: runs/compare-gaussian-1d/comparison.png" in said
    assert Path("runs/compare-gaussian-1d/comparison.png").exists()
