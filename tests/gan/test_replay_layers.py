"""Games with layers that keep statistics: replayed, resumed, sampled, averaged."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.games.penalties import R1, R2, WassersteinGP
from scratchgan.gan import Noise
from scratchgan.nn import (
    BatchNorm,
    Concat,
    LayerNorm,
    Linear,
    MinibatchDiscrimination,
    Projection,
    ReferenceBatch,
    ReLU,
    Sequential,
    SpectralNorm,
    VirtualBatchNorm,
)
from scratchgan.nn.initializers import normal
from scratchgan.optim import SGD, Adam
from tests.gan.replays import Game, differences, plain, replays

CLASSES = 3


def generators(classes):
    first = Concat(Linear(2, 5), Linear(classes, 3)) if classes else Linear(2, 8)
    rest = ReLU(), Linear(8, 3, "sigmoid")
    yield "batch norm", Sequential(first, BatchNorm(8, decay=0.8), *rest)
    if not classes:
        virtual = Sequential(first, VirtualBatchNorm(8), *rest)
        yield "virtual batch norm", ReferenceBatch(virtual, 4, normal(1.0))


def discriminators(classes):
    if classes:
        phi = Sequential(SpectralNorm(Linear(3, 8, "leaky_relu")), LayerNorm(8))
        yield "projection", Projection(phi, classes)
        return
    yield (
        "spectral norm",
        Sequential(SpectralNorm(Linear(3, 8, "leaky_relu")), SpectralNorm(Linear(8, 1))),
    )
    independent = Linear(3, 8, "tanh"), LayerNorm(8), VirtualBatchNorm(8), Linear(8, 1)
    yield "layer and virtual norm", ReferenceBatch(Sequential(*independent), 4, normal(1.0))
    yield (
        "all norms",
        Sequential(
            *(Linear(3, 8), LayerNorm(8), ReLU(), BatchNorm(8), MinibatchDiscrimination(8, 4, 3)),
            SpectralNorm(Linear(12, 1)),
        ),
    )


def described(G, D, classes=0, **settings):
    return Game(
        G=G, D=D, dtype=np.float32, noise=Noise(2), features=3, classes=classes, examples=23,
        settings={
            "batch_size": 5, "log_every": 4, "optimizer_g": Adam(1e-2),
            "optimizer_d": SGD(1e-2, 0.5), "ema": 0.9, **settings,
        },
    )  # fmt: skip


GAMES = {
    f"{g_name}, {d_name}{', labels' if classes else ''}": described(G, D, classes)
    for classes in (0, CLASSES)
    for g_name, G in generators(classes)
    for d_name, D in discriminators(classes)
}
every_game = pytest.mark.parametrize("name", GAMES)


def statistics(player):
    """The statistics of a player by path, as copies."""
    network = player.network
    flat = network.ops.to_numpy(network.flat)
    return {
        e.path: flat[e.offset : e.offset + int(np.prod(e.shape))]
        for e in network.layout.entries
        if e.path in network.layer.statistics
    }


@every_game
@pytest.mark.parametrize("settings", [{}, {"k": 2}, {"updates": "simultaneous"}], ids=str)
def test_replayed_is_step_by_step_and_resumed_in_the_middle(name, settings):
    described = GAMES[name]._replace(settings=GAMES[name].settings | settings)
    a, b = described.make(), plain(described.make())
    a.train(7)
    b.train(7)
    assert replays(a)
    assert differences(a, b) == []
    c = described.make()
    c.restore(*b.snapshot())
    c.train(6)
    a.train(6)
    assert differences(a, c) in ([], ["history"])


@pytest.mark.parametrize("name", [n for n, game in GAMES.items() if not game.D.mixes_examples])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_with_penalties_too(name, updates):
    penalties = R1(0.5), R2(0.5), WassersteinGP(1.0)
    settings = GAMES[name].settings | {"penalties": penalties, "updates": updates}
    described = GAMES[name]._replace(settings=settings)
    a, b = described.make(), plain(described.make())
    a.train(6)
    b.train(6)
    assert replays(a)
    assert differences(a, b) == []
    without = GAMES[name]._replace(settings=GAMES[name].settings | {"updates": updates}).make()
    without.train(6)
    assert (without.arrays()["D.params"] != a.arrays()["D.params"]).any()


@every_game
def test_each_step_moves_its_own_statistics(name):
    t = GAMES[name].make(get_backend("reference"))
    for mover, other, step in ((t.D, t.G, t.step_d), (t.G, t.D, t.step_g)):
        mine, theirs = statistics(mover), statistics(other)
        step()
        assert {n for n, a in statistics(other).items() if (a != theirs[n]).any()} == set()
        moved = {n for n, a in statistics(mover).items() if (a != mine[n]).any()}
        # The reference stays, and u of a single output is 1 or −1.
        assert moved == {n for n, a in mine.items() if not n.endswith("examples") and a.size > 1}


def test_samples_use_running_values_and_the_average_carries_them():
    t = GAMES["batch norm, spectral norm"].make(get_backend("reference"))
    t.train(20)
    generator = t.generator()
    z = np.random.default_rng(0).normal(size=(9, 2))
    together, alone = generator.at(z), generator.at(z[:1])
    np.testing.assert_allclose(together[:1], alone, rtol=1e-6)
    running, average = t.G.network.params[1]["mean"], t.G.average[1]["mean"]
    before = 0.9 * average + 0.1 * running  # an update averages, then the step commits
    t.train(1)
    np.testing.assert_allclose(average, before, rtol=1e-5, atol=1e-7)
