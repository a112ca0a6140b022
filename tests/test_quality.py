"""ruff and mypy are clean, and the README says what is true."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_lint():
    run("ruff", "check", ".")


def test_ruff_format():
    run("ruff", "format", "--check", ".")


def test_mypy():
    run("mypy", "--strict", "scratchgan")


def blocks(language):
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_readme_commands():
    """The first two shell blocks are one line each: train, then test."""
    first, second = blocks("sh")[:2]
    assert first.count("\n") == second.count("\n") == 1
    assert first.rstrip().endswith("scratchgan train digits")
    assert "pytest" in second


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_readme_python(number, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[number], {})
    said = capsys.readouterr().out
    expected = ["softplus", "Fréchet distance", "x"][number]
    assert expected in said
    if number == 0:
        value = float(re.search(r"'value': (-?[\d.]+)", said).group(1))
        assert abs(value + 1.386) <= 0.05
        mean, std = map(
            float, re.search(r"mean ([\d.]+), standard deviation ([\d.]+)", said).groups()
        )
        assert abs(mean - 4) <= 0.3
        assert abs(std - 1.5) <= 0.3


def test_no_large_or_stray_files():
    """No data set, no lock file, nothing over 1.5 MB."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: the list of files cannot be checked")
    for name in listed.stdout.splitlines():
        assert not re.search(r"(ubyte|\.gz$|uv\.lock$)", name), name
        path = ROOT / name
        assert not path.exists() or path.stat().st_size <= 1_500_000, name


def parsed(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text(encoding="utf-8")) for p in paths}


def test_a_class_has_a_name_of_its_own():
    """A reader who meets a public name knows which class it is."""
    found = {}
    for path, tree in parsed("scratchgan").items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path)
    homes = ["scratchgan/backends/cpu", "scratchgan/backends/cuda"]  # the same thing in each
    twice = {
        name: paths
        for name, paths in found.items()
        if len(paths) > 1 and sorted(path.rpartition("/")[0] for path in paths) != homes
    }
    assert twice == {}


def test_no_parser_takes_an_abbreviation():
    """An option that is added later would change what a part of a name means."""
    for path, tree in parsed("scratchgan").items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ArgumentParser"):
                assert "allow_abbrev=False" in ast.unparse(node), path
