"""
Execute the notebooks and write their outputs into them, so that two executions agree to the byte.

    python notebooks/execute.py                       all notebooks, in place
    python notebooks/execute.py notebooks/04_*.ipynb  these alone
    python notebooks/execute.py --check               execute, write nothing, compare the outputs

It needs the extra ``notebooks``: ``pip install -e '.[notebooks]'``. What would differ from one
execution to the next is kept out: times, versions, random cell ids, the user's own settings of
IPython and Matplotlib, threads. Another machine may round differently, so ``--check`` is for the
machine that wrote the outputs. Cells with the tag ``timing`` are not compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUDGET = 60.0  # seconds of processor time a notebook
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
MATPLOTLIBRC = "figure.dpi: 100\nsavefig.dpi: figure\n"


class NotebookError(Exception):
    """A notebook does not execute as it must; the text says where and why."""


def main(arguments: list[str] | None = None) -> int:
    """Execute what the arguments name; return 1 if a notebook failed."""
    parser = argparse.ArgumentParser(description="Execute notebooks, reproducibly.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="all beside this script unless given"
    )
    parser.add_argument("--check", action="store_true", help="compare with the outputs on the disk")
    parser.add_argument(
        "--budget", type=float, default=BUDGET, metavar="SECONDS",
        help=f"processor time allowed a notebook; {BUDGET:g} unless given",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    import matplotlib.font_manager  # noqa: F401  # builds the font cache, or a notebook would warn

    failed = 0
    for path in options.notebooks or sorted(HERE.glob("*.ipynb")):
        try:
            print(f"{path.name}: {_one(path, options.check, options.budget)}", flush=True)
        except NotebookError as error:
            failed += 1
            print(f"{path.name}: FAILED\n{error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


def _one(path: Path, check: bool, budget: float) -> str:
    """Execute one notebook in place, or check it; return what to say about it."""
    if not path.is_file():
        raise NotebookError(f"there is no file {path}")
    before, start = _processor_seconds(), time.perf_counter()
    text = execute(path.read_text(encoding="utf-8"))
    passed = time.perf_counter() - start
    used = (_processor_seconds() - before) or passed  # 0 where the system does not tell
    said = f"{used:.1f} s of processor time, {passed:.1f} s passed"
    if not used <= budget:
        raise NotebookError(f"{said}; {budget:g} s of processor time are allowed")
    if check:
        found = differences(json.loads(path.read_text(encoding="utf-8")), json.loads(text))
        if found:
            raise NotebookError("\n".join(found))
        return f"{said}; outputs as on the disk"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return said


def execute(text: str) -> str:
    """
    Execute a notebook, given and returned as the text of its file.

    Raises
    ------
    NotebookError
        If a cell raises or writes to stderr, with the cell and what it said.
    """
    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    class ThisPython(AsyncKernelManager):
        """Kernels of the Python that runs this script, whatever kernels are installed."""

        @property
        def kernel_spec(self) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, **{k: KERNEL[k] for k in ("display_name", "language")})

    notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            kernel_manager_class=ThisPython,
            timeout=600,
            startup_timeout=600,  # on a busy machine a kernel takes its time
            record_timing=False,
            coalesce_streams=True,
        )
        manager = client.create_kernel_manager()
        if os.name == "posix":  # sockets are files then, and no port is open to other users
            manager.transport, manager.connection_file = "ipc", str(Path(folder) / "kernel")
        try:
            client.execute(cwd=folder, env=_environment(Path(folder)))
        except CellExecutionError as error:
            raise NotebookError(_plain(f"{_where(notebook)} raises:\n{error}")) from None
        except (CellTimeoutError, DeadKernelError) as error:
            raise NotebookError(_plain(f"{_where(notebook)} does not end: {error}")) from None
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":  # a figure that fails when it is drawn, for one
                raise NotebookError(_plain(f"cell {number} raises:\n{output.evalue}"))
            if output.get("name") == "stderr":
                raise NotebookError(_plain(f"cell {number} writes to stderr:\n{output.text}"))
    tidy(notebook)
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def tidy(notebook: Any) -> None:
    """Drop all that changes from one execution to the next, and note which sources were run."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    sources = {"sources": digest(notebook)}
    notebook.metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE, "scratchgan": sources}
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number:03d}"
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output["metadata"] = {}


def digest(notebook: Any) -> str:
    """Return a fingerprint of the code cells, by which outputs of other sources are found."""
    code = [_text(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


def differences(old: Any, new: Any) -> list[str]:
    """Return where the outputs of two executions of a notebook differ; ``timing`` cells aside."""
    if len(old["cells"]) != len(new["cells"]) or digest(old) != digest(new):
        return ["the two notebooks have different code"]
    found = []
    for number, (a, b) in enumerate(zip(old["cells"], new["cells"], strict=True), start=1):
        if a["cell_type"] != "code" or "timing" in a["metadata"].get("tags", []):
            continue
        if len(a["outputs"]) != len(b["outputs"]):
            found.append(f"cell {number}: {len(a['outputs'])} outputs, now {len(b['outputs'])}")
            continue
        for x, y in zip(a["outputs"], b["outputs"], strict=True):
            if x != y:
                found.append(f"cell {number}: {_difference(x, y)}")
    if not found and old["metadata"] != new["metadata"]:
        found.append("the metadata differ: these outputs were not written by this script")
    return found


def _difference(x: Any, y: Any) -> str:
    """Say in a line or two how two outputs differ."""
    parts = [{"text": o["text"]} if "text" in o else o.get("data", {}) for o in (x, y)]
    for kind in parts[0].keys() & parts[1].keys():
        a, b = (_text(part[kind]) for part in parts)
        if a != b and not kind.startswith("image/"):
            lines = zip(f"{a}\n".splitlines(), f"{b}\n".splitlines(), strict=False)
            first = next(((p, q) for p, q in lines if p != q), ("", "(more lines)"))
            return f"text differs\n    on the disk: {first[0]}\n    now:         {first[1]}"
        if a != b:
            return "the figure differs"
    return "the kind of output differs"


def _environment(folder: Path) -> dict[str, str]:
    """One thread, one hash seed, and none of the user's own settings."""
    (folder / "matplotlibrc").write_text(MATPLOTLIBRC)
    threads = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": str(folder / "ipython"),
        "MATPLOTLIBRC": str(folder / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "SCRATCHGAN_QUIET": "1",  # whether kernels are compiled or loaded is not the notebook's
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the kernel warns about Python's own modules
    }


def _where(notebook: Any) -> str:
    """Name the cell at which the execution stopped."""
    cells = enumerate(notebook.cells, start=1)
    code = [(n, c) for n, c in cells if c.cell_type == "code" and c.source.strip()]
    stopped = [n for n, c in code if any(o.output_type == "error" for o in c.outputs)]
    unfinished = [n for n, c in code if c.execution_count is None]
    return f"cell {[*stopped, *unfinished, 0][0]}"


def _processor_seconds() -> float:
    """Processor time of all processes that this one started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _text(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def _plain(message: str) -> str:
    """Drop the colours of a traceback."""
    return re.sub(r"\x1b\[[0-9;]*m", "", message).rstrip()


if __name__ == "__main__":
    sys.exit(main())
