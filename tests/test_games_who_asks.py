"""What a game says of itself is written in games/ alone: the rest of the package asks it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import scratchgan
from scratchgan.games import GAMES

PACKAGE = Path(scratchgan.__file__).parent
THEIRS = {"games", "theory", "recipes"}  # theory: of the minimax game; a recipe chooses a game
FILES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in THEIRS
)
SAID = {"log 4", "log(4", "½", "d_real", "d_fake", "D(x)", "D(G(z))", "being real", "one logit"}
ACTIVATIONS = {"backends", "nn", "gradcheck", "testing", "workshop", "runs/fit.py"}


def written(source: str, path: str) -> list[str]:
    """Return what of a game stands in a file: in its texts, docstrings aside, and in its code."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    words = SAID | set(GAMES)
    if not any(path.startswith(part) for part in ACTIVATIONS):
        words |= {"sigmoid"}
    return [
        f"line {node.lineno}: {word}"
        for node, text in texts(tree, parents)
        for word in words
        if word in text and not (text == word and word in GAMES and chooses(node, parents))
    ] + [f"line {node.lineno}: a number" for node in ast.walk(tree) if is_log_4(node)]


def texts(tree: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[tuple[ast.Constant, str]]:
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and not isinstance(parents[node], ast.Expr):  # which is a docstring
            yield node, node.value


def chooses(node: ast.Constant, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a text is the value that is given to ``objective``, or its default."""
    above = parents[node]
    if isinstance(above, ast.keyword) and above.arg == "objective":
        return True
    if isinstance(above, ast.keyword | ast.Call):
        return chooses_in(node, parents)
    if isinstance(above, ast.arguments):
        given = dict(zip(above.kwonlyargs, above.kw_defaults, strict=True))
        positional = above.posonlyargs + above.args
        given |= dict(zip(reversed(positional), reversed(above.defaults), strict=False))
        return any(arg.arg == "objective" and value is node for arg, value in given.items())
    return isinstance(above, ast.AnnAssign) and ast.unparse(above.target) == "objective"


def chooses_in(node: ast.Constant, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether it is the default in the field of a dataclass: ``default=`` or an argument."""
    call = above = parents[node]
    if isinstance(above, ast.keyword):
        call = parents[above] if above.arg == "default" else above
    field = parents[call]
    return isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == "objective"


def is_log_4(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("log")
    return called and [ast.unparse(a) for a in node.args] in (["4"], ["4.0"])


@pytest.mark.parametrize("path", FILES)
def test_nothing_of_a_game_is_written_elsewhere(path):
    assert written((PACKAGE / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "source",
    [
        'label = "V at the optimum, −log 4"',
        "axes.axhline(-np.log(4))",
        'print(f"D(x) {d:.2f}")',
        'found["d_real"] = 1',
        'help = "minimax or non_saturating"',
        'names = ["minimax"]',
        'ops.activation(a, "sigmoid")',
        'what = "D ends in one logit"',
        'def f(a="minimax", *, objective=None): pass',
        'objective: str = setting(default="minimax", help="or non_saturating")',
    ],
)
def test_it_would_be_found(source):
    assert written(source, "gan/trainer.py") != []


@pytest.mark.parametrize(
    "source",
    [
        '"""V is −log 4 where D says ½."""',
        'def f(G, *, objective="non_saturating", k=1): pass',
        'def f(objective="minimax"): pass',
        'objective: str = "minimax"',
        'objective: str = setting(default="minimax", help="the game")',
        'objective: str = setting(Kind(), "minimax", help="the game")',
        'f(objective="minimax")',
        "np.log(5)",
    ],
)
def test_a_choice_is_none(source):
    assert written(source, "gan/trainer.py") == []
