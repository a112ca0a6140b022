"""What ``import scratchgan as sg`` offers: to a person, to an editor, to a type checker."""

import inspect
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import scratchgan as sg
from scratchgan import api


def test_every_name_is_there_and_completes():
    for name in dir(sg):
        assert getattr(sg, name) is not None
    assert {"Linear", "Trainer", "load", "recipe", "train", "open_run", "interpolate"} <= set(
        api.__all__
    )
    assert {*api.__all__, "plots", "testing", "theory", "__version__"} <= set(dir(sg))


def test_all_names_are_imported_by_a_star():
    names = {}
    exec("from scratchgan import *", names)
    assert {*api.__all__, "plots", "theory"} <= set(names)


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="module 'scratchgan' has no attribute 'Lineer'"):
        sg.Lineer  # noqa: B018


def test_gradcheck_is_the_function_and_the_package():
    x = np.ones((4, 3))
    assert bool(sg.gradcheck(sg.Linear(3, 2), x))
    from scratchgan.gradcheck import assert_adjoint, gradcheck

    assert sg.gradcheck.gradcheck is gradcheck
    assert callable(assert_adjoint)
    assert inspect.signature(sg.gradcheck) == inspect.signature(gradcheck)


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("sg.", "open_run"),
        ("sg.rec", "recipe"),
        ("sg.Netw", "Network"),
        ("sg.plots.", "losses"),
        ("sg.recipe('digits').", "trainer"),
        ("sg.open_run('x').", "generator"),
    ],
)
def test_an_editor_completes(before, name):
    jedi = pytest.importorskip("jedi")
    source = f"import scratchgan as sg\n{before}"
    assert name in {found.name for found in jedi.Script(source).complete()}


USER = """
    import numpy as np
    import scratchgan as sg

    reveal_type(sg.recipe("digits"))
    reveal_type(sg.recipe("digits").trainer())
    reveal_type(sg.recipe("digits").trainer().generator())
    reveal_type(sg.train("digits", steps=500))
    reveal_type(sg.open_run("runs/digits-001").generator())
    reveal_type(sg.open_run("runs/digits-001").samples(9))
    reveal_type(sg.open_run("runs/digits-001").evaluate)
    reveal_type(sg.load("points.csv"))
    reveal_type(sg.gradcheck(sg.Linear(3, 2), np.ones((4, 3))))
    reveal_type(sg.Network(sg.Linear(3, 2), backend="cuda"))
    reveal_type(sg.plots.losses([], "minimax"))
    reveal_type(sg.testing.check_layer(sg.Linear(3, 2), np.ones((4, 3))))
    sg.Lineer
    sg.train(7)
"""
EVALUATION = "scratchgan.metrics.evaluation.Evaluation"
TYPES = [
    "scratchgan.recipes.recipe.Recipe",
    "scratchgan.gan.trainer.Trainer",
    "scratchgan.gan.generator.Generator",
    "scratchgan.run.Run",
    "scratchgan.gan.generator.Generator",
    "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]",
    f"def (n: int | None =, seed: int =, temperature: float =) -> {EVALUATION}",
    "scratchgan.data.dataset.Dataset",
    "scratchgan.gradcheck.report.GradcheckReport",
    "scratchgan.nn.network.Network",
    "matplotlib.figure.Figure",
    "scratchgan.gradcheck.report.GradcheckReport",
]


@pytest.mark.slow
def test_a_type_checker_sees_the_types(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "user.py"
    script.write_text(textwrap.dedent(USER))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(script)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    revealed = [line.split('"')[1] for line in said if "Revealed type" in line]
    revealed = [re.sub(r"tuple\[.*fallback=(scratchgan[\w.]+)\]", r"\1", text) for text in revealed]
    assert revealed == TYPES
    wrong = [line.split("error: ")[1] for line in said if "error: " in line]
    assert len(wrong) == 2, said
    assert 'has no attribute "Lineer"' in wrong[0]
    assert 'Argument 1 to "train" has incompatible type "int"' in wrong[1]
