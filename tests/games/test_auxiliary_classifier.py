"""AC-GAN: TF-GAN's constants, gradients, and what is refused."""

import re

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.errors import DataError
from scratchgan.games import AuxiliaryClassifier, Labels, Minimax, NonSaturating
from scratchgan.gradcheck import gradcheck
from tests.games.coded import trainer
from tests.games.own import RelativisticPairing

REFERENCE = get_backend("reference")
FAKE = np.array([[10, 4.4, -5.5, 3.6], [-4, 4.4, 5.2, 4.6], *[[1.1, 2.4, -3.5, 5.6]] * 2])
REAL = np.array([[-2, 0.4, 12.5, 2.7], [-1.2, 1.9, 12.3, 2.6], [-2.4, -1.7, 2.5, 2.7], FAKE[3]])
LABELS = Labels(*[np.eye(4)[[1, 2, 0, 0]]] * 2)


def alone(weight=1.0, weight_g=None):
    """The game's values without those of the inner game, whose outputs are all 0."""
    game = AuxiliaryClassifier(Minimax(), 4, weight, weight_g)
    real, fake = (np.hstack([np.zeros((4, 1)), outputs]) for outputs in (REAL, FAKE))
    inner = Minimax().d(real[:, :1], fake[:, :1])[0] - Minimax().g(fake[:, :1])[0]
    of_d = game.d(real, fake, REFERENCE, LABELS)[0] - inner - Minimax().g(fake[:, :1])[0]
    of_g = game.g(fake, None, REFERENCE, LABELS)[0] - Minimax().g(fake[:, :1])[0]
    return -of_d[0], of_g[0]


def test_the_constants_of_tf_gan():
    d, g = alone()
    assert abs(d - 9.43950) <= 5e-6
    assert abs(g - 3.84974) <= 5e-6


def test_weights():
    d, g = alone()
    assert np.allclose(alone(2.0), (2 * d, 2 * g), rtol=1e-14)
    assert np.allclose(alone(2.0, 0.5), (2 * d, 0.5 * g), rtol=1e-14)
    assert np.allclose(alone(0.0), 0, atol=1e-14)


@pytest.mark.parametrize("inner", [NonSaturating(), RelativisticPairing()], ids=str)
@pytest.mark.parametrize("method", ["central", "complex"])
def test_gradients(inner, method, rng):
    game = AuxiliaryClassifier(inner, 3, 0.7, 0.3)
    real, fake = rng.normal(size=(2, 4, 4))
    labels = Labels(*np.eye(3)[[[0, 1, 2, 0], [2, 2, 1, 0]]])

    def d(real, fake, labels=labels):
        labels = Labels(*(y.astype(fake.dtype) for y in labels))
        value, d_real, d_fake = game.d(real, fake, REFERENCE, labels)
        return value[0], {"real": d_real, "fake": d_fake}

    def g(fake, factor=1.0):
        known = Labels(None, labels.fake.astype(fake.dtype))
        loss, d_fake, _ = game.g(fake, real.astype(fake.dtype), REFERENCE, known)
        return loss[0], {"fake": factor * d_fake}

    def of_other_labels(real, fake):
        return d(real, fake)[0], d(real, fake, Labels(labels.fake, labels.real))[1]

    both = {"real": real, "fake": fake}
    gradcheck(d, both, method=method).raise_if_failed()
    gradcheck(g, {"fake": fake}, method=method).raise_if_failed()
    assert not gradcheck(of_other_labels, both, method=method).ok
    weight_of_d = np.array([[1, *[0.7 / 0.3] * 3]])
    assert not gradcheck(lambda fake: g(fake, weight_of_d), {"fake": fake}, method=method).ok


def test_its_name_alone_is_a_game_of_ten_classes():
    game = AuxiliaryClassifier("minimax")
    assert game.outputs == ("logit", *(f"class {k}" for k in range(10)))
    assert game.reading == Minimax().reading
    assert game.needs_labels
    assert not game.needs_real
    assert game.optimum is None
    assert game.divergence is None


def test_labels_of_other_classes():
    said = "the game 'auxiliary_classifier' is for 3 classes, but the labels have 4; give it"
    with pytest.raises(DataError, match=re.escape(said)):
        trainer(AuxiliaryClassifier(classes=3))
    with pytest.raises(DataError, match="'auxiliary_classifier' needs labels, but the data have"):
        trainer(AuxiliaryClassifier(classes=4), labels=False)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"game": AuxiliaryClassifier()}, "'class 0' belongs to the inner game"),
        ({"game": "minmax"}, "unknown objective 'minmax'"),
        ({"game": Minimax}, "expected a name or a Game object (call the class: Minimax())"),
        ({"classes": 1}, "AuxiliaryClassifier: classes is 1; expected"),
        ({"weight": -1}, "AuxiliaryClassifier: weight is -1; expected"),
        ({"weight_g": float("nan")}, "AuxiliaryClassifier: weight_g is nan; expected"),
    ],
)
def test_wrong_settings(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        AuxiliaryClassifier(**settings)
