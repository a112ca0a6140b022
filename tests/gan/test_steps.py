"""Each step of Algorithm 1 against finite differences of its own formula."""

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.games import Minimax, get_game
from scratchgan.gan import discriminator_step, generator_step, simultaneous_step
from scratchgan.nn import Context
from tests.gan.games import batch, players

OPS = get_backend("reference")
STREAM = Stream(seed=11, step=4, substep=2)
OBJECTIVE = ["minimax", "non_saturating", "least_squares", "relativistic_average"]


def formula(name, D, G, x, z, d_flat=None, g_flat=None, stream=STREAM):
    """V and what G descends as the papers write them, for any flat parameters."""

    def run(player, flat, value, purpose):
        network = player.network
        params = network.params if flat is None else network.layout.views(flat, OPS)
        ctx = Context(OPS, True, stream.purpose(purpose))
        return network.layer.forward(params, value, ctx)[0]

    fake = run(G, g_flat, z, Purpose.GENERATOR)
    seen = (fake, z[1]) if isinstance(z, tuple) else fake
    real, fake = run(D, d_flat, x, Purpose.D_REAL), run(D, d_flat, seen, Purpose.D_FAKE)

    def log_sigmoid(a):
        return -np.log(1 + np.exp(-a))

    def compared(a, b):
        return log_sigmoid(a - b.mean()).mean() + log_sigmoid(a.mean() - b).mean()

    of_2014 = log_sigmoid(real).mean() + log_sigmoid(-fake).mean()
    return {
        "minimax": (of_2014, log_sigmoid(-fake).mean()),
        "non_saturating": (of_2014, -log_sigmoid(fake).mean()),
        "least_squares": (
            -((real - 1) ** 2).mean() / 2 - (fake**2).mean() / 2, ((fake - 1) ** 2).mean() / 2,
        ),
        "relativistic_average": (compared(real, fake), -compared(fake, real)),
    }[name]  # fmt: skip


def numeric_gradient(f, flat, h=6e-6):
    gradient = np.zeros_like(flat)
    for i in range(flat.size):
        up, down = flat.copy(), flat.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = (f(up) - f(down)) / (2 * h)
    return gradient


def assert_close(analytic, numeric):
    scale = np.sqrt(np.mean(numeric**2))
    error = np.abs(analytic - numeric)
    tolerance = 1e-6 * np.maximum(np.abs(numeric), scale) + 1e-9
    assert scale > 1e-4, "the gradient is too small to tell anything"
    assert (error <= tolerance).all(), error.max()


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("name", OBJECTIVE)
class TestGradients:
    def test_d_ascends_v(self, name, labels):
        D, G = players(labels)
        x, z = batch(labels)
        before = D.network.flat.copy()
        value, _ = formula(name, D, G, x, z)
        numeric = numeric_gradient(lambda p: formula(name, D, G, x, z, d_flat=p)[0], before)
        step = discriminator_step(D, G, x, z, get_game(name), STREAM)
        assert np.abs(step.value[0] - value) <= 1e-13
        assert_close(D.grads_flat, numeric)
        assert_close(D.network.flat - before, 0.1 * numeric)  # up

    def test_g_descends_its_loss(self, name, labels):
        D, G = players(labels)
        x, z = batch(labels)
        before = G.network.flat.copy()
        _, loss = formula(name, D, G, x, z)
        numeric = numeric_gradient(lambda p: formula(name, D, G, x, z, g_flat=p)[1], before)
        step = generator_step(D, G, z, get_game(name), STREAM, x)
        assert np.abs(step.loss[0] - loss) <= 1e-13
        assert_close(G.grads_flat, numeric)
        assert_close(G.network.flat - before, -0.1 * numeric)  # down

    def test_simultaneous_takes_both_gradients_at_one_point(self, name, labels):
        D, G = players(labels)
        x, z = batch(labels)
        d_before, g_before = D.network.flat.copy(), G.network.flat.copy()
        d_numeric = numeric_gradient(lambda p: formula(name, D, G, x, z, d_flat=p)[0], d_before)
        g_numeric = numeric_gradient(lambda p: formula(name, D, G, x, z, g_flat=p)[1], g_before)
        simultaneous_step(D, G, x, z, get_game(name), STREAM)
        assert_close(D.network.flat - d_before, 0.1 * d_numeric)
        assert_close(G.network.flat - g_before, -0.1 * g_numeric)

    def test_a_step_changes_its_own_player_only(self, name, labels):
        D, G = players(labels)
        x, z = batch(labels)
        for mover, other, step in (
            (D, G, lambda: discriminator_step(D, G, x, z, get_game(name), STREAM)),
            (G, D, lambda: generator_step(D, G, z, get_game(name), STREAM, x)),
        ):
            other.grads_flat[:] = 7.0  # the other's gradient must not be touched either
            mine = mover.network.flat.copy()
            theirs = [a.copy() for a in (other.network.flat, other.grads_flat, *other.slots)]
            t = other.t
            step()
            assert (mover.network.flat != mine).any()
            now = (other.network.flat, other.grads_flat, *other.slots)
            assert all((a == b).all() for a, b in zip(now, theirs, strict=True))
            assert (mover.t, other.t) == (1, t)


def test_a_wrong_sign_is_rejected():
    class Flipped(Minimax):
        def d(self, real, fake, ops=None):
            value, d_real, d_fake = super().d(real, fake, ops)
            return value, d_real, -d_fake

    D, G = players()
    x, z = batch()
    before = D.network.flat.copy()
    numeric = numeric_gradient(lambda p: formula("minimax", D, G, x, z, d_flat=p)[0], before)
    discriminator_step(D, G, x, z, Flipped(), STREAM)
    with pytest.raises(AssertionError):
        assert_close(D.grads_flat, numeric)


def test_overwritten_gradients_are_rejected():
    """Two forwards before two backwards, the second of which forgets the first."""
    D, G = players()
    x, z = batch()
    before = D.network.flat.copy()
    numeric = numeric_gradient(lambda p: formula("minimax", D, G, x, z, d_flat=p)[0], before)
    backward = D.backward

    def overwriting(*args):
        D.zero_grads()
        return backward(*args)

    D.backward = overwriting
    discriminator_step(D, G, x, z, Minimax(), STREAM)
    with pytest.raises(AssertionError):
        assert_close(D.grads_flat, numeric)


def test_passes_draw_different_masks():
    """D's masks on real and on fake, and G's, come from different places of the stream."""
    ctx = [Context(OPS, True, STREAM.purpose(p)).stream for p in (2, 3, 4)]
    words = [OPS.random_words((4, 4), s).tobytes() for s in ctx]
    assert len(set(words)) == 3
