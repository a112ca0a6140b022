"""Spectral normalisation: the largest singular value is 1, and who moves u."""

import numpy as np
import pytest

from scratchgan.backends import Stream, get_backend
from scratchgan.errors import ShapeError
from scratchgan.games import get_game
from scratchgan.gan import Player, discriminator_step, generator_step
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import (
    Activation,
    Context,
    Linear,
    MinibatchDiscrimination,
    Network,
    Sequential,
    SpectralNorm,
)
from scratchgan.optim import SGD
from scratchgan.testing import check_layer

OPS = get_backend("reference")
TRAINING, EVALUATION = Context(OPS, training=True), Context(OPS)
X = np.random.default_rng(0).normal(size=(5, 4))
LAYER = SpectralNorm(Linear(4, 3, "tanh"))


def settled(layer=LAYER, weight=None):
    """Parameters whose u is the singular vector, by many steps."""
    params = layer.init(np.random.default_rng(1), np.float64)
    params["weight"][...] = np.random.default_rng(2).normal(size=params["weight"].shape)
    params["bias"][...] = 0.1
    for _ in range(300):
        _, cache = layer.forward(params, X, TRAINING)
        layer.commit(params, cache, TRAINING)
    return params


def test_the_largest_singular_value_becomes_1():
    params = LAYER.init(np.random.default_rng(1), np.float64)
    sigmas = []
    for _ in range(60):
        _, cache = LAYER.forward(params, X, TRAINING)
        LAYER.commit(params, cache, TRAINING)
        sigmas.append(np.linalg.norm(cache.weight, 2))
    assert sigmas[0] > 1 + 1e-6  # σ is first estimated too small
    assert abs(sigmas[-1] - 1) <= 1e-12
    assert all(np.diff(sigmas) <= 1e-15)
    np.testing.assert_allclose(np.linalg.norm(params["u"]), 1, rtol=1e-14)


def test_the_layer_stretches_no_difference():
    params = settled(SpectralNorm(Linear(4, 3)))
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 100, 4))
    ya, yb = (SpectralNorm(Linear(4, 3)).forward(params, x, EVALUATION)[0] for x in (a, b))
    ratio = np.linalg.norm(ya - yb, axis=1) / np.linalg.norm(a - b, axis=1)
    assert 0.5 < ratio.max() <= 1 + 1e-12


def test_an_evaluation_does_not_move_u():
    params = LAYER.init(np.random.default_rng(1), np.float64)
    u = params["u"].copy()
    for ctx, same in ((EVALUATION, True), (TRAINING, False)):
        _, cache = LAYER.forward(params, X, ctx)
        LAYER.commit(params, cache, ctx)
        assert np.array_equal(params["u"], u) == same


def test_only_its_own_players_step_moves_u():
    def player(layer, seed):
        return Player(Network(layer, seed, np.float64, "reference"), SGD(0.1))

    D = player(Sequential(SpectralNorm(Linear(4, 6, "tanh")), Linear(6, 1)), 1)
    G = player(Sequential(SpectralNorm(Linear(2, 6, "tanh")), Linear(6, 4)), 2)
    z, game, stream = np.random.default_rng(3).normal(size=(5, 2)), get_game("minimax"), Stream(0)
    both = {"D": D.network.params[0]["u"], "G": G.network.params[0]["u"]}
    for mover, step in (
        ("D", lambda: discriminator_step(D, G, X, z, game, stream)),
        ("G", lambda: generator_step(D, G, z, game, stream)),
    ):
        before = {name: u.copy() for name, u in both.items()}
        step()
        assert [name for name, u in both.items() if (u != before[name]).any()] == [mover]


def test_both_passes_of_a_step_propose_the_same_power_step():
    """On real and on fake examples, before the commits: W and u are the same, so the new u is."""
    params = LAYER.init(np.random.default_rng(1), np.float64)
    caches = [LAYER.forward(params, x, TRAINING)[1] for x in (X, -X)]
    for cache in caches:
        LAYER.commit(params, cache, TRAINING)
        np.testing.assert_array_equal(params["u"], caches[0].u)


@pytest.mark.parametrize("ctx", [EVALUATION, TRAINING], ids=["off", "training"])
def test_every_promise_where_u_is_the_singular_vector(ctx):
    """There, a change of u or v does not change σ to first order: held constant or not."""
    check_layer(LAYER, X, params=settled(), ctx=ctx)
    check_layer(LAYER, X, params=settled(), ctx=ctx, method="complex")


class WithoutSigma(SpectralNorm):
    """The slip: σ a constant."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        own = {name: np.zeros_like(a) for name, a in params.items() if name != "u"}
        dx = self.layer.backward(self._inside(params, cache.weight), cache.layer, dy, ctx, own)
        if grads is not None:
            grads["weight"] += own["weight"] * cache.inverse
            grads["bias"] += own["bias"]
        return dx if need_dx else None


class NotDivided(SpectralNorm):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        one = np.ones((1, 1))
        return super().backward(params, cache._replace(inverse=one), dy, ctx, grads, need_dx)


class Swapped(SpectralNorm):
    """uvᵀ for v uᵀ, of a square weight."""

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        return super().backward(
            params, cache._replace(u=cache.v, v=cache.u), dy, ctx, grads, need_dx
        )


class DxByW(SpectralNorm):
    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        super().backward(params, cache, dy, ctx, grads, need_dx=False)
        return self.layer.backward(params, cache.layer, dy, ctx) if need_dx else None


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [(WithoutSigma, "weight"), (NotDivided, "weight"), (Swapped, "weight"), (DxByW, "x")],
)
def test_gradcheck_rejects_a_bug(bug, wrong):
    layer = bug(Linear(4, 4, "tanh"))
    report = gradcheck(layer, X, params=settled(layer), ctx=TRAINING)
    assert {t.name for t in report.failed} == {wrong}, str(report)
    right = SpectralNorm(Linear(4, 4, "tanh"))
    assert gradcheck(right, X, params=settled(right), ctx=TRAINING)


def test_a_weight_of_zeros_stays_finite():
    params = {n: np.zeros_like(a) for n, a in settled().items()}
    y, cache = LAYER.forward(params, X, TRAINING)
    grads = {n: np.zeros_like(a) for n, a in params.items()}
    LAYER.backward(params, cache, np.ones_like(y), TRAINING, grads)
    assert not y.any()
    assert all(np.isfinite(g).all() for g in grads.values())


def test_it_names_itself_and_what_it_cannot_take():
    assert repr(LAYER) == "SpectralNorm(Linear(4 → 3, tanh))"
    assert LAYER.statistics == ("u",)
    for layer in (Activation("tanh"), Sequential(Linear(2, 2))):
        with pytest.raises(ShapeError, match="has no matrix 'weight'; expected a layer such as"):
            SpectralNorm(layer)
    inner = SpectralNorm(MinibatchDiscrimination(4, 2, 2))  # its T is a weight too
    y, _ = inner.forward(inner.init(np.random.default_rng(0), np.float64), X, TRAINING)
    assert y.shape == (5, 6)
