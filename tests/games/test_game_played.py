"""Each built-in game is trained: replayed, resumed, and with arrays that have no operators."""

import numpy as np
import pytest

from scratchgan.backends import Stream
from scratchgan.games import GAMES, Minimax, get_game
from scratchgan.gan.steps import discriminator_step, generator_step
from scratchgan.runs.checkpoint import load_into, read_checkpoint, write_checkpoint
from scratchgan.testing.opaque import OpaqueBackend
from tests.games.test_game_own import same, same_but_history, step_by_step, trainer

PLAYED = [game for name in GAMES if len((game := get_game(name)).outputs) == 1]
PLAYED += [Minimax(0.5, two_sided=True), get_game("f_kl", saturating=False)]
each = pytest.mark.parametrize("game", PLAYED, ids=str)
OPTIONS = [{}, {"updates": "simultaneous"}, {"k": 3, "ema": 0.9, "labels": True}]


@each
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replayed_as_run_step_by_step(game, options):
    """Over several epochs of minibatches."""
    a, b = trainer(game, **options), step_by_step(trainer(game, **options))
    before = a.arrays()
    for t in (a, b):
        t.train(15)
        t.step()
    assert a.recorder.refusal is None
    assert a.recorder.program is not None
    assert same(a, b)
    for player in ("G.params", "D.params"):
        assert (a.arrays()[player] != before[player]).any()


@each
def test_resumed_in_the_middle(game, tmp_path):
    whole, half, resumed = (trainer(game, k=2, ema=0.5) for _ in range(3))
    whole.train(13)
    half.train(6)
    half.step_d()
    write_checkpoint(tmp_path / "c.npz", half)
    load_into(resumed, read_checkpoint(tmp_path / "c.npz"))
    resumed.train(7)
    assert same_but_history(whole, resumed)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_from_named_operations_alone(game, dtype, rng):
    ops, reference = OpaqueBackend(), OpaqueBackend().wrapped
    real, fake = rng.normal(size=(2, 5, 1)).astype(dtype)
    for player, order in ((game.d, (real, fake)), (game.g, (fake, real))):
        found = player(*map(ops.asarray, order), ops=ops)
        expected = player(*order, ops=reference)
        for one, other in zip(found, expected, strict=True):
            assert (one is None) == (other is None)
            assert one is None or (ops.to_numpy(one) == other).all()


def test_a_setting_is_part_of_what_is_replayed():
    """A game with another setting is recorded anew; the same game again is not."""
    t = trainer(Minimax())
    t.train(5)
    program = t.recorder.program
    t.objective = Minimax(0.5)
    t.train(3)
    assert t.recorder.program is not program
    program = t.recorder.program
    t.objective = Minimax(0.5)
    t.train(2)
    assert t.recorder.program is program


@pytest.mark.parametrize("step", ["d", "g"])
def test_steps_on_their_own(step):
    t = trainer(get_game("relativistic_average"))
    x, z = t.data[0], t.noise.sample(t.ops, 5, Stream(0), t.dtype)
    if step == "d":
        found = discriminator_step(t.D, t.G, x, z, t.objective, Stream(0))
        assert np.isfinite(t.ops.to_numpy(found.value)).all()
    else:
        found = generator_step(t.D, t.G, z, t.objective, Stream(0), x)
        assert np.isfinite(t.ops.to_numpy(found.loss)).all()
