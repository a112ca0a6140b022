"""Statistics move in their owner's step alone; optimisers, averages and layouts carry them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.games import get_game
from scratchgan.gan import Player, discriminator_step, generator_step, simultaneous_step
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import Concat, Context, Layer, Linear, Network, Sequential
from scratchgan.optim import SGD, Adam
from scratchgan.testing import check_contract, check_layer
from tests.gan.games import BATCH, CLASSES, FEATURES, NOISE, batch

STREAM = Stream(seed=11, step=4, substep=2)
OPTIMIZERS = [SGD(0.1), SGD(0.1, 0.9), SGD(0.1, 0.9, nesterov=True), Adam(1e-2)]


class SumCache(NamedTuple):
    total: Any  # (features,)


@dataclass(frozen=True)
class Total(Layer):
    """y = x, and the sum over all examples that its owner has been trained on: easy to count."""

    features: int
    statistics = ("total",)

    def init(self, rng, dtype):
        return {"total": np.zeros(self.features, dtype)}

    def forward(self, params, x, ctx):
        return x, SumCache(ctx.ops.sum_rows(x))

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return dy if need_dx else None

    def jvp(self, params, cache, dx, ctx):
        return dx

    def commit(self, params, cache, ctx):
        if ctx.training:
            ctx.ops.copy_(params["total"], ctx.ops.add(params["total"], cache.total))


def players(labels, optimizer, ema=None):
    first_g = Concat(Total(NOISE), Total(CLASSES)) if labels else Total(NOISE)
    first_d = Concat(Total(FEATURES), Total(CLASSES)) if labels else Total(FEATURES)
    more = CLASSES * labels
    g = Sequential(first_g, Linear(NOISE + more, FEATURES, "sigmoid"))
    d = Sequential(first_d, Linear(FEATURES + more, 4, "tanh"), Linear(4, 1))
    return tuple(
        Player(Network(layer, seed=1, dtype=np.float64, backend="reference"), optimizer, ema)
        for layer in (d, g)
    )


def totals(player):
    entries = player.network.layout.entries
    flat = player.network.flat
    assert player.network.layer.statistics == tuple(
        e.path for e in entries if e.path.endswith("total")
    )
    return np.concatenate([
        flat[e.offset : e.offset + e.shape[0]]
        for e in entries
        if e.path in player.network.layer.statistics
    ])  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("labels", [False, True])
def test_each_step_commits_its_own_player_alone(labels, optimizer):
    game = get_game("non_saturating")
    D, G = players(labels, optimizer)
    x, z = batch(labels)
    sums_x, sums_z = (np.hstack(a if labels else [a]).sum(axis=0) for a in (x, z))
    fake = G(z)  # of the G before any step
    sums_fake = np.hstack([fake, z[1]] if labels else [fake]).sum(axis=0)

    discriminator_step(D, G, x, z, game, STREAM)
    assert not totals(G).any()
    np.testing.assert_allclose(totals(D), sums_x + sums_fake, rtol=1e-13)

    of_d = totals(D)
    generator_step(D, G, z, game, STREAM)
    assert (totals(D) == of_d).all()
    np.testing.assert_allclose(totals(G), sums_z, rtol=1e-13)

    of_g = totals(G)
    simultaneous_step(D, G, x, z, game, STREAM)
    np.testing.assert_allclose(totals(G), 2 * of_g, rtol=1e-13)
    assert (totals(D) != of_d).any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimisers_leave_statistics_alone_and_averages_follow_them(optimizer):
    D, _ = players(False, optimizer, ema=0.5)
    total = D.network.params[0]["total"]
    total[...] = 3.0, -2.0, 0.5
    before = D.network.flat.copy()
    for _ in range(3):
        D.grads_flat[...] = np.linspace(1, 2, D.grads_flat.size)
        D.grads[0]["total"][...] = 0
        D.descend()
    assert (total == [3.0, -2.0, 0.5]).all()
    assert (D.network.flat != before).any()
    np.testing.assert_allclose(D.average[0]["total"], (1 - 0.5**3) * total, rtol=1e-13)


def test_an_evaluation_commits_nothing():
    D, _ = players(False, SGD(0.1))
    ops = get_backend("reference")
    x, _ = batch()
    for training, moved in ((False, False), (True, True)):
        ctx = Context(ops, training, STREAM)
        _, cache = D.forward(x, ctx)
        D.commit(cache, ctx)
        assert totals(D).any() == moved


@pytest.mark.parametrize("training", [False, True])
def test_the_layer_passes_the_checks(training):
    ctx = Context(get_backend("reference"), training)
    x = np.random.default_rng(0).normal(size=(BATCH, FEATURES))
    check_layer(Total(FEATURES), x, ctx=ctx)
    check_layer(Sequential(Linear(FEATURES, 2), Total(2)), x, ctx=ctx)
    report = gradcheck(Sequential(Linear(FEATURES, 2), Total(2)), x, ctx=ctx)
    assert [t.name for t in report.tensors] == ["x", "0.weight", "0.bias"]


class MovesInEvaluation(Total):
    def commit(self, params, cache, ctx):
        ctx.ops.copy_(params["total"], cache.total)


class MovesAWeight(Total):
    statistics = ()


class Differentiates(Total):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        if grads is not None:
            ctx.ops.sum_rows(dy, out=grads["total"], accumulate=True)
        return super().backward(params, cache, dy, ctx, grads, need_dx)


class NamesNothing(Total):
    statistics = ("total", "mean")


@pytest.mark.parametrize(
    ("layer", "training", "message"),
    [
        (MovesInEvaluation, False, "commit changed total outside training"),
        (MovesAWeight, True, "commit changed total, which is not in statistics"),
        (Differentiates, True, "total has a gradient, although it is in statistics"),
        (NamesNothing, True, r"statistics name \['mean'\], which are no parameters"),
    ],
)
def test_a_layer_with_bad_manners_is_rejected(layer, training, message):
    ctx = Context(get_backend("reference"), training)
    x = np.random.default_rng(0).normal(size=(BATCH, FEATURES))
    with pytest.raises(AssertionError, match=message):
        check_contract(layer(FEATURES), x, ctx=ctx)
