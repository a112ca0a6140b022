"""What D sees: noise and packing, in both steps, against finite differences of the formula."""

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.games import get_game
from scratchgan.gan import (
    Player,
    discriminator_step,
    generator_step,
    simultaneous_step,
)
from scratchgan.gan.d_input import DInput, Sight
from scratchgan.nn import Context, Dropout, Linear, Network, Sequential
from scratchgan.optim import SGD, LinearRamp
from tests.backends.cases import every_backend
from tests.gan.games import BATCH, batch, players
from tests.gan.test_steps import assert_close, numeric_gradient

OPS = get_backend("reference")
GAME = get_game("non_saturating")
STREAM = Stream(seed=11, step=4, substep=2)
PLAIN = DInput()


def sees(how, t=0, stream=STREAM, ops=OPS):
    return how.at(GAME, t, stream, ops)


# -- noise --------------------------------------------------------------------------------------


def test_without_settings_d_sees_examples_and_samples_themselves():
    x, z = batch()
    assert sees(PLAIN).real(x) is x
    assert sees(PLAIN).fake(x, z) is x
    assert sees(PLAIN).sample_gradient(x) is x
    assert sees(PLAIN).pooled(x, z) == (x, z)
    (x, y), (z, y_fake) = batch(labels=True)
    assert sees(PLAIN).real((x, y)) == (x, y)
    assert sees(PLAIN).fake(x, (z, y_fake)) == (x, y_fake)
    assert sees(PLAIN).sample_gradient((x, y)) is x


@every_backend
def test_noise_is_normal_and_of_the_width_that_is_set(ops):
    x = np.linspace(-1, 1, 8000).reshape(2000, 4)
    how = sees(DInput(noise=0.3), ops=ops)
    real, fake = (
        ops.to_numpy(a) - x for a in (how.real(ops.asarray(x)), how.fake(ops.asarray(x), None))
    )
    for noise in (real, fake):
        assert abs(noise.mean()) <= 0.3 * 5 / np.sqrt(8000)
        assert abs(noise.std() - 0.3) <= 0.3 * 5 / np.sqrt(16_000)
    for other in (np.roll(real, 1, axis=0), np.roll(real, 1, axis=1), fake):
        assert abs((real * other).mean()) <= 0.09 * 5 / np.sqrt(8000)


def test_noise_is_new_in_each_step():
    x = np.zeros((5, 3))
    streams = [STREAM, STREAM._replace(step=5), STREAM._replace(substep=3)]
    drawn = [sees(DInput(noise=1.0), stream=stream).real(x).tobytes() for stream in streams]
    assert len(set(drawn)) == 3
    assert sees(DInput(noise=1.0)).real(x).tobytes() == drawn[0]


def test_its_width_follows_d_s_updates():
    how, x = DInput(noise=LinearRamp(0.8, 0.0, 4)), np.zeros((5, 3))
    one = sees(DInput(noise=1.0)).real(x)
    for t, std in ((0, 0.8), (1, 0.6), (4, 0.0), (9, 0.0)):
        assert np.allclose(sees(how, t).real(x), std * one, rtol=0, atol=1e-15)
    D, G = players(rate=0.0)
    x, z = batch()
    seen = []
    for _ in range(5):
        seen.append(discriminator_step(D, G, x, z, GAME, STREAM, how).real_outputs)
    plain = discriminator_step(D, G, x, z, GAME, STREAM).real_outputs
    assert (seen[4] == plain).all()
    assert not any((a == plain).all() for a in seen[:4])


def test_labels_have_no_noise():
    (x, y), (z, y_fake) = batch(labels=True)
    how = sees(DInput(noise=1.0))
    assert how.real((x, y))[1] is y
    assert how.fake(x, (z, y_fake))[1] is y_fake
    assert (how.real((x, y))[0] != x).all()


# -- packing ------------------------------------------------------------------------------------


@every_backend
def test_neighbouring_rows_are_one(ops):
    x = np.arange(24.0).reshape(6, 4)
    how = sees(DInput(pack=3), ops=ops)
    for found in (how.real(ops.asarray(x)), how.fake(ops.asarray(x), None)):
        assert (ops.to_numpy(found) == [[*range(12)], [*range(12, 24)]]).all()
    back = how.sample_gradient(ops.asarray(x.reshape(2, 12)))
    assert (ops.to_numpy(back) == x).all()


