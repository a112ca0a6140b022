"""Arguments of layers, networks and initialisers: taken in plain form, or refused by name."""

import numpy as np
import pytest

from scratchgan.backends import default_backend, get_backend
from scratchgan.errors import DataError, ShapeError, UnknownNameError
from scratchgan.gradcheck import assert_adjoint, gradcheck
from scratchgan.nn import (
    BatchNorm,
    Concat,
    Context,
    Dropout,
    LayerNorm,
    LeakyReLU,
    Linear,
    Maxout,
    MinibatchDiscrimination,
    Network,
    Projection,
    ReLU,
    Sequential,
    SpectralNorm,
)
from scratchgan.nn.initializers import constant, data_marginals, normal, uniform
from scratchgan.testing import check_contract, check_layer

NO_SIZE = [0, -1, 1.5, np.nan, np.inf, "3", None, True, [3], 2**31, 10**30, np.array([3, 4]), 1j]
NO_PART = [-0.1, np.nan, np.inf, "0.5", None, True, [0.5], np.array([0.1, 0.2]), 1j, b"3"]
NO_LAYER = [3, None, True, "Linear", [ReLU()], (ReLU(),), ReLU, np.ones(2)]

shown = pytest.mark.parametrize


@shown("value", NO_SIZE, ids=repr)
@shown(
    ("name", "make"),
    [
        ("Linear: in_features", lambda v: Linear(v, 2)),
        ("Linear: out_features", lambda v: Linear(2, v)),
        ("Maxout: units", lambda v: Maxout(v, 2)),
        ("Maxout: pieces", lambda v: Maxout(2, v)),
        ("LayerNorm: features", LayerNorm),
        ("BatchNorm: features", BatchNorm),
        ("MinibatchDiscrimination: kernels", lambda v: MinibatchDiscrimination(2, v)),
        ("MinibatchDiscrimination: dims", lambda v: MinibatchDiscrimination(2, 3, v)),
        ("Projection: classes", lambda v: Projection(Linear(2, 2), v)),
    ],
)
def test_sizes_are_whole_numbers(name, make, value):
    with pytest.raises(ValueError, match=f"^{name} is .*; expected a whole number from 1 to"):
        make(value)


@shown("two", [2, 2.0, np.int64(2), np.float32(2), np.array(2)], ids=repr)
def test_a_whole_number_of_any_type_is_a_size(two):
    for layer in (Linear(two, two), Maxout(two, two)):
        assert repr(layer) == repr(type(layer)(2, 2))
        assert type(layer.in_features) is int
    assert (
        Network(Linear(two, two), seed=two).flat.tolist() == Network(Linear(2, 2), 2).flat.tolist()
    )


@shown("value", NO_PART, ids=repr)
@shown(
    ("name", "make"),
    [
        ("Dropout: keep", Dropout),
        ("LeakyReLU: slope", LeakyReLU),
        ("Linear: slope", lambda v: Linear(2, 2, "leaky_relu", slope=v)),
        ("LayerNorm: eps", lambda v: LayerNorm(2, eps=v)),
        ("BatchNorm: decay", lambda v: BatchNorm(2, decay=v)),
        ("uniform: r", uniform),
        ("normal: std", normal),
    ],
)
def test_parts_and_spreads_are_numbers_in_their_range(name, make, value):
    with pytest.raises(ValueError, match=f"^{name} is .*; expected a number"):
        make(value)


@shown("keep", [0, 1.0001])
def test_the_ends_of_a_probability(keep):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        Dropout(keep)
    assert Dropout(1).keep == 1


@shown("always", [1, 0, None, "yes"])
def test_always_is_a_flag(always):
    with pytest.raises(ValueError, match="Dropout: always is .*; expected True or False"):
        Dropout(0.5, always)
    assert not Dropout(0.5).always


@shown("value", NO_LAYER, ids=repr)
def test_a_layer_is_a_layer(value):
    for name, make in [
        ("Network: layer", Network),
        ("Sequential: layer 1", lambda v: Sequential(Linear(2, 2), v)),
        ("Concat: first", lambda v: Concat(v, ReLU())),
        ("Concat: second", lambda v: Concat(ReLU(), v)),
        ("SpectralNorm: layer", SpectralNorm),
        ("Projection: features", lambda v: Projection(v, 2)),
        ("assert_adjoint: layer", lambda v: assert_adjoint(v, np.ones((2, 2)))),
        ("check_layer: layer", lambda v: check_layer(v, np.ones((2, 2)))),
        ("check_contract: layer", lambda v: check_contract(v, np.ones((2, 2)))),
    ]:
        with pytest.raises(ValueError, match=f"^{name} is .*; expected a Layer"):
            make(value)


