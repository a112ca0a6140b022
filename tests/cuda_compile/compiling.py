"""
Compile kernels to PTX and machine code for one compute capability, without a GPU.

``python compiling.py 9.0`` prints a report a line, as JSON, for each kernel and dtype. One
process serves one compute capability, since what functions are compiled for is remembered.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numba_cuda  # noqa: F401  (it takes the place of numba.cuda)
from numba import cuda, types
from signatures import SIGNATURES

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


def _choose(capability: tuple[int, int]) -> None:
    """Let functions that kernels call ask this, instead of a driver, what they compile for."""
    dispatcher = importlib.import_module("numba.cuda.dispatcher")

    class Device:
        compute_capability = capability

    dispatcher.get_current_device = Device


def discover() -> list[tuple[str, str, str, int, Any]]:
    """Import the backend; return (key, name, dtype, threads, kernel) for each of its kernels."""
    _watch()
    package = importlib.import_module("scratchgan.backends.cuda")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    gemm = importlib.import_module("scratchgan.backends.cuda.gemm")
    block = importlib.import_module("scratchgan.backends.cuda.device").BLOCK
    tiles = {id(kernel): rest for *rest, kernel in gemm.kernels()}
    listed = []
    for kernel in FOUND:
        function = kernel.py_func
        key = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        if id(kernel) in tiles:
            name, dtype, threads = tiles[id(kernel)]
            listed.append((key, f"{key} {name}", dtype, threads, kernel))
            continue
        floats = set(SIGNATURES.get(key, "")) & set("ar")
        for dtype in ("float32", "float64") if floats else ("no floats",):
            listed.append((key, key, dtype, block, kernel))
    return listed


# -- compiling -------------------------------------------------------------------------------------


def signature(letters: str, dtype: str) -> Any:
    """Numba's signature of a kernel."""
    real = types.float64 if dtype == "float64" else types.float32
    kinds = {
        "a": real[::1], "i": types.int32[::1], "w": types.uint32[::1],
        "r": real, "n": types.uint32, "c": types.int32,
    }  # fmt: skip
    return types.void(*(kinds[letter] for letter in letters if letter != " "))


def compile_kernel(kernel: Any, kind: Any, capability: tuple[int, int]) -> tuple[str, str, bytes]:
    """Return PTX, what the assembler says, and the machine code that a launch would run."""
    options = {"device": False, "abi": "numba", "cc": capability}
    options["launch_bounds"] = kernel.targetoptions.get("launch_bounds")
    options["fastmath"] = kernel.targetoptions.get("fastmath", False)
    optimise = bool(kernel.targetoptions.get("lto"))  # at link time, as Numba does by default
    code = cuda.compile(kernel.py_func, kind, output="ltoir" if optimise else "ptx", **options)[0]
    ptx = link(code, capability, to="ptx")[1] if optimise else code.encode()
    log, cubin = link(ptx, capability)
    return ptx.decode(), log, cubin


def link(code: bytes, capability: tuple[int, int], to: str = "cubin") -> tuple[str, bytes]:
    """
    Make PTX of what is left to optimise, or machine code of PTX; return the log, too.

    nvJitLink is as new as what has written the code; an assembler found elsewhere may be older.
    """
    from cuda.bindings import nvjitlink

    options = [f"-arch=sm_{capability[0]}{capability[1]}"]
    options += ["-lto", "-ptx"] if to == "ptx" else ["-verbose"]
    kind = nvjitlink.InputType.LTOIR if to == "ptx" else nvjitlink.InputType.PTX
    handle = nvjitlink.create(len(options), options)
    try:
        nvjitlink.add_data(handle, kind, code, len(code), "kernel")
        nvjitlink.complete(handle)
        log = bytearray(nvjitlink.get_info_log_size(handle))
        nvjitlink.get_info_log(handle, log)
        size = getattr(nvjitlink, f"get_linked_{to}_size")(handle)
        made = bytearray(size)
        getattr(nvjitlink, f"get_linked_{to}")(handle, made)
    finally:
        nvjitlink.destroy(handle)
    return bytes(log).decode(errors="replace"), bytes(made).rstrip(b"\0" if to == "ptx" else b"")


