"""
The notebooks: read by the first half of this file, executed by the second.

The first half holds them to their conventions: every numbered equation is
asserted, and so is that a wrong variant of it fails. The second half, marked
``notebooks``, executes each one, the solutions of its exercises included. What a
training prints differs in its last digits from machine to machine, so outputs
are not compared with those on the disk (``notebooks/execute.py --check`` does
that, on the machine that wrote them); their kinds are.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)

_spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
execute = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(execute)

Notebook = Any
Check = Callable[[Notebook, int], Iterator[str]]
CHECKS: dict[str, Check] = {}


def check(f: Check) -> Check:
    """Add a check: it yields what is wrong with a notebook, given also the notebook's number."""
    CHECKS[f.__name__] = f
    return f


def text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def cells(notebook: Notebook, kind: str) -> Iterator[tuple[int, str]]:
    """The cells of a kind, with their places, counted from 1."""
    for place, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == kind:
            yield place, text(cell["source"])


def outputs(notebook: Notebook) -> Iterator[tuple[int, Any]]:
    for place, cell in enumerate(notebook["cells"], start=1):
        for output in cell.get("outputs", []):
            yield place, output


def said(output: Any) -> str:
    """What an output says in words."""
    return text(output.get("text", output.get("data", {}).get("text/plain", "")))


def prose(markdown: str) -> str:
    """A markdown cell without its code."""
    markdown = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", markdown)


# -- claims ----------------------------------------------------------------------------------------


@check
def claims(notebook: Notebook, number: int) -> Iterator[str]:
    r"""Each \tag has one claim cell behind it, which asserts it and refutes a wrong variant."""
    tagged = [
        (tag, place)
        for place, source in cells(notebook, "markdown")
        for tag in re.findall(r"\\tag\{(.*?)\}", source)
    ]
    if [tag for tag, _ in tagged] != [f"{number}.{i}" for i in range(1, len(tagged) + 1)]:
        yield f"the equations are numbered {[tag for tag, _ in tagged]}; expected {number}.1, …"
    if not tagged:
        yield "there is no numbered equation"
    claimed = []
    for place, source in cells(notebook, "code"):
        if re.match(r"#\s*claim", source, re.IGNORECASE):
            match = re.match(r"# claim (\d+\.\d+): \S", source)
            if match:
                claimed.append((match[1], place))
                yield from (f"claim {match[1]}: {wrong}" for wrong in in_claim(source))
            else:
                yield f"cell {place} does not begin with '# claim {number}.1: <what it says>'"
    for tag, place in tagged:
        found = [p for t, p in claimed if t == tag]
        if len(found) != 1:
            yield f"equation {tag} has {len(found)} claim cells"
        elif found[0] < place:
            yield f"claim {tag} stands before its equation"
    for tag in {tag for tag, _ in claimed} - {tag for tag, _ in tagged}:
        yield f"claim {tag} has no equation"


def in_claim(source: str) -> Iterator[str]:
    """What is wrong within a claim cell."""
    asserts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    right = [call for node in asserts if (call := close_call(node.test))]
    wrong = [
        (node, call)
        for node in asserts
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        if (call := close_call(node.test.operand))
    ]
    if not right:
        yield "no 'assert close(left, right)'"
    if not wrong:
        yield "no 'assert not close(left, wrong)'"
    said_by = comments(source)
    for node, call in wrong:
        if not any(line in said_by for line in range(node.lineno - 1, node.end_lineno + 1)):
            yield f"line {node.lineno}: no comment says what is wrong in the wrong variant"
        if not any(yardstick(call) == yardstick(other) for other in right):
            yield f"line {node.lineno}: no 'assert close' has the same left side and tolerance"
        if any(ast.dump(call) == ast.dump(other) for other in right):
            yield f"line {node.lineno}: the wrong variant is the right one"


def close_call(node: ast.expr) -> ast.Call | None:
    is_close = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return node if is_close and node.func.id == "close" and len(node.args) >= 2 else None


