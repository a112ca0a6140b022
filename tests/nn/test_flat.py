"""Parameters keep their places: a value is copied into them, nothing is put in their stead."""

import copy
import pickle
from types import MappingProxyType

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.errors import DataError, ShapeError
from scratchgan.gradcheck import gradcheck
from scratchgan.nn import Concat, Layout, Linear, Network, Sequential, Tanh
from scratchgan.nn.flat import Parameters

W = np.arange(6, dtype=np.float32).reshape(3, 2)
X = np.ones((4, 3), np.float32)
REMEDY = r"params\['weight'\] is a view .* not be trained or saved. Copy into the view: .*copy_"


def ones(rng, shape, dtype):
    return np.ones(shape, dtype)


@pytest.fixture
def net():
    return Network(Sequential(Linear(3, 2), Tanh()), seed=1)


def replace_all(params):
    params.update(weight=W)


def merge(params):
    params |= {"weight": W}


@pytest.mark.parametrize(
    "change",
    [
        lambda params: params.__setitem__("weight", W),
        lambda params: params.__setitem__("weights", W),
        lambda params: params.__delitem__("weight"),
        lambda params: params.pop("weight"),
        lambda params: params.popitem(),
        lambda params: params.clear(),
        lambda params: params.setdefault("scale", W),
        replace_all,
        merge,
    ],
)
def test_a_parameter_is_not_replaced(net, change):
    before = net.flat.copy()
    with pytest.raises(TypeError, match=r"view of the network's buffer.*Copy into the view"):
        change(net.params[0])
    assert list(net.params[0]) == ["weight", "bias"]
    assert (net.flat == before).all()


def test_the_error_says_how_a_value_is_set(net):
    with pytest.raises(TypeError, match=REMEDY):
        net.params[0]["weight"] = W
    net.params[0]["weight"][...] = W
    net.params[0]["weight"] += 1
    net.ops.copy_(net.params[0]["bias"], net.ops.asarray(np.array([5, 6], np.float32)))
    assert (net.flat[:6] == W.ravel() + 1).all()
    np.testing.assert_allclose(net(X), np.tanh(X @ (W + 1) + [5, 6]), rtol=1e-6)


def test_gradients_keep_their_places_too(net):
    _, grads = net.new_buffer()
    with pytest.raises(TypeError, match="view of the network's buffer"):
        grads[0]["weight"] = W


def test_the_tree_and_the_buffer_are_not_replaced(net):
    before, tree = net.flat.copy(), net.params
    with pytest.raises(AttributeError, match=r"params cannot be replaced.*layout\.pack"):
        net.params = ({"weight": W, "bias": np.zeros(2)}, {})
    with pytest.raises(AttributeError, match=r"flat cannot be replaced.*net\.ops\.copy_"):
        net.flat = np.zeros_like(before)
    assert net.params is tree
    assert (net.flat == before).all()
    net.params = tree  # itself
    net.flat += 1
    assert (net.flat == before + 1).all()
    new = ({"weight": W, "bias": np.ones(2, np.float32)}, {})
    net.ops.copy_(net.flat, net.ops.asarray(net.layout.pack(new, net.dtype)))  # as it says
    assert (net.params[0]["weight"] == W).all()


def pickled(net):
    return pickle.loads(pickle.dumps(net))


@pytest.mark.parametrize(
    ("backend", "again"),
    [("cpu", copy.deepcopy), ("reference", copy.deepcopy), ("reference", pickled)],
)
def test_the_views_of_a_copy_are_of_its_own_buffer(backend, again):
    ops = get_backend(backend)
    net = Network(Sequential(Linear(3, 2, weight=ones, bias=ones), Tanh()), backend=ops)
    net.params[0]["weight"][...] = W
    other = again(net)
    assert (other(X) == net(X)).all()
    other.params[0]["weight"][...] = 0
    assert (other.flat[:6] == 0).all()
    assert (net.params[0]["weight"] == W).all()
    assert isinstance(other.params[0], Parameters)
    assert (other.dtype, other.layout.describe()) == (net.dtype, net.layout.describe())
    with pytest.raises(TypeError, match="Copy into the view"):
        other.params[0]["weight"] = W


def test_parameters_by_themselves_are_copied_and_pickled(net):
    for again in (copy.deepcopy, copy.copy, lambda p: pickle.loads(pickle.dumps(p))):
        found = again(net.params[0])
        assert type(found) is Parameters
        assert (found["weight"] == net.params[0]["weight"]).all()


def test_any_mapping_is_a_tree_of_parameters(net):
    """A layer of one's own may keep what it likes, as long as it is named."""
    frozen = tuple(MappingProxyType(dict(part)) for part in net.params)
    assert (net(X, params=frozen) == net(X)).all()
    layout = Layout(frozen)
    assert layout.describe() == net.layout.describe()
    assert (layout.pack(frozen, np.float32) == net.flat).all()
    params = tuple({k: a.astype(np.float64) for k, a in part.items()} for part in net.params)
    assert gradcheck(net.layer, X.astype(float), params=tuple(map(MappingProxyType, params)))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ((), r"has nothing \(\); expected 0\.weight \(3, 2\)"),
        (({"weight": W, "bias": W[0]}, {"more": W}), r"has 1\.more \(3, 2\); expected nothing"),
        (
            ({"weight": W.T, "bias": W[0]}, {}),
            r"has 0\.weight \(2, 3\); expected 0\.weight \(3, 2\)",
        ),
        (({"weight": W, "bias": 1.0}, {}), r"has 0\.bias None; expected 0\.bias \(2,\)"),
        (({"weights": W, "bias": W[0]}, {}), r"0\.weights .*; expected 0\.weight"),
        ([1], r"tree of parameters contains \[1\]; expected a mapping"),
        ("x", "tree of parameters contains 'x'"),
        (({"weight": W, "bias": W[0]}, None), "tree of parameters contains None"),
    ],
)
def test_another_tree_is_refused(net, tree, message):
    with pytest.raises(ShapeError, match=message):
        net(X, params=tree)
    with pytest.raises(ShapeError, match=message):
        gradcheck(net.layer, X.astype(float), params=tree)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_initial_parameters_are_finite_in_the_networks_dtype(value):
    layer = Linear(3, 2, bias=lambda rng, shape, dtype: np.full(shape, value))
    with np.errstate(over="ignore"), pytest.raises(DataError, match="NaN or infinite in float32"):
        Network(layer)


def test_a_pair_of_branches_keeps_its_places():
    net = Network(Concat(Linear(2, 1), Linear(3, 1)), backend=get_backend("reference"))
    with pytest.raises(TypeError, match=REMEDY):
        net.params[1]["weight"] = np.ones((3, 1))
