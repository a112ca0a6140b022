"""A player's update: weight clipping, which is a part of it, and a rate of its own."""

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.games import get_game
from scratchgan.gan import Player, simultaneous_step
from scratchgan.nn import Layer, Linear, Network, Sequential
from scratchgan.optim import SGD
from tests.backends.cases import every_backend
from tests.gan.games import batch, players


def player(ops=None, clip=None, ema=None, rate=1.0):
    network = Network(Sequential(Linear(2, 3)), seed=0, dtype=np.float64, backend=ops)
    return Player(network, SGD(rate), ema, clip)


@every_backend
def test_the_case_of_tf_gan(ops):
    """Value 2.0, gradient 1, rate 1, bound 0.1: the update gives 1.0, and clipping 0.1."""
    p = player(ops, clip=0.1)
    ops.fill_(p.network.flat, 2.0)
    ops.fill_(p.grads_flat, 1.0)
    p.descend()
    assert (ops.to_numpy(p.network.flat) == 0.1).all()


def test_each_element_is_clipped_and_after_the_update():
    p, free = player(clip=0.5), player()
    gradient = np.random.default_rng(0).normal(size=p.grads_flat.shape)
    for each in (p, free):
        each.grads_flat[...] = gradient
        each.ascend()
    assert (np.abs(free.network.flat) > 0.5).any()
    assert (np.abs(free.network.flat) < 0.5).any()
    assert (p.network.flat == np.clip(free.network.flat, -0.5, 0.5)).all()


def test_the_average_is_of_clipped_weights():
    p = player(clip=0.1, ema=0.0)  # without memory: the average is the weights
    p.grads_flat[...] = 5.0
    p.descend()
    assert (np.abs(p.average_flat) <= 0.1).all()
    assert (p.average_flat == p.network.flat).all()


def test_d_s_slope_is_bounded_and_g_is_not_clipped():
    D, G = players()
    D.change(D.optimizer, clip=0.01)
    g_before = G.network.flat.copy()
    D.grads_flat[...] = G.grads_flat[...] = 0.0
    D.ascend()
    assert np.abs(D.network.flat).max() == 0.01
    assert (G.network.flat == g_before).all()


class Keeps(Layer):
    """A layer with weights on both sides of its statistics."""

    statistics = ("mean", "power")

    def init(self, rng, dtype):
        return {name: np.full(3, 2.0, dtype) for name in ("gain", "mean", "power", "shift")}

    forward = backward = jvp = None


@pytest.mark.parametrize(
    "layer", [Keeps(), Sequential(Keeps(), Sequential(Linear(3, 2), Keeps()), Keeps(), Keeps())]
)
def test_statistics_are_not_clipped(layer):
    network = Network(layer, seed=0, dtype=np.float64, backend=get_backend("reference"))
    p = Player(network, SGD(1.0), clip=0.5)
    network.flat[...] = 2.0
    p.descend()
    for entry in network.layout.entries:
        kept = entry.path.endswith(("mean", "power"))
        values = network.flat[entry.offset :][: np.prod(entry.shape)]
        assert (values == (2.0 if kept else 0.5)).all(), entry.path


@pytest.mark.parametrize("clip", [-0.1, 0, np.nan, np.inf, "0.1", True])
def test_what_is_no_bound(clip):
    with pytest.raises(ValueError, match="clip is .*; expected a number above 0"):
        player(clip=clip)


def test_two_time_scales():
    """Heusel et al. 2017: each player moves at its own rate; the gradients are the same."""
    moved = []
    for rate in (0.1, 0.4):
        D, G = players()
        D.change(SGD(rate))
        before = D.network.flat.copy(), G.network.flat.copy()
        x, z = batch()
        simultaneous_step(D, G, x, z, get_game("minimax"), Stream(0))
        assert np.allclose(D.network.flat - before[0], rate * D.grads_flat, rtol=1e-12)
        assert np.allclose(before[1] - G.network.flat, 0.1 * G.grads_flat, rtol=1e-12)
        moved.append((D.grads_flat.copy(), G.grads_flat.copy()))
    assert all((a == b).all() for a, b in zip(*moved, strict=True))


def test_it_can_be_changed_and_ended():
    p = player(get_backend("reference"), clip=0.1)
    p.change(p.optimizer)
    p.grads_flat[...] = 5.0
    p.descend()
    assert (np.abs(p.network.flat) > 1).any()
