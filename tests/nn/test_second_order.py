"""Second order through every layer, against a complex step through its own backward."""

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.backends.program import Program, Recorder
from scratchgan.nn import (
    BatchNorm,
    Concat,
    Context,
    Dropout,
    LayerNorm,
    Linear,
    Maxout,
    MinibatchDiscrimination,
    Projection,
    ReferenceBatch,
    Sequential,
    Softplus,
    SpectralNorm,
    Tanh,
    VirtualBatchNorm,
)
from scratchgan.nn.initializers import he, normal
from scratchgan.nn.second_order import forward_taped
from scratchgan.nn.trees import leaves, rebuilt
from scratchgan.testing.opaque import OpaqueBackend

BATCH = 7
H = 1e-30  # of the complex step: no rounding, since nothing is subtracted
REFERENCE = get_backend("reference")


def mlp(activation, outputs=1):
    return Sequential(
        Linear(5, 9, activation), Linear(9, 8, activation, slope=0.3), Linear(8, outputs)
    )


LAYERS = {
    **{name: mlp(name) for name in ACTIVATIONS},
    "three outputs": mlp("tanh", 3),
    "three outputs, piecewise linear": mlp("leaky_relu", 3),
    "maxout, dropout": Sequential(
        Linear(5, 18), Maxout(9, 2), Dropout(0.6), Linear(9, 9, "softplus"), Tanh(), Linear(9, 1)
    ),
    "label": Sequential(
        Concat(Linear(5, 9, "softplus"), Sequential()), Linear(12, 9, "tanh"), Linear(9, 1)
    ),
    "label in a branch": Sequential(
        Concat(Linear(5, 6, "relu"), Linear(3, 4, "tanh")), Linear(10, 9, "sigmoid"), Linear(9, 1)
    ),
    "layer norm": Sequential(Linear(5, 9), LayerNorm(9), Softplus(), Linear(9, 1)),
    "batch norm": Sequential(Linear(5, 9, "tanh"), BatchNorm(9), Softplus(), Linear(9, 1)),
    "spectral norm": Sequential(
        SpectralNorm(Linear(5, 9, "softplus")), SpectralNorm(Linear(9, 9, "tanh")), Linear(9, 1)
    ),
    "virtual batch norm": ReferenceBatch(
        Sequential(Linear(5, 9, "tanh"), VirtualBatchNorm(9), Softplus(), Linear(9, 1)),
        *(4, normal(1.0)),
    ),
    "minibatch discrimination": Sequential(
        Linear(5, 4, "tanh"), MinibatchDiscrimination(4, 3, 2, weight=he()), Linear(7, 1)
    ),
    "label, projection": Projection(
        Sequential(Linear(5, 9, "softplus"), Linear(9, 6, "tanh")), classes=3
    ),
    "last is φ": Sequential(Linear(5, 4, "softplus"), Linear(4, 1, "sigmoid")),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


class Problem:
    """A layer at a point, with a cotangent dy and a direction v."""

    def __init__(self, name, dtype=np.float64):
        rng = np.random.default_rng(3)
        self.layer = LAYERS[name]
        params = self.layer.init(rng, dtype)
        noise = (0.3 * rng.normal(size=a.shape).astype(dtype) for a in leaves(params))
        self.params = rebuilt(params, [a + n for a, n in zip(leaves(params), noise, strict=True)])
        self.x = rng.normal(size=(BATCH, 5)).astype(dtype)
        if name.startswith("label"):
            self.x = self.x, np.eye(3, dtype=dtype)[rng.integers(0, 3, BATCH)]
        self.v = rng.normal(size=(BATCH, 5)).astype(dtype)
        outputs = 3 if name.startswith("three") else 1
        self.dy = rng.normal(size=(BATCH, outputs)).astype(dtype)

    def context(self, ops):
        return Context(ops, True, Stream(seed=3))

    def by_dual(self, ops, dy=True, v=True, g=True):
        """y, g and the parameters' gradients on a backend, as NumPy arrays."""
        tree = lambda t: rebuilt(t, map(ops.asarray, leaves(t)))  # noqa: E731
        grads = tree(rebuilt(self.params, map(np.zeros_like, leaves(self.params))))
        ctx = self.context(ops)
        y, passed = forward_taped(self.layer, tree(self.params), tree(self.x), ctx)
        g = passed.input_gradient() if g else y
        passed.backward(
            ops.asarray(self.dy) if dy else None, ops.asarray(self.v) if v else None, grads
        )
        return [ops.to_numpy(a) for a in (y, g, *leaves(grads))]

    def by_complex_step(self, dy=1.0, v=1.0):
        """The gradients of Σ dy · y + v · g, from forward and backward at x + ihv."""
        params = rebuilt(self.params, (a.astype(complex) for a in leaves(self.params)))
        grads = rebuilt(params, map(np.zeros_like, leaves(params)))
        x, *rest = leaves(self.x)
        x = rebuilt(self.x, [x + 1j * H * v * self.v, *(a.astype(complex) for a in rest)])
        ctx = self.context(REFERENCE)
        _, cache = self.layer.forward(params, x, ctx)
        cotangent = 1j * H * dy * self.dy
        cotangent[:, 0] += 1
        self.layer.backward(params, cache, cotangent, ctx, grads)
        return [a.imag / H for a in leaves(grads)]


def assert_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert abs(a - b).max() <= tolerance * max(abs(b).max(), 1e-3)


@every_layer
def test_gradient_of_loss_and_penalty(name):
    problem = Problem(name)
    _, _, *grads = problem.by_dual(REFERENCE)
    assert_close(grads, problem.by_complex_step(), 1e-12)


@every_layer
def test_each_part_alone(name):
    problem = Problem(name)
    _, _, *penalty = problem.by_dual(REFERENCE, dy=False)
    assert_close(penalty, problem.by_complex_step(dy=0.0), 1e-12)
    _, _, *loss = problem.by_dual(REFERENCE, v=False)
    assert_close(loss, problem.by_complex_step(v=0.0), 1e-12)


@every_layer
def test_gradient_by_the_input_is_that_of_the_first_output(name):
    problem = Problem(name)
    ctx = problem.context(REFERENCE)
    y, g, *_ = problem.by_dual(REFERENCE)
    y_plain, cache = problem.layer.forward(problem.params, problem.x, ctx)
    first = np.zeros_like(y)
    first[:, 0] = 1
    plain = next(leaves(problem.layer.backward(problem.params, cache, first, ctx)))
    assert np.array_equal(y, y_plain)
    assert np.array_equal(g, plain)


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cpu_is_as_the_reference(name, dtype):
    problem = Problem(name, dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    assert_close(problem.by_dual(get_backend("cpu")), problem.by_dual(REFERENCE), tolerance)


@every_layer
def test_only_named_operations(name):
    problem = Problem(name)
    assert_close(problem.by_dual(OpaqueBackend()), problem.by_dual(REFERENCE), 0.0)


def assert_replayed_as_run(problem, ops):
    """Record a pass; change its inputs; the replay gives the bits that the pass itself gives."""

    def there(tree):
        return rebuilt(tree, [ops.asarray(np.array(a)) for a in leaves(tree)])

    params, x = there(problem.params), there(problem.x)
    v, dy, grads = there(problem.v), there(problem.dy), there(problem.params)
    trees = {"params": params, "x": x, "v": v, "dy": dy, "grads": grads}
    held = {f"{n} {i}": a for n, tree in trees.items() for i, a in enumerate(leaves(tree))}

    def step():
        for a in leaves(grads):
            ops.fill_(a, 0.0)
        _, passed = forward_taped(problem.layer, params, x, problem.context(ops))
        passed.input_gradient()
        passed.backward(dy, v, grads)

    recorder = Recorder(held)
    with ops.recording(recorder):
        step()
    program = Program(recorder)
    replay = ops.replay(program, 1)
    for a in (next(leaves(x)), v, dy, *leaves(params)):
        ops.copy_(a, ops.scale(a, 0.7))
    step()
    expected = [ops.to_numpy(a) for a in leaves(grads)]
    for a in leaves(grads):
        ops.fill_(a, np.nan)
    replay.run(1, [[varying.value] for varying in program.varying])
    for a, b in zip(leaves(grads), expected, strict=True):
        assert np.array_equal(ops.to_numpy(a), b)


@every_layer
def test_recorded_and_replayed(name):
    assert_replayed_as_run(Problem(name, np.float32), get_backend("cpu"))


def test_nothing_is_computed_twice():
    """
    Products of L layers: a plain pass has 3 L − 1.

    A piecewise linear D needs one more a layer. A smooth one needs two and the products with δ̇,
    except in its last layer, which is linear.
    """

    class Counting(type(REFERENCE)):
        products = 0

        def gemm(self, a, b, **options):
            self.products += a.shape[1 if options.get("trans_a") else 0] > 1  # Σ s ⊙ δ is none
            return super().gemm(a, b, **options)

    layers = 3
    for name, expected in (("leaky_relu", 4 * layers - 1), ("tanh", 6 * layers - 4)):
        ops = Counting()
        Problem(name).by_dual(ops)
        assert ops.products == expected
    ops = Counting()
    Problem("tanh").by_dual(ops, v=False, g=False)
    assert ops.products == 3 * layers - 1
