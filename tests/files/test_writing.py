"""A file is written whole or not at all, and what was there before is left alone."""

import errno

import pytest

from scratchgan.errors import RunError
from scratchgan.files import make_folders, write_atomically, writing


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_file_that_has_the_temporary_name_is_left_alone(tmp_path):
    (tmp_path / "a.png.unfinished").write_text("mine")
    (tmp_path / "a.png.1.unfinished").write_text("mine too")
    write_atomically(tmp_path / "a.png", lambda stream: stream.write(b"new"))
    assert content(tmp_path) == {
        "a.png": b"new", "a.png.unfinished": b"mine", "a.png.1.unfinished": b"mine too",
    }  # fmt: skip


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), ValueError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(tmp_path, error):
    (tmp_path / "a").write_text("old")

    def fail(stream):
        stream.write(b"half")
        raise error

    with pytest.raises((RunError, ValueError, KeyboardInterrupt)):
        write_atomically(tmp_path / "a", fail)
    assert content(tmp_path) == {"a": b"old"}


@pytest.mark.parametrize("links", [True, False])
def test_exclusively(tmp_path, monkeypatch, links):
    """Also where a file system has no links."""

    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(writing.os, "link", refuse)
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"first"), exclusive=True)
    with pytest.raises(RunError, match="could not write .*File exists"):
        write_atomically(tmp_path / "a", lambda stream: stream.write(b"second"), exclusive=True)
    assert content(tmp_path) == {"a": b"first"}
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"third"))
    assert content(tmp_path) == {"a": b"third"}


def test_new_folders_are_forced_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(writing, "sync", synced.append)
    make_folders(tmp_path / "a" / "b")
    make_folders(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="exists"):
        make_folders(tmp_path / "file")


def test_a_rename_is_forced_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(writing, "sync", lambda p: synced.append((p, (tmp_path / "a").exists())))
    write_atomically(tmp_path / "a", lambda stream: stream.write(b"new"))
    assert synced == [(tmp_path, True)]


def test_the_caller_says_how_to_explain(tmp_path):
    """And what was wrong stays known as the cause."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KeyError, match="a remedy for .*file") as caught:
        write_atomically(
            tmp_path / "file" / "a",
            lambda stream: stream.write(b"new"),
            explain=lambda error, path: KeyError(f"a remedy for {path}"),
        )
    assert isinstance(caught.value.__cause__, OSError)
