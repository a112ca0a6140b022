"""An entry of the kernel cache is used whole and as it was written, or not at all."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import shutil
import signal
import sys
import tomllib
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from llvmlite import ir
from numba import njit, types

from scratchgan.backends import BackendUnavailableError
from scratchgan.backends.cpu import cache, elementwise, notices
from scratchgan.backends.cpu import kernel as kernels
from tests.backends.cpu.child import ROOT, answers, start

DOUBLE = "def double(x):\n    return x + x\n"
INT, FLOAT = (types.int64,), (types.float64,)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder for entries, and a file with a function to compile."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_reason", None)
    monkeypatch.setattr(notices, "_said", set())
    (tmp_path / "small.py").write_text(DOUBLE, encoding="utf-8")
    yield tmp_path
    sys.modules.pop("small", None)


def fresh(place, stamp="sources", text=DOUBLE):
    """The function as a new process has it."""
    (place / "small.py").write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("small", place / "small.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["small"] = module  # where Numba looks for the function's globals, as it loads
    spec.loader.exec_module(module)
    return cache.keep(njit(module.double), stamp)


def entries(place):
    return sorted((place / "cache").rglob("*.nbc"))


def loads(dispatcher, signature=FLOAT):
    """Whether there is an entry that is taken, without compiling where there is none."""
    return dispatcher._cache.load_overload(signature, dispatcher.targetctx) is not None


def compiles(dispatcher, value=1.5):
    """Whether a call compiles; its result must be right."""
    assert dispatcher(value) == 2 * value
    return sum(dispatcher.stats.cache_misses.values()) > 0


def test_what_was_compiled_is_loaded(place):
    assert compiles(fresh(place))
    assert not compiles(fresh(place))
    assert len(entries(place)) == 1
    assert not list(place.rglob("*.tmp"))


def test_each_signature_has_a_file_of_its_own(place):
    assert compiles(fresh(place), 1.5)
    assert compiles(fresh(place), 3)
    assert len(entries(place)) == 2
    assert not compiles(fresh(place), 1.5)
    assert not compiles(fresh(place), 3)


def test_each_instruction_set_has_a_file_of_its_own(place, monkeypatch):
    """So that two of them in turn do not compile at each start."""
    assert compiles(fresh(place))
    with monkeypatch.context() as other:
        other.setattr(cache, "ISA", SimpleNamespace(name="another"))
        assert compiles(fresh(place))
        assert not compiles(fresh(place))
    assert not compiles(fresh(place))
    assert cache.why_not_kept() is None


@pytest.mark.parametrize(
    "change",
    [
        {"stamp": "other sources"},
        {"text": "def double(x):\n    return 2 * x\n"},
    ],
    ids=["a helper", "its own text"],
)
def test_a_stale_entry_is_not_taken_and_is_overwritten(place, change):
    compiles(fresh(place))
    assert compiles(fresh(place, **change))
    assert len(entries(place)) == 1
    assert not compiles(fresh(place, **change))
    assert compiles(fresh(place))


@pytest.mark.parametrize(
    ("module", "version"), [("numba", "0.61.999"), ("np", "9.9"), ("llvmlite", "0.1")]
)
def test_another_version_does_not_load_it(place, monkeypatch, module, version):
    compiles(fresh(place))
    monkeypatch.setattr(getattr(cache, module), "__version__", version)
    assert not loads(fresh(place))


def test_no_flipped_bit_no_cut_and_no_other_entry_is_taken(place):
    """200 kinds of damage to a real entry: nothing of one is looked at, far less run."""
    compiles(fresh(place), 1.5)
    (path,) = entries(place)
    whole = path.read_bytes()
    compiles(fresh(place), 3)
    (other,) = set(entries(place)) - {path}
    draw = random.Random(0)
    damaged = [other.read_bytes(), b"", bytes(len(whole)), whole[:-1], whole + b"\0", whole[1:]]
    damaged += [whole[: draw.randrange(len(whole))] for _ in range(34)]
    for _ in range(160):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        damaged.append(bytes(flipped))
    for entry in damaged:
        assert entry != whole
        path.write_bytes(entry)
        assert not loads(fresh(place))
    path.write_bytes(whole)
    assert loads(fresh(place))


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: bytes(len(b)), lambda b: b""])
def test_a_damaged_entry_is_compiled_and_written_anew(place, damage):
    compiles(fresh(place))
    (path,) = entries(place)
    path.write_bytes(damage(path.read_bytes()))
    assert compiles(fresh(place))
    assert not compiles(fresh(place))


def test_the_checksum_is_what_refuses(place):
    """Seeded: with a checksum made for it, a changed entry would be taken."""
    compiles(fresh(place))
    (path,) = entries(place)
    _, key, code = path.read_bytes().split(b"\n", 2)
    assert cache.opened(cache.sealed(key, code), key) == code
    assert cache.opened(cache.sealed(key, code[:-1]), key) == code[:-1]
    assert cache.opened(cache.sealed(key + b" ", code), key) is None


def test_a_verified_entry_that_cannot_be_rebuilt_is_compiled(place):
    compiles(fresh(place))
    (path,) = entries(place)
    _, key, _ = path.read_bytes().split(b"\n", 2)
    path.write_bytes(cache.sealed(key, b"no pickle"))
    assert compiles(fresh(place))
    assert not compiles(fresh(place))


def test_a_failing_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "entry.nbc"
    cache.write(path, b"old")
    monkeypatch.setattr(os, "replace", None)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "")))
    with pytest.raises(OSError, match="28"):
        cache.write(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["entry.nbc"]
    assert path.read_bytes() == b"old"


def test_an_entry_that_cannot_be_kept_is_told_once(place, capsys, monkeypatch):
    def full(path, entry):
        raise OSError(28, "No space left on device")

    monkeypatch.delenv("SCRATCHGAN_QUIET", raising=False)
    monkeypatch.setattr(cache, "write", full)
    assert compiles(fresh(place), 1.5)
    assert compiles(fresh(place), 3)
    said = capsys.readouterr().err
    assert said.count("\n") == said.count("No space left on device") == 1
    assert "NUMBA_CACHE_DIR" in said


def test_a_folder_in_the_place_of_an_entry(place, capsys):
    compiles(fresh(place))
    (path,) = entries(place)
    path.unlink()
    path.mkdir()
    assert compiles(fresh(place))
    assert "could not be kept" in capsys.readouterr().err


# -- where nothing is kept -------------------------------------------------------------------------


def test_no_folder(place, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("numba.core.caching._CacheLocator.ensure_cache_path", refuse)
    assert compiles(fresh(place))
    assert compiles(fresh(place))
    assert "NUMBA_CACHE_DIR" in cache.why_not_kept()


@pytest.mark.parametrize(
    ("version", "kept"),
    [((0, 61), False), ((0, 62), True), ((0, 68), True), ((0, 69), False), ((1, 0), False)],
)
def test_an_untested_numba_keeps_nothing_and_says_so(place, monkeypatch, version, kept):
    monkeypatch.setattr(numba, "version_info", (*version, 0))
    monkeypatch.setattr(numba, "__version__", f"{version[0]}.{version[1]}.0")
    assert compiles(fresh(place))
    assert len(entries(place)) == kept
    if kept:
        assert cache.why_not_kept() is None
    else:
        assert f"Numba {version[0]}.{version[1]}.0" in cache.why_not_kept()
        assert f"pip install '{cache.TESTED}'" in cache.why_not_kept()


def test_the_bounds_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cache.TESTED in project["dependencies"]
    assert cache.OLDEST <= tuple(numba.version_info[:2]) <= cache.NEWEST


def test_a_numba_that_calls_functions_in_another_way_is_refused():
    """Its code would be called with the wrong arguments."""
    elementwise.add.address(np.float32)
    dispatcher = elementwise.add._dispatcher
    (code, *_) = dispatcher.overloads.values()
    kernels._require_convention(dispatcher.targetctx, code.fndesc)
    right = kernels.CONVENTION.args
    for wrong in (right[:-1], right[1:], (*right[:3], ir.IntType(32), *right[4:])):
        kind = ir.FunctionType(ir.IntType(32), wrong)
        context = SimpleNamespace(call_conv=SimpleNamespace(get_function_type=lambda *_, k=kind: k))
        with pytest.raises(BackendUnavailableError, match="another calling convention"):
            kernels._require_convention(context, code.fndesc)


def test_what_is_said_is_said_once(capsys, monkeypatch):
    monkeypatch.setattr(notices, "_said", set())
    monkeypatch.delenv("SCRATCHGAN_QUIET", raising=False)
    notices.say("one")
    notices.say("one")
    notices.say("two")
    monkeypatch.setenv("SCRATCHGAN_QUIET", "1")
    notices.say("three")
    assert capsys.readouterr().err == "one\ntwo\n"


# -- starts that end in the middle, and at the same time -------------------------------------------

ADD = """
import numpy as np
from numba.core import event
from scratchgan.backends import get_backend
with event.install_recorder("numba:compile") as record:
    a = np.arange(5, dtype=DTYPE)
    print(get_backend("cpu").add(a, a).tolist(), len(record.buffer) > 0)
