"""Kernels for compute capabilities 8.0 and 9.0: no stack, no spills, no hidden float64."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CAPABILITIES = ("8.0", "9.0")


def start(*arguments):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process):
    out, err = process.communicate(timeout=540)
    assert process.returncode == 0, out[-2000:] + err[-4000:]
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def reports():
    """Of all kernels, by compute capability; compiled side by side."""
    started = {each: start(HERE / "compiling.py", each) for each in CAPABILITIES}
    try:
        return {each: finish(process) for each, process in started.items()}
    finally:
        for process in started.values():
            if process.poll() is None:  # the other one has failed
                process.kill()
                process.communicate()


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_kernel_has_a_fault(reports, capability, capsys):
    from tests.workshop.ladders.compiling import faults

    wrong = {}
    with capsys.disabled():
        print(f"\ncompute capability {capability}")
        for each in reports[capability]:
            print("  " + line(each))
            if found := faults(each):
                wrong[f"{each['name']}, {each['dtype']}"] = found
    assert len(reports[capability]) > 50
    assert not wrong


def line(each):
    text = (
        f"{each['name']}, {each['dtype']}: {each['registers']} registers × {each['threads']},"
        f" {each['shared']} bytes shared"
    )
    if each["loop"]:
        share, of = each["loop"]["fused multiply-add"], each["loop"]["of"]
        text += (
            f", main loop {share:.0%} fused multiply-add of {each['loop']['instructions']} ({of})"
        )
    return text


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_products_multiply_most_of_the_time(reports, capability):
    """What makes a product fast, as far as its instructions can tell."""
    least = {"128": 0.80, "64": 0.55, "32": 0.40}  # of PTX too, which counts more
    for each in reports[capability]:
        if each["name"].startswith("tiles."):
            tile = each["name"].split()[1]
            assert each["loop"]["fused multiply-add"] >= least[tile], line(each)
            loads = each["loop"]["most"]
            assert any("LDS" in name or "ld.shared" in name for name in loads)
            if "16 bytes" in each["name"]:
                assert any("128" in name or ".v4" in name for name in loads), loads


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_each_rung_of_the_ladder_is_found(reports, capability):
    """And a thread of the register tile does multiply most of the time, of all dtypes."""
    ladder = [each for each in reports[capability] if each["name"].startswith("cuda.")]
    names = {(each["name"].partition(" ")[2], each["dtype"]) for each in ladder}
    rungs = ["naive", "coalesced", "shared tile", "register tile", "vectorised"]
    rungs.append("vectorised, 16 bytes at a time")
    assert names == {(rung, dtype) for rung in rungs for dtype in ("float32", "float64")}
    assert len(ladder) == len(names)
    for each in ladder:
        loads = each["loop"]["most"]
        if "16 bytes" in each["name"]:
            assert any("LDS.128" in name or re.search(r"shared.*v[24]", name) for name in loads)
        if "naive" in each["name"] or "coalesced" in each["name"]:
            assert each["shared"] <= 1024, line(each)
            assert not any("LDS" in name or "ld.shared" in name for name in loads)


def test_the_ladder_is_counted_as_it_was_recorded():
    """The notebook shows docs/benchmarks/cuda_ladder.json where numba-cuda is not installed."""
    from scratchgan.workshop.ladders.compiled import counts, recorded
    from scratchgan.workshop.ladders.cuda import LADDER

    now, then = counts((9, 0)), recorded()
    command = then.pop("command")
    assert command.startswith(
        "python -m scratchgan.workshop.ladders.compiled --capability 9.0 --json"
    )
    assert list(now["rungs"]) == list(then["rungs"]) == list(LADDER)
    each = "instructions for each multiply-add"
    sums = [sum(rung[each].values()) for rung in now["rungs"].values()]
    assert sums[1] > sums[2] > sums[3] > sums[4] > sums[5] >= 1  # each rung asks for fewer
    if now | {"rungs": 0} == then | {"rungs": 0}:  # the same compilers
        assert now == then, f"write it anew: {command}"
    else:
        for name, before in then["rungs"].items():
            after = sum(now["rungs"][name][each].values())
            assert abs(after / sum(before[each].values()) - 1) <= 0.3, name


def test_the_command_refuses_what_is_no_capability():
    process = start("-m", "scratchgan.workshop.ladders.compiled", "--capability", "sm_90")
    _, err = process.communicate(timeout=600)
    assert process.returncode != 0
    assert "--capability sm_90: expected a number like 9.0" in err


def test_in_the_simulator_nothing_is_compiled():
    code = "from scratchgan.workshop.ladders.compiled import choose; choose((9, 0))"
    process = start("-c", "import os; os.environ['NUMBA_ENABLE_CUDASIM'] = '1'; " + code)
    _, err = process.communicate(timeout=600)
    assert "NUMBA_ENABLE_CUDASIM=1 is set" in err


def test_the_large_tile_leaves_room_for_two_blocks(reports):
    for capability in CAPABILITIES:
        large = [each for each in reports[capability] if " 128 ×" in each["name"]]
        assert len(large) == 4
        assert all(each["registers"] <= 128 for each in large)


def test_seeded_faults_are_found():
    from tests.workshop.ladders.compiling import faults

    found = {each["name"]: faults(each) for each in finish(start(HERE / "seeded.py"))}
    assert found["sound"] == []
    assert any("float64" in fault for fault in found["hidden_float64"])
    assert any("stack" in fault for fault in found["indexed"])
    assert any("spilled" in fault for fault in found["spilling"])


def test_a_kernel_without_a_signature_is_an_error():
    process = start(
        "-c",
        "from tests.workshop.ladders import compiling\n"
        "compiling.SIGNATURES = {'gone.kernel': 'a'}; compiling.reports((9, 0))",
    )
    _, err = process.communicate(timeout=600)
    assert process.returncode != 0
    assert "gone.kernel" in err
    assert "gemm.combine" in err
