"""The command line of trials as a person meets it."""

import json

import pytest

from scratchgan.cli import main

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