def test_a_list_of_layers_and_a_class_are_told_what_to_do():
    layers = [Linear(2, 2), ReLU()]
    with pytest.raises(ValueError, match=r"combine several layers with Sequential\(\*layers\)"):
        Network(layers)
    with pytest.raises(ValueError, match=r"pass each layer as an argument: Sequential\(\*layers\)"):
        Sequential(layers)
    with pytest.raises(ValueError, match=r"call the class: ReLU\(…\)"):
        Sequential(Linear(2, 2), ReLU)


def test_an_activation_and_an_initialiser():
    for name in (None, ["tanh"], 3, "gelu"):
        with pytest.raises(UnknownNameError, match="unknown activation"):
            Linear(2, 2, name)
    for name in ("weight", "bias"):
        for value in (np.ones((2, 2)), 0.1, "he"):
            with pytest.raises(ValueError, match=f"Linear: {name} is .*expected an initialiser, "):
                Linear(2, 2, **{name: value})


@shown("dtype", [None, "x", int, np.float16, ">f4", complex, 3, object])
def test_the_dtype_of_a_network(dtype):
    with pytest.raises(ShapeError, match="Network: dtype is .*; expected float32 or float64"):
        Network(Linear(2, 2), dtype=dtype)
    assert Network(Linear(2, 2)).dtype == np.float32
    assert Network(Linear(2, 2), dtype="float64").dtype == np.float64


@shown("seed", [-1, 1.5, None, True, "3", 2**64, [1, -1], [1, "a"], np.array([1.5]), {1}])
def test_the_seed_of_a_network(seed):
    with pytest.raises(ValueError, match="Network: seed is .*; expected a whole number, 0 ≤ seed"):
        Network(Linear(2, 2), seed=seed)


def test_several_seeds_are_one():
    flats = [
        Network(Linear(2, 2), seed=s).flat.tolist() for s in ([1, 2], (1, 2), np.array([1, 2]))
    ]
    assert flats[0] == flats[1] == flats[2]
    assert flats[0] != Network(Linear(2, 2), seed=[1, 3]).flat.tolist()
    assert Network(Linear(2, 2)).flat.tolist() == Network(Linear(2, 2), seed=0).flat.tolist()


def test_the_backend_and_the_stream():
    reference = get_backend("reference")
    for backend in ("reference", reference):
        assert Network(Linear(2, 2), backend=backend).ops is reference
    assert Network(Linear(2, 2)).ops is default_backend()
    with pytest.raises(UnknownNameError, match="unknown backend 'cup'; did you mean 'cpu'"):
        Network(Linear(2, 2), backend="cup")
    with pytest.raises(UnknownNameError, match="unknown backend '3'. Known: cpu, cuda, reference"):
        Network(Linear(2, 2), backend=3)
    with pytest.raises(ValueError, match="Network: stream is 0; expected a Stream"):
        Network(Linear(2, 2))(np.ones((1, 2), np.float32), stream=0)
    with pytest.raises(ValueError, match="gradcheck: ctx is 3; expected a Context"):
        gradcheck(Linear(2, 2), np.ones((2, 2)), ctx=3)


class Table:
    """What a DataFrame has."""

    shape, columns = (2, 2), ["a", "b"]

    def to_numpy(self):
        return np.ones((2, 2), np.float32)


@shown(
    ("x", "error", "message"),
    [
        (Table(), ShapeError, r"Network: x is a Table of shape \(2, 2\); .*\.to_numpy\(\)"),
        (np.ma.masked_array(np.ones((2, 2), np.float32), [[0, 1], [0, 0]]), DataError, "masked"),
        (np.array([["a", "b"]]), ShapeError, "Network: x is .*expected real numbers"),
        (np.ones((2, 2), object), ShapeError, "Network: x is .*expected real numbers"),
        (np.ones((2, 2), complex), ShapeError, "Network: x is .*expected real numbers"),
        (np.ones((2, 2), ">f4"), ShapeError, "x is >f4; expected the network's dtype, float32"),
        ([[1.0, 2.0]], ShapeError, "expected a NumPy array"),
        (3.0, ShapeError, "expected a NumPy array"),
        (None, ShapeError, "expected a NumPy array"),
        ((), ShapeError, r"got a tuple|expected"),
    ],
    ids=["table", "masked", "str", "object", "complex", "big-endian", "list", "3.0", "None", "()"],
)
def test_examples_are_arrays_of_the_networks_dtype(x, error, message):
    with pytest.raises(error, match=message):
        Network(Linear(2, 2))(x)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_examples_of_any_memory_are_the_same():
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    network = Network(Linear(2, 3, "tanh"), seed=1)
    wide = np.zeros((6, 4), np.float32)
    wide[:, ::2] = x
    for same in (np.asfortranarray(x), wide[:, ::2], np.asmatrix(x), x[::-1][::-1]):
        assert (network(same) == network(x)).all()
        assert type(network(same)) is np.ndarray


