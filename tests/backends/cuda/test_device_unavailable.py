"""Where there is no GPU, the reason and the remedy are told."""

import pytest

from scratchgan.backends import BackendUnavailableError, default_backend, get_backend
from scratchgan.backends import why_unavailable as why
from scratchgan.cli import main

pytestmark = pytest.mark.skipif(
    why("cuda") is None, reason="there is a GPU here: what is said without one is not checked"
)


def test_get_backend_says_why_and_what_to_do():
    with pytest.raises(BackendUnavailableError) as refusal:
        get_backend("cuda")
    said = str(refusal.value)
    assert said.startswith("backend 'cuda' does not work here: ")
    assert "\n" not in said
    assert "pip install 'scratchgan[cuda]'" in said
    assert "pip install 'numba-cuda[cu12]'" in said
    assert why("cuda") == said
    assert default_backend().name != "cuda"


def test_info_says_it(capsys):
    assert main(["info"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "'cuda'" in line]
    assert line.split()[0] == "cuda"
    assert why("cuda") in line


def test_a_run_on_it_is_refused(tmp_path, capsys):
    status = main(["train", "gaussian-1d", "--backend", "cuda", "--out", str(tmp_path / "run")])
    assert status == 2
    assert why("cuda") in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
