"""A recipe in a user's own file: found, run once, told apart when it changes; errors say where."""

import json

import pytest

from scratchgan.cli import main
from scratchgan.errors import RecipeError, RunError
from scratchgan.recipes import get_recipe
from scratchgan.runs import RunFolder, begin_run, load_generator

RECIPE = """
from scratchgan.games import NonSaturating
from scratchgan.gan import Noise, Settings
from scratchgan.nn import Linear, Sequential
from scratchgan.optim import Adam
from scratchgan.recipes import Recipe


class Own(NonSaturating):
    name = "own"


def networks(sizes):
    G = Sequential(Linear(sizes.noise, 5, "tanh"), Linear(5, sizes.features))
    return G, Sequential(Linear(sizes.features, 5, "tanh"), Linear(5, 1))


recipe = Recipe(
    name="mine",
    about="a line",
    networks=networks,
    settings=Settings(
        data="gaussian-1d", noise=Noise(2), optimizer_g=Adam(), optimizer_d=Adam(), steps=4,
        batch_size=8, objective=Own(), checkpoint_every=2,
    ),
)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_recipe.py"
    path.write_text(RECIPE)
    return path


def test_it_is_read_once_and_again_when_it_changes(file):
    recipe = get_recipe(str(file))
    assert (recipe.name, recipe.file) == ("mine", str(file))
    assert get_recipe(file) is recipe
    file.write_text(RECIPE.replace("a line", "another"))
    assert get_recipe(file).about == "another"
    assert get_recipe(file).sha256 != recipe.sha256


def test_files_beside_it_can_be_imported(tmp_path):
    (tmp_path / "beside_my_recipe.py").write_text(RECIPE)
    path = tmp_path / "it.py"
    path.write_text("from beside_my_recipe import recipe")
    assert get_recipe(path).name == "mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"there is no recipe file .*my_recipe\.py"),
        ("x = 3", r"my_recipe\.py does not define recipe; expected recipe = Recipe"),
        ("recipe = 3", r"my_recipe\.py defines recipe as 3, which is not a Recipe"),
        ("\n\nrecipe = unknown()", r"my_recipe\.py, line 3: NameError: name 'unknown'"),
        ("def f():\n  1 / 0\nf()", r"my_recipe\.py, line 2: ZeroDivisionError"),
        ("recipe = (", r"my_recipe\.py, line 1: SyntaxError"),
        ("raise SystemExit(3)", r"my_recipe\.py, line 1: SystemExit: 3"),
        ("import nowhere_to_be_found", r"line 1: ModuleNotFoundError"),
        (RECIPE.replace("steps=4", "steps=0"), r"line 2\d: ValueError: steps is 0; expected"),
        (RECIPE.replace('"mine"', '"a/b"'), "Recipe: name is 'a/b'; expected letters"),
        (RECIPE.replace("networks=networks", "networks=3"), "Recipe: networks is 3"),
        (b"\xff\xfe", r"my_recipe\.py cannot be read"),
    ],
)
def test_errors_say_what_and_where(tmp_path, capsys, content, message):
    path = tmp_path / "my_recipe.py"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecipeError, match=message):
        get_recipe(path)
    assert main(["train", str(path)]) == 2
    assert "recipe" in capsys.readouterr().err


@pytest.mark.slow
def test_it_is_trained_resumed_and_sampled(file, tmp_path, monkeypatch, capsys):
    """From another folder, too; with a game of its own, which no other file can name."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "my_recipe.py"]) == 0
    folder = tmp_path / "runs" / "mine-001"
    kept = json.loads((folder / "config.json").read_text())
    assert (kept["recipe"], kept["objective"]) == (str(file), "own")
    monkeypatch.chdir("/")
    assert main(["train", "--resume", str(folder), "--steps", "6"]) == 0
    assert main(["sample", str(folder), "--n", "3"]) == 0
    game = RunFolder.open(folder).config.objective
    assert type(game).__name__ == "Own"
    assert "iterations 4 → 6" in capsys.readouterr().out


def test_an_object_of_ones_own_that_no_file_names_is_refused_before_training(file, tmp_path):
    own = get_recipe(file).settings.objective
    for recipe in ("gaussian-1d", str(file)):
        for objective in (own, {0: "minimax", 2: own}):
            if (recipe, objective) == (str(file), own):
                continue
            with pytest.raises(ValueError, match=r"'own'.*put your own game .* into a recipe file"):
                begin_run(recipe, out=tmp_path / "run", objective=objective)
            assert not (tmp_path / "run").exists()


def test_a_file_that_has_changed_is_refused(file, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["train", str(file), "--out", str(folder)]) == 0
    file.write_text(RECIPE.replace("tanh", "relu"))
    said = r"has changed since the run began\. Restore .*`scratchgan train --from FOLDER`"
    with pytest.raises(RunError, match=said):
        load_generator(RunFolder.open(folder))
    assert main(["train", "--resume", str(folder), "--steps", "6"]) == 2
    begun = ["train", "--from", str(folder), "--steps", "6", "--out", str(tmp_path / "new")]
    assert main(begun) == 0  # the remedy
    new = RunFolder.open(tmp_path / "new").config
    assert new.recipe_sha256 == get_recipe(file).sha256
    file.write_text(RECIPE)
    load_generator(RunFolder.open(folder))
    file.unlink()
    with pytest.raises(RunError, match=r"config\.json cannot be used: there is no recipe file"):
        RunFolder.open(folder)
