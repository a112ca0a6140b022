"""InfoGAN: TF-GAN's constant, OpenAI's sum, gradients, and what the players then learn."""

import re

import numpy as np
import pytest

import scratchgan as sg
from scratchgan.backends import Purpose, get_backend
from scratchgan.errors import ShapeError
from scratchgan.games import (
    AuxiliaryClassifier,
    CategoricalCode,
    GaussianCode,
    Minimax,
    MutualInformation,
    NonSaturating,
)
from scratchgan.gan.steps import generator_step, simultaneous_step
from scratchgan.gradcheck import gradcheck
from tests.games.coded import BATCH, CODES, FEATURES, WIDTH, trainer
from tests.games.own import RelativisticPairing

REFERENCE = get_backend("reference")


def term(outputs, codes, game):
    """The game's term in G's loss: the inner game's is taken off."""
    fake = np.hstack([np.zeros((len(outputs), 1)), outputs])
    loss, _, _ = game.g(fake, None, REFERENCE, codes=codes)
    return loss[0] - Minimax().g(fake[:, :1])[0][0]


def test_the_constant_of_tf_gan():
    """A class of two with logits 1 and 2, where it is 1, and N(0, 1) at 2."""
    two = (CategoricalCode(2), GaussianCode())
    outputs, codes = np.array([[1.0, 2.0, 0.0]]), np.array([[0.0, 1.0, 2.0]])
    mean, total = (
        term(outputs, codes, MutualInformation(Minimax(), two, over=over))
        for over in ("mean", "sum")
    )
    assert abs(mean - 1.61610) <= 5e-6
    assert abs(total - 2 * mean) <= 1e-14


def test_openais_sum_is_the_log_likelihood_of_all_codes(rng):
    """TF-GAN's mean takes the mean over the numbers of a code first, then over the codes."""
    outputs = rng.normal(size=(7, WIDTH))
    z = sg.gan.noise.Prior(sg.Noise(1), CODES).sample(REFERENCE, 7, sg.Stream(0), np.float64)
    codes = z[:, 1:]
    parts = [
        code.loss(outputs[:, a:b], codes[:, a:b], REFERENCE)[0][0]
        for code, a, b in zip(CODES, (0, 3, 5), (3, 5, 6), strict=True)
    ]
    mean, total = (
        term(outputs, codes, MutualInformation(Minimax(), CODES, over=over))
        for over in ("mean", "sum")
    )
    assert abs(total - sum(parts)) <= 1e-13
    assert abs(mean - (parts[0] + parts[1] / 2 + parts[2]) / 3) <= 1e-13


def test_the_term_is_in_both_players_and_of_generated_examples_alone(rng):
    game = MutualInformation(Minimax(), CODES, weight=0.5, weight_g=0.2)
    real, fake = rng.normal(size=(2, 4, 1 + WIDTH))
    codes = rng.normal(size=(4, WIDTH))
    value, d_real, d_fake = game.d(real, fake, REFERENCE, codes=codes)
    loss, d_g, _ = game.g(fake, None, REFERENCE, codes=codes)
    inner = [a[:, :1] for a in (real, fake)]
    one = term(fake[:, 1:], codes, MutualInformation(Minimax(), CODES))
    assert abs(value[0] - (Minimax().d(*inner)[0][0] - 0.5 * one)) <= 1e-13
    assert abs(loss[0] - (Minimax().g(inner[1])[0][0] + 0.2 * one)) <= 1e-13
    assert (d_real[:, 1:] == 0).all()
    assert np.allclose(d_fake[:, 1:], -0.5 / 0.2 * d_g[:, 1:], rtol=1e-13)


@pytest.mark.parametrize("inner", [NonSaturating(), RelativisticPairing()], ids=str)
@pytest.mark.parametrize("over", ["mean", "sum"])
@pytest.mark.parametrize("method", ["central", "complex"])
def test_gradients(inner, over, method, rng):
    game = MutualInformation(inner, CODES, 0.7, 0.3, over)
    real, fake = rng.normal(size=(2, 4, 1 + WIDTH))
    z = sg.gan.noise.Prior(sg.Noise(1), CODES).sample(REFERENCE, 4, sg.Stream(0), np.float64)
    codes = z[:, 1:]

    def d(real, fake):
        value, d_real, d_fake = game.d(real, fake, REFERENCE, codes=codes.astype(fake.dtype))
        return value[0], {"real": d_real, "fake": d_fake}

    def g(fake, factor=1.0):
        loss, d_fake, _ = game.g(
            fake, real.astype(fake.dtype), REFERENCE, codes=codes.astype(fake.dtype)
        )
        return loss[0], {"fake": factor * d_fake}

    gradcheck(d, {"real": real, "fake": fake}, method=method).raise_if_failed()
    gradcheck(g, {"fake": fake}, method=method).raise_if_failed()
    not_averaged = np.array([[1.0, 1, 1, 1, 2, 2, 1]])
    assert not gradcheck(lambda fake: g(fake, not_averaged), {"fake": fake}, method=method).ok


