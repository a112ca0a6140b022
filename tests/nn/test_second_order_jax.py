"""Second order through the layers that normalise or compare, against JAX in float64."""

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.nn import (
    BatchNorm,
    Context,
    LayerNorm,
    Linear,
    MinibatchDiscrimination,
    Projection,
    ReferenceBatch,
    Sequential,
    Softplus,
    SpectralNorm,
    VirtualBatchNorm,
)
from scratchgan.nn.initializers import he, normal
from scratchgan.nn.second_order import forward_taped
from scratchgan.nn.trees import leaves, rebuilt, walk

pytestmark = pytest.mark.needs("jax")
CTX = Context(get_backend("reference"), training=True)


def linear(jax, p, x):
    return x @ p["weight"] + p["bias"]


def normalised(jax, p, x, axis, eps=1e-5):
    mean = x.mean(axis=axis, keepdims=True)
    deviation = jax.numpy.sqrt(((x - mean) ** 2).mean(axis=axis, keepdims=True) + eps)
    return p["scale"] * (x - mean) / deviation + p["bias"]


def with_norm(axis):
    def network(jax, p, x):
        h = normalised(jax, p[1], jax.numpy.tanh(linear(jax, p[0], x)), axis)
        return linear(jax, p[3], jax.nn.softplus(h))

    return network


def spectral(jax, p, x):
    """The power step with u and v constants, as in the paper."""
    np_ = jax.numpy
    v = p["weight"] @ p["u"][0]
    v = jax.lax.stop_gradient(v / np_.linalg.norm(v))
    u = p["weight"].T @ v
    u = jax.lax.stop_gradient(u / np_.linalg.norm(u))
    return x @ (p["weight"] / (v @ p["weight"] @ u)) + p["bias"]


def two_spectral(jax, p, x):
    return spectral(jax, p[1], jax.nn.softplus(spectral(jax, p[0], x)))


def discriminating(jax, p, x):
    h = jax.numpy.tanh(linear(jax, p[0], x))
    m = (h @ p[1]["weight"]).reshape(len(x), 3, 2)
    near = jax.numpy.exp(-abs(m[:, None] - m[None]).sum(axis=3))
    o = near.sum(axis=1) - 1 + p[1]["bias"]  # without j = i
    return linear(jax, p[2], jax.numpy.concatenate([h, o], axis=1))


def virtual(jax, p, x):
    examples, (first, norm, _, last) = p[0]["examples"], p[1]
    reference, own = (jax.numpy.tanh(linear(jax, first, a)) for a in (examples, x))
    n = len(examples)
    mean = (reference.sum(axis=0) + own) / (n + 1)
    square = ((reference**2).sum(axis=0) + own**2) / (n + 1)
    y = norm["scale"] * (own - mean) / jax.numpy.sqrt(square - mean**2 + 1e-3) + norm["bias"]
    return linear(jax, last, jax.nn.softplus(y))


def projection(jax, p, x):
    sample, label = x
    h = jax.nn.softplus(linear(jax, p[0], sample))
    return linear(jax, p[1], h) + (h * (label @ p[2]["embedding"])).sum(axis=1, keepdims=True)


def chain(norm):
    return Sequential(Linear(5, 9, "tanh"), norm, Softplus(), Linear(9, 1))


NETWORKS = {
    "layer norm": (chain(LayerNorm(9)), with_norm(1)),
    "batch norm": (chain(BatchNorm(9)), with_norm(0)),
    "spectral norm": (
        Sequential(SpectralNorm(Linear(5, 9, "softplus")), SpectralNorm(Linear(9, 1))),
        two_spectral,
    ),
    "minibatch discrimination": (
        Sequential(
            Linear(5, 4, "tanh"), MinibatchDiscrimination(4, 3, 2, weight=he()), Linear(7, 1)
        ),
        discriminating,
    ),
    "virtual batch norm": (ReferenceBatch(chain(VirtualBatchNorm(9)), 4, normal(1.0)), virtual),
    "projection": (Projection(Linear(5, 9, "softplus"), 3), projection),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.slow
def test_loss_and_a_penalty_like_r1(name):
    """The gradient by the weights of Σ dy · y + ½ γ Σ ‖∇ₓ Σ D‖²."""
    import jax

    layer, network = NETWORKS[name]
    rng, gamma = np.random.default_rng(4), 0.7
    params = layer.init(rng, np.float64)
    params = rebuilt(params, [a + 0.2 * rng.normal(size=a.shape) for a in leaves(params)])
    x, dy = rng.normal(size=(7, 5)), rng.normal(size=(7, 1))
    label = np.eye(3)[rng.integers(0, 3, 7)]
    seen = (lambda a: (a, label)) if name == "projection" else (lambda a: a)

    def value(p):
        g = jax.grad(lambda a: network(jax, p, seen(a)).sum())(x)
        y = network(jax, p, seen(x))
        return (dy * y).sum() + gamma / 2 * (g**2).sum(), y

    with jax.enable_x64(True):
        expected, y_jax = jax.jit(jax.grad(value, has_aux=True))(params)
    by_jax = dict(walk(expected))  # JAX has sorted the names
    grads = rebuilt(params, map(np.zeros_like, leaves(params)))
    y, passed = forward_taped(layer, params, seen(x), CTX)
    passed.backward(dy, gamma * passed.input_gradient(), grads)
    np.testing.assert_allclose(y, y_jax, rtol=1e-12, atol=1e-13)
    for path, a in walk(grads):
        if ".".join(map(str, path)) in layer.statistics:
            assert not a.any()
        else:
            b = np.asarray(by_jax[path])
            assert abs(a - b).max() <= 1e-10 * max(1e-3, abs(b).max()), path
