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
        plots.losses(HISTORY, "minimax"),
        plots.losses([], "minimax"),
        plots.losses([{"step": 1, "loss_g": 0.5}], "minimax"),
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
    top, bottom = plots.losses(HISTORY, "minimax").axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in top.lines + bottom.lines}
    assert drawn["V, what D ascends"] == [-2.0, -3.0, -4.0]
    assert drawn["mean D(G(z))"] == [0.4] * 3
    assert drawn["V at the optimum, −log 4"][0] == -np.log(4)
    assert "penalties, which D descends" not in drawn
    top, _ = plots.losses([*HISTORY[:2], HISTORY[2] | {"penalty": 0.5}], "minimax").axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in top.lines}
    assert drawn["penalties, which D descends"][2] == 0.5


def test_pyplot_is_not_needed():
    code = (
        "import sys, numpy as np; from scratchgan import plots;"
        "plots.losses([], 'minimax').savefig('/dev/null', format='png');"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# -- what is given ------------------------------------------------------------------------------

IMAGES = np.ones((4, 6))
POINTS = np.ones((5, 2))


def density(x):
    return np.exp(-(x**2))


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (
            lambda: plots.image_grid(IMAGES, (3, 3)),
            r"samples has shape \(4, 6\); .*\(n, 9\), images",
        ),
        (lambda: plots.image_grid(IMAGES[0], (2, 3)), r"samples has shape \(6,\)"),
        (lambda: plots.image_grid(IMAGES[:0], (2, 3)), "0 rows; expected at least 1"),
        (lambda: plots.image_grid(None, (2, 3)), "samples is None; expected a NumPy array"),
        (lambda: plots.image_grid(IMAGES.astype(str), (2, 3)), "expected real numbers"),
        (lambda: plots.image_grid(np.ma.masked_less(IMAGES, 2), (2, 3)), "masked"),
        (lambda: plots.image_grid(IMAGES, (6,)), "image_shape is .*; expected .height, width"),
        (lambda: plots.image_grid(IMAGES, "23"), "image_shape is '23'; expected .height, width"),
        (lambda: plots.image_grid(IMAGES, 6), "image_shape is 6; expected .height, width"),
        (lambda: plots.image_grid(IMAGES, (-2, -3)), "image_shape is -2; expected a whole number"),
        (lambda: plots.image_grid(IMAGES, (2, 3), zoom=0), "zoom is 0; expected a whole number"),
        (lambda: plots.image_grid(IMAGES, (2, 3), 1.5), "columns is 1.5; expected a whole number"),
        (lambda: plots.nearest_grid(IMAGES, IMAGES[:, :5], (2, 3)), r"nearest has shape \(4, 5\)"),
        (lambda: plots.nearest_grid(IMAGES, IMAGES, (2, 3), 10**30), "zoom is"),
        (lambda: plots.label_grid(IMAGES, np.arange(4), (2, 3), "abcd", 0), "columns is 0"),
        (lambda: plots.label_grid(IMAGES, np.arange(4), (2, 3), [0, 1, 2, 3]), "label's name is 0"),
        (lambda: plots.label_grid(IMAGES, None, (2, 3), "abcd"), "labels is None"),
        (lambda: plots.sample_scatter(POINTS[:, 0]), r"a single feature as a column"),
        (lambda: plots.sample_scatter(POINTS[:0]), "0 rows"),
        (
            lambda: plots.sample_scatter(POINTS, IMAGES),
            r"data has shape \(4, 6\); expected .any, 2",
        ),
        (lambda: plots.sample_density(POINTS, density, density, (0, 1)), r"expected \(n,\) or"),
        (
            lambda: plots.sample_density(POINTS[:, 0], 3, density, (0, 1)),
            "p_data is 3; expected a f",
        ),
        (
            lambda: plots.sample_density(POINTS[:, 0], density, None, (0, 1)),
            "D is None; expected a",
        ),
        (lambda: plots.sample_density(POINTS[:, 0], density, density, (1, 1)), "limits are .1, 1"),
        (lambda: plots.sample_density(POINTS[:, 0], density, density, (0, np.nan)), "limits has 1"),
        (lambda: plots.sample_density(POINTS[:, 0], density, density, 3), "limits has shape"),
        (lambda: plots.histogram(POINTS), r"samples has shape \(5, 2\); expected \(n,\) or \(n, 1"),
        (lambda: plots.losses([{"a": 1}], "minimax"), r"history\[0\] has no 'step': {'a': 1}"),
        (lambda: plots.losses([{"step": 1}, 3], "minimax"), r"history\[1\] is 3; expected"),
        (lambda: plots.losses(3, "minimax"), "history is 3; expected a list of records"),
        (lambda: plots.sigma_curve({"a": [1.0, 2.0]}), r"a has shape \(2,\); expected \(any, 2\)"),
        (lambda: plots.sigma_curve([1.0, 2.0]), "curves is .*; expected a mapping"),
        (lambda: plots.over_epochs([RUN], "nats"), "records is .*; expected a mapping"),
        (lambda: plots.over_epochs({"a": [{"epoch": 1}]}, "nats"), r"a\[0\] has no 'score'"),
    ],
)
def test_what_cannot_be_drawn(draw, said):
    with pytest.raises(ValueError, match=said):
        draw()


