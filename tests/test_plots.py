"""Figures hold what they say, without pyplot."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from scratchgan import plots
from scratchgan.errors import ShapeError

rng = np.random.default_rng(0)
HISTORY = [
    {"step": s, "value": -1.0 - s, "loss_g": 0.5, "d_real": 0.6, "d_fake": 0.4} for s in (1, 2, 3)
]


def pixels(figure):
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return np.asarray(Image.open(stream).convert("L"), dtype=float) / 255


def test_image_grid_is_exact():
    """Each pixel of each image, at its place, zoomed; a gap of one pixel between them."""
    images = rng.integers(0, 256, (7, 6)) / 255
    page = pixels(plots.image_grid(images, (2, 3), columns=4, zoom=5))
    assert page.shape == ((2 * 3 + 1) * 5, (4 * 4 + 1) * 5)
    small, byte = page[2::5, 2::5], 1.01 / 255
    for i, image in enumerate(images):
        top, left = 1 + (i // 4) * 3, 1 + (i % 4) * 4
        assert np.abs(small[top : top + 2, left : left + 3].ravel() - image).max() <= byte
    assert (small[0] == 0).all()
    assert (small[4:6, 13:] == 0).all()  # the place of the eighth image


def test_a_notebook_shows_grids():
    """IPython leaves out a figure that has no axes."""
    from IPython.core.pylabtools import print_figure

    images = rng.random((4, 6))
    for figure in (
        plots.image_grid(images, (2, 3)),
        plots.nearest_grid(images, images[:1], (2, 3)),
        plots.label_grid(images, np.arange(4), (2, 3), "0123"),
    ):
        assert print_figure(figure) is not None


def test_grids_do_not_mind_the_readers_layout():
    import matplotlib

    with matplotlib.rc_context({"figure.constrained_layout.use": True}):
        page = pixels(plots.label_grid(np.ones((2, 6)), np.arange(2), (2, 3), "ab"))  # no warning
    assert page.max() == 1


def colours(figure):
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return np.asarray(Image.open(stream).convert("RGB"), dtype=int)


class TestNearestGrid:
    """Two rows of three samples of 2 × 3 pixels, and one training image for each row."""

    SAMPLES, NEAREST = (
        np.random.default_rng(i).integers(0, 256, (n, 6)) for i, n in ((1, 6), (2, 2))
    )
    ORANGE = (0xD5, 0x5E, 0x00)

    def page(self, samples=SAMPLES, nearest=NEAREST):
        page = colours(plots.nearest_grid(samples / 255, nearest / 255, (2, 3), zoom=3))
        assert (page == page[1::3, 1::3].repeat(3, axis=0).repeat(3, axis=1)).all()
        return page[1::3, 1::3]

    def places(self, samples, nearest):
        """Where each image should stand: rows of three, two pixels of space, the training image."""
        for i, image in enumerate(samples):
            yield image, 1 + 3 * (i // 3), 1 + 4 * (i % 3)
        for i, image in enumerate(nearest):
            yield image, 1 + 3 * i, 17

    def right(self, page, samples=SAMPLES, nearest=NEAREST):
        if page.shape != (7, 21, 3):
            return False
        rest = np.ones(page.shape[:2], bool)
        for image, top, left in self.places(samples, nearest):
            part = page[top : top + 2, left : left + 3]
            if np.abs(part - image.reshape(2, 3, 1)).max() > 1:
                return False
            rest[top : top + 2, left : left + 3] = False
        frame = rest.copy()
        frame[:, :16] = False
        return bool((page[frame] == self.ORANGE).all() and (page[rest & ~frame] == 0).all())

    def test_every_pixel(self):
        assert self.right(self.page())

    def test_another_order_is_rejected(self):
        assert not self.right(self.page(self.SAMPLES[::-1]))
        assert not self.right(self.page(nearest=self.NEAREST[::-1]))
        assert not self.right(self.page(self.SAMPLES.reshape(3, 2, 6).swapaxes(0, 1).reshape(6, 6)))

    def test_an_image_that_is_black_is_no_frame(self):
        samples, nearest = 0 * self.SAMPLES, 0 * self.NEAREST
        assert self.right(self.page(samples, nearest), samples, nearest)

    def test_values_outside_are_shown_as_0_or_1(self, caplog):
        samples = np.where(self.SAMPLES > 100, 400, -300)
        assert self.right(self.page(samples), np.where(self.SAMPLES > 100, 255, 0))
        assert caplog.records == []  # and Matplotlib has no complaint

    @pytest.mark.parametrize(("samples", "nearest"), [(7, 2), (0, 2), (5, 0), (1, 2)])
    def test_rows_of_one_length(self, samples, nearest):
        with pytest.raises(ShapeError, match=f"{samples} samples and {nearest} nearest images"):
            plots.nearest_grid(np.zeros((samples, 6)), np.zeros((nearest, 6)), (2, 3))


class TestLabelGrid:
    NAMES = ("zero", "one", "two")
    X = np.random.default_rng(3).integers(1, 256, (8, 6))
    LABELS = np.array([2, 0, 0, 2, 2, 0, 2, 0])

    def figure(self, labels=LABELS, columns=3):
        return plots.label_grid(self.X / 255, labels, (2, 3), self.NAMES, columns, zoom=8)

    def rows(self, figure, columns=3):
        """The images of each row, as they are drawn."""
        page = pixels(figure)[:, -8 * (4 * columns + 1) :][4::8, 4::8]
        assert page.shape == (10, 4 * columns + 1)
        return [
            [page[1 + 3 * r : 3 + 3 * r, 1 + 4 * c : 4 + 4 * c].ravel() for c in range(columns)]
            for r in range(3)
        ]

    def right(self, rows, columns=3):
        expected = np.zeros((3, columns, 6))
        for label in range(3):
            images = [x for x, y in zip(self.X, self.LABELS, strict=True) if y == label]
            for place, image in enumerate(images[:columns]):
                expected[label, place] = image / 255
        return np.abs(np.array(rows) - expected).max() <= 1.01 / 255

    @pytest.mark.parametrize("columns", [1, 3, 5])
    def test_one_label_a_row(self, columns):
        """In the order of the samples; dark where a label has too few."""
        assert self.right(self.rows(self.figure(columns=columns), columns), columns)

    def test_other_labels_are_rejected(self):
        assert not self.right(self.rows(self.figure(labels=self.LABELS[::-1])))
        assert not self.right(self.rows(self.figure(labels=2 - self.LABELS)))

    def test_names_stand_beside_their_rows(self):
        figure = self.figure()
        height = 100 * figure.get_size_inches()[1]
        margin = 100 * figure.get_size_inches()[0] - 8 * 13
        assert [text.get_text() for text in figure.texts] == list(self.NAMES)
        renderer = FigureCanvasAgg(figure).get_renderer()
        for row, text in enumerate(figure.texts):
            box = text.get_window_extent(renderer)
            assert 0 <= box.x0 <= box.x1 <= margin
            assert abs((height - (box.y0 + box.y1) / 2) - 8 * (2 + 3 * row)) <= 4

    def test_long_names_fit(self):
        names = ("T-shirt/top", "Ankle boot", "WWWWWW")
        figure = plots.label_grid(self.X / 255, self.LABELS, (2, 3), names)
        renderer = FigureCanvasAgg(figure).get_renderer()
        assert min(text.get_window_extent(renderer).x0 for text in figure.texts) >= 0

    def test_a_label_for_each_sample(self):
        with pytest.raises(ShapeError, match=r"labels have shape \(7,\); expected \(8,\)"):
            self.figure(labels=self.LABELS[:7])


CURVE = ((0.1, -500.0), (0.2, 30.0), (0.4, 101.25), (1.0, -700.0))


def test_sigma_curve_holds_its_curves():
    axes = plots.sigma_curve({"a": CURVE, "b": [[0.1, -9.0], [0.4, -20.0]]}).axes[0]
    a, ring_a, b, ring_b = axes.lines
    assert list(zip(*a.get_data(), strict=True)) == list(CURVE)
    assert a.get_label() == "a: 101.2 at σ = 0.400"
    assert b.get_label() == "b: −9 at σ = 0.100"
    assert [float(v[0]) for v in ring_a.get_data()] == [0.4, 101.25]
    assert [float(v[0]) for v in ring_b.get_data()] == [0.1, -9.0]
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.1", "0.2", "0.4", "1"]
    assert len({line.get_color() for line in (a, b)}) == 2
    assert len({line.get_linestyle() for line in (a, b)}) == 2


RUN = [
    {"epoch": e, "score": s, "error": 0.5} for e, s in ((1, 3.0), (2, np.nan), (3, 7.0), (4, 5.0))
]


@pytest.mark.parametrize(("lower", "best"), [(False, (3, 7)), (True, (1, 3))])
def test_over_epochs_holds_its_records(lower, best):
    axes = plots.over_epochs({"run": RUN}, "nats", {"real": 8.0}, lower_is_better=lower).axes[0]
    ring, line, level = axes.lines
    assert [float(v[0]) for v in ring.get_data()] == list(best)
    assert line.get_label() == f"run: {best[1]} at epoch {best[0]}"
    assert list(line.get_xdata()) == [1, 2, 3, 4]
    assert np.array_equal(line.get_ydata(), [3, np.nan, 7, 5], equal_nan=True)
    assert list(level.get_ydata()) == [8, 8]
    assert axes.texts[0].get_text() == "real: 8"
    band = axes.collections[0].get_paths()[-1].vertices[:, 1]
    assert (band.min(), band.max()) == (4.5, 7.5)
    assert axes.get_ylabel() == "nats"


def test_a_run_without_a_figure_has_no_best():
    nan = [{"epoch": 1, "score": float("nan")}]
    for records in ([], nan):
        axes = plots.over_epochs({"run": records}, "nats").axes[0]
        assert [line.get_label() for line in axes.lines] == ["run"]


@pytest.mark.parametrize(
    "figure",
    [
        plots.losses(HISTORY),
        plots.losses([]),
        plots.losses([{"step": 1, "loss_g": 0.5}]),
        plots.sample_scatter(rng.normal(size=(50, 2)), rng.normal(size=(50, 2)), "a title"),
        plots.sample_density(
            rng.normal(size=(50, 1)), lambda x: np.exp(-(x**2)), lambda x: 0 * x + 0.5, (-3, 3)
        ),
        plots.histogram(rng.normal(size=(50, 1))),
        plots.sigma_curve({"G": CURVE}),
        plots.over_epochs({f"run {i}": RUN for i in range(6)}, "nats"),
        plots.over_epochs({"no run": []}, "nats"),
    ],
)
def test_axes_are_labelled(figure):
    page = pixels(figure)
    assert page.min() < 0.5 < page.max()
    for axes in figure.axes:
        assert axes.get_ylabel()
    assert any(axes.get_xlabel() for axes in figure.axes)


def test_a_collapsed_generator_looks_like_one():
    """The histogram's area is the share of samples within the limits, not 1."""
    samples = np.concatenate([np.zeros(10), np.full(90, 50.0)])
    for x, share in ((samples, 0.1), (samples + 50, 0.0)):
        axes = plots.sample_density(x, lambda x: np.exp(-(x**2)), lambda x: 0 * x, (-3, 3)).axes[0]
        area = sum(bar.get_height() * bar.get_width() for bar in axes.patches)
        assert abs(area - share) <= 1e-9


def test_losses_hold_the_history():
    top, bottom = plots.losses(HISTORY).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in top.lines + bottom.lines}
    assert drawn["V, what D ascends"] == [-2.0, -3.0, -4.0]
    assert drawn["mean D(G(z))"] == [0.4] * 3
    assert drawn["V at the optimum, −log 4"][0] == -np.log(4)


def test_pyplot_is_not_needed():
    code = (
        "import sys, numpy as np; from scratchgan import plots;"
        "plots.losses([]).savefig('/dev/null', format='png');"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
