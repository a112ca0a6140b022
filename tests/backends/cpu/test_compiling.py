"""Kernels are compiled once, kept on disk, compiled again when they must be; or done without."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from child import ROOT, answer, start

from scratchgan.backends import get_backend
from scratchgan.backends.cpu.kernel import KERNELS

MESSAGE = "compiling kernels"
ADD = """
import sys
import numpy as np
from numba.core import event
from scratchgan.backends import get_backend
with event.install_recorder("numba:compile") as record:
    ops = get_backend("cpu")
    a = np.arange(5, dtype=np.float32)
    print(ops.add(a, ops.scale(a, 2.0)).tolist(), len(record.buffer) > 0)
"""
RIGHT = "[0.0, 3.0, 6.0, 9.0, 12.0]"


def works(**environment):
    """Whether anything was compiled, and whether that was said; the result must be right."""
    done = start(ADD, **environment)
    assert done.returncode == 0, done.stderr
    result, _, compiled = done.stdout.strip().rpartition(" ")
    assert result == RIGHT
    assert done.stderr.count(MESSAGE) <= 1
    return compiled == "True", MESSAGE in done.stderr


def files(folder, kind):
    found = sorted(folder.rglob(f"*.{kind}"))
    assert found
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache that has what ADD needs."""
    folder = tmp_path_factory.mktemp("cache")
    assert works(NUMBA_CACHE_DIR=folder) == (True, True)  # said, once
    return folder


def test_a_second_process_compiles_nothing_and_says_nothing(filled):
    assert works(NUMBA_CACHE_DIR=filled) == (False, False)


def test_every_kernel_is_kept_on_disk():
    """A kernel that could not be cached would cost each process its seconds."""
    get_backend("cpu")
    for kernel in KERNELS:
        for dtype in (np.float32, np.float64):
            kernel.address(dtype)
    code = """
import numpy as np
from numba.core import event
from scratchgan.backends import get_backend
from scratchgan.backends.cpu.kernel import KERNELS
with event.install_recorder("numba:compile") as record:
    get_backend("cpu")
    for kernel in KERNELS:
        for dtype in (np.float32, np.float64):
            kernel.address(dtype)
print(len(KERNELS) > 20, {e.data["dispatcher"].py_func.__name__ for _, e in record.buffer})
"""
    done = start(code)
    assert done.stdout == "True set()\n", done.stderr
    assert done.stderr == ""


# -- a changed helper ------------------------------------------------------------------------------

SOFTPLUS = """
import numpy as np
from scratchgan.backends import get_backend
print(round(float(get_backend("cpu").activation(np.zeros(1), "softplus")[0]), 3))
"""


@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "seeded: no stamp"])
def test_a_changed_helper_makes_the_cache_stale(tmp_path, stamped):
    """elementary.py has no kernel of its own; its text goes into the stamp of those that use it."""
    package = tmp_path / "scratchgan"
    shutil.copytree(ROOT / "scratchgan", package, ignore=shutil.ignore_patterns("__pycache__"))
    cpu = package / "backends" / "cpu"
    if not stamped:
        text = (cpu / "kernel.py").read_text(encoding="utf-8")
        assert "_STAMP = _stamp()" in text
        text = text.replace("_STAMP = _stamp()", '_STAMP = ("the same", "always")')
        (cpu / "kernel.py").write_text(text, encoding="utf-8")
    where = {"package": tmp_path, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    assert answer(SOFTPLUS, **where) == "0.693\n"
    helper = (cpu / "elementary.py").read_text(encoding="utf-8")
    before = "    return s * atanh_over(s)\n"  # the end of log1p
    assert helper.count(before) == 1
    changed = helper.replace(before, "    return s * atanh_over(s) + type(x)(1)\n")
    (cpu / "elementary.py").write_text(changed, encoding="utf-8")
    assert answer(SOFTPLUS, **where) == ("1.693\n" if stamped else "0.693\n")


# -- where nothing can be kept ---------------------------------------------------------------------


def test_a_cache_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    works(NUMBA_CACHE_DIR=tmp_path / "file")


def test_no_folder_can_be_written(tmp_path):
    """As on a read-only disk (root may write everywhere, so it is played)."""
    played = f"""
from numba.core import caching
def refuse(self):
    raise PermissionError(13, "read-only")
caching._CacheLocator.ensure_cache_path = refuse
{ADD}
"""
    done = start(played, NUMBA_CACHE_DIR=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{RIGHT} True\n"
    assert not list(tmp_path.rglob("*.nb*"))


@pytest.mark.parametrize("method", ["_save_index", "_save_data"])
def test_the_disk_is_full(tmp_path, method):
    """What could not be kept has been compiled all the same."""
    played = f"""
from numba.core import caching
def refuse(*arguments):
    raise OSError(28, "No space left on device")
caching.IndexDataCacheFile.{method} = refuse
{ADD}
"""
    done = start(played, NUMBA_CACHE_DIR=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{RIGHT} True\n"


# -- damage ----------------------------------------------------------------------------------------

DAMAGE = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "its last byte gone": lambda data: data[:-1],
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_no_end(filled, tmp_path, kind, damage):
    """As after a power cut: compile again, or say clearly what is wrong; no traceback."""
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    for path in files(folder, kind):
        path.write_bytes(damage(path.read_bytes()))
    done = start(ADD, NUMBA_CACHE_DIR=folder)
    clear = "BackendUnavailableError" in done.stderr and "NUMBA_CACHE_DIR" in done.stderr
    assert done.stdout.startswith(RIGHT) or clear, done.stderr


def test_a_lost_data_file_is_compiled_again(filled, tmp_path):
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    for path in files(folder, "nbc"):
        path.unlink()
    assert works(NUMBA_CACHE_DIR=folder)[0]


# -- without Numba ---------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
"""
COMMAND = f"""{WITHOUT}
from scratchgan.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_info_says_what_is_missing():
    said = answer(COMMAND, "info")
    lines = {line.split()[0]: line for line in said.splitlines() if line.startswith("  ")}
    assert "numba" in lines["cpu"]
    assert "pip install numba" in lines["cpu"]
    assert "works here" not in lines["cpu"]
    assert lines["reference"].split()[1:] == ["works", "here", "(default)"]


def test_the_reference_takes_over():
    code = f"""{WITHOUT}
from scratchgan.backends import default_backend, why_unavailable
print(default_backend().name, why_unavailable("reference"), "numba" in why_unavailable("cpu"))
"""
    assert answer(code) == "reference None True\n"


def test_training_without_numba(tmp_path):
    arguments = ["train", "gaussian-1d", "--steps", "3", "--batch-size", "8", "--out"]
    assert "backend reference" in answer(COMMAND, *arguments, tmp_path / "run")
    done = start(COMMAND, *arguments, tmp_path / "other", "--backend", "cpu")
    assert done.returncode == 2
    assert done.stderr.startswith("scratchgan: error: backend 'cpu' does not work here: ")
    assert "pip install numba" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "other").exists()


def test_with_numba_cpu_is_the_default():
    assert (
        "works here (default)"
        in answer("from scratchgan.cli import main; main(['info'])")
        .split("cpu", 1)[1]
        .partition("\n")[0]
    )
    assert get_backend("cpu").name == "cpu"
