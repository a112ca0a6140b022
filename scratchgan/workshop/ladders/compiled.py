"""
Compile kernels to PTX and machine code for a compute capability, on a machine without a GPU.

    python -m scratchgan.workshop.ladders.compiled                show the rungs of notebook 11
    python -m scratchgan.workshop.ladders.compiled --json FILE    write what was counted

numba-cuda (``pip install 'scratchgan[cuda]'``) is needed to compile, not to import this. A process
can compile for only one compute capability, because Numba remembers it with each function. So
``counts`` starts a new process.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from scratchgan.files import write_json
from scratchgan.workshop.ladders.instructions import disassemble, main_loop, mix

__all__ = [
    "MachineCode", "choose", "compile_kernel", "counts", "main", "recorded", "report", "require",
    "signature",
]  # fmt: skip

RECORD = Path(__file__).parents[3] / "docs" / "benchmarks" / "cuda_ladder.json"
COMMAND = "python -m scratchgan.workshop.ladders.compiled --capability {} --json {}"


class MachineCode(NamedTuple):
    """A compiled kernel."""

    ptx: str
    log: str  # the assembler's report on registers, stack and spills
    cubin: bytes


def require() -> None:
    """
    Raise unless kernels can be compiled here.

    Raises
    ------
    ModuleNotFoundError
        With the remedy.
    """
    try:
        found = importlib.util.find_spec("numba_cuda")
        importlib.import_module("cuda.bindings.nvjitlink")
    except ImportError:
        found = None
    if found is None:
        raise ModuleNotFoundError(
            "kernels for a GPU cannot be compiled here: numba-cuda with its CUDA packages is not"
            " installed; pip install 'scratchgan[cuda]' (this does not need a GPU)"
        )


def choose(capability: tuple[int, int]) -> None:
    """Set the compute capability that kernels are compiled for, in place of the driver's answer."""
    require()
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        raise RuntimeError(
            "NUMBA_ENABLE_CUDASIM=1 is set: Numba's simulator runs kernels without compiling them;"
            " unset it"
        )
    dispatcher: Any = importlib.import_module("numba.cuda.dispatcher")

    class Device:
        compute_capability = capability

    dispatcher.get_current_device = Device


def signature(letters: str, dtype: str) -> Any:
    """
    Return Numba's signature of a kernel, from one letter for each argument.

    Parameters
    ----------
    letters : str
        a: an array of floats; i: an array of int32; w: an array of uint32. r: a float; n: a
        uint32; c: an int32. Spaces are ignored.
    dtype : str
        The dtype of a and r, float32 or float64.
    """
    from numba import types

    real = types.float64 if dtype == "float64" else types.float32
    kinds = {
        "a": real[::1], "i": types.int32[::1], "w": types.uint32[::1],
        "r": real, "n": types.uint32, "c": types.int32,
    }  # fmt: skip
    return types.void(*(kinds[letter] for letter in letters if letter != " "))


def compile_kernel(kernel: Any, kind: Any, capability: tuple[int, int]) -> MachineCode:
    """
    Return the PTX, the assembler's report, and the machine code that a launch would run.

    Parameters
    ----------
    kernel : kernel
        Made by ``cuda.jit``; its options are used.
    kind : signature
        The result of ``signature``.
    capability : (int, int)
        The one that ``choose`` was called with.
    """
    from scratchgan.backends.cuda.device import cuda

    options = {"device": False, "abi": "numba", "cc": capability}
    options["launch_bounds"] = kernel.targetoptions.get("launch_bounds")
    options["fastmath"] = kernel.targetoptions.get("fastmath", False)
    optimise = bool(kernel.targetoptions.get("lto"))  # at link time, as Numba does by default
    code = cuda.compile(kernel.py_func, kind, output="ltoir" if optimise else "ptx", **options)[0]
    ptx = _link(code, capability, to="ptx")[1] if optimise else code.encode()
    log, cubin = _link(ptx, capability)
    return MachineCode(ptx.decode(), log, cubin)


def _link(code: bytes, capability: tuple[int, int], to: str = "cubin") -> tuple[str, bytes]:
    """
    Turn LTO-IR into PTX, or PTX into machine code; return the log and the code.

    nvJitLink has the same version as the compiler; another assembler may be older.
    """
    nvjitlink = importlib.import_module("cuda.bindings.nvjitlink")

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


