"""Kernels are compiled once, kept on disk, compiled again when they must be; or done without."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.backends.cpu.kernel import KERNELS
from tests.backends.cpu.child import ROOT, answer, start

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


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache that has what ADD needs."""
    folder = tmp_path_factory.mktemp("cache")
    assert works(NUMBA_CACHE_DIR=folder) == (True, True)  # said, once
    return folder


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_says_nothing(filled):
    assert works(NUMBA_CACHE_DIR=filled) == (False, False)


@pytest.mark.slow
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


HELPERS = {  # the end of log1p; that of softplus
    "cpu/elementary.py": "    return s * atanh_over(s)\n",
    "activations.py": "    return rest if a < type(a)(0) else a + rest\n",
}


@pytest.mark.parametrize(
    ("helper", "stamped"),
    [("cpu/elementary.py", True), ("cpu/elementary.py", False), ("activations.py", True)],
    ids=["elementary", "seeded: no stamp", "activations"],
)
@pytest.mark.slow
def test_a_changed_helper_makes_the_cache_stale(tmp_path, helper, stamped):
    """A helper has no kernel of its own; its text goes into the stamp of those that use it."""
    package = tmp_path / "scratchgan"
    shutil.copytree(ROOT / "scratchgan", package, ignore=shutil.ignore_patterns("__pycache__"))
    backends = package / "backends"
    if not stamped:
        text = (backends / "cpu" / "kernel.py").read_text(encoding="utf-8")
        assert "SOURCES = _digest()" in text
        text = text.replace("SOURCES = _digest()", 'SOURCES = "the same, always"')
        (backends / "cpu" / "kernel.py").write_text(text, encoding="utf-8")
    where = {"package": tmp_path, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    assert answer(SOFTPLUS, **where) == "0.693\n"
    text, before = (backends / helper).read_text(encoding="utf-8"), HELPERS[helper]
    assert text.count(before) == 1
    changed = text.replace(before, before[:-1] + " + 1\n")
    (backends / helper).write_text(changed, encoding="utf-8")
    assert answer(SOFTPLUS, **where) == ("1.693\n" if stamped else "0.693\n")


# -- where nothing can be kept ---------------------------------------------------------------------


def test_a_cache_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    works(NUMBA_CACHE_DIR=tmp_path / "file")


@pytest.mark.slow
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
    assert done.stderr.count("\n") == 1
    assert "compiling kernels, at each start, because no cache folder" in done.stderr


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
    assert "pip install 'numba>=" in lines["cpu"]
    assert "works here" not in lines["cpu"]
    assert lines["reference"].split()[1:] == ["works", "here", "(default)"]


def test_the_reference_takes_over():
    code = f"""{WITHOUT}
from scratchgan.backends import default_backend, why_unavailable
print(default_backend().name, why_unavailable("reference"), "numba" in why_unavailable("cpu"))
"""
    assert answer(code) == "reference None True\n"


FAILURES = {
    "SystemError": "raise SystemError('another NumPy')",
    "AttributeError": "import numpy; numpy.no_such_thing",
    "ImportError": "raise ImportError('a\\nsentence\\n\\nof lines')",
    "nothing said": "raise ValueError",
    "another at the second try": """
import sys
sys.tried = getattr(sys, "tried", 0) + 1
raise OSError(f"try {sys.tried}")
""",
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_numba_that_cannot_be_imported(tmp_path, failure):
    """Whatever it raises, once and the next time, is a reason; the other backend works."""
    (tmp_path / "numba.py").write_text(failure, encoding="utf-8")
    code = """
from scratchgan.backends import default_backend, get_backend, why_unavailable
from scratchgan.errors import BackendUnavailableError
print(default_backend().name)
print(why_unavailable("cpu"))
for _ in range(2):
    try:
        get_backend("cpu")
    except BackendUnavailableError as error:
        assert str(error) == why_unavailable("cpu")
"""
    name, why = answer(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}").splitlines()
    assert name == "reference"
    assert why.startswith("backend 'cpu' does not work here: ")
    expected = {
        "another NumPy",
        "no_such_thing",
        "a sentence of lines",
        "here: ValueError. ",
        "try 1.",
    }
    assert sum(words in why for words in expected) == 1
    assert "pip install 'numba>=" in why


@pytest.mark.slow
def test_numba_without_its_compiler(tmp_path):
    run = ["train", "gaussian-1d", "--steps", "2", "--batch-size", "8", "--out", tmp_path / "run"]
    done = start(COMMAND.replace(WITHOUT, "import sys"), *run, NUMBA_DISABLE_JIT=1)
    assert done.returncode == 0, done.stderr
    assert "backend reference" in done.stdout
    refused = start(
        COMMAND.replace(WITHOUT, "import sys"),
        *run[:-1],
        tmp_path / "other",
        "--backend",
        "cpu",
        NUMBA_DISABLE_JIT=1,
    )
    assert refused.returncode == 2
    assert refused.stderr.endswith("unset it.\n")  # to install Numba is no remedy
    assert "NUMBA_DISABLE_JIT is set" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_training_without_numba(tmp_path):
    arguments = ["train", "gaussian-1d", "--steps", "3", "--batch-size", "8", "--out"]
    assert "backend reference" in answer(COMMAND, *arguments, tmp_path / "run")
    done = start(COMMAND, *arguments, tmp_path / "other", "--backend", "cpu")
    assert done.returncode == 2
    assert done.stderr.startswith("scratchgan: error: backend 'cpu' does not work here: ")
    assert "pip install 'numba>=" in done.stderr
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
