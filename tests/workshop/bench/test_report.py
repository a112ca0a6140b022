"""Ratios point the right way, tables fit, and means are of the right cases."""

import re

import pytest

from scratchgan.workshop.bench.cases import BenchCase, Product, suite_cases
from scratchgan.workshop.bench.machine import describe, machine, one_thread_a_core
from scratchgan.workshop.bench.peers import PEERS, peer_names
from scratchgan.workshop.bench.report import absence, geometric_mean, ratio_to, table
from scratchgan.workshop.bench.timing import Timings
from scratchgan.workshop.bench.worker import OURS, record

FACTS = machine("cpu", None)


def made(case, **seconds):
    """The record of a case that took us 2 s, and the others what is given."""
    names = {name.replace("_", "-"): s for name, s in seconds.items()}
    return record(case, 1, Timings(seconds={OURS: 2.0, **names}))


GEMM = BenchCase("gemm", "gan forward 784→1200", Product(100, 1200, 784))
STEP = suite_cases("step", only="toy")[0]


@pytest.mark.parametrize("case", [GEMM, STEP], ids=["rate", "time"])
def test_above_1_we_are_faster(case):
    slower = made(case, numpy=6.0, jax_jit=4.0)
    assert slower["ratio"] == pytest.approx(2)  # against the fastest
    assert ratio_to(slower, "numpy") == pytest.approx(3)
    assert made(case, numpy=6.0, jax_jit=1.0)["ratio"] == pytest.approx(0.5)


def test_rates_and_times():
    rate, time = made(GEMM, numpy=6.0), made(STEP, numpy=6.0)
    assert rate["value"] > rate["peers"]["numpy"]  # GFLOP/s: more is better
    assert time["value"] < time["peers"]["numpy"]
    assert (time["value"], time["unit"], rate["unit"]) == (2e6, "µs", "GFLOP/s")


def test_without_a_peer_there_is_no_ratio():
    assert made(GEMM)["ratio"] is None
    assert "–" in table({"machine": FACTS, "records": [made(GEMM)], "failures": []}, "gemm", 1)


def test_geometric_mean():
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1)
    assert geometric_mean([1.0, 8.0, 1.0]) == pytest.approx(2)


def test_means_are_of_their_group():
    records = [
        made(GEMM, numpy=4.0),  # 2 ×
        made(BenchCase("gemm", "gan dW", GEMM.work), numpy=1.0),  # ½ ×
        made(BenchCase("gemm", "gan dx", GEMM.work, dtype="float64"), numpy=200.0),  # not float32
        made(BenchCase("gemm", "square 256", GEMM.work), numpy=200.0),
    ]
    text = table({"machine": FACTS, "records": records, "failures": []}, "gemm", 1)
    assert "geometric mean of gan: 1.00 × numpy; lowest 0.50 (gan dW)" in text
    assert "of square" not in text  # a mean of one is none


def test_a_table_fits_and_is_aligned():
    """All peers, long names and large numbers, in 100 columns."""
    measured = Timings(seconds={OURS: 0.7, **dict.fromkeys(peer_names("all"), 0.8)})
    for suite in ("gemm", "step"):
        records = [record(case, 2, measured) for case in suite_cases(suite)]
        for r in records:
            r["peers"] = {n: v for n, v in r["peers"].items() if suite == "step" or n != "jax-scan"}
        facts = {**FACTS, "backend": "reference"}
        failures = [{"suite": suite, "threads": 2, "peer": "jax-jit", "case": "x", "reason": "y"}]
        text = table({"machine": facts, "records": records, "failures": failures}, suite, 2)
        lines = text.splitlines()
        rows = lines[1 : 3 + len(records)]
        assert len({len(line) for line in rows}) == 1
        assert max(map(len, lines)) <= 100
        assert all(re.search(r" 1\.14 +1\.14$", row) for row in rows[2:])
        assert "jax-jit failed in x: y" in lines


def test_what_penalties_cost_is_told():
    cases = suite_cases("step", only="R1+R2 ring: D")
    times = dict(zip(sorted(case.name for case in cases), (3e-4, 2e-4), strict=True))
    records = [
        record(case, 1, Timings(seconds={OURS: times[case.name]}, rounds=3)) for case in cases
    ]
    report = {"machine": {"backend": "cpu"}, "records": records, "failures": []}
    assert "\nR1+R2 ring: D: 1.50 × the time without R1+R2" in table(report, "step", 1)


