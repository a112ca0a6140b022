import numpy as np
import pytest

from scratchgan import plots

PAIRS = [(game, group) for game in ("hinge", "minimax") for group in ("none", "r1")]


def figure(values, pairs=PAIRS):
    return plots.comparison(pairs, [plots.Panel("modes", values, 25.0)], "title")


def points(axes):
    """All points of a panel, as (value, place)."""
    return [tuple(p) for line in axes.lines for p in zip(*line.get_data(), strict=True)]


def test_every_value_and_every_mean_is_drawn_in_its_row():
    values = {pair: [3.0 + i, 7.0 + i] for i, pair in enumerate(PAIRS)}
    (axes,) = figure(values).axes
    drawn = points(axes)
    for i, (game, _) in enumerate(PAIRS):
        for value in (3.0 + i, 5.0 + i, 7.0 + i):
            places = [y for x, y in drawn if x == value]
            assert any(round(y) == ["hinge", "minimax"].index(game) for y in places)
    assert len({y for x, y in drawn if x == 3.0} | {y for x, y in drawn if x == 4.0}) == 2


def legend(figure):
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


def test_a_pair_without_values_has_a_cross():
    values = {pair: [] if pair[0] == "hinge" else [1.0] for pair in PAIRS}
    found = figure(values)
    crosses = [line for line in found.axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == 2
    assert legend(found) == ["none", "r1", "no value"]


def test_one_group_needs_no_legend():
    assert legend(figure({PAIRS[0]: [1.0]}, PAIRS[:1])) == []


def test_values_that_are_not_finite_are_left_out():
    found = figure({PAIRS[0]: [np.nan, np.inf]}, PAIRS[:1])
    assert [line.get_marker() for line in found.axes[0].lines if line.get_marker() == "x"] == ["x"]
    found.draw_without_rendering()


@pytest.mark.parametrize(("pairs", "panels"), [([], [plots.Panel("x", {})]), (PAIRS, [])])
def test_nothing_to_show(pairs, panels):
    with pytest.raises(ValueError, match="is empty"):
        plots.comparison(pairs, panels)


def test_many_games_overlap_nowhere():
    """The names of the rows, the labels of the panels and the legend."""
    games = [f"relativistic_average_{i}" for i in range(14)]
    pairs = [(game, group) for game in games for group in ("none", "r1", "r2", "r1+r2")]
    panels = [plots.Panel(f"measure {i}, %", {p: [1.0, 2.0] for p in pairs}) for i in range(5)]
    found = plots.comparison(pairs, panels, "grid")
    found.draw_without_rendering()
    boxes = [t.get_window_extent() for t in found.axes[0].get_yticklabels()]
    boxes += [axes.xaxis.label.get_window_extent() for axes in found.axes]
    boxes += [t.get_window_extent() for each in found.legends for t in each.get_texts()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert box.x0 >= 0
        assert box.y0 >= 0


def test_a_cross_in_any_panel_is_explained():
    panels = [plots.Panel("a", {PAIRS[0]: [1.0]}), plots.Panel("b", {PAIRS[0]: []})]
    assert legend(plots.comparison(PAIRS[:1], panels)) == ["no value"]


def test_noise_does_not_fill_a_panel():
    (axes,) = figure({PAIRS[0]: [99.99, 100.0]}, PAIRS[:1]).axes
    low, high = axes.get_xlim()
    assert high - low > 5
