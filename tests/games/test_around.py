"""Games around games: replayed, resumed, written to files, on every backend."""

import numpy as np
import pytest

from scratchgan.games import AuxiliaryClassifier, MutualInformation, NonSaturating, get_game
from scratchgan.games.penalties import R1, R2
from scratchgan.gan.settings import Settings
from scratchgan.runs.checkpoint import load_into, read_checkpoint, write_checkpoint
from tests.games.coded import CLASSES, CODES, trainer
from tests.games.own import LeastSquares, RelativisticPairing
from tests.gan.replays import differences, plain, replays

CODED = MutualInformation(NonSaturating(), CODES, weight_g=0.5)
GAMES = {
    "classes": AuxiliaryClassifier(NonSaturating(), CLASSES),
    "codes": CODED,
    "codes around classes": MutualInformation(AuxiliaryClassifier("minimax", CLASSES), CODES),
    "classes around codes": AuxiliaryClassifier(CODED, CLASSES, weight=0.3),
    "codes around pairs": MutualInformation(RelativisticPairing(), CODES[:1], over="sum"),
    "classes around pairs": AuxiliaryClassifier(RelativisticPairing(), CLASSES),
    "codes around a user's": MutualInformation(LeastSquares(), CODES[1:]),
}
OPTIONS = [{}, {"updates": "simultaneous"}, {"k": 3, "ema": 0.9}]
each_game = pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)


@each_game
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replayed_as_run_step_by_step(game, options):
    a, b = trainer(game, **options), plain(trainer(game, **options))
    before = a.arrays()
    for t in (a, b):
        t.train(25)
    assert a.recorder.refusal is None
    assert replays(a)
    assert differences(a, b) == []
    assert all((before[name] != a.arrays()[name]).any() for name in ("G.params", "D.params"))


def test_with_penalties():
    """A penalty is of D's first output; D's other outputs have their losses in the same pass."""
    game = MutualInformation(RelativisticPairing(), CODES)
    penalties = (R1(0.3), R2(0.3))
    a, b = (trainer(game, penalties=penalties) for _ in range(2))
    plain(b).train(25)
    a.train(25)
    assert replays(a)
    assert differences(a, b) == []
    assert np.isfinite(a.record()["penalty"])


def test_codes_in_a_conditional_game():
    """G gets (z, y), D gets (x, y); the codes are in z."""
    a, b = trainer(CODED, True), plain(trainer(CODED, True))
    for t in (a, b):
        t.train(25)
    assert replays(a)
    assert differences(a, b) == []


@each_game
def test_resumed_in_the_middle(game, tmp_path):
    whole, half, resumed = (trainer(game, k=3, ema=0.5) for _ in range(3))
    whole.train(19)
    half.train(9)
    half.step_d()
    write_checkpoint(tmp_path / "c.npz", half)
    load_into(resumed, read_checkpoint(tmp_path / "c.npz"))
    resumed.train(10)
    for t in (whole, resumed):
        t.history.clear()
    assert differences(whole, resumed) == []


@each_game
def test_one_step_is_the_same_on_cpu_and_reference(game):
    here, there = (trainer(game, dtype=np.float64, backend=b) for b in ("cpu", "reference"))
    for t in (here, there):
        t.step_d()
        t.step_g()
    for name, a in here.arrays().items():
        assert np.abs(a - there.arrays()[name]).max() <= 1e-10


def test_the_inner_game_sees_its_own_columns(rng):
    """With weight 0 nothing but the inner game is left, in values and in its columns."""
    real, fake = rng.normal(size=(2, 4, 1))
    for inner in (NonSaturating(), RelativisticPairing()):
        game = MutualInformation(inner, CODES, weight=0.0)
        wide = [np.hstack([a, rng.normal(size=(4, 6))]) for a in (real, fake)]
        codes = rng.normal(size=(4, 6))
        for found, expected in (
            (game.d(*wide, codes=codes), inner.d(real, fake)),
            (game.g(wide[1], wide[0], codes=codes), inner.g(fake, real)),
        ):
            assert abs(found[0] - expected[0]) <= 1e-15
            for a, b in zip(found[1:], expected[1:], strict=True):
                if a is not None:
                    assert (a[:, :1] == b).all()
                    assert (a[:, 1:] == 0).all()


def test_what_is_told_of_both():
    game = GAMES["classes around codes"]
    assert game.outputs[:2] == ("logit", "code 0 class 0")
    assert game.outputs[-CLASSES:] == tuple(f"class {k}" for k in range(CLASSES))
    assert (game.codes, game.classes, game.needs_labels) == (CODES, CLASSES, True)
    assert game.reading == NonSaturating().reading
    assert game.unit == "nats"
    assert GAMES["classes around pairs"].needs_real


@pytest.mark.parametrize("name", ["classes", "codes", "codes around classes"])
def test_in_a_file(name):
    game = GAMES[name]
    kind = {"noise": {"features": 2}, "optimizer_g": {"name": "adam"}}
    settings = Settings.from_plain(kind | {"optimizer_d": {"name": "adam"}, "objective": game})
    plain_settings = settings.to_plain()
    assert plain_settings["objective"]["name"] == game.name
    assert Settings.from_plain(plain_settings).objective == game
    assert Settings.from_plain(plain_settings).prior.codes == game.codes


def test_a_game_within_a_game_by_name():
    game = get_game("auxiliary_classifier", game={"name": "mutual_information", "over": "sum"})
    assert game == AuxiliaryClassifier(MutualInformation(over="sum"))
    assert str(game) == "auxiliary_classifier(game=mutual_information(over=sum))"