def yardstick(call: ast.Call) -> list[str]:
    """All of ``close(left, right, tolerance)`` but the right side."""
    return [ast.dump(part) for part in (call.args[0], *call.args[2:], *call.keywords)]


def comments(source: str) -> set[int]:
    """Lines with a comment, without the first line, which names the claim."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0] for t in tokens if t.type == tokenize.COMMENT} - {1}


@check
def one_close(notebook: Notebook, number: int) -> Iterator[str]:
    """``close`` is the package's."""
    everything = "\n".join(source for _, source in cells(notebook, "code"))
    if everything.count("from scratchgan.course.claims import close\n") != 1:
        yield "no cell says 'from scratchgan.course.claims import close', on a line of its own"
    for node in ast.walk(ast.parse(everything)):
        defines = isinstance(node, ast.FunctionDef) and node.name == "close"
        if defines or (isinstance(node, ast.Name) and node.id == "close" and not loads(node)):
            yield "'close' is given another meaning"


def loads(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


# -- what a reader is promised ---------------------------------------------------------------------


@check
def parts(notebook: Notebook, number: int) -> Iterator[str]:
    """Title, what you will learn and need, summary, exercises, in this order."""
    page = "\n\n".join(source for _, source in cells(notebook, "markdown"))
    if notebook["cells"][0]["cell_type"] != "markdown" or not page.startswith("# "):
        yield "the first cell does not begin with a title, '# …'"
    needed = ["What you will learn", "What you need", "Summary", "Exercises"]
    headings = re.findall(r"^## (.*?)\s*$", prose(page), re.MULTILINE)
    if [heading for heading in headings if heading in needed] != needed:
        yield f"the headings are {headings}; expected among them, in this order, {needed}"


@check
def exercises(notebook: Notebook, number: int) -> Iterator[str]:
    """3 to 6 of them, each with a folded solution."""
    page = "\n\n".join(source for _, source in cells(notebook, "markdown"))
    numbers = re.findall(r"^\*\*Exercise (\S+)\.\*\* ", page, re.MULTILINE)
    if numbers != [f"{number}.{i}" for i in range(1, len(numbers) + 1)]:
        yield f"exercises {numbers}; expected '**Exercise {number}.1.** …' and so on"
    if not 3 <= len(numbers) <= 6:
        yield f"{len(numbers)} exercises; expected 3 to 6"
    opened = page.count("<details>")
    begin, end = r"(?<=\n\n)<details>\n<summary>Solution</summary>\n\n", r"\n\n</details>\n\n"
    folded = len(re.findall(f"{begin}(?:(?!<details>).)+?{end}", page + "\n\n", re.DOTALL))
    if not len(numbers) == opened == folded == page.count("</details>"):
        yield (
            f"{len(numbers)} exercises, {opened} <details>, {folded} of them well formed:"
            " <details>, <summary>Solution</summary>, text, </details>, blank lines between"
        )


BACKENDS = {11: "cuda"}  # all others run on cpu


@check
def backend(notebook: Notebook, number: int) -> Iterator[str]:
    """
    It prints on which backend it runs.

    That is where G and D are: on cpu, whose kernels the course is about too. Notebook 11 has
    no networks; it prints whose kernels it looks at.
    """
    printed = [re.search(r"^backend: (\S+)", said(o), re.MULTILINE) for _, o in outputs(notebook)]
    names = {match[1] for match in printed if match}
    expected = BACKENDS.get(number, "cpu")
    if names != {expected}:
        yield f"expected a cell that prints 'backend: {expected}', found {sorted(names) or 'none'}"


@check
def imports(notebook: Notebook, number: int) -> Iterator[str]:
    """The reader's environment is enough: plain Python, NumPy, Matplotlib, scratchgan."""
    known = {"numpy", "matplotlib", "scratchgan", "IPython", *sys.stdlib_module_names}
    known |= {"hypothesis"} if number == 4 else set()
    for place, source in cells(notebook, "code"):
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            yield f"cell {place} is not plain Python: {error}"
            continue
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.partition(".")[0] not in known:
                    yield f"cell {place} imports {name}"


# -- how it reads on GitHub ------------------------------------------------------------------------


@check
def maths(notebook: Notebook, number: int) -> Iterator[str]:
    """Maths that renders on GitHub and in Jupyter."""
    for place, source in cells(notebook, "markdown"):
        lines = ["", *prose(source).split("\n"), ""]
        fences = [i for i, line in enumerate(lines) if "$$" in line]
        if any(lines[i].strip() != "$$" for i in fences) or len(fences) % 2:
            yield f"cell {place}: $$ must stand on lines of their own, in pairs"
            continue
        blank = [lines[i - 1] for i in fences[::2]] + [lines[i + 1] for i in fences[1::2]]
        if any(line.strip() for line in blank):
            yield f"cell {place}: leave a blank line before and behind each $$ … $$"
        inside = {j for a, b in zip(fences[::2], fences[1::2], strict=True) for j in range(a, b)}
        if any(not lines[i].strip() for i in inside):
            yield f"cell {place}: a blank line ends the maths of $$ … $$"
        outside = "\n".join(line for i, line in enumerate(lines) if i not in inside)
        if re.search(r"\\(begin|tag)\b", outside):
            yield f"cell {place}: \\begin and \\tag belong between $$ and $$"
        if re.search(r"\\(newcommand|renewcommand|def|DeclareMathOperator|label|ref)\b", source):
            yield f"cell {place}: no macros, labels or references"
        for inline in re.findall(r"\$([^$\n]+)\$", outside.replace("$$", "")):
            if re.search(r"_\*|\*_|\*\*", inline):
                yield f"cell {place}: ${inline}$ may be read as emphasis"


@check
def markdown(notebook: Notebook, number: int) -> Iterator[str]:
    """No directives that Jupyter and GitHub would show raw."""
    for place, source in cells(notebook, "markdown"):
        if re.search(r"^\s*:{3,}|^\s*[`~]{3,}\{|(?<!`)\{[\w:-]+\}`[^`\s]", source, re.MULTILINE):
            yield f"cell {place} has a directive or a role of MyST or Sphinx"


@check
def no_paths(notebook: Notebook, number: int) -> Iterator[str]:
    """Nobody's folders."""
    pattern = r"(?<![\w.:/<])/(home|Users|root|tmp|work|usr|opt|var|mnt|etc)/|\b[A-Z]:\\\w"
    places = [*cells(notebook, "markdown"), *cells(notebook, "code")]
    places += [(place, said(output)) for place, output in outputs(notebook)]
    for place, words in places:
        if re.search(pattern, words):
            yield f"cell {place} holds an absolute path"


@check
def no_noise(notebook: Notebook, number: int) -> Iterator[str]:
    """No progress bars and no addresses of objects."""
    for place, source in cells(notebook, "code"):
        if "tqdm" in source:
            yield f"cell {place} uses a progress bar"
    for place, output in outputs(notebook):
        if re.search(r"\r|█|\d ?it/s", said(output)):
            yield f"cell {place} shows a progress bar"
        if re.search(r"\bat 0x[0-9a-f]{6,}", said(output)):
            yield f"cell {place} shows the address of an object, which changes"


# -- how it was executed ---------------------------------------------------------------------------


@check
def executed(notebook: Notebook, number: int) -> Iterator[str]:
    """Its outputs are those of these sources, from top to bottom, without errors."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if [cell["execution_count"] for cell in code] != list(range(1, len(code) + 1)):
        yield "not executed from top to bottom: run notebooks/execute.py"
    elif notebook["metadata"].get("scratchgan", {}).get("sources") != execute.digest(notebook):
        yield "the code has changed since its outputs were written: run notebooks/execute.py"
    for place, output in outputs(notebook):
        if output["output_type"] == "error" or output.get("name") == "stderr":
            yield f"cell {place} shows an error or a warning"


@check
def metadata(notebook: Notebook, number: int) -> Iterator[str]:
    """No versions, times or random ids."""
    known = {"kernelspec": execute.KERNEL, "language_info": execute.LANGUAGE}
    if {k: v for k, v in notebook["metadata"].items() if k != "scratchgan"} != known:
        yield "the metadata are not those that notebooks/execute.py writes"
    for place, cell in enumerate(notebook["cells"], start=1):
        if cell.get("id") != f"cell-{place:03d}" or set(cell["metadata"]) - {"tags"}:
            yield f"cell {place} has an id or metadata that notebooks/execute.py does not write"


# -- the checks on every notebook, and on notebooks that each of them must reject ------------------


def problems(notebook: Notebook, number: int) -> dict[str, list[str]]:
    """What each check says, where it says something."""
    found = {name: list(f(notebook, number)) for name, f in CHECKS.items()}
    return {name: wrong for name, wrong in found.items() if wrong}


@every_notebook
def test_a_notebook_keeps_the_conventions(path):
    number = re.fullmatch(r"(\d\d)_[a-z0-9_]+\.ipynb", path.name)
    assert number, f"{path.name}: expected a name like 04_backprop_by_hand.ipynb"
    assert problems(json.loads(path.read_text(encoding="utf-8")), int(number[1])) == {}


TITLE = """# A small one

## What you will learn

That 1 + 1 is 2, on `{code}`.

## What you need

Nothing. Inline maths is $a_1 \\cdot b$.

$$
1 + 1 = 2 \\tag{7.1}
$$

And on."""
END = """## Summary

It is 2.

## Exercises

**Exercise 7.1.** One?

<details>
<summary>Solution</summary>

One.

```python
assert one == 1
```

</details>

**Exercise 7.2.** Two?

<details>
<summary>Solution</summary>

Two.

</details>

**Exercise 7.3.** Three?

<details>
<summary>Solution</summary>

Three.

</details>"""
SETUP = """import matplotlib.pyplot as plt
import numpy as np

import scratchgan as sg
from scratchgan.course.claims import close

one = np.float64(1)
print("backend:", sg.Network(sg.Linear(1, 1)).ops.name)"""
CLAIM = """# claim 7.1: one and one make two
assert close(one + one, 2)
assert not close(one + one, 1)  # only one of them is counted"""
FIGURE = """figure, axes = plt.subplots()
axes.plot([0, 1], [1, 2])
axes.set(xlabel="x", ylabel="1 + x")
print(np.random.default_rng(0).normal())"""


def build(*sources: tuple[str, str]) -> Notebook:
    """A notebook as the script would leave it, from (kind, source)."""
    made, count = [], 0
    for place, (kind, source) in enumerate(sources, start=1):
        cell = {"cell_type": kind, "id": f"cell-{place:03d}", "metadata": {}, "source": source}
        if kind == "code":
            count += 1
            cell |= {"execution_count": count, "outputs": []}
        made.append(cell)
    notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return stamped(notebook)


def stamped(notebook: Notebook) -> Notebook:
    sources = {"sources": execute.digest(notebook)}
    known = {"kernelspec": execute.KERNEL, "language_info": execute.LANGUAGE, "scratchgan": sources}
    return notebook | {"metadata": copy.deepcopy(known)}


def stream(words: str, name: str = "stdout") -> Any:
    return {"name": name, "output_type": "stream", "text": words}


def good() -> Notebook:
    notebook = build(
        ("markdown", TITLE), ("code", SETUP), ("code", CLAIM), ("code", FIGURE), ("markdown", END)
    )
    notebook["cells"][1]["outputs"] = [stream("backend: cpu\n")]
    return notebook


def test_a_good_notebook_passes():
    assert problems(good(), 7) == {}


def rewritten(place: int, old: str, new: str) -> Callable[[], Notebook]:
    """The good notebook with another text in one cell."""

    def made() -> Notebook:
        notebook = good()
        source = notebook["cells"][place]["source"]
        assert old in source
        notebook["cells"][place]["source"] = source.replace(old, new)
        return stamped(notebook)

    return made


def printing(words: str, name: str = "stdout") -> Callable[[], Notebook]:
    def made() -> Notebook:
        notebook = good()
        notebook["cells"][3]["outputs"] = [stream(words, name)]
        return notebook

    return made


def changed(change: Callable[[Notebook], Any]) -> Callable[[], Notebook]:
    def made() -> Notebook:
        notebook = good()
        change(notebook)
        return notebook

    return made


WRONG = "assert not close(one + one, 1)  # only one of them is counted"
BAD: list[tuple[str, Callable[[], Notebook]]] = [
    ("claims", rewritten(2, "assert close(one + one, 2)", "assert one + one == 2")),
    ("claims", rewritten(2, WRONG, "assert one != 2")),
    ("claims", rewritten(2, WRONG, "assert not close(one + one, 1)")),
    ("claims", rewritten(2, WRONG, "assert not close(one, 2)  # another left side")),
    ("claims", rewritten(2, WRONG, "assert not close(one + one, 2.1, 0)  # finer tolerance")),
    ("claims", rewritten(2, WRONG, "assert not close(one + one, 2)  # no difference")),
    ("claims", rewritten(2, "# claim 7.1:", "# claim 7.2:")),
    ("claims", rewritten(2, "# claim 7.1: one and one make two", "# Claim 7.1")),
    ("claims", rewritten(2, "# claim 7.1", "# 7.1")),
    ("claims", rewritten(3, "figure, axes", CLAIM + "\nfigure, axes")),
    ("claims", rewritten(0, r"\tag{7.1}", r"\tag{7.2}")),
    ("claims", rewritten(0, r"\tag{7.1}", "")),
    ("claims", rewritten(0, "And on.", "$$\n2 \\tag{7.2}\n$$")),
    ("claims", changed(lambda n: n["cells"].insert(0, n["cells"].pop(2)))),
    ("one_close", rewritten(1, "from scratchgan.course.claims import close\n", "")),
    ("one_close", rewritten(1, "one = ", "def close(*a): return True\none = ")),
    ("one_close", rewritten(1, "one = ", "close = lambda *a: True\none = ")),
    ("parts", rewritten(0, "# A small one", "A small one")),
    ("parts", rewritten(0, "## What you will learn", "Learn")),
    ("parts", rewritten(0, "## What you need", "### What you need")),
    ("parts", rewritten(4, "## Summary", "## In short")),
    ("parts", rewritten(4, "## Exercises", "## Questions")),
    ("exercises", rewritten(4, "**Exercise 7.3.**", "**Exercise 7.4.**")),
    ("exercises", rewritten(4, "**Exercise 7.3.** Three?", "")),
    ("exercises", rewritten(4, "Solution</summary>\n\nTwo", "Solution</summary>\nTwo")),
    ("exercises", rewritten(4, "Two.\n\n</details>", "Two.")),
    ("exercises", rewritten(4, END[END.index("**Exercise 7.2") :], "")),
    ("backend", changed(lambda n: n["cells"][1].update(outputs=[]))),
    ("backend", changed(lambda n: n["cells"][1].update(outputs=[stream("backend: reference\n")]))),
    ("imports", rewritten(1, "import numpy as np", "import numpy as np\nimport scipy.stats")),
    ("imports", rewritten(1, "one = ", "from hypothesis import given\none = ")),
    ("imports", rewritten(3, "axes.plot", "from torch import nn\naxes.plot")),
    ("maths", rewritten(0, "$$\n1 + 1 = 2 \\tag{7.1}\n$$", "$$1 + 1 = 2 \\tag{7.1}$$")),
    ("maths", rewritten(0, "\n\n$$\n1", "\n$$\n1")),
    ("maths", rewritten(0, "$$\n\nAnd", "$$\nAnd")),
    ("maths", rewritten(0, "1 + 1 = 2", "1 + 1\n\n= 2")),
    ("maths", rewritten(0, "And on.", "\\begin{align} 1 &= 1 \\end{align}")),
    ("maths", rewritten(0, "And on.", "$\\newcommand{\\a}{b}$")),
    ("maths", rewritten(0, "a_1", "a_*")),
    ("maths", rewritten(0, "And on.", "$$")),
    ("markdown", rewritten(0, "And on.", ":::{note}\nAnd on.\n:::")),
    ("markdown", rewritten(0, "And on.", "```{figure} a.png\n```")),
    ("markdown", rewritten(0, "And on.", "See {eq}`7.1`.")),
    ("no_paths", rewritten(0, "And on.", "See /home/me/a.txt")),
    ("no_paths", rewritten(1, "one = ", 'open("/tmp/x")\none = ')),
    ("no_paths", printing("saved in /root/runs\n")),
    ("no_noise", rewritten(1, "one = ", "from tqdm import tqdm\none = ")),
    ("no_noise", printing("10%\r20%\r")),
    ("no_noise", printing("[<matplotlib.lines.Line2D at 0x7f3a5c0d9e50>]")),
    ("executed", changed(lambda n: n["cells"][1].update(execution_count=None))),
    ("executed", changed(lambda n: n["cells"][3].update(execution_count=7))),
    ("executed", changed(lambda n: n["cells"][3].update(source="1"))),
    ("executed", printing("UserWarning", "stderr")),
    ("metadata", changed(lambda n: n["metadata"]["language_info"].update(version="3.11.2"))),
    ("metadata", changed(lambda n: n["cells"][0].update(id="a41c9f"))),
    ("metadata", changed(lambda n: n["cells"][1]["metadata"].update(execution={"busy": "now"}))),
]


@pytest.mark.parametrize(("name", "made"), BAD, ids=[f"{i}-{b[0]}" for i, b in enumerate(BAD)])
def test_each_check_rejects_a_bad_notebook(name, made):
    assert name in problems(made(), 7)


def test_a_notebook_about_another_backend_says_so():
    cuda = good()
    cuda["cells"][1]["outputs"] = [stream("backend: cuda (in a simulator)\n")]
    assert list(CHECKS["backend"](cuda, 11)) == []
    for wrong, number in ((cuda, 7), (good(), 11)):
        assert "expected a cell that prints" in next(CHECKS["backend"](wrong, number))


def test_every_check_has_a_bad_notebook():
    assert {name for name, _ in BAD} == set(CHECKS)


def test_changed_outputs_are_found_and_those_of_timing_cells_are_not():
    old, new = printing("1.00\n")(), printing("1.01\n")()
    (found,) = execute.differences(old, new)
    assert "cell 4: text differs" in found
    assert "1.00" in found
    assert "1.01" in found
    for notebook in (old, new):
        notebook["cells"][3]["metadata"]["tags"] = ["timing"]
    assert execute.differences(old, new) == []
    assert execute.differences(old, rewritten(1, "one", "uno")()) != []


# -- executing -------------------------------------------------------------------------------------


@pytest.fixture
def run():
    """Run notebooks/execute.py in a process of its own."""
    why = "the notebooks are not executed here: pip install -e '.[notebooks]' brings what it takes"
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is missing; {why}")

    def started(*arguments: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, FOLDER / "execute.py", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return started


def written(notebook: Notebook, path: Path) -> Path:
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def solutions(notebook: Notebook) -> list[str]:
    """The Python code in the exercises' solutions."""
    page = "\n\n".join(source for _, source in cells(notebook, "markdown"))
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.DOTALL))
    return re.findall(r"^```python\n(.*?)^```", folded, re.DOTALL | re.MULTILINE)


