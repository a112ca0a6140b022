"""
Penalised games replayed: scheduled strengths vary, lazy penalties make several kinds of iterations.

Each game is compared with the same game run step by step, to the bit, and resumed in the middle.
"""

import dataclasses

import pytest

from scratchgan.games import DRAGAN, GAMES, R1, R2, WassersteinGP
from scratchgan.gan import replay
from scratchgan.gan.kinds import kind_of, stretch
from scratchgan.optim import Cosine, LinearRamp
from tests.gan.plays import trainer
from tests.gan.replays import differences, plain, replays

SCHEDULED = [R1(Cosine(0.5, 0.01, 25)), R2(LinearRamp(0.3, 0.0, 15))]
LAZY = [R1(Cosine(0.5, 0.01, 25), every=3), WassersteinGP(every=2)]
PLAYS = {
    "alternating": {},
    "simultaneous, EMA": {"updates": "simultaneous", "ema": 0.9},
    "k = 3, conditional, lazy penalties": {"k": 3, "labels": True, "penalties": LAZY, "ema": 0.9},
    "simultaneous, conditional, all penalties": {
        "penalties": [*SCHEDULED, WassersteinGP(), DRAGAN()], "labels": True,
        "updates": "simultaneous",
    },
}  # fmt: skip


@pytest.mark.parametrize("how", PLAYS)
@pytest.mark.parametrize("game", sorted(GAMES))
def test_every_game_is_replayed_as_it_is_run(game, how):
    """Replayed, run step by step, and resumed in the middle: the same bits."""
    a, b = trainer(game, **PLAYS[how]), plain(trainer(game, **PLAYS[how]))
    a.train(9)
    resumed = trainer(game, **PLAYS[how])
    resumed.restore(*a.snapshot())
    resumed.history = list(a.history)
    for each in (a, resumed):
        each.train(8)
        assert replays(each), each.recorder.refusal
    b.train(17)
    assert differences(a, b) == []
    assert differences(resumed, b) == []


# -- kinds --------------------------------------------------------------------------------------


def test_kinds_of_iterations():
    """Which lazy penalties act in which of an iteration's updates; unrolled ones count too."""
    lazy = [R1(every=4), R2(), WassersteinGP(every=2)]
    t = trainer(penalties=lazy)
    acting = [{name for update in kind_of(t, ahead) for name in update} for ahead in range(5)]
    assert acting == [{"r1", "wasserstein_gp"}, set(), {"wasserstein_gp"}, set(), acting[0]]
    assert stretch(t, 10) == (kind_of(t), 1)
    t = trainer(penalties=[R1(every=6)], k=2, unroll=1)
    assert [kind_of(t, ahead) for ahead in range(4)] == [
        (("r1",), (), ()), ((), (), ()), ((), (), ("r1",)), (("r1",), (), ()),
    ]  # fmt: skip
    assert stretch(trainer(penalties=[R1()]), 1000) == (((),), 1000)


def test_each_kind_is_recorded_compared_and_replayed(monkeypatch):
    """The first iteration of a kind is run, the second compared; then all kinds share calls."""
    monkeypatch.setattr(replay, "LONGEST", 1e9)
    t = trainer(penalties=[R1(every=4)], log_every=1000)
    ran, play = [], t.recorder._play
    t.recorder._play = lambda: ran.append(t.iteration) or play()
    t.train(5)
    assert ran == [0, 1, 2, 4]  # 3 was replayed without a run
    made = t.recorder.iterate(100)  # until the first kind that is to be compared again
    checked = min(kind.due for kind in t.recorder._recordings.values())
    assert made > 4
    assert ran == [0, 1, 2, 4]
    assert max(kind.replayed for kind in t.recorder._recordings.values()) == checked
    assert len(t.recorder._recordings) == 2


def test_what_is_replayed_by_the_wrong_recording_is_found(monkeypatch):
    """A kind that does not tell: one recording for iterations with and without the penalty."""
    monkeypatch.setattr(replay, "stretch", lambda trainer, most: ((), most))
    t = trainer(penalties=[R1(every=4)])
    with pytest.warns(UserWarning, match="run step by step, not replayed: a replayed iteration"):
        t.train(20)


def test_further_kinds_than_are_kept_are_run(monkeypatch):
    monkeypatch.setattr(replay, "KINDS", 1)
    a, b = (trainer(penalties=[R1(0.3, every=4)]) for _ in range(2))
    a.train(30)
    plain(b).train(30)
    assert len(a.recorder._recordings) == 1
    assert a.recorder.refusal is None
    assert differences(a, b) == []


def test_a_factor_of_unknown_origin_is_refused():
    """A number that is no ``Current`` says nothing of the updates to come."""

    @dataclasses.dataclass(frozen=True)
    class Half(R1):
        name = "half"

        def value_and_slope(self, g, strength, ops):
            return super().value_and_slope(g, strength / 2, ops)

    t = trainer(penalties=[Half(0.3)])
    with pytest.warns(UserWarning, match=r"scale_scheduled has the factor -0\.01.*no Current"):
        t.train(5)


def test_penalties_may_change_while_it_trains():
    """Other strengths, other penalties and none: recorded anew each time."""
    a, b = (trainer(penalties=[R1(0.5)]) for _ in range(2))
    plain(b)
    for t in (a, b):
        t.train(7)
        t.change(penalties=[R1(LinearRamp(0.5, 0.1, 20))])
        t.train(7)
        t.change(penalties=[{"name": "r2", "every": 2}, "dragan"])
        t.train(9)
        t.change(penalties=[])
        t.train(7)
        assert "penalty" not in t.record()
    assert replays(a)
    assert differences(a, b) == []


def test_a_state_that_is_set_back_is_set_back_for_all_kinds():
    """What a later difference calls doubtful begins at the latest agreement of that past."""
    t = trainer(penalties=[R1(0.3, every=2)])
    t.train(2)
    past = t.snapshot()
    t.train(8)
    assert min(kind.agreed for kind in t.recorder._recordings.values()) > 2
    t.restore(*past)
    t.recorder.iterate(1)
    assert max(kind.agreed for kind in t.recorder._recordings.values()) <= 2
