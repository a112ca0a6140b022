import errno
import gzip
import os
import struct
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
    "empty": (b"", "no IDX file: it begins with b''"),
    "web page": (b"<!DOCTYPE html><html>", "begins with b'<!DO'; expected two zero bytes"),
    "magic": (b"\x00\x01" + GOOD[2:], "no IDX file"),
    "float32": (b"\x00\x00\x0d" + GOOD[3:], "type 0x0d; expected 0x08"),
    "no dimensions": (b"\x00\x00\x08\x00", "cut short: .*0 dimensions"),
    "header cut": (GOOD[:9], "cut short: 9 bytes do not hold the header of 3 dimensions"),
    "data cut": (GOOD[:-1], "cut short: .*declares shape .3, 4, 5., 60 bytes, and 59 follow"),
    "no data": (GOOD[:16], "cut short: .*and 0 follow"),
    "too long": (GOOD + b"\0", "too long: .*60 bytes, and 61 follow"),
    "huge": (GOOD[:4] + b"\xff" * 12 + GOOD[16:], "cut short: .*4294967295"),
    "gz cut": (GZ[:-9], "damaged or incomplete gzip file"),
    "gz cut at once": (GZ[:5], "damaged or incomplete gzip file"),
    "gz CRC": (GZ[:-8] + bytes([GZ[-8] ^ 1]) + GZ[-7:], "gzip file .CRC check failed"),
    "gz deflate": (GZ[:12] + b"\xff\xff\xff" + GZ[15:], "damaged or incomplete gzip file"),
    "gz of a gz": (gzip.compress(GZ), "no IDX file"),
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


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere: No such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match="Is a directory; check the path"):
        read_idx(tmp_path)


def test_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "locked"
    path.write_bytes(GOOD)
    if os.geteuid() == 0:  # root may read everything, so the refusal is simulated

        def refuse(self):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

        monkeypatch.setattr(Path, "read_bytes", refuse)
    path.chmod(0)
    with pytest.raises(DataError, match=r"locked: Permission denied; check .* permissions"):
        read_idx(path)
