"""What would wait for ever is refused before it is read."""

import os

import pytest

from scratchgan.files import open_regular, read_small_text
from scratchgan.files.reading import SMALL


def test_regular_files_are_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    with open_regular(tmp_path / "file") as stream:
        assert stream.read() == b"abc"
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nowhere")
    with pytest.raises(OSError, match="directory"):
        open_regular(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes in a folder are POSIX's")
def test_pipes_and_devices_are_not(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", type(tmp_path)("/dev/zero")):
        with pytest.raises(OSError, match="a pipe or a device, not a file"):
            open_regular(path)


def test_small_texts(tmp_path):
    path = tmp_path / "text"
    for content in (b"caf\xc3\xa9", b"\xef\xbb\xbfcaf\xc3\xa9"):  # a byte order mark is no text
        path.write_bytes(content)
        assert read_small_text(path) == "café"
    path.write_bytes(b"a" * SMALL)
    assert len(read_small_text(path)) == SMALL
    path.write_bytes(b"a" * (SMALL + 1))
    with pytest.raises(OSError, match="longer than 1,048,576 bytes"):
        read_small_text(path)
