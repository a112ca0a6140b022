"""The tests mirror the package, each module is tested, and each has quick tests."""

import ast
from fnmatch import fnmatch
from pathlib import Path

from tests.conftest import QUICK

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "scratchgan"

# Of the repository, not of a module: tests/test_….py.
WHOLE = {"imports", "layout", "notebooks", "quality"}

# Modules that are tested through another's tests: each folder shares one interface, or one table.
THROUGH = {
    "__init__.py": "test_api.py",
    "backends/vocabulary.py": "backends/test_reference.py",
    "backends/random.py": "backends/test_philox.py",
    "backends/cpu/*": "backends/test_reference.py",
    "backends/cuda/*": "backends/cuda/test_backend_simulated.py",
    "nn/*": "nn/test_layer_gradients.py",
    "gradcheck/*": "test_gradcheck.py",
    "metrics/classifier/*": "metrics/test_classifier.py",
    "plots/*": "test_plots.py",
    "recipes/*": "runs/test_config.py",
    "data/*": "test_data.py",
    "gan/*": "gan/test_trainer_arguments.py",
    "runs/*": "runs/test_session.py",
    "theory/estimate.py": "theory/test_divergences.py",
    "backends/__init__.py": "backends/test_shapes.py",
    "errors.py": "test_checks.py",
    "workshop/bench/peers/*": "workshop/bench/test_cases.py",
    "workshop/bench/*": "workshop/test_bench.py",
    "workshop/gpu/*": "workshop/gpu/test_on_gpu.py",
    "workshop/ladders/counted.py": "workshop/ladders/test_cuda_simulated.py",
    "workshop/results/figures.py": "workshop/results/test_records.py",
}


def modules():
    """Every module that defines something, from the package's folder."""
    for path in sorted(PACKAGE.rglob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        if any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body):
            yield path.relative_to(PACKAGE)


def own_tests(module):
    """The test files that bear the module's name; a package's stand one folder up."""
    where = module.parent if module.name == "__init__.py" else module.with_suffix("")
    folder = TESTS / where.parent
    names = [f"test_{where.name}.py", f"test_{where.name}_*.py"]
    return [path for name in names for path in folder.glob(name)]


def through(module):
    """The test file of the first pattern that the module fits; None if it fits none."""
    return next((file for p, file in THROUGH.items() if fnmatch(str(module), p)), None)


def stands_for(path):
    """Whether a test file's name begins with a module or a folder of the mirrored folder."""
    folder, name = PACKAGE / path.parent, path.stem.removeprefix("test_")
    if path.parent == Path() and name in WHOLE:
        return True
    parts = name.split("_")
    names = ["_".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return any((folder / f"{n}.py").exists() or (folder / n).is_dir() for n in names)


def test_each_test_file_has_its_module():
    files = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")]
    assert [str(path) for path in files if not stands_for(path)] == []
    assert not stands_for(Path("nn/test_imports.py"))
    assert not stands_for(Path("nn/test_relus.py"))


def test_each_module_has_its_tests():
    without = [module for module in modules() if not own_tests(module)]
    assert [str(module) for module in without if through(module) is None] == []
    # No line of the list is there for nothing.
    assert {through(module) for module in without} == set(THROUGH.values())
    unused = [p for p in THROUGH if not any(fnmatch(str(module), p) for module in without)]
    assert unused == []
    assert [file for file in THROUGH.values() if not (TESTS / file).exists()] == []


def test_each_module_has_quick_tests(pytestconfig):
    """Of the files that were collected: without arguments all are, whatever -m chooses."""
    quick = pytestconfig.stash[QUICK]
    without = []
    for module in modules():
        files = own_tests(module) or [TESTS / (through(module) or "")]
        found = [quick[file] for file in files if file in quick]
        if found and not any(found):
            without.append(str(module))
    assert without == []
