"""The tests that need a GPU are found, run, counted, and ended in time."""

from pathlib import Path

import pytest

from scratchgan.workshop.gpu.tests import files_with_gpu_tests, remarkable, run_tests, tally

ROOT = Path(__file__).parents[3]
MARK = "gpu"  # written so, no file of this text is taken for one of the tests
HEAD = f"import time, warnings\nimport pytest\npytestmark = pytest.mark.{MARK}\n"


@pytest.fixture
def run(tmp_path):
    """Run what is given as a test file, and return what came of it."""

    def run(body, limit=600.0, head=HEAD):
        path = tmp_path / "test_some.py"
        path.write_text(head + body)
        settings = (
            f"[tool.pytest.ini_options]\nmarkers = ['{MARK}: x']\nfilterwarnings = ['error']\n"
        )
        (tmp_path / "pyproject.toml").write_text(settings)
        return run_tests([path], tmp_path, limit, tmp_path / "log")

    return run


def test_all_is_well(run, tmp_path):
    found = run(
        "def test_a(): pass\n"
        "@pytest.mark.parametrize('x', ['(1, 2)', 'a b'])\ndef test_b(x): pass\n"
    )
    assert found.pop("seconds") > 0
    assert found == {
        "passed": 3, "failed": 0, "errors": 0, "skipped": 0, "not_passed": [],
        "finished": True, "well": True,
    }  # fmt: skip
    assert "3 passed" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_what_fails_is_named(run):
    found = run(
        "def test_a(): pass\ndef test_b(): assert False\n"
        "@pytest.fixture\ndef bad(): raise OSError\ndef test_c(bad): pass\n"
        "def test_d(): pytest.skip('why')\n"
    )
    assert (found["passed"], found["failed"], found["errors"], found["skipped"]) == (1, 1, 1, 1)
    assert found["not_passed"] == ["test_some.py::test_b", "test_some.py::test_c"]
    assert found["finished"]
    assert not found["well"]


@pytest.mark.slow
def test_a_warning_is_no_failure(run):
    """A newer library than this was written for may warn of what it is about to drop."""
    assert run("def test_a(): warnings.warn('old', DeprecationWarning)\n")["well"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (HEAD, "def test_a(): pytest.skip('no GPU')\n"),
        ("", "def test_a(): pass\n"),  # nothing that needs a GPU
        (HEAD, "import no_such_module_at_all\ndef test_a(): pass\n"),
        (HEAD, "import os\ndef test_a(): os._exit(7)\n"),
    ],
    ids=["skipped", "none", "does not load", "a crash"],
)
@pytest.mark.slow
def test_nothing_passed_is_not_well(run, head, body):
    found = run(body, head=head)
    assert found["finished"]
    assert not found["well"]
    assert found["passed"] == 0


@pytest.mark.slow
def test_a_crash_after_a_pass_is_not_well(run):
    found = run("import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\n")
    assert found["passed"] == 1
    assert not found["well"]


@pytest.mark.slow
def test_the_limit(run, tmp_path):
    for limit in (5.0, 20.0, 80.0, 320.0):  # on a busy machine pytest alone takes its time
        found = run("def test_a(): pass\ndef test_b(): time.sleep(10**6)\n", limit=limit)
        assert (found["finished"], found["well"]) == (False, False)
        assert found["seconds"] >= limit
        if found["passed"]:
            break
    assert found["passed"] == 1


def test_tally_reads_lines_as_pytest_writes_them():
    text = """
tests/cuda/test_on_gpu.py::test_a[(100, 784, 1200)-add-float32] PASSED [  3%]
tests/cuda/test_on_gpu.py::test_a[(1, 1, 1)-gemm-float64] FAILED [  6%]
tests/cuda/test_on_gpu.py::test_b SKIPPED (no PASSED today)  [ 9%]
FAILED tests/cuda/test_on_gpu.py::test_a[(1, 1, 1)-gemm-float64] - AssertionError
tests/cuda/test_on_gpu.py::test_c """
    found = tally(text)
    assert found == {
        "passed": 1, "failed": 1, "errors": 0, "skipped": 1,
        "not_passed": ["tests/cuda/test_on_gpu.py::test_a[(1, 1, 1)-gemm-float64]"],
    }  # fmt: skip


def test_what_passed_is_not_remarkable():
    text = """
a.py::test_a[(1, 1)] PASSED [  1%]
a.py::test_b SKIPPED (why) [  2%]
a.py::test_c FAILED [  3%]
E   assert 1 == 2
1 failed"""
    assert remarkable(text, 10) == "\na.py::test_c FAILED [  3%]\nE   assert 1 == 2\n1 failed"
    assert remarkable(text, 2) == "E   assert 1 == 2\n1 failed"


def test_the_files_are_found():
    found = [path.relative_to(ROOT).as_posix() for path in files_with_gpu_tests(ROOT / "tests")]
    assert "tests/backends/cuda/test_backend_on_gpu.py" in found
    assert "tests/workshop/gpu/test_tests.py" not in found
