"""What would wait for ever or take all memory is refused before it is begun."""

import os
import subprocess
import sys

import pytest

from scratchgan import limits


def test_regular_files_are_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    with limits.open_regular(tmp_path / "file") as stream:
        assert stream.read() == b"abc"
    with pytest.raises(FileNotFoundError):
        limits.open_regular(tmp_path / "nowhere")
    with pytest.raises(OSError, match="directory"):
        limits.open_regular(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes in a folder are POSIX's")
def test_pipes_and_devices_are_not(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", type(tmp_path)("/dev/zero")):
        with pytest.raises(OSError, match="a pipe or a device, not a file"):
            limits.open_regular(path)


def test_small_texts(tmp_path):
    path = tmp_path / "text"
    for content in (b"caf\xc3\xa9", b"\xef\xbb\xbfcaf\xc3\xa9"):  # a byte order mark is no text
        path.write_bytes(content)
        assert limits.read_small_text(path) == "café"
    path.write_bytes(b"a" * limits.SMALL)
    assert len(limits.read_small_text(path)) == limits.SMALL
    path.write_bytes(b"a" * (limits.SMALL + 1))
    with pytest.raises(OSError, match="longer than 1,048,576 bytes"):
        limits.read_small_text(path)


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
