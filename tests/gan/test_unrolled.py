"""Unrolled updates: G's step is that against a later D, and D is then as it was."""

import numpy as np
import pytest

from scratchgan.gan.unrolled import unrolled
from scratchgan.optim import SGD, Adam
from tests.gan.games import players, trainer


@pytest.mark.parametrize("optimizer", [Adam(1e-2), SGD(0.1, 0.9)], ids=["adam", "sgd"])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_g_s_step_is_that_of_a_d_with_more_updates(ahead, labels, optimizer):
    """One update of D and ``ahead`` unrolled ones: the G of k = 1 + ahead, and the D of k = 1."""
    options = {"labels": labels, "optimizer": optimizer, "batch_size": 3}
    looks, later, plain = (
        trainer(**options, **changes) for changes in ({"unroll": ahead}, {"k": 1 + ahead}, {})
    )
    for each in (looks, later, plain):
        each.step()
    arrays, of_later, of_plain = looks.arrays(), later.arrays(), plain.arrays()
    for name in arrays:
        expected = of_later if name.startswith("G.") else of_plain
        assert (arrays[name] == expected[name]).all(), name
    assert (of_later["G.params"] != of_plain["G.params"]).any()
    assert (looks.D.t, looks.minibatch) == (1, 1 + ahead)  # fresh minibatches, each seen once


def test_d_is_restored_also_after_an_error():
    D, _ = players()
    D.grads_flat[...] = 1.0
    D.descend()
    before = [a.copy() for a in (D.network.flat, *D.slots)], D.t

    def update(i):
        D.grads_flat[...] = float(i)
        D.descend()

    for error in (None, ZeroDivisionError):
        with pytest.raises(error) if error else _nothing(), unrolled(D, 3, update):
            assert D.t == before[1] + 3
            assert (D.network.flat != before[0][0]).any()
            if error:
                raise error
        assert all(
            (a == b).all() for a, b in zip((D.network.flat, *D.slots), before[0], strict=True)
        )
        assert D.t == before[1]


def _nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_none_is_nothing():
    D, _ = players()
    with unrolled(D, 0, pytest.fail):
        pass


def test_a_shortened_look_ahead_is_seen():
    """A seeded bug: without the later updates, or with D left where it was, the bits differ."""
    a, b = trainer(unroll=3), trainer(unroll=2)
    a.step()
    b.step()
    assert (a.arrays()["G.params"] != b.arrays()["G.params"]).any()
    assert (a.arrays()["D.params"] == b.arrays()["D.params"]).all()


def test_the_pool_is_left_alone():
    a, b = trainer(unroll=3, pool=7), trainer(pool=7)
    for each in (a, b):
        each.step_d()
    before = a.arrays()
    a.step_g()
    for name in ("pool.rows", "pool.filled", "D.params", "D.m", "D.v"):
        assert (a.arrays()[name] == before[name]).all()
        assert (b.arrays()[name] == before[name]).all()


def test_updates_by_hand_leave_room_for_those_ahead():
    t = trainer(unroll=2, k=3)
    for _ in range(4):
        t.step_d()
    t.step_g()
    assert (t.D.t, t.G.t, t.minibatch) == (4, 1, 6)
    t.substep = 0xFFFF - 2
    with pytest.raises(ValueError, match="D has had 65533 updates in this iteration; call step_g"):
        t.step_d()


def test_an_epoch_may_end_in_between():
    t = trainer(unroll=2, k=1, batch_size=5, seed=1)  # 4 minibatches an epoch
    t.train(5)
    assert t.minibatch == 15
    assert np.isfinite(t.arrays()["G.params"]).all()
