"""Each recipe's networks have the outputs and inputs that the game and the labels need."""

import pytest

from scratchgan.errors import DataError, ShapeError
from scratchgan.games import AuxiliaryClassifier, CategoricalCode, MutualInformation, get_game
from scratchgan.nn.initializers import zeros
from scratchgan.recipes import Sizes, get_recipe, recipe_names

FEATURES, CLASSES = 6, 3
CONDITIONAL = [
    "digits", "digits-plain", "infogan-digits", "mnist", "ml-tutorial-mlp", "paper-mnist",
]  # fmt: skip
PROJECTION = "projection-digits"
GAMES = [
    get_game("minimax"),
    AuxiliaryClassifier(classes=CLASSES),
    MutualInformation(codes=(CategoricalCode(4),)),
    MutualInformation(AuxiliaryClassifier(classes=CLASSES)),
]


def sizes_of(game, classes):
    noise = 2 + sum(code.width for code in game.codes)
    return Sizes(noise, FEATURES, classes, zeros(), len(game.outputs), game.needs_labels)


PAIRS = [
    (name, game)
    for name in recipe_names()
    if name not in ("paper-cgan", PROJECTION)  # their D always takes labels
    for game in GAMES
    if name in CONDITIONAL or not game.needs_labels
]


@pytest.mark.parametrize(("name", "game"), PAIRS, ids=str)
def test_d_has_an_output_for_each_name(name, game):
    sizes = sizes_of(game, CLASSES if game.needs_labels else 0)
    G, D = get_recipe(name).networks(sizes)
    assert G.output_width((sizes.noise, CLASSES) if sizes.classes else sizes.noise) == FEATURES
    assert D.output_width(FEATURES) == len(game.outputs)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_d_takes_labels_unless_the_game_has_them(name):
    _, with_labels = get_recipe(name).networks(sizes_of(GAMES[0], CLASSES))
    assert with_labels.output_width((FEATURES, CLASSES)) == 1
    _, without = get_recipe(name).networks(sizes_of(GAMES[1], CLASSES))
    with pytest.raises(ShapeError):
        without.output_width((FEATURES, CLASSES))


def test_z_has_the_codes_of_the_game():
    game = MutualInformation(codes=(CategoricalCode(4), CategoricalCode(5)))
    t = get_recipe("digits-plain").trainer(objective=game, backend="reference")
    assert t.G.network.layer.in_features == 16 + 9
    assert t.D.network.layer.output_width(64) == 1 + 9


def test_a_game_with_labels_is_conditional():
    with pytest.raises(DataError, match="needs labels, but the training is not conditional; use"):
        get_recipe("digits-plain").trainer(objective="auxiliary_classifier", backend="reference")
    t = get_recipe("digits-plain").trainer(
        objective="auxiliary_classifier", conditional=True, backend="reference"
    )
    assert t.D.network.layer.in_features == 64
    t.train(2)


def test_the_projection_discriminator_is_for_labels_and_one_output():
    G, D = get_recipe(PROJECTION).networks(sizes_of(GAMES[0], CLASSES))
    assert G.output_width((2, CLASSES)) == FEATURES
    assert D.output_width((FEATURES, CLASSES)) == 1
    for wrong in (sizes_of(GAMES[0], 0), sizes_of(GAMES[1], CLASSES), sizes_of(GAMES[2], CLASSES)):
        with pytest.raises(ValueError, match="projection-digits is conditional, and its D has one"):
            get_recipe(PROJECTION).networks(wrong)