def test_a_failure_of_all_cases_is_told_in_every_table():
    failures = [{"threads": 1, "peer": "torch-eager", "reason": "OSError: broken"}]
    report = {"machine": FACTS, "records": [made(GEMM, numpy=1.0)], "failures": failures}
    assert "torch-eager failed: OSError: broken" in table(report, "gemm", 1)
    assert "failed" not in table(report, "gemm", 2)


GPU = {
    "name": "NVIDIA H200", "compute_capability": "9.0", "multiprocessors": 132,
    "memory_gib": 139.8, "driver": "580.1", "cuda": "13.0",
}  # fmt: skip
ON_GPU = {**FACTS, "backend": "cuda", "gpu": GPU, "numba-cuda": "0.30.4", "cuda-core": "1.2.2"}


def test_tables_of_a_gpu():
    """They name the GPU, and compare with PyTorch: with its graph where there is one."""
    names = peer_names("all", gpu=True)
    for suite in ("gemm", "step", "kernels"):
        measured = Timings(seconds={OURS: 0.7, **dict.fromkeys(names, 0.8)})
        records = [record(case, 1, measured) for case in suite_cases(suite, gpu=True)]
        for r in records:
            r["value"] = 50_000  # as fast as an H200
            kept = [n for n in r["peers"] if suite == "step" or n != "jax-scan"]
            r["peers"] = dict.fromkeys(kept, 50_000)
        text = table({"machine": ON_GPU, "records": records, "failures": []}, suite, 1)
        lines = text.splitlines()
        assert lines[0].startswith(f"{suite}, NVIDIA H200: ")
        assert "× torch" in lines[1]
        assert "numpy" not in text
        assert "thread" not in text
        assert max(map(len, lines)) <= 100


def test_means_of_a_gpu():
    gan, replayed = suite_cases("gemm", only="gan forward 100", gpu=True)[::-1]
    other, other_replayed = suite_cases("gemm", only="gan dW 100", gpu=True)[::-1]
    records = [
        made(gan, torch_eager=4.0),
        made(other, torch_eager=1.0),
        made(replayed, torch_graphs=4.0, torch_eager=200.0),
        made(other_replayed, torch_graphs=4.0),
    ]
    text = table({"machine": ON_GPU, "records": records, "failures": []}, "gemm", 1)
    assert "geometric mean of gan: 1.00 × torch-eager; lowest 0.50 (gan dW" in text
    assert "geometric mean of replayed gan: 2.00 × torch-graphs; lowest 2.00 (" in text


def test_absence():
    absent = {name: PEERS[name] for name in ("torch-eager", "jax-jit", "jax-scan")}
    assert absence(absent) == (
        "not installed, so not measured: PyTorch (torch-eager), JAX (jax-jit, jax-scan);"
        " pip install torch jax"
    )


def test_the_machine_in_words():
    facts = {**FACTS, "isa": "AVX2", "cpu": "Some CPU", "cores": 1, "jax": None}
    said = describe(facts)
    assert said.startswith("Some CPU, 1 core, AVX2, ")
    assert f"NumPy {facts['numpy']}" in said
    assert "JAX" not in said
    assert len(said.splitlines()) == 2


def test_a_machine_with_a_gpu_in_words():
    cpu, gpu, versions = describe(ON_GPU).splitlines()
    assert cpu.startswith(FACTS["cpu"])
    assert gpu == (
        "NVIDIA H200, compute capability 9.0, 132 multiprocessors, 139.8 GiB, driver 580.1,"
        " CUDA 13.0"
    )
    assert "numba-cuda 0.30.4, cuda-core 1.2.2" in versions
    unknown = {**ON_GPU, "gpu": {**GPU, "driver": None, "memory_gib": None}}
    assert describe(unknown).splitlines()[1].endswith("132 multiprocessors, CUDA 13.0")


def test_cores_that_share_come_last(tmp_path):
    for core, siblings in enumerate(["0-1", "0-1", "2-3", "2-3"]):
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    assert one_thread_a_core([0, 1, 2, 3], tmp_path) == [0, 2, 1, 3]
    assert one_thread_a_core([3, 4, 5], tmp_path / "nowhere") == [3, 4, 5]