def kinds(notebook: Notebook) -> list[list[list[str]]]:
    """What kinds of output each cell has."""
    return [
        [sorted(o.get("data", [o.get("name", "")])) for o in cell.get("outputs", [])]
        for cell in notebook["cells"]
    ]


GIVEN = os.environ.get("SCRATCHGAN_DATA_DIR") or str(FOLDER.parents[1] / "shared" / "data")


def loaded_files(notebook: Notebook) -> set[str]:
    """The data sets that a notebook loads and that come in files of their own."""
    code = "\n".join(source for _, source in cells(notebook, "code"))
    return set(re.findall(r"""\bload\(["'](mnist|fashion-mnist)["']""", code))


def test_the_data_that_a_notebook_loads_are_found():
    assert loaded_files(good()) == set()
    assert loaded_files(rewritten(1, "one = ", 'sg.load("digits")\none = ')()) == set()
    assert loaded_files(rewritten(1, "one = ", 'sg.load("mnist")\none = ')()) == {"mnist"}
    assert loaded_files(rewritten(1, "one = ", "load('fashion-mnist')\none = ")()) == {
        "fashion-mnist"
    }


@pytest.mark.slow
@pytest.mark.notebooks
@every_notebook
def test_a_notebook_and_its_solutions_execute(path, run, tmp_path, monkeypatch):
    committed = json.loads(path.read_text(encoding="utf-8"))
    for name in sorted(loaded_files(committed)):  # a download would say so on stderr
        if not (Path(GIVEN) / name).is_dir():
            pytest.skip(f"{path.name} was not executed: no {name}/ in SCRATCHGAN_DATA_DIR")
        monkeypatch.setenv("SCRATCHGAN_DATA_DIR", GIVEN)
    count = len(committed["cells"])
    notebook = copy.deepcopy(committed)
    notebook["cells"] += build(*(("code", source) for source in solutions(committed)))["cells"]
    copied = written(notebook, tmp_path / path.name)
    done = run("--budget", "inf", copied)  # its default is for a quiet machine
    assert done.returncode == 0, done.stderr
    now = json.loads(copied.read_text(encoding="utf-8"))
    assert kinds(now)[:count] == kinds(committed)


