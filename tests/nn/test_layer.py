"""Layers apart from their gradients: shapes, messages, random streams, and nothing hidden."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.errors import ShapeError, UnknownNameError
from scratchgan.nn import (
    Activation,
    BatchNorm,
    Concat,
    Context,
    Dropout,
    LayerNorm,
    LeakyReLU,
    Linear,
    Maxout,
    MinibatchDiscrimination,
    Projection,
    ReferenceBatch,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    SpectralNorm,
    Tanh,
    VirtualBatchNorm,
    initializers,
)

OPS = get_backend("reference")
TRAINING = Context(OPS, training=True, stream=Stream(seed=5, operation=0x2000))

VIRTUAL = ReferenceBatch(
    Sequential(Linear(6, 4, "tanh"), VirtualBatchNorm(4)), 3, initializers.normal(1.0)
)

LAYERS = [  # with the width of their input
    (Linear(6, 4), 6),
    (Linear(6, 4, "leaky_relu", slope=0.1), 6),
    (ReLU(), 6),
    (LeakyReLU(0.3), 6),
    (Sigmoid(), 6),
    (Tanh(), 6),
    (Softplus(), 6),
    *((Activation(name, 0.3), 6) for name in ACTIVATIONS),
    (Maxout(2, 3), 6),
    (Dropout(0.5), 6),
    (Sequential(), 6),
    (Concat(Linear(2, 3), Sequential()), (2, 3)),
    (Concat(Sequential(Dropout(0.5), Linear(2, 3)), Dropout(0.5)), (2, 3)),
    (Sequential(Linear(6, 8, "relu"), Dropout(0.5), Linear(8, 6), Maxout(3, 2)), 6),
    (Sequential(Concat(Tanh(), Linear(3, 4)), Sequential(Dropout(0.7), Linear(6, 1))), (2, 3)),
    (LayerNorm(6), 6),
    (BatchNorm(6, scale=False), 6),
    (SpectralNorm(Linear(6, 4, "tanh")), 6),
    (MinibatchDiscrimination(6, 3, 2), 6),
    (VIRTUAL, 6),
    (Projection(Sequential(Linear(2, 4, "tanh"), Dropout(0.5)), 3), (2, 3)),
]
every_layer = pytest.mark.parametrize(("layer", "width"), LAYERS, ids=[str(x[0]) for x in LAYERS])


def normals(rng, batch, width):
    if isinstance(width, tuple):
        return tuple(rng.normal(size=(batch, w)) for w in width)
    return rng.normal(size=(batch, width))


def leaves(tree):
    """All arrays of a tree of tuples and dicts, caches included."""
    if isinstance(tree, np.ndarray):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, tuple) else ()
    return [leaf for part in parts for leaf in leaves(part)]


def zeros_like(tree):
    if isinstance(tree, dict):
        return {name: np.zeros_like(a) for name, a in tree.items()}
    return tuple(zeros_like(part) for part in tree)


def held_arrays(layer):
    """Arrays that a layer, or a layer in it, holds."""
    values = list(vars(layer).values())
    values += [v for value in values if isinstance(value, tuple) for v in value]
    inner = [v for v in values if hasattr(v, "forward")]
    return [v for v in values if isinstance(v, np.ndarray)] + [
        a for part in inner for a in held_arrays(part)
    ]


# -- nothing hidden ---------------------------------------------------------------------------


@every_layer
def test_two_forwards_before_two_backwards(layer, width):
    """D runs on real and on fake before either backward: caches do not meet, gradients add."""
    rng = np.random.default_rng(0)
    params = layer.init(rng, np.float64)
    contexts = TRAINING, TRAINING.at(16)
    xs = normals(rng, 4, width), normals(rng, 3, width)

    separate, separate_grads = [], []
    for x, ctx in zip(xs, contexts, strict=True):
        y, cache = layer.forward(params, x, ctx)
        grads = zeros_like(params)
        dx = layer.backward(params, cache, np.cos(y), ctx, grads)
        separate.append((y, dx, layer.jvp(params, cache, x, ctx)))
        separate_grads.append(leaves(grads))

    grads = zeros_like(params)
    passes = [layer.forward(params, x, ctx) for x, ctx in zip(xs, contexts, strict=True)]
    for (y, cache), ctx, x, alone in zip(passes, contexts, xs, separate, strict=True):
        together = (
            y,
            layer.backward(params, cache, np.cos(y), ctx, grads),
            layer.jvp(params, cache, x, ctx),
        )
        for a, b in zip(leaves(together), leaves(alone), strict=True):
            np.testing.assert_array_equal(a, b)
    for both, first, second in zip(leaves(grads), *separate_grads, strict=True):
        np.testing.assert_allclose(both, first + second, rtol=1e-12, atol=1e-14)


@every_layer
def test_a_pass_leaves_its_arguments_alone_and_nothing_in_the_layer(layer, width):
    rng = np.random.default_rng(1)
    params, x = layer.init(rng, np.float64), normals(rng, 4, width)
    before = repr(layer), [a.copy() for a in leaves((params, x))]
    y, cache = layer.forward(params, x, TRAINING)
    dy = np.cos(y)
    kept = [a.copy() for a in leaves((cache, y, dy))]
    layer.jvp(params, cache, x, TRAINING)
    layer.backward(params, cache, dy, TRAINING, zeros_like(params))
    for a, b in zip(leaves((params, x)), before[1], strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(leaves((cache, y, dy)), kept, strict=True):
        np.testing.assert_array_equal(a, b)
    assert held_arrays(layer) == []
    assert repr(layer) == before[0]


def test_held_arrays_are_found():
    layer = Sequential(Concat(Tanh(), Linear(3, 4)))
    layer.layers[0].second.last_x = np.ones(3)
    assert len(held_arrays(layer)) == 1


@every_layer
def test_gradients_only_where_asked_for(layer, width):
    rng = np.random.default_rng(2)
    params, x = layer.init(rng, np.float64), normals(rng, 4, width)
    y, cache = layer.forward(params, x, TRAINING)
    dy = np.cos(y)
    grads, grads_alone = zeros_like(params), zeros_like(params)
    dx = layer.backward(params, cache, dy, TRAINING, grads)
    assert layer.backward(params, cache, dy, TRAINING, grads_alone, need_dx=False) is None
    dx_alone = layer.backward(params, cache, dy, TRAINING, None)
    for a, b in zip(leaves((grads, dx)), leaves((grads_alone, dx_alone)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [a.shape for a in leaves((dx,))] == [a.shape for a in leaves((x,))]


@every_layer
def test_widths_are_those_announced(layer, width):
    params = layer.init(np.random.default_rng(0), np.float32)
    x = normals(np.random.default_rng(0), 3, width)
    x = tuple(a.astype(np.float32) for a in x) if isinstance(x, tuple) else x.astype(np.float32)
    y, _ = layer.forward(params, x, TRAINING)
    assert y.shape == (3, layer.output_width(width))
    assert y.dtype == np.float32
    for last in layer.rows(width, "")[-1:]:
        assert last.out_features == y.shape[1]


# -- messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Linear(784, 1200),
            (100, 785),
            "Linear(784 → 1200) got x of shape (100, 785); expected (batch, 784)",
        ),
        (
            Linear(100, 784, "sigmoid"),
            (784,),
            "Linear(100 → 784, sigmoid) got x of shape (784,); expected (batch, 100)",
        ),
        (Linear(4, 2), (2, 3, 4), "Linear(4 → 2) got x of shape (2, 3, 4); expected (batch, 4)"),
        (Linear(4, 2), (0, 4), "Linear(4 → 2) got an empty batch, x of shape (0, 4)"),
        (
            Maxout(240, 5),
            (10, 240),
            "Maxout(240 × 5) got x of shape (10, 240); expected (batch, 1200)",
        ),
        (ReLU(), (3,), "ReLU() got x of shape (3,); expected (batch, n)"),
        (LeakyReLU(0.1), (), "LeakyReLU(0.1) got x of shape (); expected (batch, n)"),
        (Dropout(0.5), (0, 7), "Dropout(keep=0.5) got an empty batch, x of shape (0, 7)"),
        (Tanh(), (7, 0), "Tanh() got an empty batch, x of shape (7, 0)"),
    ],
    ids=str,
)
def test_wrong_x(layer, shape, message):
    params = layer.init(np.random.default_rng(0), np.float64)
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}"):
        layer.forward(params, np.ones(shape), TRAINING)


@pytest.mark.parametrize("layer", [Linear(3, 2), ReLU(), Dropout(0.5), Maxout(1, 3)], ids=str)
def test_one_example_alone_is_told_to_become_a_row(layer):
    params = layer.init(np.random.default_rng(0), np.float64)
    with pytest.raises(ShapeError, match=r"a single example .*reshape"):
        layer.forward(params, np.ones(3), TRAINING)


@pytest.mark.parametrize("x", [(np.ones((2, 3)), np.ones((2, 3))), [[1.0]], None], ids=type)
def test_an_x_that_is_no_array(x):
    with pytest.raises(ShapeError, match=rf"Linear\(3 → 2\) got a {type(x).__name__}; expected"):
        Linear(3, 2).forward({}, x, TRAINING)


@pytest.mark.parametrize("x", [np.ones((2, 3)), (np.ones((2, 3)),), (np.ones((2, 3)),) * 3])
def test_concat_wants_a_pair(x):
    layer = Concat(Sequential(), Sequential())
    with pytest.raises(ShapeError, match=r"Concat got .*; expected a pair \(x₀, x₁\)"):
        layer.forward(((), ()), x, TRAINING)


def test_concat_wants_one_batch():
    layer = Concat(Sequential(), Sequential())
    with pytest.raises(ShapeError, match="the same number of rows"):
        layer.forward(((), ()), (np.ones((2, 3)), np.ones((4, 3))), TRAINING)


def test_x_of_another_dtype():
    layer = Linear(3, 2)
    params = layer.init(np.random.default_rng(0), np.float32)
    with pytest.raises(ShapeError, match="a is float64 and b is float32; expected one dtype"):
        layer.forward(params, np.ones((2, 3)), TRAINING)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Sequential(Linear(3, 4), Linear(5, 2)),
            "layer 1 of Sequential: Linear(5 → 2) got 4 features; expected 5",
        ),
        (
            lambda: Sequential(Linear(3, 4), ReLU(), Dropout(0.5), Maxout(3, 2)),
            "layer 3 of Sequential: Maxout(3 × 2) got 4 features; expected 6",
        ),
        (
            lambda: Sequential(Tanh(), Sequential(Linear(3, 4)), Linear(3, 1)),
            "layer 2 of Sequential: Linear(3 → 1) got 4 features; expected 3",
        ),
        (
            lambda: Sequential(Linear(3, 4), Sequential(Tanh(), Linear(5, 2))),
            "layer 1 of Sequential: layer 1 of Sequential: Linear(5 → 2) got 4 features",
        ),
        (
            lambda: Sequential(Concat(Linear(2, 3), Linear(4, 5)), Linear(9, 1)),
            "layer 1 of Sequential: Linear(9 → 1) got 8 features; expected 9",
        ),
        (
            lambda: Sequential(Linear(3, 4), Concat(Linear(2, 3), Linear(2, 3))),
            "layer 1 of Sequential: Concat",
        ),
    ],
)
def test_widths_that_do_not_fit_are_refused_at_construction(make, message):
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Linear(3, 2, "leaky_relu", slope=1.0),
            "Linear: slope is 1.0; expected a number at least 0 and below 1",
        ),
        (
            lambda: LeakyReLU(-0.1),
            "LeakyReLU: slope is -0.1; expected a number at least 0 and below 1",
        ),
        (lambda: Dropout(0.0), "Dropout: keep is 0.0; expected a number above 0 and at most 1"),
        (lambda: Dropout(1.5), "Dropout: keep is 1.5"),
        (lambda: Dropout(float("nan")), "Dropout: keep is nan"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_activation():
    with pytest.raises(UnknownNameError, match="unknown activation 'sigmiod'; did you mean 'sigm"):
        Linear(3, 2, "sigmiod")


# -- Maxout -----------------------------------------------------------------------------------


def test_maxout_takes_neighbouring_columns():
    x = np.array([[1.0, 5, 2, 9, 0, 7], [3, 3, 1, -4, -2, -2]])
    layer = Maxout(2, 3)
    y, cache = layer.forward({}, x, TRAINING)
    assert y.tolist() == [[5, 9], [3, -2]]
    assert cache.index.tolist() == [[1, 0], [0, 1]]  # of equals, the first
    dx = layer.backward({}, cache, np.array([[10.0, 20.0], [30.0, 40.0]]), TRAINING)
    assert dx.tolist() == [[0, 10, 0, 20, 0, 0], [30, 0, 0, 0, 40, 0]]
    assert layer.jvp({}, cache, x, TRAINING).tolist() == y.tolist()


# -- random streams ---------------------------------------------------------------------------

ONES = np.ones((40, 30))


def masks(layer, ctx, x=ONES):
    y, _ = layer.forward(layer.init(np.random.default_rng(0), np.float64), x, ctx)
    return y


def test_dropout_is_off_outside_training():
    layer = Dropout(0.5)
    evaluating = Context(OPS, training=False, stream=TRAINING.stream)
    y, cache = layer.forward({}, ONES, evaluating)
    np.testing.assert_array_equal(y, ONES)
    np.testing.assert_array_equal(layer.backward({}, cache, ONES, evaluating), ONES)
    assert set(np.unique(masks(layer, TRAINING))) == {0, 2}
    np.testing.assert_array_equal(masks(Dropout(1), TRAINING), ONES)


def test_dropout_that_is_always_on():
    layer = Dropout(0.5, always=True)
    evaluating = Context(OPS, training=False, stream=TRAINING.stream)
    expected = masks(Dropout(0.5), TRAINING)
    np.testing.assert_array_equal(masks(layer, evaluating), expected)
    np.testing.assert_array_equal(masks(layer, TRAINING), expected)
    assert str(layer) == "Dropout(keep=0.5, always=True)"
    assert str(Dropout(0.5)) == "Dropout(keep=0.5)"


def test_a_stream_is_a_mask():
    layer = Dropout(0.5)
    first = masks(layer, TRAINING)
    np.testing.assert_array_equal(masks(layer, TRAINING), first)
    np.testing.assert_array_equal(masks(Dropout(0.5), TRAINING), first)
    cache = layer.forward({}, ONES, TRAINING)[1]
    np.testing.assert_array_equal(layer.backward({}, cache, ONES, TRAINING), first)
    np.testing.assert_array_equal(layer.jvp({}, cache, ONES, TRAINING), first)
    for change in ({"seed": 6}, {"step": 1}, {"substep": 1}, {"operation": 0x3000}):
        other = Context(OPS, training=True, stream=TRAINING.stream._replace(**change))
        assert 0.4 <= (masks(layer, other) != first).mean() <= 0.6


@pytest.mark.parametrize(
    "layer",
    [
        Sequential(Dropout(0.6), Dropout(0.7), Dropout(0.8), Dropout(0.9)),
        Sequential(Dropout(0.6), Sequential(Dropout(0.7), Dropout(0.8)), Dropout(0.9)),
        Sequential(Sequential(Sequential(Dropout(0.6)), Dropout(0.7)), Tanh(), Sequential()),
        Sequential(Tanh(), Dropout(0.6), Sequential(Sequential(), Dropout(0.7)), Dropout(0.8)),
    ],
    ids=str,
)
def test_each_dropout_has_a_place_of_its_own_in_the_stream(layer):
    """The n-th that is met draws from the stream n places on, however the layers are nested."""

    def plain(layer, y, place):
        if isinstance(layer, Sequential):
            for part in layer.layers:
                y, place = plain(part, y, place)
            return y, place
        if isinstance(layer, Dropout):
            return OPS.dropout(y, layer.keep, TRAINING.stream.at(place)), place + 1
        return np.tanh(y), place

    expected, places = plain(layer, ONES, 0)
    assert layer.random_operations == places
    params = layer.init(np.random.default_rng(0), np.float64)
    y, cache = layer.forward(params, ONES, TRAINING)
    np.testing.assert_allclose(y, expected, rtol=1e-15)
    dropped = OPS.to_numpy(layer.backward(params, cache, ONES, TRAINING)) == 0
    np.testing.assert_array_equal(dropped, y == 0)  # backward draws the same masks
    np.testing.assert_array_equal(layer.jvp(params, cache, ONES, TRAINING) == 0, y == 0)


def test_two_dropouts_have_different_masks():
    left, right = np.split(masks(Concat(Dropout(0.5), Dropout(0.5)), TRAINING, (ONES, ONES)), 2, 1)
    np.testing.assert_array_equal(left, OPS.dropout(ONES, 0.5, TRAINING.stream))
    np.testing.assert_array_equal(right, OPS.dropout(ONES, 0.5, TRAINING.stream.at(1)))
    assert 0.4 <= (left != right).mean() <= 0.6
    twice = masks(Sequential(Dropout(0.5), Dropout(0.5)), TRAINING)
    assert 0.2 <= (twice != 0).mean() <= 0.3  # a quarter, not the half that one mask would keep


def test_layers_after_a_concat_draw_further_on():
    layer = Sequential(Concat(Dropout(0.5), Dropout(0.5)), Dropout(0.5))
    joined = masks(layer.layers[0], TRAINING, (ONES, ONES))
    y = masks(layer, TRAINING, (ONES, ONES))
    np.testing.assert_array_equal(y, OPS.dropout(joined, 0.5, TRAINING.stream.at(2)))
