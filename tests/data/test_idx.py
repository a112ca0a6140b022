import errno
import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from scratchgan.data import read_idx
from scratchgan.errors import DataError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([7, 0, 2], np.uint8)


def idx_bytes(a):
    """Return the IDX file of a uint8 array, by struct."""
    return struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes()


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("suffix", ["", ".gz"])  # the contents decide, not the name
@pytest.mark.parametrize("a", [IMAGES, LABELS], ids=["images", "labels"])
def test_reads_what_was_written(tmp_path, a, compress, suffix):
    path = tmp_path / f"some{suffix}"
    path.write_bytes(compress(idx_bytes(a)))
    for shape in (None, a.shape, (None, *a.shape[1:])):
        values = read_idx(path, shape)
        assert values.dtype == np.uint8
        assert values.shape == a.shape
        assert (values == a).all()


GOOD = idx_bytes(IMAGES)
GZ = gzip.compress(GOOD)
BAD = {
    "empty": (b"", "not an IDX file: it begins with b''"),
    "web page": (b"<!DOCTYPE html><html>", "begins with b'<!DO'; expected two zero bytes"),
    "magic": (b"\x00\x01" + GOOD[2:], "not an IDX file"),
    "float32": (b"\x00\x00\x0d" + GOOD[3:], "type 0x0d; expected 0x08"),
    "no dimensions": (b"\x00\x00\x08\x00", "truncated: .*0 dimensions"),
    "header cut": (GOOD[:9], "truncated: 9 bytes are too few for the header of 3 dimensions"),
    "data cut": (GOOD[:-1], "truncated: .*declares shape .3, 4, 5., 60 bytes, and 59 follow"),
    "no data": (GOOD[:16], "truncated: .*and 0 follow"),
    "too long": (GOOD + b"\0", "too long: .*60 bytes, and more follow"),
    "huge": (GOOD[:4] + b"\xff" * 12 + GOOD[16:], "truncated: .*4294967295"),
    "gz cut": (GZ[:-9], "damaged or incomplete gzip file"),
    "gz cut at once": (GZ[:5], "damaged or incomplete gzip file"),
    "gz CRC": (GZ[:-8] + bytes([GZ[-8] ^ 1]) + GZ[-7:], "gzip file .CRC check failed"),
    "gz deflate": (GZ[:12] + b"\xff\xff\xff" + GZ[15:], "damaged or incomplete gzip file"),
    "gz of a gz": (gzip.compress(GZ), "not an IDX file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named(tmp_path, case):
    content, message = BAD[case]
    path = tmp_path / "bad-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"(?s)bad-ubyte .*{message}"):
        read_idx(path)


@pytest.mark.parametrize("whole", [GOOD, GZ], ids=["plain", "gz"])
def test_every_truncation_is_refused(tmp_path, whole):
    path = tmp_path / "cut"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cut"):
            read_idx(path)


def test_no_damage_to_a_gzip_file_passes(tmp_path):
    path = tmp_path / "hit"
    refused = 0
    for i in range(len(GZ)):
        for bit in range(8):
            path.write_bytes(GZ[:i] + bytes([GZ[i] ^ (1 << bit)]) + GZ[i + 1 :])
            try:
                assert (read_idx(path) == IMAGES).all()  # a bit that means nothing: the time, say
            except DataError:
                refused += 1
    assert refused >= 8 * (len(GZ) - 10) - 8


@pytest.mark.parametrize(
    ("a", "shape", "expected"),
    [
        (IMAGES, (3,), r"shape \(3, 4, 5\); expected \(3\) .are images and labels mixed up"),
        (LABELS, (None, 4, 5), r"shape \(3,\); expected \(any, 4, 5\)"),
        (IMAGES, (3, 5, 4), r"shape \(3, 4, 5\); expected \(3, 5, 4\)"),
    ],
)
def test_another_shape_is_refused(tmp_path, a, shape, expected):
    path = tmp_path / "some-ubyte"
    path.write_bytes(idx_bytes(a))
    with pytest.raises(DataError, match=expected):
        read_idx(path, shape)


def test_a_bomb_is_not_unpacked(tmp_path):
    """What follows a header's sizes is read no further than one byte, however much it is."""
    long = b"\0\0\x08\x01" + struct.pack(">I", 30 << 20)
    bombs = {"labels": idx_bytes(LABELS), "zeros": b"", "long": long}
    for name, beginning in bombs.items():
        with gzip.open(tmp_path / name, "wb", compresslevel=1) as stream:
            stream.write(beginning)
            for _ in range(30):
                stream.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="too long: .*3 bytes, and more follow"):
            read_idx(tmp_path / "labels")
        with pytest.raises(DataError, match=r"shape \(3,\); expected \(4\)"):
            read_idx(tmp_path / "labels", (4,))
        with pytest.raises(DataError, match=r"shape \(31457280,\); expected \(4\)"):
            read_idx(tmp_path / "long", (4,))
        with pytest.raises(DataError, match="type 0x00"):
            read_idx(tmp_path / "zeros")
        assert tracemalloc.get_traced_memory()[1] <= 10 << 20
    finally:
        tracemalloc.stop()


def test_more_dimensions_than_an_array_has(tmp_path):
    path = tmp_path / "many"
    path.write_bytes(idx_bytes(np.zeros((1,) * 30, np.uint8)))
    assert read_idx(path).ndim == 30
    path.write_bytes(b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"7")
    with pytest.raises(DataError, match="255 dimensions; expected at most 32"):
        read_idx(path)


@pytest.mark.skipif(os.name != "posix", reason="pipes in a folder are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="cannot read .*: it is a pipe or a device"):
            read_idx(path)


@pytest.mark.parametrize("path", [None, 3, b"x", ["x"]])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="read_idx: path is .*; expected a path"):
        read_idx(path)
    with pytest.raises(DataError, match="cannot read"):
        read_idx("a\0b")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere: No such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match="Is a directory; check the path"):
        read_idx(tmp_path)


def test_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "locked"
    path.write_bytes(GOOD)
    if os.geteuid() == 0:  # root may read everything, so the refusal is simulated

        def refuse(self, mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

        monkeypatch.setattr(Path, "open", refuse)
    path.chmod(0)
    with pytest.raises(DataError, match=r"locked: Permission denied; check .* permissions"):
        read_idx(path)