def test_gradchecks_point_is_an_array_of_finite_numbers():
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError, match="x has 1 values that are NaN or infinite"):
            gradcheck(lambda x: (x.sum(), {"x": 0 * x + 1}), {"x": np.array([1.0, bad])})
        with pytest.raises(DataError, match="x has 2 values that are NaN or infinite"):
            gradcheck(Linear(2, 2), np.array([[bad, bad], [0, 0]]))
    with pytest.raises(ShapeError, match=r"x is a Table .*\.to_numpy\(\)"):
        gradcheck(Linear(2, 2), Table())
    with pytest.raises(DataError, match="x is a masked array"):
        gradcheck(Linear(2, 2), np.ma.masked_array(np.ones((2, 2)), [[0, 1], [0, 0]]))
    with pytest.raises(ShapeError, match="are empty; expected at least one array"):
        gradcheck(lambda: (np.float64(1), {}), {})


@shown("target", [3, None, Linear, "f"])
def test_gradchecks_target(target):
    with pytest.raises(ValueError, match="gradcheck: target is .*; expected a Layer or a function"):
        gradcheck(target, {"x": np.ones(2)})


def test_a_network_is_checked_by_its_layer():
    net = Network(Linear(2, 2, "tanh"))
    with pytest.raises(TypeError, match=r"gradcheck\(net\.layer, x, params=net\.in_float64"):
        gradcheck(net, np.ones((2, 2)))
    assert gradcheck(net.layer, np.ones((2, 2)), params=net.in_float64().params)


@shown("seed", [-1, 1.5, None, "3", True])
@shown("check", [gradcheck, assert_adjoint, check_contract, check_layer])
def test_the_seed_of_a_check(check, seed):
    with pytest.raises(ValueError, match="seed is .*; expected a whole number, 0 ≤ seed"):
        check(Linear(2, 2), np.ones((2, 2)), seed=seed)


@shown("directions", [0, 1.5, np.nan, None, "4"])
@shown("check", [gradcheck, assert_adjoint])
def test_how_many_directions(check, directions):
    with pytest.raises(ValueError, match="directions is .*; expected a whole number, at least 1"):
        check(Linear(2, 2), np.ones((2, 2)), directions=directions)


@shown("rtol", [-1, np.nan, np.inf, "1"])
def test_the_tolerance_of_the_identity(rtol):
    with pytest.raises(ValueError, match="assert_adjoint: rtol is .*; expected a number at least"):
        assert_adjoint(Linear(2, 2), np.ones((2, 2)), rtol=rtol)


def test_data_for_marginals():
    data = np.full((4, 3), 0.25)
    assert Network(Linear(2, 3, bias=data_marginals(data))).params["bias"].shape == (3,)
    for bad in (data[0], data[None], np.array([["a"]]), None, Table()):
        with pytest.raises(ShapeError, match="data_marginals: data"):
            data_marginals(bad)
    for eps in (0, 0.5, -1, np.nan, "a"):
        with pytest.raises(ValueError, match="data_marginals: eps is .*above 0 and below 0.5"):
            data_marginals(data, eps)
    with pytest.raises(ShapeError, match="constant: values is .*expected real numbers"):
        constant(np.array(["a"]))


def test_a_context_is_as_it_says():
    ctx = Context()
    assert not ctx.training
    assert ctx.at(0) is ctx
    assert ctx.at(3).stream == ctx.stream.at(3)


def test_a_batch_without_examples_or_features_is_refused():
    for shape in ((0, 3), (3, 0)):
        with pytest.raises(ShapeError, match="empty batch"):
            ReLU().forward({}, np.ones(shape), Context())