"""
LIMITED = """
import resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
signal.signal(signal.SIGXFSZ, signal.HANDLER)
"""


def doubled(code, folder, dtype="np.float32"):
    done = start(code.replace("DTYPE", dtype), NUMBA_CACHE_DIR=folder, SCRATCHGAN_QUIET=None)
    if done.returncode == 0:
        assert done.stdout.startswith("[0.0, 2.0, 4.0, 6.0, 8.0] ")
    return done


@pytest.mark.slow
def test_killed_while_an_entry_is_written(tmp_path):
    """A file that grows beyond a limit ends the process; the next one finds nothing of it."""
    pytest.importorskip("resource")
    killed = doubled(LIMITED.replace("HANDLER", "SIG_DFL") + ADD, tmp_path)
    assert killed.returncode == -signal.SIGXFSZ
    assert list(tmp_path.rglob("*.tmp"))
    assert not list(tmp_path.rglob("*.nbc"))
    assert doubled(ADD, tmp_path).stdout.endswith("True\n")
    assert doubled(ADD, tmp_path).stdout.endswith("False\n")


@pytest.mark.slow
def test_a_full_disk(tmp_path):
    """The same limit, as an error of the write: it costs the next start its seconds."""
    pytest.importorskip("resource")
    done = doubled(LIMITED.replace("HANDLER", "SIG_IGN") + ADD, tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"compiling kernels, .*\ncompiled kernels could not .*\n", done.stderr)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_first_starts_at_the_same_time(tmp_path):
    """Two dtypes of one kernel at once; both are there afterwards."""
    codes = {"NUMBA_CACHE_DIR": tmp_path, "SCRATCHGAN_QUIET": "1"}
    code = ADD.replace("DTYPE", "__import__('os').environ['DTYPE']")
    for compiled in (True, False):
        said = answers(code, [{**codes, "DTYPE": dtype} for dtype in ("float32", "float64")])
        assert said == [f"[0.0, 2.0, 4.0, 6.0, 8.0] {compiled}\n"] * 2


@pytest.mark.slow
def test_an_edited_kernel_is_never_the_old_one(tmp_path):
    """Killed between the edit's compiling and its writing, then started again."""
    pytest.importorskip("resource")
    package = tmp_path / "scratchgan"
    shutil.copytree(ROOT / "scratchgan", package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = {"package": tmp_path, "NUMBA_CACHE_DIR": tmp_path / "cache", "SCRATCHGAN_QUIET": "1"}
    code = ADD.replace("DTYPE", "np.float32")
    assert start(code, **folder).stdout == "[0.0, 2.0, 4.0, 6.0, 8.0] True\n"
    path = package / "backends" / "cpu" / "elementwise.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("y[i] = a[i] + b[i]") == 1
    path.write_text(text.replace("y[i] = a[i] + b[i]", "y[i] = a[i] - b[i]"), encoding="utf-8")
    killed = start(LIMITED.replace("HANDLER", "SIG_DFL") + code, **folder)
    assert killed.returncode == -signal.SIGXFSZ
    for compiled in (True, False):
        assert start(code, **folder).stdout == f"[0.0, 0.0, 0.0, 0.0, 0.0] {compiled}\n"
