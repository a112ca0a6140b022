import json

import pytest

from scratchgan.errors import RunError
from scratchgan.trials.store import Store

CELL, DONE = {"seed": 3}, {"status": "done", "measures": {"js": 0.5}, "seconds": 1.0, "reason": ""}


def test_a_result_is_read_back(tmp_path):
    with Store(tmp_path / "new") as store:
        assert store.read(CELL, "a") is None
        store.write(CELL, "a", DONE)
        assert store.read(CELL, "a") == DONE
        assert store.read({"seed": 4}, "a") is None


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_what_may_end_otherwise_is_not_kept(tmp_path, status):
    with Store(tmp_path) as store:
        store.write(CELL, "a", DONE | {"status": status})
        assert store.read(CELL, "a") is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"result": 3}', '{"result": {"status": "done"}}', "[" * 10**5]
)
def test_a_damaged_file_counts_for_nothing(tmp_path, content):
    with Store(tmp_path) as store:
        store.write(CELL, "a", DONE)
        (path,) = (tmp_path / "cells").iterdir()
        path.write_text(content)
        assert store.read(CELL, "a") is None
        store.write(CELL, "a", DONE)
        assert json.loads(path.read_text())["result"] == DONE


def test_one_at_a_time(tmp_path):
    with Store(tmp_path), pytest.raises(RunError, match="is being written by process"):
        Store(tmp_path)
    Store(tmp_path).__exit__()
    assert list(tmp_path.iterdir()) == []