def report(name: str, dtype: str, threads: int, ptx: str, log: str, cubin: bytes) -> dict[str, Any]:
    """Gather what is asserted about a kernel, and what is of interest."""

    def number(pattern: str) -> int:
        return int(re.findall(pattern, log)[-1])

    shared = re.findall(r"(\d+) bytes smem", log)
    return {
        "name": name,
        "dtype": dtype,
        "threads": threads,
        "registers": number(r"Used (\d+) registers"),
        "stack": number(r"(\d+) bytes stack frame"),
        "spills": number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
        "shared": int(shared[-1]) if shared else 0,
        "float64 lines": len(re.findall(r"\.f64", ptx)),
        "loop": loop(cubin, ptx) if name.startswith("tiles.product") else None,
    }


def faults(each: dict[str, Any]) -> list[str]:
    """Say what is wrong with a kernel."""
    wrong = []
    if each["stack"] != 0:
        wrong.append(f"a stack of {each['stack']} bytes")
    if each["spills"] != 0:
        wrong.append(f"{each['spills']} bytes spilled")
    if each["dtype"] != "float64" and each["float64 lines"] != 0:
        wrong.append(f"{each['float64 lines']} lines of float64")
    if each["registers"] > 255:
        wrong.append(f"{each['registers']} registers a thread")
    # A warp is given registers in units of 256.
    if -(-each["registers"] // 8) * 8 * each["threads"] > 65536:
        wrong.append(f"{each['registers']} registers for {each['threads']} threads")
    return wrong


# -- the main loop of a product --------------------------------------------------------------------


def disassembler() -> str | None:
    """Return where nvdisasm is, if the package nvidia-cuda-nvdisasm is installed, or CUDA."""
    site = Path(sysconfig.get_path("purelib"))
    return shutil.which("nvdisasm") or next(map(str, site.glob("nvidia/*/bin/nvdisasm")), None)


def loop(cubin: bytes, ptx: str) -> dict[str, Any]:
    """Count the instructions of the longest loop: in machine code if it can be read, or in PTX."""
    program = disassembler()
    if program is None:
        label, jump = r"^(\$L\w+):", r"bra\S*\s+(\$L\w+)"
        line, fused = r"^\s+(?:@!?%p\d+\s+)?([a-z][\w.]+)", ("fma.rn.f",)
        counts = _longest(ptx, line, label, jump)
    else:
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(cubin)
            file.flush()
            text = subprocess.run(
                [program, "-c", file.name], capture_output=True, text=True, check=True
            ).stdout
        label, jump = r"^\s*(\.L_x_\d+):", r"BRA\S*\s+.*?(\.L_x_\d+)"
        line, fused = r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]+)", ("FFMA", "DFMA")
        counts = _longest(text, line, label, jump)
    total = sum(counts.values())
    multiply = sum(n for name, n in counts.items() if name.startswith(fused))
    return {
        "of": "PTX" if program is None else "machine code",
        "instructions": total,
        "fused multiply-add": round(multiply / total, 3) if total else 0.0,
        "most": dict(counts.most_common(12)),
    }


def _longest(text: str, line: str, label: str, jump: str) -> Counter[str]:
    """Count instructions between a label and the last jump back to it, where there are most."""
    seen: dict[str, int] = {}
    instructions: list[str] = []
    best: list[str] = []
    for row in text.splitlines():
        if found := re.match(label, row):
            seen[found[1]] = len(instructions)
        if found := re.match(line, row):
            instructions.append(found[1])
        if (found := re.search(jump, row)) and found[1] in seen:
            body = instructions[seen[found[1]] :]
            best = max(best, body, key=len)
    return Counter(best)


def reports(capability: tuple[int, int]) -> list[dict[str, Any]]:
    """Compile every kernel of the backend and report on each."""
    _choose(capability)
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
        made.append(report(name, dtype, threads, *code))
    return made


if __name__ == "__main__":
    major, minor = map(int, sys.argv[1].split("."))
    for each in reports((major, minor)):
        print(json.dumps(each), flush=True)
