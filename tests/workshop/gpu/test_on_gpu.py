"""The script for a machine with a GPU: what is done stays done, whatever comes after it."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from scratchgan.backends import get_backend, why_unavailable
from scratchgan.backends.cuda import device
from scratchgan.errors import RunError
from scratchgan.workshop.bench import gpu
from scratchgan.workshop.bench.cases import suite_cases
from scratchgan.workshop.bench.timing import Timings
from scratchgan.workshop.bench.worker import OURS, record
from scratchgan.workshop.gpu import first_kernel, on_gpu
from scratchgan.workshop.gpu.on_gpu import Clock, main

ROOT = Path(__file__).parents[3]
WITHOUT = pytest.mark.skipif(
    why_unavailable("cuda") is None, reason="a GPU is here: what is said without one is not checked"
)
FACTS = {
    "cpu": "Some CPU", "cores": 16, "system": "Linux x86_64", "backend": "cuda", "isa": None,
    "scratchgan": "0.1.0", "python": "3.12.3", "numpy": "2.5.2", "numba": "0.68.1", "torch": None,
    "jax": None, "numba-cuda": "0.30.4", "cuda-core": "1.2.2",
    "gpu": {
        "name": "NVIDIA H200", "compute_capability": "9.0", "multiprocessors": 132,
        "memory_gib": 139.8, "driver": "580.1", "cuda": "13.0",
    },
}  # fmt: skip
TESTS = {
    "passed": 9, "failed": 0, "errors": 0, "skipped": 0, "not_passed": [], "seconds": 60.0,
    "finished": True, "well": True,
}  # fmt: skip


class Machine:
    """A machine with a GPU on which everybody takes a second for everything."""

    def __init__(self, path, monkeypatch):
        self.path, self.log = path / "cuda.json", path / "log"
        self.log.write_text("some\nlines\n")
        self.tests, self.ours, self.trouble, self.written = TESTS, 1.0, {}, []
        monkeypatch.setattr(on_gpu, "_first_kernel", lambda: (FACTS, 2.0))
        monkeypatch.setattr(on_gpu, "run_tests", self.run_tests)
        monkeypatch.setattr(on_gpu, "measure", self.measure)

    def run_tests(self, files, root, limit, log):
        self.look("tests")
        return self.tests

    def measure(self, settings, backend, threads, report, say, limit):
        (suite,) = settings.suites
        peers = dict.fromkeys(("torch-eager", "torch-graphs"), 1.0)
        for case in suite_cases(suite, gpu=True):
            seconds = {OURS: self.ours, **peers}
            report["records"].append(record(case, threads, Timings(seconds=seconds)))
        self.look(suite)

    def look(self, part):
        """Note what the file holds when a part begins, and be in trouble if that is asked for."""
        self.written.append((part, json.loads(self.path.read_text(encoding="utf-8"))))
        if part in self.trouble:
            raise self.trouble[part]

    def run(self):
        return main(["--json", str(self.path), "--log", str(self.log)])

    @property
    def report(self):
        return json.loads(self.path.read_text(encoding="utf-8"))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return Machine(tmp_path, monkeypatch)


def test_all_is_well(machine, capsys):
    assert machine.run() == 0
    report = machine.report
    assert set(report) == {"machine", "tests", "records", "failures", "targets"}
    assert report["machine"] == FACTS
    assert report["tests"] == TESTS
    assert report["failures"] == []
    suites = ("gemm", "step", "kernels")
    assert len(report["records"]) == sum(len(suite_cases(suite, gpu=True)) for suite in suites)
    assert [target["met"] for target in report["targets"]] == [True] * 4
    said = capsys.readouterr().out
    assert "NVIDIA H200, compute capability 9.0" in said
    assert "tests: 9 passed, 0 failed, 0 errors, 0 skipped in 60.0 s" in said
    assert said.count(" measured, met") == 4


def test_each_part_finds_what_came_before_it_in_the_file(machine):
    machine.run()
    assert [part for part, _ in machine.written] == ["tests", "gemm", "step", "kernels"]
    first, gemm, step, kernels = (report for _, report in machine.written)
    assert first["machine"] == FACTS
    assert first["tests"] is None
    assert gemm["tests"] == TESTS
    assert {r["suite"] for r in step["records"]} == {"gemm"}
    assert {r["suite"] for r in kernels["records"]} == {"gemm", "step"}
    assert [target["met"] for target in kernels["targets"]] == [True] * 4


@pytest.mark.parametrize("part", ["tests", "gemm", "step", "kernels"])
@pytest.mark.parametrize("error", [RunError("the worker died"), OSError("/some/where is full")])
def test_trouble_in_one_part_does_not_stop_the_others(machine, part, error, capsys):
    machine.trouble[part] = error
    assert machine.run() == 1
    assert len(machine.written) == 4
    (failure,) = machine.report["failures"]
    assert (failure["suite"], failure["peer"]) == (part, "cuda")
    assert "the worker died" in failure["reason"] or "… is full" in failure["reason"]
    assert "/some/where" not in machine.path.read_text(encoding="utf-8")
    assert {r["suite"] for r in machine.report["records"]} == {"gemm", "step", "kernels"}
    assert f"{part} failed: " in capsys.readouterr().out


def test_a_failed_test_is_not_well(machine, capsys):
    machine.tests = {**TESTS, "failed": 1, "not_passed": ["tests/a.py::test"], "well": False}
    assert machine.run() == 1
    assert machine.report["tests"]["not_passed"] == ["tests/a.py::test"]
    said = capsys.readouterr().out
    assert "some\nlines\n" in said  # what pytest said last
    assert "1 failed" in said


def test_a_missed_target_is_not_well(machine, capsys):
    machine.ours = 1.1
    assert machine.run() == 1
    assert [target["met"] for target in machine.report["targets"]] == [True, True, False, False]
    said = capsys.readouterr().out
    assert "recorded mnist step, PyTorch's CUDA graph: 1.00 × torch-graphs asked, 0.909" in said
    assert said.count("MISSED") == 2


def test_a_peers_failure_is_not_ours(machine):
    measure = machine.measure

    def with_a_failure(settings, backend, threads, report, say, limit):
        measure(settings, backend, threads, report, say, limit)
        report["failures"].append({"threads": 1, "peer": "jax-jit", "reason": "no GPU"})

    on_gpu.measure = with_a_failure  # undone with the fixture's
    assert machine.run() == 0
    assert len(machine.report["failures"]) == 3


def test_the_first_kernel_fails(machine, monkeypatch, capsys):
    def wrong():
        raise RunError("the first kernel: 5 of 10 sums differ from NumPy's")

    monkeypatch.setattr(on_gpu, "_first_kernel", wrong)
    assert machine.run() == 1
    assert capsys.readouterr().err == "the first kernel: 5 of 10 sums differ from NumPy's\n"
    assert not machine.path.exists()


def test_a_place_that_cannot_be_written_is_refused_at_once(capsys, tmp_path):
    assert main(["--json", str(tmp_path / "nowhere" / "cuda.json")]) == 1
    assert "is missing or not writable" in capsys.readouterr().err


# -- the time -----------------------------------------------------------------------------------


def test_a_part_may_use_what_others_left():
    now = [0.0]
    clock = Clock(100.0, {"a": 20.0, "b": 30.0, "c": 40.0}, lambda: now[0])
    assert clock.limit("a") == 30.0  # 10 s are nobody's
    now[0] = 5.0
    assert clock.limit("b") == 55.0
    assert clock.limit("c") == 95.0
    now[0] = 58.0
    assert clock.limit("c") == 42.0
    now[0] = 200.0
    assert clock.limit("c") == 1.0  # late, but not never


def test_all_parts_together_take_less_than_eight_minutes():
    """Each to its limit, with half a second for starting and ending each."""
    now = [0.0]
    clock = Clock(on_gpu.TOTAL, on_gpu.SHARES, lambda: now[0])
    now[0] += 30.0  # the first kernel
    for part in on_gpu.SHARES:
        limit = clock.limit(part)
        assert limit >= on_gpu.SHARES[part] - 3.0
        now[0] += limit + 0.5
    assert now[0] <= 470.0


# -- without a GPU ------------------------------------------------------------------------------


@WITHOUT
def test_without_a_gpu(tmp_path):
    """From a bare checkout: one line with the reason and the remedy, and nothing is written."""
    path = tmp_path / "cuda.json"
    done = subprocess.run(
        [sys.executable, "-m", "scratchgan.workshop.gpu.on_gpu", "--json", path],
        env={**os.environ, "PYTHONPATH": "."}, cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"{why_unavailable('cuda')}\n"
    assert not path.exists()


def test_a_first_kernel_that_never_comes(monkeypatch):
    monkeypatch.setattr(on_gpu, "FIRST", 0.01)
    with pytest.raises(RunError, match="did not end within"):
        on_gpu._first_kernel()


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (1, "Traceback\nOSError: no libnvvm\n", "the first kernel failed: OSError: no libnvvm"),
        (-11, "", "the first kernel failed: it ended with status -11"),
    ],
)
def test_a_first_kernel_that_fails(monkeypatch, status, said, message):
    done = types.SimpleNamespace(returncode=status, stderr=said, stdout="")
    monkeypatch.setattr(on_gpu.subprocess, "run", lambda *a, **k: done)
    with pytest.raises(RunError) as refusal:
        on_gpu._first_kernel()
    assert str(refusal.value) == message


# -- the GPU ------------------------------------------------------------------------------------


def fake_cuda(**broken):
    """What Numba tells of a GPU, as its versions have it: the name may be bytes."""
    gpu = types.SimpleNamespace(
        name=b"NVIDIA H200", compute_capability=(9, 0), MULTIPROCESSOR_COUNT=132
    )
    context = types.SimpleNamespace(device=gpu, get_memory_info=lambda: (1, 150_000_000_000))
    driver = types.SimpleNamespace(driver=types.SimpleNamespace(get_version=lambda: (13, 0)))
    parts = {"current_context": lambda: context, "cudadrv": types.SimpleNamespace(driver=driver)}
    return types.SimpleNamespace(**(parts | broken))


def test_facts_of_a_gpu(monkeypatch):
    monkeypatch.setattr(gpu, "get_backend", lambda name: None)
    monkeypatch.setattr(device, "cuda", fake_cuda())
    monkeypatch.setattr(gpu, "_driver", lambda: "580.159.04")
    assert gpu.gpu_facts() == {
        "name": "NVIDIA H200", "compute_capability": "9.0", "multiprocessors": 132,
        "memory_gib": 139.7, "driver": "580.159.04", "cuda": "13.0",
    }  # fmt: skip


def test_what_is_not_to_be_found_out_is_none(monkeypatch):
    monkeypatch.setattr(gpu, "get_backend", lambda name: None)
    monkeypatch.setattr(device, "cuda", fake_cuda(cudadrv=None))
    monkeypatch.setenv("PATH", "")  # no tool of the driver's
    facts = gpu.gpu_facts()
    assert facts["driver"] is None
    assert facts["cuda"] is None
    assert facts["multiprocessors"] == 132


def test_the_first_kernel_is_looked_at():
    reference = get_backend("reference")
    assert first_kernel.first_kernel(reference, size=1000) > 0

    class Wrong(type(reference)):
        def add(self, a, b):
            y = a + b
            y[7] = np.nextafter(y[7], np.float32(9))  # by its last bit
            return y

    with pytest.raises(RunError, match="1 of 1000 sums differ from NumPy's"):
        first_kernel.first_kernel(Wrong(), size=1000)


@WITHOUT
def test_the_gpu_by_itself(capsys):
    assert first_kernel.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{why_unavailable('cuda')}\n"
