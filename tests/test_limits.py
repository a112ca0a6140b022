"""What would take more memory than there is, is refused before it is begun."""

import os
import subprocess
import sys

import pytest

from scratchgan import limits


def test_what_memory_there_is(monkeypatch):
    real = limits.memory()
    assert real is None or 1 << 28 < real < 1 << 50
    monkeypatch.setattr(limits, "memory", lambda: 1000)
    limits.require_memory(1000, "3 rows")
    with pytest.raises(ValueError, match=r"^3 rows, which takes about 0.0 GB of memory; this"):
        limits.require_memory(1001, "3 rows")
    monkeypatch.setattr(limits, "memory", lambda: None)  # where it is not known
    limits.require_memory(10**30, "3 rows")


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX's")
def test_a_container_and_a_limited_process_have_less(tmp_path, monkeypatch):
    given = tmp_path / "memory.max"
    for text, least in (("12345\n", 12345), ("max\n", None), ("", None), ("-1\n", None)):
        given.write_text(text)
        monkeypatch.setattr(limits, "_CGROUPS", (str(given), str(tmp_path / "nowhere")))
        found = limits.memory()
        assert found == least or (least is None and found > 12345)
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))\n"
        "from scratchgan.limits import memory; print(memory() <= 1 << 32)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.stdout == "True\n", done.stderr
