"""Reading compiled kernels: what needs no compiler."""

from __future__ import annotations

import json
import sys
from collections import Counter
from importlib.util import find_spec

import pytest

pytest.importorskip("numba")

from scratchgan.workshop.ladders import compiled
from scratchgan.workshop.ladders.cuda import LADDER
from scratchgan.workshop.ladders.instructions import Loop, kind_of, main_loop, mix

MACHINE_CODE = """
        /*0000*/                   LDC R1, c[0x0][0x28] ;
        /*0010*/                   FFMA R5, R5, R5, R5 ;
.L_x_1:
        /*0020*/                   LDG.E R2, desc[UR4][R2.64] ;
        /*0030*/              @!P1 LDG.E.128.CONSTANT R4, desc[UR4][R4.64] ;
        /*0040*/                   STS.128 [R9], R4 ;
        /*0050*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
.L_x_0:
        /*0060*/                   LDS R6, [R7] ;
        /*0070*/                   LDS.128 R12, [R7+0x10] ;
        /*0080*/                   FFMA R0, R6, R12, R0 ;
        /*0090*/                   FFMA R1, R6, R13, R1 ;
        /*00a0*/                   IMAD.WIDE.U32 R2, R2, 0x4, R4 ;
        /*00b0*/              @!P0 BRA `(.L_x_0) ;
        /*00c0*/                   IMAD.MOV.U32 R2, RZ, RZ, R3 ;
        /*00d0*/              @!P2 BRA `(.L_x_1) ;
.L_x_2:
        /*00e0*/                   IADD3 R1, R1, R2, R3 ;
        /*00f0*/                   STG.E desc[UR4][R2.64], R0 ;
        /*0100*/                   BRA `(.L_x_2);
"""
PTX = """
.version 8.8
.visible .entry kernel() {
\tmov.u32 %r1, %tid.x;
$L__BB0_1:
\tld.global.f32 %f2, [%rd1];
\tld.global.nc.v4.f32 {%f3, %f4, %f5, %f6}, [%rd2];
\tst.shared.v4.f32 [%r3], {%f3, %f4, %f5, %f6};
\tbar.sync 0;
$L__BB0_2:
\tld.shared.f32 %f7, [%r4];
\tld.shared.v4.f32 {%f8, %f9, %f10, %f11}, [%r4+16];
\tfma.rn.f32 %f1, %f7, %f8, %f1;
\tfma.rn.f32 %f2, %f7, %f9, %f2;
\tadd.s32 %r4, %r4, 4;
\t@%p1 bra $L__BB0_2;
\tmov.u32 %r1, %r2;
\t@%p2 bra $L__BB0_1;
\tret;
}
"""
EXPECTED = {
    "multiply-add": 1.0,
    "shared load, 16 bytes": 0.5,
    "shared load": 0.5,
    "global load, 16 bytes": 0.125,
    "global load": 0.125,
    "shared store": 0.125,
    "barrier": 0.125,
    "integer": 0.5,
    "moves and jumps": 0.5 + 0.25,
}


@pytest.mark.parametrize("text", [MACHINE_CODE, PTX], ids=["machine code", "PTX"])
def test_the_main_loop_is_found_and_its_inner_loop_counts_as_often_as_it_runs(text):
    loop = main_loop(text)
    assert loop.all.total() == 12
    assert loop.inner.total() == 6
    assert mix(loop, step=8) == EXPECTED  # 4 rounds of 2 multiply-adds
    assert mix(loop, step=2) != EXPECTED
    assert mix(Loop(loop.all, Counter()), step=8) != EXPECTED  # as if it ran once


def test_what_is_no_number_of_rounds_is_refused():
    loop = main_loop(MACHINE_CODE)
    for step in (0, 1, 7):
        with pytest.raises(ValueError, match=f"no number of rounds gives {step} multiply-adds"):
            mix(loop, step)
    with pytest.raises(ValueError, match="no loop of the kernel has a multiply-add"):
        mix(main_loop("\n        /*0000*/    EXIT ;\n"), 1)


def test_a_loop_that_stands_alone_has_none_inside():
    alone = MACHINE_CODE.replace("BRA `(.L_x_0)", "NOP")
    assert main_loop(alone).inner == Counter()
    assert main_loop(alone).own.total() == 12


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("FFMA", "multiply-add"), ("FFMA.FTZ", "multiply-add"), ("DFMA", "multiply-add"),
        ("fma.rn.f64", "multiply-add"), ("LDS.64", "shared load"),
        ("LDS.U.128", "shared load, 16 bytes"), ("ld.shared.v2.f64", "shared load, 16 bytes"),
        ("ld.shared.v2.f32", "shared load"),
        ("LDG.E.64.CONSTANT", "global load"), ("st.global.v4.f32", "global store"),
        ("UIADD3", "integer"), ("IMAD.MOV.U32", "moves and jumps"), ("LDC.64", "moves and jumps"),
        ("setp.lt.u32", "integer"), ("and.pred", "integer"), ("mul.wide.u32", "integer"),
        ("mul.f32", "moves and jumps"), ("HFMA2.MMA", "moves and jumps"),
    ],
)  # fmt: skip
def test_classes(instruction, kind):
    assert kind_of(instruction) == kind


# -- compiling, where there is no compiler ---------------------------------------------------------


def test_what_was_recorded_is_of_these_rungs():
    then = compiled.recorded()
    assert then["counted in"] == "machine code"
    assert list(then["rungs"]) == list(LADDER)
    for name, found in then["rungs"].items():
        assert found["threads"] == LADDER[name].tile.threads
        assert found["stack"] == found["spills"] == found["float64"] == 0
        each = found["instructions for each multiply-add"]
        assert each["multiply-add"] == 1


def test_a_record_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "RECORD", tmp_path / "cuda_ladder.json")
    with pytest.raises(FileNotFoundError, match="a clone of the repository"):
        compiled.recorded()


def test_without_numba_cuda_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)  # as if nothing of that name were installed
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvjitlink", None)
    for call in (compiled.require, compiled.counts, lambda: compiled.choose((9, 0))):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'scratchgan\[cuda\]'"):
            call()
    with pytest.raises(SystemExit) as ended:
        compiled.main([])
    assert ended.value.code == 1


def test_importing_it_asks_for_nothing(monkeypatch):
    """``python -c 'import …compiled'`` works without numba-cuda; this process has done it."""
    assert compiled.__name__ in sys.modules
    if find_spec("numba_cuda") is None:
        with pytest.raises(ModuleNotFoundError):
            compiled.require()


def test_a_failing_compiler_is_quoted(monkeypatch):
    class Done:
        returncode, stdout, stderr = 1, "", "ptxas fatal: no such thing"

    monkeypatch.setattr(compiled, "require", lambda: None)
    monkeypatch.setattr(compiled.subprocess, "run", lambda *args, **options: Done)
    with pytest.raises(RuntimeError, match="could not be compiled:\nptxas fatal"):
        compiled.counts()
    Done.returncode, Done.stdout = 0, json.dumps({"rungs": {}})
    assert compiled.counts() == {"rungs": {}}
