"""
Imports go one way, and a start reads few files.

The first half reads every file of the package; the second starts Python anew.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import scratchgan

PACKAGE = Path(scratchgan.__file__).parent
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

# Which parts of the package a part may import, besides itself: a line for each folder and file.
CORE = {"backends", "checks", "errors"}
BELOW = {
    "errors": set(),
    "limits": set(),
    "checks": {"errors"},
    "command": {"errors"},
    "fields": {"checks", "errors"},
    "files": {"checks", "errors"},
    "theory": {"checks", "errors"},
    "backends": {"checks", "errors"},
    "nn": CORE,
    "optim": CORE | {"fields"},
    "games": CORE | {"fields", "optim", "theory"},
    "gan": CORE | {"fields", "games", "limits", "nn", "optim"},
    "data": {"checks", "errors", "files", "limits", "theory"},
    "gradcheck": CORE | {"nn"},
    "testing": CORE | {"gradcheck", "nn"},
    "recipes": CORE | {"data", "files", "games", "gan", "limits", "nn", "optim"},
    "progress": {"gan"},
    "plots": CORE | {"games", "gan", "nn"},
    "course": {"checks", "errors", "theory"},
    "exact": CORE | {"games", "gan", "nn", "theory"},
    "metrics": CORE | {"command", "data", "files", "gan", "nn", "optim", "theory"},
}
BELOW["runs"] = CORE | {
    "data", "fields", "files", "gan", "metrics", "nn", "plots", "recipes",
}  # fmt: skip
BELOW["run"] = CORE | {
    "data", "exact", "files", "gan", "metrics", "plots", "progress", "runs",
}  # fmt: skip
BELOW["trials"] = CORE | {
    "data", "exact", "fields", "files", "gan", "games", "metrics", "nn", "optim", "plots",
    "progress", "recipes", "runs", "theory",
}  # fmt: skip
BELOW["api"] = CORE | {
    "data", "games", "gan", "gradcheck", "nn", "optim", "recipes", "run", "trials",
}  # fmt: skip
BELOW["workshop"] = CORE | {
    "data", "fields", "files", "games", "gan", "metrics", "nn", "optim", "plots", "recipes", "runs",
}  # fmt: skip
BELOW["cli"] = CORE | {
    "command", "exact", "fields", "files", "gan", "games", "progress", "recipes", "run", "runs",
    "trials", "workshop",
}  # fmt: skip
BELOW["__main__"] = {"cli"}
BELOW["__init__"] = set(BELOW) - {"cli", "workshop", "__main__"}  # for type checkers

NUMPY_ALONE = {"theory", "backends", "nn", "games", "optim", "gan"}  # inside functions too
AT_MODULE_LEVEL = {  # other packages that a file may import when it is itself imported
    "backends": {"numpy", "numba", "llvmlite"},
    "workshop": {"numpy", "numba", "llvmlite"},
    "plots": {"numpy", "matplotlib"},
    "testing": {"numpy", "hypothesis"},
}


class Import(NamedTuple):
    name: str  # dotted, of the module or of what is taken from it
    runs: bool  # False under TYPE_CHECKING
    at_module_level: bool  # runs when the file is imported


def imports(source: str, module: list[str]) -> Iterator[Import]:
    """All imports of a file; ``module`` is the package that it lies in."""

    def visit(node: ast.AST, runs: bool, top: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, runs, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = module[: len(module) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (Import(f"{base}.{alias.name}", runs, top) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                yield from visit(child, False, top)
            for child in node.orelse:
                yield from visit(child, runs, top)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, runs, top and not function)

    yield from visit(ast.parse(source), True, True)


def violations(source: str, path: str) -> list[str]:
    """Return the imports of a file that the rules forbid; ``path`` is relative to the package."""
    part = path.removesuffix(".py").split("/")[0]
    wrong = []
    for item in imports(source, ["scratchgan", *path.split("/")[:-1]]):
        root, _, rest = item.name.partition(".")
        if root == "scratchgan":
            target = rest.split(".")[0]
            if target != "__version__" and target not in BELOW[part] | {part}:
                wrong.append(f"{part} imports scratchgan.{target}")
        elif root in sys.stdlib_module_names or not item.runs:
            continue
        elif part in NUMPY_ALONE or item.at_module_level:
            known = AT_MODULE_LEVEL.get(part, {"numpy"} if part != "errors" else set())
            if root not in known:
                wrong.append(f"{part} imports {item.name}")
            elif item.at_module_level and item.name.startswith("matplotlib.pyplot"):
                wrong.append(f"{part} imports {item.name} at module level")
    return wrong


@pytest.mark.parametrize("path", FILES)
def test_imports_go_one_way(path):
    assert violations((PACKAGE / path).read_text(encoding="utf-8"), path) == []


def test_all_files_are_looked_at():
    assert {"backends/vocabulary.py", "nn/linear.py", "errors.py", "__init__.py"} <= set(FILES)


def test_every_folder_and_file_has_its_line_and_no_other_has_one():
    assert {path.removesuffix(".py").split("/")[0] for path in FILES} == set(BELOW)


def test_what_may_be_imported_has_no_circle():
    TopologicalSorter(BELOW).prepare()


def modules() -> dict[str, set[str]]:
    """For each file the files that it imports, inside functions too; by their dotted names."""
    named = {path: ["scratchgan", *path.removesuffix(".py").split("/")] for path in FILES}
    names = {".".join(name).removesuffix(".__init__") for name in named.values()}
    graph: dict[str, set[str]] = {}
    for path, name in named.items():
        found = set()
        for item in imports((PACKAGE / path).read_text(encoding="utf-8"), name[:-1]):
            target = item.name
            while target and target not in names:
                target = target.rpartition(".")[0]
            if item.runs and target not in ("", "scratchgan"):
                found.add(target)
        graph[".".join(name).removesuffix(".__init__")] = found
    return graph


def test_no_circle_between_files():
    TopologicalSorter(modules()).prepare()


def test_a_circle_is_found():
    graph = modules()
    graph["scratchgan.nn.layer"].add("scratchgan.nn.network")
    with pytest.raises(CycleError, match=r"scratchgan\.nn\.layer"):
        TopologicalSorter(graph).prepare()


def test_of_the_notebooks_two_come_to_the_workshop():
    """Those about the speed of products; the others are about what is trained."""
    found = {
        path.name[:2]
        for path in (PACKAGE.parent / "notebooks").glob("*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
        and re.search(r"scratchgan.*\bworkshop\b|sg\.workshop", "".join(cell["source"]))
    }
    assert found == {"10", "11"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("backends/cpu/gemm.py", "from scratchgan.nn import Layer"),
        ("backends/vocabulary.py", "import scratchgan.nn.linear as linear"),
        ("backends/vocabulary.py", "from ..nn import Layer"),
        ("backends/vocabulary.py", "from .. import nn"),
        ("backends/vocabulary.py", "from scratchgan import Linear"),
        ("backends/vocabulary.py", "def f():\n    from scratchgan import nn"),
        ("theory/game.py", "from scratchgan.backends import Stream"),
        ("theory/game.py", "def f():\n    from scipy import integrate"),
        ("nn/linear.py", "from scratchgan.gan import Trainer"),
        ("nn/linear.py", "if TYPE_CHECKING:\n    from scratchgan.gan import Trainer"),
        ("nn/linear.py", "import numba"),
        ("games/game.py", "from scratchgan import nn"),
        ("optim.py", "class A:\n    from scratchgan.nn import Layout"),
        ("gan/trainer.py", "from scratchgan.data import mnist"),
        ("gan/trainer.py", "def f():\n    import tqdm"),
        ("gradcheck/report.py", "from scratchgan.plots import curve"),
        ("data/toy.py", "from scratchgan.gan.noise import Noise"),
        ("data/digits.py", "from sklearn.datasets import load_digits"),
        ("data/files.py", "try:\n    import pooch\nexcept ImportError:\n    pooch = None"),
        ("metrics/modes.py", "with context():\n    import sklearn"),
        ("plots.py", "import matplotlib.pyplot as plt"),
        ("plots.py", "from matplotlib import pyplot"),
        ("cli.py", "import matplotlib"),
        ("cli.py", "from tqdm import tqdm"),
        ("errors.py", "import numpy as np"),
        ("errors.py", "from scratchgan.backends import Array"),
        ("__init__.py", "import numba"),
        ("runs/session.py", "from scratchgan.workshop.bench.timing import measure"),
        ("metrics/evaluation.py", "from scratchgan.runs import RunFolder"),
        ("metrics/evaluation.py", "def f():\n    from scratchgan.runs.folder import RunFolder"),
        ("course/claims.py", "from scratchgan import workshop"),
        ("api.py", "from scratchgan.cli import main"),
    ],
)
def test_a_forbidden_import_is_found(path, source):
    assert len(violations(source, path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "backends/cpu/gemm.py",
            "import math\nimport numba\nfrom scratchgan.errors import unknown",
        ),
        (
            "backends/cpu/gemm.py",
            "from . import elementwise\nfrom .. import vocabulary\nfrom .x import y",
        ),
        ("nn/linear.py", "import numpy as np\nfrom scratchgan.backends import Array"),
        ("gan/trainer.py", "from scratchgan.nn import Network\nfrom scratchgan.optim import Adam"),
        ("data/digits.py", "def digits():\n    from sklearn.datasets import load_digits"),
        (
            "metrics/modes.py",
            "import numpy\nif TYPE_CHECKING:\n    from matplotlib.axes import Axes",
        ),
        ("plots.py", "import matplotlib\ndef show():\n    import matplotlib.pyplot as plt"),
        (
            "cli.py",
            "from scratchgan import __version__, gan, runs\nfrom scratchgan.recipes import recipe",
        ),
        ("testing/check.py", "import hypothesis\nfrom scratchgan.gradcheck import gradcheck"),
    ],
)
def test_allowed_imports_pass(path, source):
    assert violations(source, path) == []


# -- starting ---------------------------------------------------------------------------------

HEAVY = {"numba", "llvmlite", "matplotlib", "sklearn", "scipy", "pooch", "tqdm", "hypothesis"}
MODULES = 150  # that a start may import, Python's own included: NumPy alone has more
STARTS = [["-c", "import scratchgan"], ["-m", "scratchgan", "--help"]]
every_start = pytest.mark.parametrize("arguments", STARTS, ids=["import", "help"])


def start(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def modules_imported(arguments: list[str]) -> list[str]:
    lines = start(["-X", "importtime", *arguments]).stderr.splitlines()
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]


def packages_imported(arguments: list[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules_imported(arguments)}


@every_start
def test_a_start_leaves_the_heavy_packages_alone(arguments):
    assert packages_imported(arguments) & HEAVY == set()


def test_a_heavy_import_is_seen():
    assert "tqdm" in packages_imported(["-c", "import scratchgan, tqdm.std"])


@every_start
def test_a_start_is_quick(arguments):
    """What a reader waits for is modules that are found, read and run: they are counted."""
    assert len(modules_imported(arguments)) < MODULES


def test_a_slow_start_is_seen():
    assert len(modules_imported(["-c", "import scratchgan, numpy"])) > MODULES


def test_help_is_help():
    assert "usage: scratchgan" in start(["-m", "scratchgan", "--help"]).stdout
