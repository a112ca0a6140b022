"""MNIST's loader: the real files where they are at hand, and small ones of its form otherwise."""

import errno
import gzip
import hashlib
import http.server
import os
import socket
import stat
import struct
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scratchgan.data import load, mnist
from scratchgan.data.files import Distribution
from scratchgan.errors import DataError
from scratchgan.files import writing

TRAIN, TEST = 12, 4
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_bytes(a):
    return struct.pack(f">BBBB{a.ndim}I", 0, 0, 8, a.ndim, *a.shape) + a.tobytes()


_rng = np.random.default_rng(0)
ARRAYS = dict(
    zip(
        NAMES,
        (
            _rng.integers(0, 256, (TRAIN, 28, 28), np.uint8),
            np.arange(TRAIN, dtype=np.uint8) % 10,
            _rng.integers(0, 256, (TEST, 28, 28), np.uint8),
            np.arange(TEST, dtype=np.uint8),
        ),
        strict=True,
    )
)
PLAIN = {name: idx_bytes(a) for name, a in ARRAYS.items()}
SHA256 = tuple(hashlib.sha256(PLAIN[name]).hexdigest() for name in NAMES)
IMAGES = f"{NAMES[0]}.gz"


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``, path -> (body, declared length, headers), and keeps what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {
            f"/{name}.gz": (body, len(body), {})
            for name, body in ((name, gzip.compress(PLAIN[name])) for name in NAMES)
        }
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path not in self.server.files:
            self.send_error(404)
            return
        body, declared, headers = self.server.files[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(declared))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def dead_url():
    with socket.socket() as s:  # a port that was free a moment ago: nobody answers there
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give each test a cache of its own, no data folder and no proxy."""
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("SCRATCHGAN_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "scratchgan" / "tiny"


def tiny(*mirrors, **changes):
    """Load the small files as if they were MNIST's."""
    distribution = replace(Distribution("tiny", mirrors), **changes)
    return mnist._load(
        distribution, SHA256, tuple("0123456789"), "a test", "MIT", train=TRAIN, test=TEST
    )


def assert_right(data):
    assert data.x.shape == (TRAIN, 784)
    assert np.abs(data.x - ARRAYS[NAMES[0]].reshape(TRAIN, 784) / 255).max() <= 1e-7
    assert np.abs(data.x_test - ARRAYS[NAMES[2]].reshape(TEST, 784) / 255).max() <= 1e-7
    assert data.labels.tolist() == ARRAYS[NAMES[1]].tolist()
    assert data.labels_test.tolist() == list(range(TEST))
    assert data.image_shape == (28, 28)
    assert data.classes == 10


def put(folder, suffix=".gz"):
    """Put the four small files into a folder."""
    folder.mkdir(parents=True)
    for name, content in PLAIN.items():
        path = folder / f"{name}{suffix}"
        path.write_bytes(gzip.compress(content) if suffix else content)
    return folder


def files_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# -- downloads -------------------------------------------------------------------------------------


def test_download_is_kept_in_the_cache(server, dead_url, cache):
    assert_right(tiny(server.url))
    assert files_in(cache) == sorted(f"{name}.gz" for name in NAMES)
    assert len(server.asked) == 4
    assert_right(tiny(dead_url))  # no network the second time


def test_next_mirror_where_the_first_is_dead(server, dead_url):
    assert_right(tiny(dead_url, server.url))


def spoil(server, kind):
    good = server.files[f"/{IMAGES}"][0]
    other = gzip.compress(idx_bytes(np.zeros((TRAIN, 28, 28), np.uint8)))
    labels = gzip.compress(PLAIN[NAMES[1]])
    server.files[f"/{IMAGES}"] = {
        "breaks off": (good[:-100], len(good), {}),
        "truncated": (good[:-100], len(good) - 100, {}),
        "other contents": (other, len(other), {}),
        "labels": (labels, len(labels), {}),
        "web page": (b"<html>log in</html>", 19, {}),
        "empty": (b"", 0, {}),
        "endless": (bytes(1 << 20), 1 << 20, {}),
    }[kind]


SPOILT = {
    "breaks off": "ConnectionError|ChunkedEncodingError|IncompleteRead",
    "truncated": "damaged or incomplete gzip file",
    "other contents": f"damaged or belongs to another data set.*expected {SHA256[0]}",
    "labels": r"holds an array of shape \(12,\); expected \(12, 28, 28\)",
    "web page": "is not an IDX file",
    "empty": "is not an IDX file",
    "endless": "is too long: it has more than",
}


@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_download_leaves_nothing_behind(server, cache, kind):
    good = dict(server.files)
    spoil(server, kind)
    with pytest.raises(DataError, match=f"(?s){server.url}{IMAGES}.*({SPOILT[kind]})"):
        tiny(server.url)
    assert files_in(cache) == []
    server.files = good
    assert_right(tiny(server.url))


