"""OpaqueBackend: everything but shape, dtype, ndim and size is refused; every operation works."""

import copy
import operator

import numpy as np
import pytest

from scratchgan.backends import Backend, Stream, get_backend
from scratchgan.backends.vocabulary import COMPOSED, OPERATIONS
from scratchgan.nn import Context, Linear
from scratchgan.testing import OpaqueArray, OpaqueBackend

OPS = OpaqueBackend()
A = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def a():
    return OPS.asarray(A)


def test_shape_dtype_ndim_and_size_are_offered(a):
    assert (a.shape, a.dtype, a.ndim, a.size) == ((2, 3), np.float64, 2, 6)
    assert repr(a) == "OpaqueArray(shape=(2, 3), dtype=float64)"


@pytest.mark.parametrize(
    "use",
    [
        *(lambda a, op=op: op(a, a) for op in (operator.add, operator.sub, operator.mul)),
        *(lambda a, op=op: op(a, a) for op in (operator.matmul, operator.truediv, operator.pow)),
        *(lambda a, op=op: op(a, a) for op in (operator.iadd, operator.imul, operator.and_)),
        *(lambda a, op=op: op(a, a) for op in (operator.eq, operator.ne, operator.lt, operator.ge)),
        lambda a: 2 * a,
        lambda a: a + 1,
        lambda a: np.ones((2, 3)) + a,
        lambda a: np.float64(2) * a,
        lambda a: np.add(A, a),
        lambda a: np.exp(a),
        lambda a: np.sum(a),
        lambda a: np.concatenate([a, a]),
        lambda a: np.asarray(a),
        lambda a: np.array([a]),
        lambda a: -a,
        lambda a: abs(a),
        lambda a: a[0],
        lambda a: operator.setitem(a, 0, 1.0),
        lambda a: 1.0 in a,
        lambda a: len(a),
        lambda a: list(a),
        lambda a: bool(a),
        lambda a: float(a),
        lambda a: int(a),
        lambda a: a.T,
        lambda a: a.sum(),
        lambda a: a.reshape(3, 2),
        lambda a: a.copy(),
    ],
)
def test_all_else_is_refused(a, use):
    with pytest.raises(TypeError):
        use(a)


def test_the_refusal_names_the_use_and_the_remedy(a):
    offers = r"^sum: an array of a backend offers only shape, .* ctx\.ops"
    with pytest.raises(TypeError, match=offers):
        a.sum()
    with pytest.raises(TypeError, match=r"^__add__: an array"):
        a + a


def test_python_protocols_are_merely_absent(a):
    assert not hasattr(a, "__array_interface__")
    with pytest.raises(AttributeError):
        a.shape = (3, 2)
    assert copy.copy([a])[0] is a


def test_every_operation_of_the_vocabulary_is_there():
    """The composed ones are the base class's own; the others go to the wrapped backend."""
    for name in OPERATIONS:
        same = getattr(OpaqueBackend, name) is getattr(Backend, name)
        assert same == (name in COMPOSED), name


def test_arguments_are_unwrapped_and_results_wrapped():
    x, w, b = (OPS.asarray(v) for v in (A, A.T.copy(), np.ones(2)))
    out = OPS.zeros((2, 2), np.float64)
    OPS.gemm(x, w, out=out, accumulate=True)
    assert isinstance(OPS.linear(x, w, b, "tanh"), OpaqueArray)
    np.testing.assert_array_equal(OPS.to_numpy(out), A @ A.T)
    y, index = OPS.maxout(x, 3)
    assert isinstance(y, OpaqueArray)
    assert index.dtype == np.int32
    assert isinstance(OPS.to_numpy(y), np.ndarray)
    assert OPS.fill_(out, 1.0) is None
    stream = Stream(seed=1)
    drawn = OPS.to_numpy(OPS.uniform((2, 3), stream, 0.0, 1.0, np.float64))
    reference = get_backend("reference")
    np.testing.assert_array_equal(drawn, reference.uniform((2, 3), stream, 0.0, 1.0, np.float64))


def test_compositions_of_the_base_class_run_on_opaque_arrays(monkeypatch):
    """Even where the wrapped backend has a fused operation of its own."""
    monkeypatch.setattr(OPS.wrapped, "linear", None, raising=False)
    layer, ctx = Linear(3, 2, "tanh"), Context(OPS)
    params = layer.init(np.random.default_rng(0), np.float64)
    here = {name: OPS.asarray(p) for name, p in params.items()}
    y, _ = layer.forward(here, OPS.asarray(A), ctx)
    np.testing.assert_allclose(OPS.to_numpy(y), np.tanh(A @ params["weight"]), rtol=1e-15)


def test_an_array_of_the_host_is_refused(a):
    with pytest.raises(TypeError, match=r"add got a NumPy array of the host.*ctx\.ops\.asarray"):
        OPS.add(a, A)
