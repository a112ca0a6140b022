"""Every rule against a complex step through the operation's definition, and what is refused."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.backends.dual import RULES, Dual, DualBackend, GradientTangent, Tape
from tests.backends.cases import calls

H = 1e-30  # of the complex step: no rounding, since nothing is subtracted
REFERENCE = get_backend("reference")
WRITING = ("fill_", "copy_")
CALLS = [
    call
    for name in RULES
    if name not in WRITING
    for call in calls(name, (5, 7, 3), np.float64)
    if not {"out", "dbias", "dm"} & call.arguments.keys()
]


def dual_backend():
    return DualBackend(Tape(REFERENCE))


def by_complex_step(call, tangents):
    stepped = {
        name: a + 1j * H * tangents[name] if name in tangents else a
        for name, a in call.arguments.items()
    }
    kinds = {a.dtype for a in stepped.values() if hasattr(a, "dtype")}
    if np.dtype(complex) in kinds:  # all arrays of one operation have one dtype
        stepped = {
            n: a.astype(complex) if getattr(a, "dtype", None) == np.float64 else a
            for n, a in stepped.items()
        }
    result = getattr(REFERENCE, call.operation)(**stepped)
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_rule(call):
    rng = np.random.default_rng(0)
    arrays = call.arrays()
    for moving in [arrays, *([name] for name in arrays if len(arrays) > 1)]:
        tangents = {name: rng.normal(size=call.arguments[name].shape) for name in moving}
        dual = {name: Dual(call.arguments[name], t) for name, t in tangents.items()}
        found = getattr(dual_backend(), call.operation)(**call.arguments | dual)
        found = found[0] if isinstance(found, tuple) else found
        expected = by_complex_step(call, tangents)
        value, tangent = (found.value, found.tangent) if isinstance(found, Dual) else (found, 0)
        np.testing.assert_allclose(value, expected.real, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(tangent, expected.imag / H, rtol=1e-12, atol=1e-12)


def test_the_test_would_see_a_dropped_second_derivative():
    """The tangent of dy ⊙ φ′ without φ″ is not the complex step's."""
    rng = np.random.default_rng(0)
    y, dy, moved = rng.random((3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    found = dual_backend().activation_grad(Dual(dy, moved), Dual(y, moved), "sigmoid")
    without = REFERENCE.activation_grad(moved, y, "sigmoid")
    assert abs(found.tangent - without).max() > 1e-3


@pytest.mark.parametrize("accumulate", [False, True])
def test_a_gradient_gets_the_tangent_of_a_product(accumulate):
    rng = np.random.default_rng(0)
    a, a_dot, b, b_dot, start = (rng.normal(size=(3, 3)) for _ in range(5))
    ops, grad = dual_backend(), GradientTangent(start.copy())
    out = ops.gemm(Dual(a, a_dot), Dual(b, b_dot), trans_a=True, out=grad, accumulate=accumulate)
    expected = a_dot.T @ b + a.T @ b_dot + accumulate * start
    np.testing.assert_allclose(grad.tangent, expected, rtol=1e-13)
    assert out is grad
    ops.gemm(a, b, out=grad, accumulate=True)  # constants have no tangent
    np.testing.assert_allclose(grad.tangent, expected, rtol=1e-13)


def test_a_gradient_may_be_copied_to_and_cannot_be_read():
    ops, a = dual_backend(), Dual(np.ones((2, 2)), np.full((2, 2), 3.0))
    grad = GradientTangent(np.ones((2, 2)))
    ops.copy_(grad, ops.add(grad, a))
    assert (grad.tangent == 4).all()
    ops.copy_(grad, ops.add(grad, np.ones((2, 2))))
    assert (grad.tangent == 4).all()
    with pytest.raises(NotImplementedError, match="only the tangent of a parameter's gradient"):
        ops.multiply(grad, a)
    ops.fill_(grad, 7.0)
    assert (grad.tangent == 0).all()


def test_an_array_of_the_pass_becomes_dual():
    rng = np.random.default_rng(0)
    a, a_dot, b = (rng.normal(size=(3, 3)) for _ in range(3))
    ops = dual_backend()
    sums = ops.zeros((3, 3), np.float64)
    for _ in range(2):
        ops.gemm(Dual(a, a_dot), b, out=sums, accumulate=True)
    earlier = ops.scale(sums, 2.0)
    np.testing.assert_allclose(earlier.tangent, 4 * a_dot @ b, rtol=1e-13)
    ops.fill_(sums, 5.0)
    assert isinstance(ops.scale(sums, 2.0), np.ndarray)  # a constant now
    with pytest.raises(AttributeError, match="Buffer has no T: use a named operation"):
        sums.T  # noqa: B018
    np.testing.assert_allclose(earlier.value, 4 * a @ b, rtol=1e-13)  # computed after the filling


def test_an_operation_without_a_rule_raises():
    logits = Dual(np.ones((2, 1)), np.ones((2, 1)))
    with pytest.raises(NotImplementedError, match=r"log_sigmoid_mean has no rule .* \(.*gemm.*\)"):
        dual_backend().log_sigmoid_mean(logits, 1.0)
    with pytest.raises(NotImplementedError, match="to_numpy has no rule"):
        dual_backend().to_numpy(logits)
    assert dual_backend().to_numpy(np.ones(2)).tolist() == [1, 1]


def test_no_tangent_is_dropped_into_an_array_from_outside():
    a = Dual(np.ones((2, 2)), np.ones((2, 2)))
    for write in (
        lambda ops: ops.gemm(a, a, out=np.zeros((2, 2))),
        lambda ops: ops.sum_rows(a, out=np.zeros(2), accumulate=True),
        lambda ops: ops.copy_(np.zeros((2, 2)), a),
    ):
        with pytest.raises(NotImplementedError, match="its tangent would be lost"):
            write(dual_backend())


def test_arguments_by_name_and_too_many():
    a = Dual(np.ones((2, 2)), np.ones((2, 2)))
    assert (dual_backend().scale(factor=3.0, a=a).tangent == 3).all()
    with pytest.raises(TypeError, match="too many positional arguments"):
        dual_backend().add(a, a, a)


def test_a_value_is_taken_from_the_tape():
    tape, x = Tape(REFERENCE), np.ones((2, 2))
    y = tape.multiply(x, x)
    again = DualBackend(tape).multiply(Dual(x, x), x)
    assert again.value is y
    assert DualBackend(tape).multiply(x, x) is y
    assert DualBackend(tape).multiply(x, y) is not y


def test_a_value_is_computed_only_when_needed():
    class Counting(type(REFERENCE)):
        products = 0

        def _multiply(self, a, b):
            self.products += 1
            return super()._multiply(a, b)

    below, x = Counting(), np.ones((2, 2))
    y = DualBackend(Tape(below)).multiply(Dual(x, x), x)
    assert below.products == 1  # the tangent
    assert y.shape == (2, 2)
    assert below.products == 1
    assert y.value is y.value
    assert below.products == 2


@pytest.mark.parametrize("over", ["batch", "features"])
def test_mean_and_variance_move_with_x(over):
    rng = np.random.default_rng(0)
    x, x_dot = rng.normal(size=(2, 5, 3))
    found = dual_backend().normalize(Dual(x, x_dot), over, 1e-3)
    expected = REFERENCE.normalize(x + 1j * H * x_dot, over, 1e-3)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.value, b.real, rtol=1e-13)
        np.testing.assert_allclose(a.tangent, b.imag / H, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["y", "variance", "dy"])
def test_the_test_would_see_a_term_dropped_from_normalisation(name):
    rng = np.random.default_rng(0)
    given = {"dy": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 3)), "variance": rng.random(3)}
    duals = {n: Dual(a, rng.normal(size=a.shape)) for n, a in given.items()}
    whole = dual_backend().normalize_grad(**duals, over="batch", eps=1e-3)
    part = dual_backend().normalize_grad(**duals | {name: given[name]}, over="batch", eps=1e-3)
    assert abs(whole.tangent - part.tangent).max() > 1e-2
