"""Instruction sets: the width of their vectors and the register tiles that fit."""

from __future__ import annotations

import os
from typing import NamedTuple

import llvmlite.binding as llvm

from scratchgan.errors import unknown

__all__ = ["INSTRUCTION_SETS", "InstructionSet", "host"]


class InstructionSet(NamedTuple):
    """
    The vectors and register tiles of one kind of processor.

    A register tile of matrix C has ``tiles[v]`` rows and v vectors of columns; each of its
    vectors is an accumulator. A multiply-add waits some cycles for the previous one on the
    same accumulator, so about eight must be in progress at any time. The best tile uses all
    registers for accumulators, except v for a row of B and a few to spare.
    """

    name: str
    vector_bytes: int
    fma: bool  # multiply and add in one instruction, rounded once
    tiles: dict[int, int]  # vectors of columns -> rows

    @property
    def widest(self) -> int:
        """Vectors of columns in the largest tile."""
        return max(self.tiles)

    def lanes(self, itemsize: int) -> int:
        """Numbers of ``itemsize`` bytes in a vector."""
        return self.vector_bytes // itemsize


INSTRUCTION_SETS = {
    isa.name: isa
    for isa in (
        InstructionSet("avx512", 64, True, {4: 6, 3: 8, 2: 12, 1: 14}),  # 32 registers
        InstructionSet("avx2", 32, True, {3: 4, 2: 6, 1: 8}),  # 16 registers
        InstructionSet("neon", 16, True, {4: 6, 3: 8, 2: 12, 1: 14}),  # 32 registers
        InstructionSet("plain", 16, False, {2: 4, 1: 8}),  # 16 registers, as on any x86-64
    )
}


def host() -> InstructionSet:
    """
    Return the best instruction set of this machine.

    The environment variable ``SCRATCHGAN_ISA`` chooses another one. Each runs on any machine,
    because LLVM splits vectors that are too wide.
    """
    name = os.environ.get("SCRATCHGAN_ISA")
    if name:
        if name not in INSTRUCTION_SETS:
            raise unknown("instruction set (SCRATCHGAN_ISA)", name, INSTRUCTION_SETS)
        return INSTRUCTION_SETS[name]
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512vl"):
        return INSTRUCTION_SETS["avx512"]
    if features.get("avx2") and features.get("fma"):
        return INSTRUCTION_SETS["avx2"]
    if llvm.get_process_triple().split("-")[0] in ("aarch64", "arm64"):
        return INSTRUCTION_SETS["neon"]
    return INSTRUCTION_SETS["plain"]
