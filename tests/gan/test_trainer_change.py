"""Settings that change in a training: checked, seen by the recorder, and the game that they say."""

import numpy as np
import pytest

from scratchgan.errors import DataError, ShapeError, UnknownNameError
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.optim import SGD, Adam, LinearRamp
from scratchgan.recipes import get_recipe
from tests.gan.games import networks, trainer
from tests.gan.replays import differences, plain


def on_cpu(**changes):
    """A game that is replayed."""
    G = Network(Sequential(Linear(2, 7, "tanh"), Linear(7, 3)), seed=1)
    D = Network(Sequential(Linear(3, 7, "tanh"), Linear(7, 1)), seed=2)
    x = np.random.default_rng(0).random((40, 3), np.float32)
    return Trainer(G, D, x, **{
        "noise": Noise(2), "optimizer_g": Adam(1e-2), "optimizer_d": Adam(1e-2), "batch_size": 5,
        "log_every": 3, **changes,
    })  # fmt: skip


def test_settings_may_be_given_whole():
    own = get_recipe("ring").settings
    G = Network(Linear(2, 2), seed=1)
    D = Network(Linear(2, 1), seed=2)
    t = Trainer(G, D, np.zeros((300, 2), np.float32), own, k=2)
    assert t.settings == own.changed(k=2)
    assert (t.k, t.noise, t.G.ema, t.data.batch_size) == (2, own.noise, own.ema, 256)
    with pytest.raises(ValueError, match="settings is 3; expected Settings, such as"):
        Trainer(G, D, np.zeros((300, 2), np.float32), 3)
    with pytest.raises(ValueError, match="settings: optimizer_g missing; expected a value"):
        Trainer(G, D, np.zeros((9, 2), np.float32), noise=Noise(2), optimizer_d=Adam())


def test_settings_of_a_run_are_none_of_a_trainer_s():
    with pytest.raises(UnknownNameError, match="unknown setting of a Trainer 'steps'. Known: b"):
        on_cpu(steps=5)
    with pytest.raises(UnknownNameError, match="unknown setting of a Trainer 'kk'; did you mean"):
        on_cpu().change(kk=2)


CHANGES = [
    {"k": 2}, {"updates": "simultaneous"}, {"objective": "minimax"}, {"ema": 0.5}, {"seed": 9},
    {"objective": {0: "non_saturating", 12: "minimax"}}, {"batch_size": 7}, {"log_every": 2},
    {"optimizer_d": {"rate": 0.1}}, {"optimizer_g": SGD(0.05, 0.9)},
    {"noise": Noise(2, "uniform")},
    {"optimizer_g": {"rate": LinearRamp(0.1, 0, 20)}, "optimizer_d": {"beta1": 0.5}, "k": 3},
]  # fmt: skip


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_replayed_or_run_it_is_the_same_game_and_another_than_before(changes):
    a, b, before = on_cpu(), plain(on_cpu()), on_cpu()
    for t in (a, b):
        t.train(7)
        t.change(**changes)
        t.train(9)
    before.train(16)
    assert a.recorder.program is not None
    assert differences(a, b) == []
    assert a.settings == on_cpu().settings.changed(**changes)
    same = a.arrays().keys() == before.arrays().keys() and all(
        (value == before.arrays()[name]).all() for name, value in a.arrays().items()
    )
    assert same == (changes == {"log_every": 2})


def test_what_is_set_as_an_attribute_goes_the_same_way():
    t = on_cpu()
    t.k, t.seed, t.noise, t.log_every = 2.0, np.int64(4), Noise(2, "uniform"), 5
    t.objective = "minimax"
    assert (
        t.settings
        == on_cpu(k=2, seed=4, noise=Noise(2, "uniform"), log_every=5, objective="minimax").settings
    )
    for name, value in (("k", 0), ("seed", -1), ("noise", 3), ("log_every", 0)):
        with pytest.raises(ValueError, match=f"{name} is"):
            setattr(t, name, value)
    with pytest.raises(ValueError, match="k is 2; simultaneous updates need k = 1"):
        t.updates = "simultaneous"


def test_what_cannot_be_changes_nothing():
    t = on_cpu()
    t.train(3)
    before, arrays = t.settings, t.arrays()
    for wrong, error in (
        ({"k": 2, "noise": Noise(3)}, ShapeError),
        ({"k": 2, "batch_size": 41}, DataError),
        ({"ema": 0.5, "optimizer_g": 3}, ValueError),
        ({"k": 2, "updates": "simultaneous"}, ValueError),
    ):
        with pytest.raises(error):
            t.change(**wrong)
        assert t.settings is before
    assert t.data.batch_size == 5
    assert all((a == arrays[name]).all() for name, a in t.arrays().items())


def test_moments_are_kept_where_both_optimizers_have_them():
    t = on_cpu(ema=0.9)
    t.train(4)
    moments, average = t.arrays()["G.m"], t.arrays()["G.average"]
    t.change(optimizer_g=Adam(0.5), ema=0.5)
    assert (t.arrays()["G.m"] == moments).all()
    assert (t.arrays()["G.average"] == average).all()
    assert t.G.t == 4
    t.change(optimizer_g=SGD(0.1), ema=None)
    assert t.G.t == 0
    assert (t.arrays()["G.velocity"] == 0).all()
    assert "G.average" not in t.arrays()
    t.change(ema=0.5)
    assert (t.arrays()["G.average"] == t.arrays()["G.params"]).all()


def test_another_batch_size_begins_the_epoch_anew():
    t = on_cpu()  # 8 minibatches an epoch
    t.train(11)
    t.change(batch_size=10)  # 4
    assert t.minibatch == 4
    t.train(1)
    assert t.record()["epoch"] == 1.25


def test_in_the_middle_of_an_iteration():
    t = trainer(k=3)
    t.step_d()
    with pytest.raises(ValueError, match="D has been updated in this iteration; call step_g"):
        t.change(k=1, updates="simultaneous")
    t.change(k=1)
    t.step()
    assert (t.D.t, t.G.t) == (1, 1)


def test_a_callback_may_change_them():
    t = on_cpu()
    t.call_every(4, lambda t: t.change(k=t.k % 3 + 1))
    t.train(12)
    assert t.D.t == 4 * (1 + 2 + 3)
    assert t.k == 1


def test_one_network_s_width_still_counts():
    G, D = networks()
    with pytest.raises(ShapeError, match="G takes 2 features, but gets 5 from the noise"):
        Trainer(G, D, np.zeros((9, 3)), trainer().settings, noise=Noise(5), batch_size=3)