def packing_players(pack, labels=False):
    _, G = players(labels)
    D = Sequential(Linear(3 * pack, 6, "tanh"), Dropout(0.5), Linear(6, 1))
    return Player(Network(D, seed=2, dtype=np.float64, backend=OPS), SGD(0.1)), G


# -- gradients ----------------------------------------------------------------------------------

HOW = {
    "noise": DInput(noise=0.3),
    "pack": DInput(pack=BATCH),
    "both": DInput(noise=LinearRamp(0.4, 0.2, 10), pack=BATCH),
}


def formula(how, D, G, x, z, d_flat=None, g_flat=None):
    """V and G's loss as the papers write them, of noisy and packed rows, in NumPy."""

    def run(player, flat, value, purpose):
        network = player.network
        params = network.params if flat is None else network.layout.views(flat, OPS)
        ctx = Context(OPS, True, STREAM.purpose(purpose))
        return network.layer.forward(params, value, ctx)[0]

    def seen(sample, draw):
        std = how.noise(0) if callable(how.noise) else how.noise or 0.0
        stream = STREAM.purpose(Purpose.INSTANCE).at(draw)
        noise = std * OPS.normal(sample.shape, stream, 0.0, 1.0, np.float64)
        return (sample + noise).reshape(len(sample) // how.pack, -1)

    fake = run(G, g_flat, z, Purpose.GENERATOR)
    p_real = 1 / (1 + np.exp(-run(D, d_flat, seen(x, 0), Purpose.D_REAL)))
    p_fake = 1 / (1 + np.exp(-run(D, d_flat, seen(fake, 1), Purpose.D_FAKE)))
    return np.log(p_real).mean() + np.log(1 - p_fake).mean(), -np.log(p_fake).mean()


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.parametrize("name", HOW)
def test_both_gradients_are_those_of_the_formula(name, updates):
    how = HOW[name]
    D, G = packing_players(how.pack)
    x, z = batch()
    d_before, g_before = D.network.flat.copy(), G.network.flat.copy()
    v, loss = formula(how, D, G, x, z)
    d_numeric = numeric_gradient(lambda p: formula(how, D, G, x, z, d_flat=p)[0], d_before)
    g_numeric = numeric_gradient(lambda p: formula(how, D, G, x, z, g_flat=p)[1], g_before)
    if updates == "alternating":
        g = generator_step(D, G, z, GAME, STREAM, d_input=how)
        G.network.flat[...] = g_before
        d = discriminator_step(D, G, x, z, GAME, STREAM, how)
    else:
        d, g = simultaneous_step(D, G, x, z, GAME, STREAM, how)
    assert abs(d.value[0] - v) <= 1e-13
    assert abs(g.loss[0] - loss) <= 1e-13
    assert_close(D.grads_flat, d_numeric)
    assert_close(G.grads_flat, g_numeric)


def test_rows_in_another_order_are_rejected(monkeypatch):
    """A seeded bug: the packed gradient goes back to the rows of other samples."""
    right = Sight.sample_gradient
    monkeypatch.setattr(Sight, "sample_gradient", lambda self, d: right(self, d)[::-1].copy())
    with pytest.raises(AssertionError):
        test_both_gradients_are_those_of_the_formula("pack", "alternating")


def test_noise_that_only_d_s_step_has_is_rejected(monkeypatch):
    """A seeded bug: noise on the examples alone."""
    monkeypatch.setattr(Sight, "fake", lambda self, sample, z: sample)
    with pytest.raises(AssertionError):
        test_both_gradients_are_those_of_the_formula("noise", "alternating")


def test_the_gradient_passes_noise_unchanged():
    """D is linear, so its gradient is the same at each point: noise must not change it."""
    _, G = players()
    D = Player(Network(Linear(3, 1), seed=0, dtype=np.float64, backend=OPS), SGD(0.1))
    gradient = np.ones((5, 3))
    assert sees(DInput(noise=2.0)).sample_gradient(gradient) is gradient
    ctx = Context(OPS, True, STREAM)
    x, z = batch()
    found = []
    for how in (PLAIN, DInput(noise=2.0)):
        _, cache = D.forward(sees(how).fake(x, z), ctx)
        found.append(sees(how).sample_gradient(D.input_gradient(cache, np.ones((5, 1)), ctx)))
    assert (found[0] == found[1]).all()
    assert G.t == 0
