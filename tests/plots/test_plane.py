"""The picture of a game in the plane shows what the game and its networks say."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from scratchgan import SGD, Linear, Network, Noise, Sequential, Trainer, plots
from scratchgan.backends import get_backend
from scratchgan.data import load
from scratchgan.errors import ShapeError
from scratchgan.games import GAMES
from scratchgan.recipes import get_recipe
from scratchgan.theory import GaussianMixture
from tests.games import own

DATA = load("ring")


def played(objective="non_saturating", iterations=1, seed=0, **changes):
    """A small game in float64."""
    G, D = (
        Network(
            Sequential(Linear(2, 16, "tanh"), Linear(16, n)), [seed, n], np.float64, "reference"
        )
        for n in (2, 1)
    )
    settings = {"noise": Noise(2), "optimizer_g": SGD(0.1), "optimizer_d": SGD(0.1)}
    trainer = Trainer(G, D, DATA.x[:1000], objective=objective, batch_size=32, **settings | changes)
    trainer.train(iterations)
    return trainer


def drawn(figure):
    """All texts of the legends, after a drawing."""
    figure.draw_without_rendering()
    from matplotlib.legend import Legend

    return [text.get_text() for each in figure.findobj(Legend) for text in each.get_texts()]


def field_of(figure):
    (image,) = figure.axes[0].images
    return image


def quiver_of(figure):
    from matplotlib.quiver import Quiver

    return figure.findobj(Quiver)


def test_the_field_is_the_games_reading_of_d():
    trainer = played()
    image = field_of(plots.game_2d(trainer))
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape
    for row, column in ((0, 0), (5, 80), (rows - 1, 40)):
        x = left + (column + 0.5) / columns * (right - left)
        y = bottom + (row + 0.5) / rows * (top - bottom)
        logit = trainer.D.network(np.array([[x, y]]))[0, 0]
        assert abs(image.get_array()[row, column] - 1 / (1 + np.exp(-logit))) < 1e-9
    assert image.get_clim() == (0, 1)


@pytest.mark.parametrize(
    "game", ["non_saturating", "minimax", own.Wasserstein(), own.RelativisticPairing()], ids=str
)
def test_the_arrows_descend_the_loss_of_g(game):
    """Central differences of the loss of one sample, times the number of samples."""
    trainer = played(game)
    x = trainer.samples(40).astype(np.float64)
    (quiver,) = quiver_of(plots.game_2d(trainer, samples=40))
    ops, D, game = get_backend("reference"), trainer.D.network, trainer.played
    data = trainer.ops.to_numpy(trainer.data.buffers()["x"])
    real = D(np.resize(data[:: len(data) // 40], (40, 2)))

    def loss(i, moved):
        at = x.copy()
        at[i] += moved
        return float(game.g(D(at), real if game.needs_real else None, ops)[0][0])

    shown = np.stack([quiver.U, quiver.V], axis=1)
    assert np.abs(quiver.get_offsets() - x).max() <= 1e-12
    steps = 1e-6 * np.eye(2)
    forces = np.array([[-40 * (loss(i, h) - loss(i, -h)) / 2e-6 for h in steps] for i in range(40)])
    size = np.linalg.norm(forces, axis=1)
    scale = np.linalg.norm(shown, axis=1).max() / np.quantile(size, 0.9)
    short = size < np.quantile(size, 0.9)
    assert np.abs(shown - scale * forces)[short].max() <= 1e-6 * np.abs(shown).max()
    cosine = (shown * forces).sum(1) / np.linalg.norm(shown, axis=1) / size
    assert np.abs(cosine - 1).max() <= 1e-6
    assert f"−∇ₓ of G's loss, up to {size.max():.2g}" in drawn(plots.game_2d(trainer, samples=40))


def test_a_score_without_limits_has_a_symmetric_scale():
    trainer = played(own.Wasserstein(), 20)
    image = field_of(plots.game_2d(trainer))
    low, high = image.get_clim()
    x, data = trainer.samples(2000).astype(float), trainer.ops.to_numpy(trainer.data.buffers()["x"])
    middle = np.mean([np.median(trainer.D.network(each[:1000])) for each in (x, data)])
    assert abs((low + high) / 2 - middle) <= 1e-6 * (high - low)
    beyond = np.abs(image.get_array() - middle) > (high - low) / 2
    assert 0.05 < beyond.mean() < 0.15


def test_contours_enclose_their_shares():
    from matplotlib.collections import LineCollection
    from matplotlib.path import Path

    p = GaussianMixture([[-0.5, 0.0], [0.8, 0.3]], 0.2)
    figure = plots.game_2d(played(), p.pdf)
    lines = [s for each in figure.findobj(LineCollection) for s in each.get_segments()]
    points = p.sample(20_000, np.random.default_rng(0))
    inside = [Path(line).contains_points(points).mean() for line in lines]
    assert len(lines) == 4
    assert sorted(inside)[0] + sorted(inside)[1] == pytest.approx(0.5, abs=0.02)
    assert sorted(inside)[2] + sorted(inside)[3] == pytest.approx(0.95, abs=0.02)
    assert "p_data" in drawn(figure)


def test_without_a_density_the_data_are_drawn():
    assert "data" in drawn(plots.game_2d(played()))


def everywhere(figure):
    """The boxes of all texts that are drawn."""
    from matplotlib.text import Text

    FigureCanvasAgg(figure).draw()
    beyond = set()  # labels of ticks beyond the limits of their axis exist, but are not drawn
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                beyond |= {tick.label1, tick.label2}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return [(t.get_text(), t.get_window_extent()) for t in texts if t not in beyond]


@pytest.mark.parametrize("far", [0.0, 1000.0])
def test_no_text_is_on_another_or_cut_off(far):
    """With the longest texts: samples that are far away, a small gradient, a long title."""
    trainer = played()
    trainer.G.network.params[1]["bias"][...] = far
    trainer.D.network.flat[...] *= 1e-7
    figure = plots.game_2d(trainer, DATA.density.pdf, title="iteration 1,000,000")
    boxes = everywhere(figure)
    page = figure.bbox
    for i, (text, box) in enumerate(boxes):
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= page.x1, text
        assert box.y1 <= page.y1, text
        others = [other for other, there in boxes[i + 1 :] if box.overlaps(there)]
        assert others == [], text


def test_samples_outside_are_counted():
    trainer = played()
    trainer.G.network.params[1]["bias"][...] = 1000.0
    assert "G(z), 100 % outside" in drawn(plots.game_2d(trainer))


def test_a_gradient_of_zero_has_no_arrows():
    trainer = played()
    trainer.D.network.flat[...] = 0
    figure = plots.game_2d(trainer)
    assert quiver_of(figure) == []
    assert "−∇ₓ of G's loss, up to 0" in drawn(figure)


def test_what_is_not_finite_is_left_out():
    trainer = played()
    trainer.D.network.flat[3] = np.nan
    trainer.G.network.flat[0] = np.inf
    with np.errstate(all="ignore"):
        figure = plots.game_2d(trainer, DATA.density.pdf)
    everywhere(figure)  # no warning, no error


def test_many_samples():
    figure = plots.game_2d(played(), DATA.density.pdf, samples=20_000)
    counts = [len(line.get_xdata()) for line in figure.axes[0].lines]
    assert max(counts) > 15_000
    figure.savefig(io.BytesIO())


def test_a_d_of_points_with_labels_has_no_field():
    from scratchgan import Concat

    labels = np.arange(1000) % 8
    G = Network(Sequential(Concat(Linear(2, 4), Linear(8, 4)), Linear(8, 2)), backend="reference")
    D = Network(Sequential(Concat(Linear(2, 4), Linear(8, 4)), Linear(8, 1)), backend="reference")
    trainer = Trainer(
        G, D, DATA.x[:1000], labels=labels, noise=Noise(2), optimizer_g=SGD(0.1),
        optimizer_d=SGD(0.1), batch_size=32,
    )  # fmt: skip
    trainer.train(1)
    figure = plots.game_2d(trainer, DATA.density.pdf)
    assert list(figure.axes[0].images) == []
    assert quiver_of(figure) == []


@pytest.mark.parametrize("game", [name for name in GAMES if not GAMES[name].needs_labels])
def test_every_game_is_drawn(game):
    trainer = get_recipe("ring").trainer(DATA, objective=game, backend="reference")
    everywhere(plots.game_2d(trainer, DATA.density.pdf, samples=50))


def test_other_data():
    trainer = get_recipe("gaussian-1d").trainer(backend="reference")
    with pytest.raises(ShapeError, match="the data have 1 features"):
        plots.game_2d(trainer)
    with pytest.raises(ValueError, match="samples is 0"):
        plots.game_2d(played(), samples=0)
    with pytest.raises(ValueError, match="p_data is 3; expected a function"):
        plots.game_2d(played(), 3)


def test_training_is_not_changed():
    """Drawing draws no random number of the training, and leaves minibatches alone."""
    one, other = played(iterations=3), played(iterations=3)
    plots.game_2d(one)
    for trainer in (one, other):
        trainer.train(40)
    assert (one.G.network.flat == other.G.network.flat).all()