def test_next_mirror_where_the_first_is_spoilt(server):
    spoil(server, "truncated")
    with Server() as second:
        thread = threading.Thread(target=second.serve_forever, args=(0.01,))
        thread.start()
        assert_right(tiny(server.url, second.url))
        assert second.asked == [f"/{IMAGES}"]
        second.shutdown()
        thread.join()


def test_missing_on_the_server(server, cache):
    del server.files[f"/{IMAGES}"]
    with pytest.raises(DataError, match="404"):
        tiny(server.url)
    assert files_in(cache) == []


def test_server_that_unpacks(server, dead_url):
    """With Content-Encoding the client gets the plain file; it is kept, under the same name."""
    for path, (body, length, _) in server.files.items():
        server.files[path] = (body, length, {"Content-Encoding": "gzip"})
    assert_right(tiny(server.url))
    assert_right(tiny(dead_url))


def test_no_network_says_what_to_do(dead_url, cache):
    with pytest.raises(DataError) as caught:
        tiny(dead_url, f"{dead_url}second/")
    text = str(caught.value)
    for part in (
        "tiny: no good copy of train-images-idx3-ubyte",
        str(cache),
        f"{dead_url}{IMAGES}: ConnectionError",
        f"{dead_url}second/{IMAGES}: ConnectionError",
        SHA256[0],
        "SCRATCHGAN_DATA_DIR",
    ):
        assert part in text
    assert files_in(cache) == []


# -- the cache -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_cache_may_hold_either_form(cache, dead_url, suffix):
    put(cache, suffix)
    assert_right(tiny(dead_url))


def test_damaged_cache_is_downloaded_anew(server, cache):
    put(cache)
    (cache / IMAGES).write_bytes(gzip.compress(PLAIN[NAMES[0]])[:-5])
    with pytest.warns(UserWarning, match=f"{IMAGES} is a damaged .*Looking for another copy"):
        assert_right(tiny(server.url))
    assert server.asked == [f"/{IMAGES}"]
    assert_right(tiny(server.url))  # and is whole now: no warning
    assert server.asked == [f"/{IMAGES}"]


def test_damaged_cache_and_no_network(cache, dead_url):
    put(cache)
    (cache / IMAGES).write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="Looking for another copy"),
        pytest.raises(DataError, match=f"(?s){cache / IMAGES} is not an IDX file.*ConnectionError"),
    ):
        tiny(dead_url)
    assert (cache / IMAGES).read_bytes() == b""


def test_system_folder_is_used(tmp_path, dead_url, cache):
    assert_right(tiny(dead_url, system=(put(tmp_path / "system"),)))
    assert files_in(cache) == []


def fail_to_write(monkeypatch, number):
    """Let half of the bytes reach the disk before it is full."""

    def fsync(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing.os, "fsync", fsync)


def test_full_disk(server, cache, monkeypatch):
    fail_to_write(monkeypatch, errno.ENOSPC)
    with pytest.raises(DataError, match=f"{cache / IMAGES}: No space left on device; free some"):
        tiny(server.url)
    assert files_in(cache) == []


def test_unwritable_cache(server, cache, monkeypatch):
    if os.geteuid() == 0:  # root may write everywhere, so the refusal is simulated
        fail_to_write(monkeypatch, errno.EACCES)
    else:
        cache.mkdir(parents=True)
        cache.chmod(0o500)
    with pytest.raises(DataError, match=r"Permission denied; .*make the folder writable"):
        tiny(server.url)
    assert files_in(cache) == []


def test_cache_that_is_a_file(server, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        tiny(server.url)
    assert cache.read_text() == "in the way"


def test_interrupt_before_the_rename_leaves_nothing(server, cache, monkeypatch):
    def interrupt(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tiny(server.url)
    assert files_in(cache) == []


# -- SCRATCHGAN_DATA_DIR ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("folder", ["tiny", "tiny_too"])
def test_data_dir(tmp_path, monkeypatch, dead_url, suffix, folder):
    put(tmp_path / folder, suffix)
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    assert_right(tiny(dead_url, other_folders=("tiny_too",)))


@pytest.mark.parametrize("folder", ["tiny/raw", "TINY/raw", "TINY", "raw", "."])
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_folders_and_names_that_people_have(tmp_path, monkeypatch, folder, suffix):
    """Torchvision's folder, the folder itself, and a dot in the place of the first hyphen."""
    put(tmp_path / "given" / folder, suffix)
    for path in (tmp_path / "given" / folder).iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path / "given"))
    assert_right(tiny(other_folders=("TINY",)))