def test_images_as_they_are_and_numbers_of_any_kind():
    images = rng.random((4, 2, 3))
    page = pixels(plots.image_grid(images.reshape(4, 6), (2, 3), 2, 3))
    assert np.array_equal(page, pixels(plots.image_grid(images, (2, 3), 2, 3)))
    shape = (np.int64(2), 3.0)
    again = plots.image_grid(images.reshape(4, 6).tolist(), shape, np.int8(2), np.float32(3))
    assert np.array_equal(page, pixels(again))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_generator_that_has_diverged_is_drawn(value):
    """Its figures are those of a run that is still looked at: what is not finite is left out."""
    points = np.full((50, 2), value)
    for figure in (plots.sample_scatter(points), plots.sample_scatter(0 * POINTS)):
        assert figure.axes[0].get_xlim() == (-1.3, 1.3)
    assert plots.sample_scatter(points, 2 * POINTS).axes[0].get_xlim() == (-2.6, 2.6)
    points[0] = 2.0
    assert plots.sample_scatter(points).axes[0].get_ylim() == (-2.6, 2.6)
    for samples, count in ((points[1:, 0], 0), (points[:, :1], 80)):
        assert len(plots.histogram(samples).axes[0].patches) == count
        axes = plots.sample_density(samples, density, density, (1, 3)).axes[0]
        area = sum(bar.get_height() * bar.get_width() for bar in axes.patches)
        assert abs(area - (0.02 if count else 0)) <= 1e-9


def test_defaults_of_grids():
    """Ten in a row, four screen pixels each."""
    assert pixels(plots.image_grid(np.ones((11, 6)), (2, 3))).shape == (4 * 7, 4 * 41)
    figure = plots.label_grid(np.ones((2, 6)), np.arange(2), (2, 3), "ab")
    assert pixels(figure).shape == (4 * 7, 4 * 41 + 22)
    assert pixels(plots.nearest_grid(IMAGES, IMAGES[:2], (2, 3))).shape == (4 * 7, 4 * 17)


def test_what_the_scatter_holds():
    """At most 2,000 of the data, all of the samples, in a square."""
    data, samples = rng.normal(size=(3000, 2)), rng.normal(size=(2500, 2))
    axes = plots.sample_scatter(samples, data, "a title").axes[0]
    behind, before = axes.lines
    assert (data[:2000] == np.array(behind.get_data()).T).all()
    assert (samples == np.array(before.get_data()).T).all()
    reach = 1.3 * np.abs(data).max()
    assert axes.get_xlim() == axes.get_ylim() == (-reach, reach)
    assert axes.get_title() == "a title"


def test_what_the_density_plot_holds():
    left, right = plots.sample_density(
        np.zeros(9), density, lambda x: 0.25 + 0 * x, (-2, 3), "a title"
    ).axes
    (truth,), (d,) = left.lines, right.lines
    x = np.linspace(-2, 3, 400)
    assert (np.array(truth.get_data()) == [x, density(x)]).all()
    assert (np.array(d.get_data()) == [x, 0.25 + 0 * x]).all()
    assert left.get_xlim() == (-2, 3)
    assert left.get_ylim() == (0, 1.6 * density(x).max())
    assert right.get_ylim() == (0, 1.05)
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert sorted(labels) == ["D(x)", "G(z), histogram", "p_data"]


def test_points_far_from_0_fill_the_picture(rng):
    data = rng.uniform(size=(100, 2)) * [30, 2] + [150, -1]  # the second axis has 0 in it
    axes = plots.sample_scatter(data, data).axes[0]
    (low, high), other = axes.get_xlim(), axes.get_ylim()
    assert 140 <= low <= 150 <= 180 <= high <= 190
    assert other[0] == -other[1]


def test_a_histogram_beside_the_data(rng):
    axes = plots.histogram(rng.normal(size=(50, 1)), rng.normal(size=(90, 1)), "a title").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["data", "G(z)"]
    assert axes.get_title() == "a title"


def test_a_histogram_has_area_1():
    bars = plots.histogram(rng.normal(size=500)).axes[0].patches
    assert abs(sum(bar.get_height() * bar.get_width() for bar in bars) - 1) <= 1e-9


def test_levels_of_the_losses():
    top, bottom = plots.losses(HISTORY, "minimax").axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in top.lines + bottom.lines}
    assert drawn["at the optimum, ½"] == [0.5, 0.5]
    assert drawn["what G descends"] == [0.5] * 3
    assert drawn["mean D(x)"] == [0.6] * 3
    assert list(top.lines[0].get_xdata()) == [1, 2, 3]
    assert bottom.get_ylim() == (0, 1)


def test_a_record_without_an_error_has_no_band():
    bare = [{"epoch": e, "score": s} for e, s in ((1, 3.0), (2, 4.0))]
    band = plots.over_epochs({"run": bare}, "nats").axes[0].collections[0].get_paths()[-1]
    assert (band.vertices[:, 1].min(), band.vertices[:, 1].max()) == (3, 4)
