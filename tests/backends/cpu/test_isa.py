"""Every instruction set computes the same products, on any machine; the best one here is found."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from scratchgan.backends import get_backend
from scratchgan.backends.cpu.isa import INSTRUCTION_SETS, host
from scratchgan.errors import UnknownNameError
from tests.backends.cpu.child import answer, answers, start
from tests.backends.cpu.products import check_few

PRODUCTS = """
from tests.backends.cpu.products import check_few
from scratchgan.backends import get_backend
ops = get_backend("cpu")
print(ops.isa, check_few(ops))
"""


@pytest.mark.slow
def test_every_set_computes_numpys_products(tmp_path):
    """Each in its own process; code for another set than the machine's own is compiled anew."""
    environments: list[dict[str, object]] = [
        {"SCRATCHGAN_ISA": name}
        | ({} if name == get_backend("cpu").isa else {"NUMBA_CACHE_DIR": tmp_path / name})
        for name in INSTRUCTION_SETS
    ]
    for name, said in zip(INSTRUCTION_SETS, answers(PRODUCTS, environments), strict=True):
        isa, checked = said.split()
        assert isa == name
        assert int(checked) > 20


def test_the_check_refuses_a_wrong_set():
    """Were a vector's last lane lost, as with a wrong mask, the few sizes would show it."""
    ops = get_backend("cpu")

    class LosesALane:
        linear = staticmethod(ops.linear)

        @staticmethod
        def gemm(a, b, **rest):
            c = ops.gemm(a, b, **rest)
            if c.shape[1] > 8:
                c[:, -1] = 0
            return c

    assert check_few(ops) > 20
    with pytest.raises(AssertionError):
        check_few(LosesALane)


@pytest.mark.slow
def test_one_set_does_not_load_the_code_of_another(tmp_path):
    """One cache, two sets: the second compiles anew."""
    code = """
import numpy as np
from numba.core import event
from scratchgan.backends import get_backend
with event.install_recorder("numba:compile") as record:
    ops = get_backend("cpu")
    assert ops.add(np.ones(3), np.ones(3)).tolist() == [2, 2, 2]
print(ops.isa, len(record.buffer) > 0)
"""
    for name, compiles in (("plain", True), ("avx2", True), ("avx2", False)):
        said = answer(code, SCRATCHGAN_ISA=name, NUMBA_CACHE_DIR=tmp_path)
        assert said == f"{name} {compiles}\n"


def test_an_unknown_set_is_refused(monkeypatch):
    monkeypatch.setenv("SCRATCHGAN_ISA", "avx1024")
    with pytest.raises(UnknownNameError, match="instruction set .*SCRATCHGAN_ISA.*'avx1024'") as no:
        host()
    assert all(name in str(no.value) for name in INSTRUCTION_SETS)


@pytest.mark.slow
def test_an_unknown_set_is_said_on_the_command_line():
    code = "import sys; from scratchgan.cli import main; sys.exit(main(sys.argv[1:]))"
    done = start(code, "train", "--steps", "1", "--backend", "cpu", SCRATCHGAN_ISA="avx1024")
    assert done.returncode == 2
    assert done.stderr.startswith("scratchgan: error: ")
    assert "avx2" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("features", "triple", "name"),
    [
        ({"avx512f": True, "avx512vl": True, "avx2": True, "fma": True}, "x86_64", "avx512"),
        ({"avx512f": True, "avx2": True, "fma": True}, "x86_64", "avx2"),  # without the short ones
        ({"avx512f": False, "avx512vl": False, "avx2": True, "fma": True}, "x86_64", "avx2"),
        ({"avx2": True, "fma": False}, "x86_64", "plain"),
        ({"sse4.2": True}, "x86_64", "plain"),
        ({"neon": True}, "aarch64", "neon"),
        ({}, "arm64", "neon"),
        ({}, "riscv64", "plain"),
        ({}, "ppc64le", "plain"),
    ],
)
def test_the_host_is_known_by_its_features(monkeypatch, features, triple, name):
    monkeypatch.delenv("SCRATCHGAN_ISA", raising=False)
    monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(llvm, "get_process_triple", lambda: f"{triple}-unknown-linux-gnu")
    assert host().name == name
    monkeypatch.setenv("SCRATCHGAN_ISA", "avx512")
    assert host().name == "avx512"


@pytest.mark.parametrize("isa", INSTRUCTION_SETS.values(), ids=INSTRUCTION_SETS)
def test_a_tile_fits_into_the_registers(isa):
    """Accumulators, a row of B and one number of A; and enough sums under way at a time."""
    registers = {"avx512": 32, "avx2": 16, "neon": 32, "plain": 16}[isa.name]
    for vectors, rows in isa.tiles.items():
        assert 8 <= vectors * rows <= registers - vectors - 1
    assert list(range(1, isa.widest + 1)) == sorted(isa.tiles)  # every width has its tile
