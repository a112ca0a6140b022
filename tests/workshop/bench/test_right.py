"""A product that is wrong, or of too few bits, is not timed."""

import types

import numpy as np
import pytest

from scratchgan.backends.reference import ReferenceBackend
from scratchgan.workshop.bench.cases import BenchCase, Fused, Product
from scratchgan.workshop.bench.peers.ours import BackendPeer
from scratchgan.workshop.bench.peers.with_jax import JaxPeer
from scratchgan.workshop.bench.peers.with_torch import TorchPeer
from scratchgan.workshop.bench.right import require_right
from tests.workshop.bench.libraries import with_installed

FORMS = [Product(90, 40, 300, ta, tb) for ta in (False, True) for tb in (False, True)]
WORK = [*FORMS, Fused(100, 300, 40)]
every_work = pytest.mark.parametrize("work", WORK, ids=str)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def result(work, inputs):
    if isinstance(work, Fused):
        x, w, b = inputs
        return np.maximum(x @ w + b, 0)
    a, b = inputs
    return (a.T if work.trans_a else a) @ (b.T if work.trans_b else b)


@every_dtype
@every_work
def test_what_is_right_passes(work, dtype):
    inputs = work.inputs(dtype)
    require_right(work, inputs, result(work, inputs))


def test_a_large_sum_passes_with_room():
    """One after the other, in float32: the order in which a sum loses most."""
    work = Product(4, 3, 4096)
    a, b = work.inputs("float32")
    c = np.zeros((4, 3), np.float32)
    for k in range(4096):
        c += np.outer(a[:, k], b[k])
    exact = a.astype(float) @ b.astype(float)
    assert np.linalg.norm(c - exact) <= 0.3 * 1e-5 * np.linalg.norm(exact)
    require_right(work, (a, b), c)


def spoiled_by(kind, work, inputs):
    c = result(work, inputs)
    if kind == "an element":
        c[-1, np.abs(c[-1]).argmax()] = 0
    elif kind == "NaN":
        c[-1, -1] = np.nan
    elif kind == "a shift":
        c = c - 1e-3 * np.abs(c).max()
    else:
        cut = [_tf32(a) for a in inputs]
        c = result(work, cut)
    return c


def _tf32(a):
    """Keep 10 bits after the first."""
    if a.dtype == np.float64:
        return a.astype(np.float32).astype(np.float64)
    return (a.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


@every_dtype
@pytest.mark.parametrize("kind", ["an element", "NaN", "a shift", "fewer bits"])
@every_work
def test_what_is_wrong_does_not(work, kind, dtype):
    inputs = work.inputs(dtype)
    with pytest.raises(ArithmeticError, match=f"expected at most .* for {dtype}"):
        require_right(work, inputs, spoiled_by(kind, work, inputs))


def test_another_shape():
    work = Product(3, 4, 5)
    with pytest.raises(ArithmeticError, match=r"is \(4, 3\); expected \(3, 4\)"):
        require_right(work, work.inputs("float32"), np.zeros((4, 3), np.float32))


# -- every contender is looked at ---------------------------------------------------------------

CASES = [BenchCase("gemm", "product", FORMS[1]), BenchCase("gemm", "fused", WORK[-1])]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
def test_ours(case):
    class Wrong(ReferenceBackend):
        def gemm(self, *given, **how):
            c = super().gemm(*given, **how)
            c *= np.float32(1.0001)
            return c

    def contender(ops):
        return BackendPeer(ops, "ours").contenders(case)[0]

    contender(ReferenceBackend()).make()(1)
    with pytest.raises(ArithmeticError, match="relative error of 1.0e-04"):
        contender(Wrong()).make()


@every_case
@with_installed("torch")
def test_torch(case, library):
    class Coarse:
        """PyTorch with products of fewer bits."""

        def __getattr__(self, name):
            f = getattr(library, name)
            if name not in ("mm", "addmm"):
                return f
            return lambda *a, **how: f(*a, **how).mul_(1.0001)

    def contender(torch):
        return TorchPeer(torch, ["torch-eager"]).contenders(case)[0]

    contender(library).make()(1)
    with pytest.raises(ArithmeticError, match="relative error of 1.0e-04"):
        contender(Coarse()).make()


@every_case
@with_installed("jax")
def test_jax(case, library):
    def jit(f):
        return lambda *a: library.jit(f)(*a) * np.float32(1.0001)

    coarse = types.SimpleNamespace(
        config=library.config, jit=jit, numpy=library.numpy, nn=library.nn
    )

    def contender(jax):
        return JaxPeer(jax, ["jax-jit"]).contenders(case)[0]

    contender(library).make()(1)
    with pytest.raises(ArithmeticError, match="relative error of 1.0e-04"):
        contender(coarse).make()
