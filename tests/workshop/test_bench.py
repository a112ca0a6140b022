"""The command as a person meets it: whole runs, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scratchgan.backends import why_unavailable
from scratchgan.cli import main
from scratchgan.errors import RunError
from scratchgan.workshop.bench import SUITES, children
from scratchgan.workshop.bench.cases import suite_cases
from scratchgan.workshop.bench.machine import available_cores
from scratchgan.workshop.bench.peers import absent_peers, load_peers, peer_names
from scratchgan.workshop.bench.run import BenchOptions
from scratchgan.workshop.bench.timing import Contender
from scratchgan.workshop.bench.worker import OURS, Job, run_suite

QUICK = ["bench", "--quick", "--backend", "reference", "--threads", "1"]
KEYS = {"suite", "case", "dtype", "threads", "value", "unit", "peers", "ratio"}


def said_by(capsys, *arguments):
    capsys.readouterr()
    assert main([str(a) for a in (*QUICK, *arguments)]) == 0
    return capsys.readouterr().out


def test_all_suites_and_the_file(capsys, tmp_path):
    path = tmp_path / "records.json"
    said = said_by(capsys, "--peers", "numpy", "--json", path)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert set(report) == {"machine", "records", "failures"}
    assert {"cpu", "cores", "python", "numpy", "numba", "torch", "jax"} < set(report["machine"])
    assert report["failures"] == []
    assert {r["suite"] for r in report["records"]} == set(SUITES)
    for r in report["records"]:
        assert set(r) == KEYS
        assert set(r["peers"]) == {"numpy"}
        assert r["value"] > 0
        assert r["threads"] == 1
        assert r["case"] in said
        faster = r["value"] / r["peers"]["numpy"]
        ratio = faster if r["unit"] == "GFLOP/s" else 1 / faster
        assert r["ratio"] == pytest.approx(ratio, rel=1e-3)
    assert max(map(len, said.replace(str(path), "").splitlines())) <= 100
    content = path.read_text(encoding="utf-8")
    for secret in (os.uname().nodename, os.getcwd(), sys.prefix) if os.name == "posix" else ():
        assert secret not in content
    assert list(tmp_path.iterdir()) == [path]  # nothing half written is left


@pytest.mark.slow
def test_installed_peers(capsys):
    """Whatever is installed is measured, and whatever is not is named, in the last line."""
    said = said_by(capsys, "step")
    absent = absent_peers(peer_names("installed"))
    header = next(line for line in said.splitlines() if line.startswith("case"))
    assert header.split()[1:-4] == [
        "reference",
        *(p for p in peer_names("installed") if p not in absent),
    ]
    last = said.splitlines()[-1]
    assert last.startswith("not installed") == bool(absent)
    assert " failed" not in said


def test_a_library_that_does_not_load(tmp_path, capsys, monkeypatch):
    """It is reported with its reason, and the others are measured."""
    (tmp_path / "torch.py").write_text("print('hello')\nraise OSError('libtorch is broken')\n")
    (tmp_path / "jax.py").write_text("import no_such_module_at_all\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setattr("scratchgan.workshop.bench.run.absent_peers", lambda names: {})
    said = said_by(capsys, "gemm", "--only", "square")
    assert "torch-eager failed: OSError: libtorch is broken" in said
    assert "jax-scan failed: ModuleNotFoundError: No module named 'no_such_module_at_all'" in said
    assert "square 256" in said
    assert "hello" not in said


@pytest.fixture
def started(monkeypatch):
    """All processes that the benchmark starts, as they are started."""
    started = []
    popen = subprocess.Popen

    def recorded(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(children.subprocess, "Popen", recorded)
    return started


@pytest.mark.slow
def test_a_worker_that_is_late(started):
    """It is ended at its limit, not gently; what it had said is kept by whoever reads."""
    heard = []

    def listen():
        for kind, _ in children.events(JOB, limit=3.0):
            heard.append(kind)

    with pytest.raises(RunError, match="the worker was stopped after 3 s, its limit"):
        listen()
    assert "end" not in heard
    (worker,) = started
    assert worker.returncode is not None
    # One that is in time hears nothing of it.
    quick = replace(JOB, quick=True, only="square 256")
    assert [kind for kind, _ in children.events(quick, limit=600.0)] == ["begin", "record", "end"]


def test_a_worker_that_dies(tmp_path, capsys, monkeypatch):
    (tmp_path / "torch.py").write_text(
        "import os, sys\nprint('a crash', file=sys.stderr, flush=True)\nos._exit(9)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("scratchgan.workshop.bench.run.absent_peers", lambda names: {})
    assert main([*QUICK, "gemm"]) == 2
    said = capsys.readouterr().err
    assert "the worker for 1 thread ended with status 9: a crash; `--peers numpy`" in said


def test_our_own_failure_is_the_commands(capsys, monkeypatch):
    """A case in which our side fails is told, and the exit status says so."""
    failure = {"suite": "gemm", "case": "square 256", "threads": 1, "peer": "reference"}
    lines = [("failure", {**failure, "reason": "ValueError: no"}), ("end", failure)]
    monkeypatch.setattr("scratchgan.workshop.bench.run.events", lambda job, limit: iter(lines))
    assert main([*QUICK, "gemm"]) == 1
    assert "reference failed in square 256: ValueError: no" in capsys.readouterr().out


def test_a_remark_is_told_and_the_time_is_kept():
    """What keeps our step from being replayed is no reason to throw its time away."""
    case = suite_cases("step", only="toy")[0]
    told = []

    class Remarking:
        def contenders(self, case):
            remarks = ["one by one", "one by one"]
            return [Contender(OURS, lambda: lambda n: time.sleep(1e-4 * n), remarks=remarks)]

    job = Job(suites=["step"], backend="reference", threads=1, peers=[], quick=True)
    run_suite([case], [Remarking()], job, lambda *event: told.append(event))
    kinds = [kind for kind, _ in told]
    assert kinds == ["begin", "failure", "record"]
    assert told[1][1]["peer"] == "reference"
    assert told[1][1]["reason"] == "measured, but one by one"


def test_not_installed(monkeypatch):
    monkeypatch.setattr("scratchgan.workshop.bench.peers.find_spec", lambda name: None)
    assert set(absent_peers(("torch-eager", "jax-scan"))) == {"torch-eager", "jax-scan"}


def test_peer_names():
    assert peer_names("numpy") == ("numpy",)
    assert peer_names("installed") == ("numpy", "torch-eager", "jax-jit", "jax-scan")
    assert set(peer_names("all")) == {*peer_names("installed"), "torch-compile"}
    loaded, failed = load_peers(("numpy",), threads=1)
    assert len(loaded) == 1
    assert failed == {}


def test_the_worker_gets_its_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment = children.worker_environment(2)
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        assert environment[f"{name}_NUM_THREADS"] == "2"


def test_the_worker_of_a_gpu_has_all_of_it(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)
    environment = children.worker_environment(1, gpu=True)
    assert "JAX_PLATFORMS" not in environment
    assert environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    assert not any(name.endswith("_NUM_THREADS") for name in environment)
    on_threads = children.worker_environment(1)
    assert on_threads["JAX_PLATFORMS"] == "cpu"
    assert environment["JAX_COMPILATION_CACHE_DIR"] != on_threads["JAX_COMPILATION_CACHE_DIR"]


def test_a_job_on_a_gpu():
    job = Job(suites=["gemm"], backend="cuda", threads=1, peers=[])
    assert job.gpu
    assert Job(**json.loads(job.to_json())) == job
    assert not JOB.gpu
    assert BenchOptions(backend="cuda").threads == (1,)
    assert BenchOptions(backend="cuda", peers="none", only="4096", suite="gemm").suites == ["gemm"]


@pytest.mark.skipif(why_unavailable("cuda") is None, reason="a GPU is here: no refusal to check")
def test_without_a_gpu(capsys, tmp_path):
    """The reason and the remedy, and nothing is measured or written."""
    path = tmp_path / "records.json"
    for suite in ([], ["gemm"], ["kernels"], ["step"]):
        assert main(["bench", *suite, "--backend", "cuda", "--json", str(path)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == f"scratchgan: error: {why_unavailable('cuda')}\n"
        assert "pip install 'scratchgan[cuda]'" in said.err
    assert not path.exists()


def test_default_threads():
    assert BenchOptions().threads == ((1, 2) if len(available_cores()) > 1 else (1,))
    assert BenchOptions(threads=(1, 1)).threads == (1,)


JOB = Job(suites=["gemm"], backend="reference", threads=1, peers=["numpy"], only="square")


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_whoever_stops_reading_leaves_no_worker(started):
    stream = children.events(JOB)
    assert next(stream)[0] == "begin"
    stream.close()
    (worker,) = started
    assert worker.returncode is not None


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.usefixtures("heard")
def test_ctrl_c(tmp_path):
    """One line, the status that shells expect, and the worker is gone."""
    started = subprocess.Popen(
        [sys.executable, "-m", "scratchgan", "bench", "gemm", *QUICK[2:], "--peers", "numpy"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    started.stdout.readline()  # the machine: a worker is about to start
    workers = []
    if os.path.exists("/proc/self/task"):
        while not (workers and waits_for(started.pid, workers)):
            assert started.poll() is None
            time.sleep(0.01)
            workers = children_of(started.pid)
    else:
        time.sleep(1)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=600)
    assert started.returncode == 130
    assert said == "scratchgan: interrupted\n"
    assert not any(is_alive(process) for process in workers)


def waits_for(process, workers):
    """Whether its worker has become a worker, and the process sleeps until that says something."""
    (worker,) = workers
    command = Path(f"/proc/{worker}/cmdline").read_bytes()
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return b"scratchgan.workshop.bench.worker" in command and state == "S"


def children_of(process):
    try:
        with open(f"/proc/{process}/task/{process}/children") as stream:
            return [int(number) for number in stream.read().split()]
    except OSError:
        return []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gem"], "unknown suite 'gem'; did you mean 'gemm'? Known: gemm, kernels, step"),
        (["--peers", "al"], "unknown choice of peers 'al'; did you mean 'all'? Known: all, inst"),
        (["--backend", "referense"], "unknown backend 'referense'; did you mean 'reference'?"),
        (
            ["step", "--only", "cifar"],
            "no case's name contains it; the cases are: toy, ring, mnist",
        ),
        (["--threads", "1", "0"], "--threads 0: this process may use"),
        (["--threads", "99999"], "expected 1 …"),
        (["--threads", "1", "gem"], "unknown suite 'gem'; did you mean 'gemm'?"),
        (
            ["--backend", "cuda", "--threads", "1"],
            "threads do not matter; leave the option out",
        ),
        (["--backend", "cuda", "--peers", "numpy"], "expected none, installed or all"),
        (["gemm", "--only", "4096"], "--only 4096: no case's name contains it"),
        (["step", "--threads", "two"], "--threads two: expected whole numbers, such as 1 2"),
        (["--json", "nowhere/x.json"], "nowhere is missing or not writable"),
        (["--json", "."], "it is a folder"),
    ],
)
def test_refused(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scratchgan: error: ")
    assert message in said.err