def report(name: str, dtype: str, threads: int, code: MachineCode) -> dict[str, Any]:
    """
    Return the numbers in the assembler's report on a kernel.

    Returns
    -------
    dict
        name, dtype, threads (per block); registers (per thread); stack, spills and shared, in
        bytes (shared includes the system's part, 1,024 from compute capability 8.0 on); float64
        (lines of PTX).
    """

    def number(pattern: str) -> int:
        return int(re.findall(pattern, code.log)[-1])

    shared = re.findall(r"(\d+) bytes smem", code.log)
    return {
        "name": name,
        "dtype": dtype,
        "threads": threads,
        "registers": number(r"Used (\d+) registers"),
        "stack": number(r"(\d+) bytes stack frame"),
        "spills": number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
        "shared": int(shared[-1]) if shared else 0,
        "float64": len(re.findall(r"\.f64", code.ptx)),
    }


# -- the ladder ------------------------------------------------------------------------------------


def _rungs(capability: tuple[int, int]) -> dict[str, Any]:
    """Compile the rungs, in float32 and for rows of a multiple of 16 bytes, and count."""
    from scratchgan.workshop.ladders.cuda import ARGUMENTS, LADDER

    choose(capability)
    made, of = {}, "PTX"
    for rung in LADDER.values():
        kernel, tile = rung.kernel("float32", wide=True)
        letters = ARGUMENTS[rung.make]
        code = compile_kernel(kernel, signature(letters, "float32"), capability)
        text = disassemble(code.cubin)
        of = "PTX" if text is None else "machine code"
        loop = main_loop(code.ptx if text is None else text)
        step = tile.depth * tile.thread_rows * tile.thread_columns
        found = report(rung.name, "float32", tile.threads, code)
        each = {kind: round(count, 4) for kind, count in mix(loop, step).items()}
        made[rung.name] = found | {"instructions for each multiply-add": each}
    nvjitlink = importlib.import_module("cuda.bindings.nvjitlink")
    return {
        "capability": "{}.{}".format(*capability),
        "numba": version("numba"),
        "numba-cuda": version("numba-cuda"),
        "nvJitLink": "{}.{}".format(*nvjitlink.version()),
        "counted in": of,
        "rungs": made,
    }


def counts(capability: tuple[int, int] = (9, 0)) -> dict[str, Any]:
    """
    Compile the rungs of the ladder in a new process, and count.

    Parameters
    ----------
    capability : (int, int)
        For example (9, 0) for an H100 or H200, (8, 0) for an A100.

    Returns
    -------
    dict
        capability; the versions of numba, numba-cuda and nvJitLink; "counted in" (machine code,
        or PTX if nvdisasm, of the package nvidia-cuda-nvdisasm, is missing); "rungs": for each
        name, the result of ``report`` and the main loop's instructions for each multiply-add.

    Raises
    ------
    ModuleNotFoundError
        If numba-cuda is not installed, with the remedy.
    RuntimeError
        If a rung does not compile, with the compiler's message.
    """
    require()
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    command = [sys.executable, "-m", __spec__.name, "--json", "-"]
    command += ["--capability", "{}.{}".format(*capability)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the rungs could not be compiled:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def recorded() -> dict[str, Any]:
    """
    Return the recorded result of ``counts``, from docs/benchmarks/cuda_ladder.json.

    Raises
    ------
    FileNotFoundError
        If the file is missing: only a clone of the repository has it.
    """
    if not RECORD.is_file():
        raise FileNotFoundError(
            "docs/benchmarks/cuda_ladder.json is not here: only a clone of the repository has it;"
            " clone it and install it with pip install -e ."
        )
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print or write the counts of the compiled rungs."""
    parser = argparse.ArgumentParser(
        description="Compile the rungs of notebook 11, and count.", allow_abbrev=False
    )
    parser.add_argument("--capability", default="9.0", help="compute capability (default: 9.0)")
    parser.add_argument(
        "--json", metavar="FILE", help="write the counts to this file; - for stdout"
    )
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"\d+\.\d", options.capability):
        parser.error(f"--capability {options.capability}: expected a number like 9.0")
    major, minor = map(int, options.capability.split("."))
    try:
        found = _rungs((major, minor))
    except ModuleNotFoundError as error:
        parser.exit(1, f"{error}\n")
    if options.json == "-":
        print(json.dumps(found))
        return
    for name, each in found["rungs"].items():
        loop = each["instructions for each multiply-add"]
        print(
            f"{name:14} {each['registers']:4} registers × {each['threads']:4},"
            f" {each['shared']:6} bytes shared, {sum(loop.values()):5.2f} instructions"
            " for each multiply-add"
        )
    if options.json:
        command = COMMAND.format(options.capability, "docs/benchmarks/cuda_ladder.json")
        write_json(Path(options.json), {"command": command} | found)


if __name__ == "__main__":
    main()