# -- steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [generator_step, simultaneous_step])
@pytest.mark.parametrize("labels", [False, True])
def test_g_descends_by_the_codes_that_it_was_given(step, labels, rng):
    """Its gradient through D, by differences of a loss that is written here in NumPy."""
    two = (CategoricalCode(3), GaussianCode())
    game = MutualInformation(NonSaturating(), two, 0.7)

    def first(features, width):
        one = sg.Linear(features, width, "tanh")
        return sg.Concat(one, sg.Linear(2, 1)) if labels else one

    layer = sg.Sequential(first(2 + 4, 5), sg.Linear(5 + labels, FEATURES))
    judge = sg.Sequential(first(FEATURES, 4), sg.Linear(4 + labels, 5))
    G, D = (sg.Network(each, seed=k, dtype=np.float64) for k, each in enumerate((layer, judge)))
    x, z = rng.normal(size=(BATCH, FEATURES)), rng.normal(size=(BATCH, 6))
    z[:, 2:5] = np.eye(3)[[0, 1, 2, 2, 1]]
    y = np.eye(2)[[0, 1, 1, 0, 0]]

    def pair(a):
        return (a, y) if labels else a

    def loss(i, h):
        G.flat[i] += h
        outputs = D(pair(G(pair(z))))
        G.flat[i] -= h
        logits = outputs[:, 1:4]
        class_loss = np.log(np.exp(logits).sum(axis=1)) - (logits * z[:, 2:5]).sum(axis=1)
        normal_loss = (outputs[:, 4] - z[:, 5]) ** 2 / 2
        code_loss = (class_loss.mean() + normal_loss.mean()) / 2
        return np.logaddexp(0, -outputs[:, 0]).mean() + 0.7 * code_loss

    numeric = np.array([(loss(i, 1e-6) - loss(i, -1e-6)) / 2e-6 for i in range(G.flat.size)])
    still = [sg.Player(D, sg.SGD(0.0)), sg.Player(G, sg.SGD(0.0))]
    given = (pair(z),) if step is generator_step else (pair(x), pair(z))
    step(*still, *given, game, sg.Stream(0))
    assert np.abs(numeric).max() > 0.01
    assert np.abs(still[1].grads_flat - numeric).max() <= 1e-8


def test_d_sees_the_codes_of_its_own_z(monkeypatch):
    """The columns of z behind the noise, in the order of the codes."""
    seen = []
    d = MutualInformation.d

    def watched(self, real, fake, ops=None, labels=None, codes=None):
        seen.append(codes)
        return d(self, real, fake, ops, labels, codes)

    monkeypatch.setattr(MutualInformation, "d", watched)
    t = trainer(MutualInformation(Minimax(), CODES))
    t.recorder.enabled = False
    t.step_d()
    stream = sg.Stream(t.seed, 0, 0).purpose(Purpose.NOISE)
    drawn = [code.sample(t.ops, BATCH, stream.at(i + 1), t.dtype) for i, code in enumerate(CODES)]
    assert (np.asarray(seen[0]) == np.hstack(drawn)).all()


def test_codes_are_found():
    """On two far points, the code comes to choose the point, and D's guess is then sure."""
    x = np.where(np.arange(512)[:, None] % 2, 2.0, -2.0).astype(np.float32)
    x += 0.1 * np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    game = MutualInformation(codes=(CategoricalCode(2),))
    G = sg.Network(sg.Sequential(sg.Linear(3, 16, "tanh"), sg.Linear(16, 1)), seed=1)
    D = sg.Network(sg.Sequential(sg.Linear(1, 16, "tanh"), sg.Linear(16, 3)), seed=2)
    t = sg.Trainer(
        G, D, x, noise=sg.Noise(1), optimizer_g=sg.Adam(1e-2, 0.5), optimizer_d=sg.Adam(1e-2, 0.5),
        objective=game, batch_size=64,
    )  # fmt: skip
    t.train(800)
    one, other = (t.generator().sample(200, 3, codes={0: k}) for k in (0, 1))
    assert np.sign(one.mean()) != np.sign(other.mean())
    for k, samples in enumerate((one, other)):
        assert (np.sign(samples) == np.sign(samples.mean())).mean() > 0.95
        guesses = np.asarray(D(samples))[:, 1:]
        assert (guesses.argmax(axis=1) == k).mean() > 0.95


# -- settings -------------------------------------------------------------------------------------


def test_its_name_alone_is_a_game_of_one_code():
    game = MutualInformation()
    assert game.outputs == ("logit", *(f"code 0 class {k}" for k in range(10)))
    assert not game.needs_labels


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"game": MutualInformation()}, "the inner game 'mutual_information' has codes already"),
        (
            {"game": AuxiliaryClassifier(MutualInformation())},
            "the inner game 'auxiliary_classifier' has codes already",
        ),
        ({"over": "both"}, "unknown over 'both'. Known: mean, sum"),
        ({"weight": "1"}, "MutualInformation: weight is '1'; expected"),
        ({"codes": CategoricalCode(3)}, "expected a tuple of codes"),
    ],
)
def test_wrong_settings(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        MutualInformation(**settings)


def test_games_of_one_training_have_the_same_codes():
    t = trainer(MutualInformation(Minimax(), CODES))
    with pytest.raises(ShapeError, match=r"all games of a training need the same codes"):
        t.objective = {0: t.objective, 5: MutualInformation(codes=CODES[:1])}
    t.objective = {0: t.objective, 5: MutualInformation("non_saturating", CODES, over="sum")}
    t.train(7)
    with pytest.raises(ShapeError, match=r"G takes 8 features, but gets 2 from the noise"):
        t.objective = "minimax"