@pytest.mark.slow
@pytest.mark.notebooks
def test_two_executions_are_identical_to_the_byte(run, tmp_path):
    """Of one notebook that is committed, and of a small one that starts from nothing."""
    source = (FOLDER / "03_the_minimum_is_minus_log_4.ipynb").read_text(encoding="utf-8")
    twice = [tmp_path / name / "03.ipynb" for name in ("one", "two")]
    for path in twice:
        path.parent.mkdir()
        path.write_text(source, encoding="utf-8")
        done = run("--budget", "inf", path, written(good(), path.parent / "small.ipynb"))
        assert done.returncode == 0, done.stderr
    one, two = ([p.read_bytes() for p in sorted(t.parent.iterdir())] for t in twice)
    assert one == two
    small = json.loads((tmp_path / "one" / "small.ipynb").read_text(encoding="utf-8"))
    assert kinds(small)[3] == [["stdout"], ["image/png", "text/plain"]]
    assert problems(small, 7) == {}


@pytest.mark.slow
@pytest.mark.notebooks
def test_what_the_script_refuses(run, tmp_path):
    raising = written(build(("markdown", "x"), ("code", "1 / 0")), tmp_path / "raising.ipynb")
    warning = "import warnings\nwarnings.warn('look', stacklevel=1)"
    warns = written(build(("code", "1"), ("code", warning)), tmp_path / "warns.ipynb")
    before = raising.read_text()
    done = run(raising, warns, tmp_path / "none.ipynb")
    assert done.returncode == 1
    for expected in ("cell 2 raises", "ZeroDivisionError", "cell 2 writes to stderr", "no file"):
        assert expected in done.stderr
    assert raising.read_text() == before

    small = written(good(), tmp_path / "small.ipynb")
    done = run("--budget", "0.01", small)
    assert done.returncode == 1
    assert "are allowed" in done.stderr
    assert run("--budget", "inf", small).returncode == 0
    notebook = json.loads(small.read_text())
    notebook["cells"][1]["outputs"] = [stream("backend: reference\n")]
    other = written(notebook, tmp_path / "other.ipynb")
    done = run("--budget", "inf", "--check", small, other)
    assert done.returncode == 1
    assert done.stderr.count("FAILED") == done.stderr.count("cell 2: text differs") == 1
    assert "other.ipynb: FAILED" in done.stderr
