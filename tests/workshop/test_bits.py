"""Whether a change of results is seen."""

import json

import pytest

from scratchgan.workshop import bits
from scratchgan.workshop.bits import differences, main


def test_differences():
    before = {"G.params": "1", "D.params": "2", "G.m": "3"}
    assert differences(before, dict(before)) == []
    assert differences(before, before | {"D.params": "0"}) == ["D.params"]
    assert differences(before, {"G.params": "1", "D.params": "2"}) == ["G.m"]
    assert differences({}, {"G.params": "1"}) == ["G.params"]


@pytest.mark.slow
def test_the_same_code_has_the_same_bits_and_another_file_is_seen(tmp_path, capfd, monkeypatch):
    path = tmp_path / "before.json"
    assert main(["gaussian-1d", "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    before = dict(found["gaussian-1d"])
    found["gaussian-1d"]["G.average"] = "0"
    path.write_text(json.dumps(found))
    assert main(["gaussian-1d", "--against", str(path)]) == 1
    assert "gaussian-1d: differs in G.average" in capfd.readouterr().out
    monkeypatch.setattr(bits, "digests", lambda name, folder: before)
    assert main(["gaussian-1d", "--against", str(path)]) == 1
    path.write_text(json.dumps({"gaussian-1d": before}))
    assert main(["gaussian-1d", "--against", str(path)]) == 0
    assert "gaussian-1d: equal: 7 arrays, and the metrics" in capfd.readouterr().out
