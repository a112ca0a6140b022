"""
Count the instructions of a compiled kernel's main loop, by kind.

With a disassembler, machine code (SASS) is read, otherwise PTX. The assembler translates PTX into
machine code, so PTX shows the form of a loop, but its counts are not exact.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

__all__ = ["CLASSES", "Loop", "disassemble", "disassembler", "kind_of", "main_loop", "mix"]

MULTIPLY_ADD = "multiply-add"
CLASSES = {  # patterns for the beginning of an instruction's name, in machine code and in PTX
    MULTIPLY_ADD: r"[FD]FMA|fma\.rn\.f",
    "shared load, 16 bytes": r"LDS\S*\.128|ld\.shared\.v(4\.\w32|2\.\w64)",
    "shared load": r"LDS|ld\.shared",
    "global load, 16 bytes": r"LDG\S*\.128|ld\.global\S*\.v(4\.\w32|2\.\w64)",
    "global load": r"LDG|ld\.global",
    "shared store": r"STS|st\.shared",
    "global store": r"STG|st\.global",
    "barrier": r"BAR|bar(rier)?\.",
    "integer": r"U?(IMAD(?!\.MOV)|IADD|VIADD|ISETP|LEA|LOP3|PLOP3|SHF|IMNMX|SEL|IABS|POPC|PRMT)"
    r"|(add|sub|mul|mad|shl|shr|and|or|xor|not|min|max|setp|selp|rem|div|cvt)\S*\.([usb]\d+|pred)",
    "moves and jumps": r"",  # and all others
}

# Patterns for lines: a label, a jump to a label, the name of an instruction.
_MACHINE_CODE = (
    r"\s*(\.L_x_\d+):",
    r"BRA\S*\s+.*?(\.L_x_\d+)",
    r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]+)",
)
_PTX = (r"(\$L\w+):", r"\bbra\S*\s+(\$L\w+)", r"\s+(?:@!?%p\d+\s+)?([a-z][\w.]+)")


class Loop(NamedTuple):
    """The instructions of a loop: its own, and those of its inner loop that multiplies."""

    own: Counter[str]
    inner: Counter[str]  # of one round; empty without an inner loop

    @property
    def all(self) -> Counter[str]:
        """Return all instructions, each counted once."""
        return self.own + self.inner


def disassembler() -> str | None:
    """Return the path of nvdisasm, from the package nvidia-cuda-nvdisasm or from CUDA, or None."""
    site = Path(sysconfig.get_path("purelib"))
    return shutil.which("nvdisasm") or next(map(str, site.glob("nvidia/*/bin/nvdisasm")), None)


def disassemble(cubin: bytes) -> str | None:
    """Return machine code as text, or None without a disassembler."""
    program = disassembler()
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kernel.cubin")
        file.write_bytes(cubin)
        command = [program, "-c", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def kind_of(instruction: str) -> str:
    """Return the class of an instruction: the first of ``CLASSES`` whose pattern matches."""
    return next(name for name, start in CLASSES.items() if re.match(start, instruction))


def main_loop(text: str) -> Loop:
    """
    Return the loop of a kernel with the most multiply-adds; among equals, the outermost.

    A loop is the code between a label and the last jump back to it.

    Parameters
    ----------
    text : str
        Machine code as nvdisasm prints it, or PTX.
    """
    label, jump, line = _PTX if re.search(r"^\.version", text, re.MULTILINE) else _MACHINE_CODE
    seen: dict[str, int] = {}
    ends: dict[int, int] = {}
    instructions: list[str] = []
    for row in text.splitlines():
        if found := re.match(label, row):
            seen[found[1]] = len(instructions)
        if found := re.match(line, row):
            instructions.append(found[1])
        if (found := re.search(jump, row)) and found[1] in seen:
            ends[seen[found[1]]] = len(instructions)

    def multiplies(loop: tuple[int, int]) -> int:
        return sum(kind_of(name) == MULTIPLY_ADD for name in instructions[slice(*loop)])

    loops = [loop for loop in ends.items() if multiplies(loop)]
    if not loops:
        return Loop(Counter(), Counter())
    start, end = max(loops, key=lambda loop: (multiplies(loop), loop[1] - loop[0]))
    inside = [loop for loop in loops if start <= loop[0] < loop[1] <= end and loop != (start, end)]
    whole = Counter(instructions[start:end])
    if not inside:
        return Loop(whole, Counter())
    inner = Counter(instructions[slice(*max(inside, key=multiplies))])
    return Loop(whole - inner, inner)


def mix(loop: Loop, step: int) -> dict[str, float]:
    """
    Return the number of executed instructions of each class for one multiply-add.

    Parameters
    ----------
    loop : Loop
        The main loop of a kernel.
    step : int
        Multiply-adds of a thread in one round of the loop. If there is an inner loop, its number
        of rounds follows from this.

    Raises
    ------
    ValueError
        If no number of rounds of the inner loop gives ``step`` multiply-adds, or if the loop has
        no multiply-add.

    Examples
    --------
    >>> mix(Loop(Counter(LDG=2, BRA=1), Counter({"LDS": 2, "FFMA": 4, "BRA": 1})), step=8)
    {'multiply-add': 1.0, 'shared load': 0.5, 'global load': 0.25, 'moves and jumps': 0.375}
    """
    kinds = {part: Counter[str]() for part in Loop._fields}
    for part, counted in kinds.items():
        for name, count in getattr(loop, part).items():
            counted[kind_of(name)] += count
    own, inner = kinds["own"], kinds["inner"]
    total = own
    if inner:
        rounds, rest = divmod(step - own[MULTIPLY_ADD], inner[MULTIPLY_ADD])
        if rest or rounds < 1:
            raise ValueError(
                f"the inner loop has {inner[MULTIPLY_ADD]} multiply-adds and the code around it"
                f" {own[MULTIPLY_ADD]}; no number of rounds gives {step} multiply-adds"
            )
        total = own + Counter({name: rounds * count for name, count in inner.items()})
    if not total[MULTIPLY_ADD]:
        raise ValueError("no loop of the kernel has a multiply-add")
    each = total[MULTIPLY_ADD]
    return {name: total[name] / each for name in CLASSES if total[name]}
