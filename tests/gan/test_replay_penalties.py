"""
Penalised games replayed: scheduled strengths vary, lazy penalties make several kinds of iterations.

Each game is compared with the same game run step by step, to the bit, and resumed in the middle.
"""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.games import DRAGAN, GAMES, R1, R2, WassersteinGP
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Concat, Linear, Network, Sequential
from scratchgan.optim import Adam, Cosine, LinearRamp
from tests.gan.replays import differences, plain, replays

FEATURES, CLASSES, BATCH = 3, 2, 4
SCHEDULED = [R1(Cosine(0.5, 0.01, 25)), R2(LinearRamp(0.3, 0.0, 15))]
LAZY = [R1(Cosine(0.5, 0.01, 25), every=3), WassersteinGP(every=2)]
PLAYS = {
    "alternating": {},
    "simultaneous": {"updates": "simultaneous"},
    "k = 3": {"k": 3},
    "conditional": {"labels": True},
    "EMA": {"ema": 0.9},
    "penalties": {"penalties": SCHEDULED},
    "lazy penalties, k = 3, EMA": {"penalties": LAZY, "k": 3, "ema": 0.9},
    "penalties, simultaneous, conditional": {
        "penalties": [*SCHEDULED, WassersteinGP(), DRAGAN()], "labels": True,
        "updates": "simultaneous",
    },
}  # fmt: skip


def trainer(game="non_saturating", labels=False, **settings):
    """A small trainer of a game, with as many outputs of D as the game needs."""
    played = GAMES[game] if isinstance(game, str) else game
    labels = labels or played.needs_labels
    ops, rng = get_backend("cpu"), np.random.default_rng(3)
    first = Concat(Linear(2, 4), Linear(CLASSES, 2)) if labels else Linear(2, 6, "tanh")
    G = Sequential(first, Linear(6, FEATURES))
    width = Linear(FEATURES, 6, "softplus")
    if labels and not played.needs_labels:
        width = Concat(Linear(FEATURES, 4, "tanh"), Linear(CLASSES, 2))
    D = Sequential(width, Linear(6, 5, "tanh"), Linear(5, len(played.outputs)))
    return Trainer(
        Network(G, 1, np.float64, ops), Network(D, 2, np.float64, ops),
        rng.normal(size=(21, FEATURES)), labels=np.arange(21) % CLASSES if labels else None,
        **{
            "objective": game, "batch_size": BATCH, "noise": Noise(2), "log_every": 5,
            "optimizer_g": Adam(1e-2), "optimizer_d": Adam(1e-2), **settings,
        },
    )  # fmt: skip


@pytest.mark.parametrize("how", PLAYS)
@pytest.mark.parametrize("game", sorted(GAMES))
def test_every_game_is_replayed_as_it_is_run(game, how):
    """Replayed, run step by step, and resumed in the middle: the same bits."""
    a, b = trainer(game, **PLAYS[how]), plain(trainer(game, **PLAYS[how]))
    a.train(22)
    resumed = trainer(game, **PLAYS[how])
    resumed.restore(*a.snapshot())
    resumed.history = list(a.history)
    for each in (a, resumed):
        each.train(19)
        assert replays(each), each.recorder.refusal
    b.train(41)
    assert differences(a, b) == []
    assert differences(resumed, b) == []
