"""
Find every kernel of the backend, compile it for one compute capability, and report on it.

``python compiling.py 9.0`` prints a report a line, as JSON, for each kernel and dtype. The
compiling itself is in ``scratchgan/workshop/ladders/compiled.py``.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from typing import Any

from numba import cuda

from scratchgan.workshop.ladders.compiled import (
    MachineCode,
    choose,
    compile_kernel,
    report,
    signature,
)
from scratchgan.workshop.ladders.instructions import disassemble, kind_of, main_loop
from tests.workshop.ladders.signatures import SIGNATURES

LADDER = "scratchgan.workshop.ladders.cuda"
FOUND: list[Any] = []  # every kernel that was made


def _watch() -> None:
    """Remember each kernel as it is made, by whatever module."""
    jit = cuda.jit

    def watched(function=None, *args, **options):
        made = jit(function, *args, **options)
        if function is None:
            return lambda body: _remember(made(body))
        return _remember(made)

    cuda.jit = watched


def _remember(made: Any) -> Any:
    if getattr(made, "targetoptions", {"device": True})["device"] is False:
        FOUND.append(made)
    return made


def discover() -> list[tuple[str, str, str, int, Any]]:
    """Import the backend; return (key, name, dtype, threads, kernel) for each of its kernels."""
    _watch()
    package = importlib.import_module("scratchgan.backends.cuda")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    block = importlib.import_module("scratchgan.backends.cuda.device").BLOCK
    makers = map(importlib.import_module, (f"{package.__name__}.gemm", LADDER))
    described = {id(kernel): rest for maker in makers for *rest, kernel in maker.kernels()}
    listed = []
    for kernel in FOUND:
        function = kernel.py_func
        key = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        if id(kernel) in described:
            name, dtype, threads = described[id(kernel)]
            listed.append((key, f"{key} {name}", dtype, threads, kernel))
            continue
        floats = set(SIGNATURES.get(key, "")) & set("ar")
        for dtype in ("float32", "float64") if floats else ("no floats",):
            listed.append((key, key, dtype, block, kernel))
    return listed


def loop(code: MachineCode) -> dict[str, Any]:
    """Count the instructions of the main loop: in machine code if it can be read, or in PTX."""
    text = disassemble(code.cubin)
    counts = main_loop(code.ptx if text is None else text).all
    total = counts.total()
    multiply = sum(n for name, n in counts.items() if kind_of(name) == "multiply-add")
    return {
        "of": "PTX" if text is None else "machine code",
        "instructions": total,
        "fused multiply-add": round(multiply / total, 3) if total else 0.0,
        "most": dict(counts.most_common(12)),
    }


def faults(each: dict[str, Any]) -> list[str]:
    """Say what is wrong with a kernel."""
    wrong = []
    if each["stack"] != 0:
        wrong.append(f"a stack of {each['stack']} bytes")
    if each["spills"] != 0:
        wrong.append(f"{each['spills']} bytes spilled")
    if each["dtype"] != "float64" and each["float64"] != 0:
        wrong.append(f"{each['float64']} lines of float64")
    if each["registers"] > 255:
        wrong.append(f"{each['registers']} registers a thread")
    # A warp is given registers in units of 256.
    if -(-each["registers"] // 8) * 8 * each["threads"] > 65536:
        wrong.append(f"{each['registers']} registers for {each['threads']} threads")
    return wrong


def reports(capability: tuple[int, int]) -> list[dict[str, Any]]:
    """Compile every kernel of the backend and report on each."""
    choose(capability)
    listed = discover()
    keys = {key for key, *_ in listed}
    if keys ^ SIGNATURES.keys():
        raise SystemExit(
            f"signatures.py has no line for {sorted(keys - SIGNATURES.keys())},"
            f" and lines without a kernel: {sorted(SIGNATURES.keys() - keys)}"
        )
    made = []
    for key, name, dtype, threads, kernel in listed:
        code = compile_kernel(kernel, signature(SIGNATURES[key], dtype), capability)
        of_loop = loop(code) if key.startswith(("tiles.", "cuda.")) else None
        made.append(report(name, dtype, threads, code) | {"loop": of_loop})
    return made


if __name__ == "__main__":
    major, minor = map(int, sys.argv[1].split("."))
    for each in reports((major, minor)):
        print(json.dumps(each), flush=True)
