"""Arrays and their description come back to the bit, or not at all."""

import json
import os

import numpy as np
import pytest

from scratchgan.errors import RunError
from scratchgan.files import read_archive, read_npz, write_archive
from scratchgan.files.npz import checksum

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True])}


def test_npz_is_read_as_numpy_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.normal(size=(3, 4)),
        "b": np.asfortranarray(rng.normal(size=(3, 4)).astype(np.float32)),
        "c": np.array("a text"),
        "d": np.zeros((0, 3), ">i2"),
        "e": np.array(1 + 2j),
    }
    np.savez(tmp_path / "x.npz", **arrays)
    with open(tmp_path / "x.npz", "rb") as stream:
        found = read_npz(stream)
    assert found.keys() == arrays.keys()
    for name, a in arrays.items():
        assert (found[name].dtype, found[name].shape) == (a.dtype, a.shape)
        assert (found[name] == a).all()
        assert found[name].flags.writeable


def test_python_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{}], dtype=object))
    with open(tmp_path / "x.npz", "rb") as stream, pytest.raises(ValueError, match="objects"):
        read_npz(stream)


def test_what_is_compressed_is_refused_also_where_that_saves_nothing(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, 10_000, np.uint8)
    np.savez_compressed(tmp_path / "x.npz", a=noise)
    with open(tmp_path / "x.npz", "rb") as stream, pytest.raises(ValueError, match="compressed"):
        read_npz(stream)


# -- with a description and a checksum ------------------------------------------------------------


def test_an_archive_comes_back(tmp_path):
    write_archive(tmp_path / "x.npz", {"format": 3, "name": "é"}, ARRAYS)
    meta, arrays = read_archive(tmp_path / "x.npz", 3)
    assert meta == {"format": 3, "name": "é"}
    assert arrays.keys() == ARRAYS.keys()
    assert all(arrays[name].tobytes() == a.tobytes() for name, a in ARRAYS.items())


CHANGES = {
    "a bit": lambda meta, arrays: arrays["a"].view(np.int32).ravel().__setitem__(0, 1),
    "a shape": lambda meta, arrays: arrays.update(a=arrays["a"].reshape(3, 2)),
    "a dtype": lambda meta, arrays: arrays.update(a=arrays["a"].view(np.int32)),
    "a name": lambda meta, arrays: arrays.update(c=arrays.pop("b")),
    "another array": lambda meta, arrays: arrays.update(c=np.zeros(1)),
    "the description": lambda meta, arrays: meta.update(name="other"),
}


def changed(path, change):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(meta, arrays)
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(tmp_path, change):
    path = tmp_path / "x.npz"
    write_archive(path, {"format": 3, "name": "x"}, ARRAYS)
    changed(path, lambda meta, arrays: None)
    read_archive(path, 3)  # written again as it was, it is whole
    changed(path, change)
    with pytest.raises(ValueError, match="its checksum does not fit"):
        read_archive(path, 3)


def test_of_another_format_only_its_number_is_read(tmp_path):
    write_archive(tmp_path / "x.npz", {"format": 3}, ARRAYS)
    changed(tmp_path / "x.npz", lambda meta, arrays: meta.pop("sha256"))
    assert read_archive(tmp_path / "x.npz", 2)[0]["format"] == 3


@pytest.mark.parametrize("content", [b"", b"PK", b"text"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match="zip"):
        read_archive(tmp_path / "x.npz", 1)
    np.savez(tmp_path / "bare.npz", **ARRAYS)
    with pytest.raises(ValueError, match="meta"):
        read_archive(tmp_path / "bare.npz", 1)
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "nowhere.npz", 1)


def test_the_checksum_is_the_one_of_earlier_checkpoints():
    """Whatever else changes: run folders that were written before stay readable."""
    expected = "06269b0665a7fa850238263d9f8e5453f20a679ebcf3146927a849451159a043"
    assert checksum({"format": 1, "dtype": "float32"}, ARRAYS) == expected


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    write_archive(tmp_path / "x.npz", {"format": 1}, ARRAYS)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(RunError, match="could not write"):
        write_archive(tmp_path / "x.npz", {"format": 1}, {})
    assert read_archive(tmp_path / "x.npz", 1)[1].keys() == ARRAYS.keys()