def test_the_folder_of_its_name_comes_first(tmp_path, monkeypatch):
    """Beside it may lie another set under the same names, Fashion-MNIST's for MNIST's."""
    put(tmp_path / "tiny")
    for other in ("tiny/raw", "TINY", "."):
        (tmp_path / other).mkdir(exist_ok=True)
        for name in NAMES:
            (tmp_path / other / f"{name}.gz").write_bytes(b"another set")
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    assert_right(tiny(other_folders=("TINY",)))


def test_a_folder_in_the_place_of_a_file_is_passed_over(tmp_path, monkeypatch):
    """As an archive is unpacked by some programs: a folder of the file's name around it."""
    folder = put(tmp_path / "tiny", "")
    (folder / IMAGES).mkdir()
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    assert_right(tiny())


@pytest.mark.skipif(os.name != "posix", reason="pipes in a folder are POSIX's")
def test_a_pipe_among_the_files(tmp_path, monkeypatch):
    folder = put(tmp_path / "tiny", "")
    os.mkfifo(folder / IMAGES)
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=f"cannot read {folder / IMAGES}: it is a pipe or a dev"):
        tiny()


def test_which_folders_the_real_sets_are_looked_for_in(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    for name, folders in {
        "mnist": ["mnist", "MNIST/raw", "raw", "."],
        "fashion-mnist": ["fashion-mnist", "fashion_mnist", "FashionMNIST/raw", "raw", "."],
    }.items():
        with pytest.raises(DataError) as caught:
            load(name)
        said = str(caught.value)
        for folder in folders:
            assert f"\n  {tmp_path / folder / IMAGES}\n" in said
        assert "train-images.idx3-ubyte" in said


def test_data_dir_without_the_files_is_an_error(tmp_path, monkeypatch, server, cache):
    put(cache)  # neither the cache nor the network is asked
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError) as caught:
        tiny(server.url)
    assert str(tmp_path / "tiny" / IMAGES) in str(caught.value)
    assert "SCRATCHGAN_DATA_DIR is" in str(caught.value)
    assert server.asked == []


def test_damaged_file_in_data_dir_is_left_as_it_is(tmp_path, monkeypatch, server):
    folder = put(tmp_path / "tiny")
    (folder / IMAGES).write_bytes(b"not this")
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=f"{folder / IMAGES} is not an IDX file"):
        tiny(server.url)
    assert (folder / IMAGES).read_bytes() == b"not this"
    assert server.asked == []


def test_checksum_is_looked_at_in_data_dir(tmp_path, monkeypatch):
    folder = put(tmp_path / "tiny", "")
    content = bytearray(PLAIN[NAMES[0]])
    content[-1] ^= 1
    (folder / NAMES[0]).write_bytes(content)
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=f"SHA-256 .*expected {SHA256[0]}"):
        tiny()


def test_unreadable_data_dir(tmp_path, monkeypatch):
    folder = put(tmp_path / "tiny")
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", str(tmp_path))
    if os.geteuid() == 0:  # root may read everything, so the refusal is simulated

        def refuse(self, mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

        monkeypatch.setattr(Path, "open", refuse)
    folder.chmod(0)
    try:
        with pytest.raises(DataError, match=f"cannot read {folder}.*Permission denied; make"):
            tiny()
    finally:
        folder.chmod(0o700)


def test_empty_data_dir_variable_counts_as_unset(monkeypatch, server):
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", "")
    assert_right(tiny(server.url))


# -- the real files --------------------------------------------------------------------------------

CHECKOUT = Path(__file__).parents[2]
GIVEN = os.environ.get("SCRATCHGAN_DATA_DIR") or str(CHECKOUT.parent / "shared" / "data")


def test_mnist_itself(monkeypatch):
    if not (Path(GIVEN) / "mnist").is_dir():
        pytest.skip("MNIST's own files were not checked: set SCRATCHGAN_DATA_DIR to their folder")
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", GIVEN)
    data = load("mnist")
    assert data.x.shape == (60_000, 784)
    assert data.x_test.shape == (10_000, 784)
    assert data.value_range == (0, 1)
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(data.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert abs(data.x.mean(dtype=np.float64) - 0.1306605) <= 1e-6
    assert "CC BY-SA 3.0" in data.describe()


def test_fashion_mnist_itself(monkeypatch):
    if not (Path(GIVEN) / "fashion-mnist").is_dir():
        pytest.skip(
            "Fashion-MNIST's own files were not checked: set SCRATCHGAN_DATA_DIR to their folder"
        )
    monkeypatch.setenv("SCRATCHGAN_DATA_DIR", GIVEN)
    data = load("fashion-mnist")
    assert data.x.shape == (60_000, 784)
    assert data.label_names[data.labels[0]] == "Ankle boot"
    assert (np.bincount(data.labels) == 6000).all()
