"""Kernels for compute capabilities 8.0 and 9.0: no stack, no spills, no hidden float64."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CAPABILITIES = ("8.0", "9.0")

sys.path.append(str(HERE))


def start(*arguments):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], env=environment | {"PYTHONPATH": paths},
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
    return {each: finish(process) for each, process in started.items()}


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_kernel_has_a_fault(reports, capability, capsys):
    from compiling import faults

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
        if each["loop"]:
            tile = each["name"].split()[1]
            assert each["loop"]["fused multiply-add"] >= least[tile], line(each)
            loads = each["loop"]["most"]
            assert any("LDS" in name or "ld.shared" in name for name in loads)
            if "16 bytes" in each["name"]:
                assert any("128" in name or ".v4" in name for name in loads), loads


def test_the_large_tile_leaves_room_for_two_blocks(reports):
    for capability in CAPABILITIES:
        large = [each for each in reports[capability] if " 128 ×" in each["name"]]
        assert len(large) == 4
        assert all(each["registers"] <= 128 for each in large)


def test_seeded_faults_are_found():
    from compiling import faults

    found = {each["name"]: faults(each) for each in finish(start(HERE / "seeded.py"))}
    assert found["sound"] == []
    assert any("float64" in fault for fault in found["hidden_float64"])
    assert any("stack" in fault for fault in found["indexed"])
    assert any("spilled" in fault for fault in found["spilling"])


def test_a_kernel_without_a_signature_is_an_error():
    code = (
        "import compiling; compiling.SIGNATURES = {'gone.kernel': 'a'}; compiling.reports((9, 0))"
    )
    process = start("-c", code)
    _, err = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "gone.kernel" in err
    assert "gemm.combine" in err
