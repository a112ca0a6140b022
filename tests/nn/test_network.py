"""Layout: a tree in one flat buffer. Network: a layer bound to its parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.nn import (
    Concat,
    Dropout,
    Layout,
    Linear,
    Maxout,
    Network,
    ReLU,
    Sequential,
    Tanh,
)
from scratchgan.nn.flat import ALIGNMENT

OPS = get_backend("reference")

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=2).map(tuple)
leaves = st.dictionaries(st.sampled_from(["weight", "bias", "gain"]), shapes, max_size=3)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


def filled(tree, values):
    if isinstance(tree, dict):
        return {name: values.normal(size=shape) for name, shape in tree.items()}
    return tuple(filled(part, values) for part in tree)


def paired(a, b):
    """Leaves of two trees of one structure, side by side."""
    assert isinstance(b, type(a))
    assert len(a) == len(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        return [(a[name], b[name]) for name in a]
    return [pair for parts in zip(a, b, strict=True) for pair in paired(*parts)]


@given(trees, st.sampled_from([np.float32, np.float64]))
@settings(deadline=None, max_examples=60)
def test_layout_round_trip(tree_of_shapes, dtype):
    tree = filled(tree_of_shapes, np.random.default_rng(0))
    layout = Layout(tree)
    flat = layout.pack(tree, dtype)
    assert flat.dtype == dtype
    assert flat.shape == (layout.size,)
    views = layout.views(flat, OPS)
    pairs = paired(tree, views)
    for original, view in pairs:
        np.testing.assert_array_equal(view, original.astype(dtype))
    assert layout.count == sum(view.size for _, view in pairs)

    used = np.zeros(layout.size, int)
    for entry in layout.entries:
        assert entry.offset % ALIGNMENT == 0
        used[entry.offset : entry.offset + math.prod(entry.shape)] += 1
    assert used.max(initial=0) <= 1, "two parameters overlap"
    assert (flat[used == 0] == 0).all(), "a gap is not zero"

    for _, view in pairs:  # the views are the buffer
        OPS.fill_(view, 7)
    assert (flat[used == 1] == 7).all()
    assert (flat[used == 0] == 0).all()


def test_layout_names_and_describes_its_entries():
    layer = Sequential(Concat(Linear(2, 3), Sequential(Linear(4, 5), Tanh())), Linear(8, 1))
    layout = Layout(layer.init(np.random.default_rng(0), np.float32))
    assert layout.describe() == [
        ["0.0.weight", 0, [2, 3]],
        ["0.0.bias", 16, [3]],
        ["0.1.0.weight", 32, [4, 5]],
        ["0.1.0.bias", 64, [5]],
        ["1.weight", 80, [8, 1]],
        ["1.bias", 96, [1]],
    ]
    assert (layout.size, layout.count) == (112, 6 + 3 + 20 + 5 + 8 + 1)


def test_packing_another_tree_is_refused():
    layout = Layout(({"weight": np.zeros((2, 3)), "bias": np.zeros(3)},))
    for other in [
        ({"weight": np.zeros((9, 9)), "bias": np.zeros(3)},),
        ({"weight": np.zeros((3, 2)), "bias": np.zeros(3)},),
        ({"bias": np.zeros(3), "weight": np.zeros((2, 3))},),
    ]:
        with pytest.raises(ShapeError, match=r"Layout: .* 0\.weight"):
            layout.pack(other, np.float32)


def generator(**options):
    layer = Sequential(Linear(3, 8, "relu"), Dropout(0.5), Linear(8, 6), Maxout(2, 3), Linear(2, 2))
    return Network(layer, **options)


def conditional(**options):
    layer = Sequential(
        Concat(Sequential(Linear(100, 1200), ReLU()), Linear(10, 200, "tanh")),
        Dropout(0.8),
        Linear(1400, 784, "sigmoid"),
    )
    return Network(layer, **options)


def test_a_seed_is_a_network():
    first, again, other = generator(seed=1), generator(seed=1), generator(seed=2)
    np.testing.assert_array_equal(first.flat, again.flat)
    weights = first.params[0]["weight"]
    assert (weights != other.params[0]["weight"]).all()
    assert generator(seed=[1, 2]).flat.tolist() != generator(seed=[2, 1]).flat.tolist()
    double = generator(seed=1, dtype=np.float64)
    np.testing.assert_allclose(double.flat, first.flat, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_call_is_the_formula_with_dropout_off(dtype):
    network = generator(seed=3, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(dtype)
    kept = x.copy()
    l0, _, l2, _, l4 = network.params
    h = np.maximum(x @ l0["weight"] + l0["bias"], 0)
    h = (h @ l2["weight"] + l2["bias"]).reshape(5, 2, 3).max(axis=2)
    expected = h @ l4["weight"] + l4["bias"]
    y = network(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    np.testing.assert_array_equal(network(x), y)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(network(np.asfortranarray(x)), y)


def test_call_with_a_pair():
    network = conditional(seed=0)
    z, label = np.ones((4, 100), np.float32), np.eye(4, 10, dtype=np.float32)
    y = network((z, label))
    assert y.shape == (4, 784)
    assert y.dtype == np.float32
    assert len(np.unique(y[:, 0])) == 4, "the label makes no difference"


def test_call_with_other_parameters():
    network = generator(seed=1)
    x = np.ones((2, 3), np.float32)
    before = network(x)
    flat, zero = network.new_buffer()
    assert flat.dtype == np.float32
    assert (network(x, params=zero) == 0).all()
    np.testing.assert_array_equal(network(x), before)
    OPS.copy_(flat, network.flat)
    np.testing.assert_array_equal(network(x, params=zero), before)
    OPS.fill_(network.flat, 0)  # params are views of flat
    assert (network(x) == 0).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), r"x is float64; .*network's dtype, float32: give x.astype\(np.float32\)"),
        (np.ones((2, 3), int), r"x is int64; expected the network's dtype, float32"),
        (np.ones((2, 4), np.float32), r"Linear\(3 → 8, relu\) got x of shape \(2, 4\)"),
        (np.ones((0, 3), np.float32), "empty batch"),
        ([[1.0, 2.0, 3.0]], r"Network: x is \[\[1.0, 2.0, 3.0\]\]; expected a NumPy array"),
    ],
    ids=["dtype", "integers", "width", "empty", "list"],
)
def test_call_refuses(x, message):
    with pytest.raises(ShapeError, match=message):
        generator()(x)


def test_call_refuses_a_pair_with_one_wrong_dtype():
    with pytest.raises(ShapeError, match="x is float64"):
        conditional()((np.ones((4, 100), np.float32), np.ones((4, 10))))


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128])
def test_dtypes_of_a_network(dtype):
    with pytest.raises(ShapeError, match="expected float32 or float64"):
        generator(dtype=dtype)


def test_summary():
    text = conditional().summary()
    assert text.splitlines() == [
        "layer                             output  parameters",
        "----------------------------------------------------",
        "input                            100, 10",
        "0.0.0  Linear(100 → 1200)           1200     121,200",
        "0.0.1  ReLU()                       1200           0",
        "0.1  Linear(10 → 200, tanh)          200       2,200",
        "0  Concat                           1400           0",
        "1  Dropout(keep=0.8)                1400           0",
        "2  Linear(1400 → 784, sigmoid)       784   1,098,384",
        "----------------------------------------------------",
        "total                                      1,221,784",
    ]


def test_summary_of_unknown_widths():
    assert Network(Concat(Sequential(), Tanh())).summary().splitlines()[2:5] == [
        "input          ?, ?",
        "1  Tanh()         ?           0",
        "Concat            ?           0",
    ]


def test_a_network_without_parameters():
    network = Network(Sequential(Tanh()))
    assert network.layout.size == network.layout.count == 0
    np.testing.assert_allclose(network(np.ones((1, 2), np.float32)), np.tanh([[1, 1]]), rtol=1e-6)
