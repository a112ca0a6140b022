"""The options of a training, alone and together: replayed, resumed and changed on the way."""

import numpy as np
import pytest

from scratchgan.games import (
    R1,
    R2,
    AuxiliaryClassifier,
    CategoricalCode,
    Minimax,
    MutualInformation,
    WassersteinGP,
)
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Concat, Dropout, Linear, Network, Sequential
from scratchgan.optim import Adam, LinearRamp
from tests.gan.replays import differences, plain, replays

OPTIONS = {
    "clip": {"clip": 0.1},
    "noise": {"instance_noise": 0.3},
    "pack": {"pack": 3},
    "pool": {"pool": 20},
    "unroll": {"unroll": 2},
    "all": {"clip": 0.2, "instance_noise": 0.2, "pack": 2, "pool": 9, "unroll": 1},
}
GP = WassersteinGP(0.5)
GAMES = {
    "plain": {},
    "k = 3 and an average": {"k": 3, "ema": 0.9},
    "simultaneous": {"updates": "simultaneous"},
    "labels": {"labels": True, "k": 2},
    "auxiliary": {"labels": True, "objective": AuxiliaryClassifier(classes=3)},
    "penalties": {"k": 2, "penalties": [R1(LinearRamp(0.1, 0.0, 9)), R2(0.3, every=3), GP]},
}
SHARED = {"pool": 1, "unroll": 1}  # these need steps of their own for D and G


def game(labels=False, **settings):
    """A small game: 8 minibatches an epoch, so that 12 iterations end some epochs."""
    rng = np.random.default_rng(0)
    first = [Concat(Sequential(), Sequential())] if labels else []
    played = settings.setdefault("objective", Minimax())
    z_width = 2 + sum(code.width for code in played.codes)
    features, classes = 3 * settings.get("pack", 1), 3 * labels
    judged = [] if played.needs_labels else first
    G = Sequential(*first, Linear(z_width + classes, 8, "tanh"), Linear(8, 3))
    D = Sequential(
        *judged,
        Linear(features + (classes if judged else 0), 8, "tanh"),
        Dropout(0.7),
        Linear(8, len(played.outputs)),
    )
    return Trainer(
        *(Network(layer, seed, np.float64, "cpu") for seed, layer in enumerate((G, D))),
        rng.random((48, 3)), labels=np.arange(48) % 3 if labels else None,
        **{
            "noise": Noise(2), "optimizer_g": Adam(1e-2), "optimizer_d": Adam(1e-2),
            "batch_size": 6, "log_every": 2, **settings,
        },
    )  # fmt: skip


def described(option, played):
    settings = OPTIONS[option] | GAMES[played]
    if "labels" in settings:
        settings.pop("pack", None)
    if "updates" in settings:
        settings = {name: value for name, value in settings.items() if name not in SHARED}
    return settings


EACH = [
    (option, played)
    for option in OPTIONS
    for played in GAMES
    if described(option, played) != GAMES[played]
]
each = pytest.mark.parametrize(("option", "played"), EACH)


@each
def test_replayed_is_step_by_step(option, played):
    settings = described(option, played)
    a, b = game(**settings), plain(game(**settings))
    for count in (5, 7):
        a.train(count)
        b.train(count)
    assert differences(a, b) == []
    assert replays(a)
    assert a.recorder.refusal is None


@pytest.mark.parametrize("option", [option for option in OPTIONS if "pack" not in OPTIONS[option]])
def test_each_changes_the_training(option):
    a, b = game(), game(**OPTIONS[option])
    a.train(4)
    b.train(4)
    changed = "G.params" if option == "unroll" else "D.params"
    assert (a.arrays()[changed] != b.arrays()[changed]).any()


@pytest.mark.parametrize(
    ("option", "played"), [pair for pair in EACH if pair[1] in ("labels", "penalties")]
)
def test_resumed_in_the_middle(option, played):
    settings = described(option, played)
    whole, first, second = (game(**settings) for _ in range(3))
    whole.train(11)
    first.train(6)
    second.restore(first.arrays(), first.counters())
    second.train(5)
    assert set(differences(whole, second)) <= {"history"}  # restored runs have no older records


@pytest.mark.parametrize("option", OPTIONS)
def test_resumed_in_the_middle_of_an_iteration(option):
    settings = described(option, "k = 3 and an average")
    whole, first, second = (game(**settings) for _ in range(3))
    whole.train(5)
    first.train(3)
    first.step_d()
    second.restore(first.arrays(), first.counters())
    second.step_d()
    second.train(2)
    assert set(differences(whole, second)) <= {"history"}


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in ("pack", "all")])
def test_changed_on_the_way(option):
    """Set and unset between iterations, replayed or not."""
    ((name, value),) = OPTIONS[option].items()
    off = {"unroll": 0}.get(name)
    a, b = game(), plain(game())
    for trainer in (a, b):
        trainer.train(4)
        trainer.change(**{name: value})
        trainer.train(5)
        trainer.change(**{name: off})
        trainer.train(4)
    assert differences(a, b) == []
    assert replays(a)
    without = game()
    without.train(13)
    assert (a.arrays()["G.params"] != without.arrays()["G.params"]).any()


def test_a_pool_is_kept_while_its_size_is():
    t = game(pool=10)
    t.train(3)
    rows = t.arrays()["pool.rows"]
    t.change(k=2)
    assert (t.arrays()["pool.rows"] == rows).all()
    t.change(pool=11)
    assert (t.arrays()["pool.filled"] == 0).all()
    t.change(pool=None)
    assert "pool.rows" not in t.arrays()


def test_noise_on_a_schedule_is_replayed():
    settings = {"instance_noise": LinearRamp(0.5, 0.0, 9), "k": 2, "unroll": 1}
    a, b = game(**settings), plain(game(**settings))
    for count in (3, 9):
        a.train(count)
        b.train(count)
    assert differences(a, b) == []
    assert replays(a)


def test_pools_and_packs_that_do_not_fit():
    with pytest.raises(ValueError, match="pack is 2, but packed examples have no common label"):
        game(labels=True, pack=2)
    coded = {"objective": MutualInformation(codes=(CategoricalCode(3),))}
    with pytest.raises(ValueError, match="pack is 2, but packed samples have no common code"):
        game(pack=2, **coded)
    with pytest.raises(ValueError, match="pool is 5, but the pool does not keep the codes of its"):
        game(pool=5, **coded)
    game(clip=0.1, instance_noise=0.1, unroll=1, **coded).train(3)
    t = game(pool=8)
    arrays, counters = t.arrays(), t.counters()
    with pytest.raises(ValueError, match="'pool.rows' is missing"):
        t.restore({name: a for name, a in arrays.items() if name != "pool.rows"}, counters)
    with pytest.raises(ValueError, match=r"pool.rows has shape \(8, 3\); expected \(9, 3\)"):
        game(pool=9).restore(arrays, counters)
    with pytest.raises(ValueError, match="batch_size is 6 and pack is 4; expected a batch_size"):
        t.change(pack=4)
    with pytest.raises(ValueError, match="D takes 3 features, but gets 6 from the data .2 packed"):
        t.change(pack=2)
    with pytest.raises(ValueError, match="pool is 8 and updates are simultaneous"):
        t.change(updates="simultaneous")
