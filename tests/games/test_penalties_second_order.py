"""Every penalty through every layer and activation: by a complex step always, and by JAX."""

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, Stream, get_backend
from scratchgan.games.penalties import DRAGAN, R1, R2, WassersteinGP
from scratchgan.gradcheck import gradgradcheck
from scratchgan.nn import Concat, Context, Dropout, Linear, Maxout, Sequential
from scratchgan.nn.second_order import forward_taped
from scratchgan.nn.trees import leaves, rebuilt, walk
from tests.nn.test_second_order_jax import NETWORKS as NORMALISING

OPS = get_backend("reference")
BATCH, FEATURES = 7, 5
STREAM = Stream(seed=3)
CTX = Context(OPS, True, STREAM)

# For each penalty: itself, its strength, and P of the norms' squares in NumPy or JAX.
PENALTIES = {
    "r1": (R1(0.7), 0.7, lambda np, n2: 0.7 / 2 * n2.mean()),
    "r2": (R2(0.3), 0.3, lambda np, n2: 0.3 / 2 * n2.mean()),
    "wasserstein_gp": (WassersteinGP(), 10.0, lambda np, n2: 10 * ((np.sqrt(n2) - 1) ** 2).mean()),
    "one-sided, target, eps": (
        WassersteinGP(2.0, target=0.4, one_sided=True, eps=1e-3),
        2.0,
        lambda np, n2: 2 * (np.maximum(np.sqrt(n2 + 1e-3) / 0.4 - 1, 0) ** 2).mean(),
    ),
    "dragan": (DRAGAN(3.0, 1.5), 3.0, lambda np, n2: 3 * ((np.sqrt(n2) / 1.5 - 1) ** 2).mean()),
}


def mlp(activation, outputs=1):
    return Sequential(
        Linear(5, 9, activation), Linear(9, 8, activation, slope=0.3), Linear(8, outputs)
    )


def linear(np, p, x, activation="identity", slope=0.2):
    a = x @ p["weight"] + p["bias"]
    return {
        "identity": lambda: a,
        "relu": lambda: np.where(a > 0, a, 0),
        "leaky_relu": lambda: np.where(a > 0, a, slope * a),
        "sigmoid": lambda: 1 / (1 + np.exp(-a)),
        "tanh": lambda: np.tanh(a),
        "softplus": lambda: np.log1p(np.exp(a)),
    }[activation]()


def mlp_by_hand(activation):
    def network(np, p, x):
        h = linear(np, p[1], linear(np, p[0], x, activation), activation, 0.3)
        return linear(np, p[2], h)

    return network


def pieces(np, p, x):
    mask = OPS.uniform((BATCH, 9), STREAM, 0.0, 1.0, np.float32) < np.float32(0.6)
    h = linear(np, p[0], x).reshape(BATCH, 9, 2).max(axis=2) * mask / 0.6
    return linear(np, p[4], linear(np, p[3], h, "tanh"))


def with_label(np, p, pair):
    x, label = pair
    h = np.concatenate([linear(np, p[0][0], x, "softplus"), label], axis=1)
    return linear(np, p[2], linear(np, p[1], h, "tanh"))


NETWORKS = {
    **{name: (mlp(name), mlp_by_hand(name)) for name in ACTIVATIONS},
    "two outputs": (mlp("tanh", 2), mlp_by_hand("tanh")),
    "maxout, dropout": (
        Sequential(
            Linear(5, 18), Maxout(9, 2), Dropout(0.6), Linear(9, 9, "tanh"), Linear(9, 1)
        ),
        pieces,
    ),
    "label": (
        Sequential(
            Concat(Linear(5, 9, "softplus"), Sequential()), Linear(12, 9, "tanh"), Linear(9, 1)
        ),
        with_label,
    ),
}  # fmt: skip


class Point:
    """A network at a point, with a random u."""

    def __init__(self, name):
        rng = np.random.default_rng(4)
        self.layer = (NETWORKS | NORMALISING)[name][0]
        params = self.layer.init(rng, np.float64)
        moved = [a + 0.2 * rng.normal(size=a.shape) for a in leaves(params)]
        self.params = rebuilt(params, moved)
        self.x = rng.normal(size=(BATCH, FEATURES))
        self.label = np.eye(3)[rng.integers(0, 3, BATCH)]
        for _ in range(500 if name == "spectral norm" else 0):
            # Spectral norm holds u fixed, which is right only where it is the singular vector.
            _, cache = self.layer.forward(self.params, self.x, CTX)
            self.layer.commit(self.params, cache, CTX)
        self.pair = name in ("label", "projection")
        self.u = rng.normal(size=(BATCH, 2 if name == "two outputs" else 1))

    def seen(self, x):
        return (x, self.label) if self.pair else x

    def by_hand(self, penalty, strength):
        grads = rebuilt(self.params, map(np.zeros_like, leaves(self.params)))
        _, passed = forward_taped(self.layer, self.params, self.seen(self.x), CTX)
        _, v = penalty.value_and_slope(passed.input_gradient(), strength, OPS)
        passed.backward(self.u, v, grads)
        return {path: a for path, a in walk(grads) if not self.is_statistic(path)}

    def is_statistic(self, path):
        return ".".join(map(str, path)) in self.layer.statistics


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", NETWORKS | NORMALISING)
def test_by_a_complex_step(name, penalty):
    at, (penalty, strength, _) = Point(name), PENALTIES[penalty]

    def penalised(g):
        value, slope = penalty.value_and_slope(g, strength, OPS)
        return value[0], slope

    report = gradgradcheck(
        at.layer, at.seen(at.x), penalised, params=at.params, ctx=CTX, method="complex",
        mode="directional", directions=2, rtol=1e-12,
    )  # fmt: skip
    assert report, str(report)


@pytest.mark.parametrize("name", NETWORKS | NORMALISING)
@pytest.mark.needs("jax")
@pytest.mark.slow
def test_by_jax(name):
    import jax

    at, by_jax = Point(name), NETWORKS[name][1] if name in NETWORKS else NORMALISING[name][1]
    library = jax.numpy if name in NETWORKS else jax
    forms = [form for _, _, form in PENALTIES.values()]

    def value(p, which):
        network = lambda x: by_jax(library, p, at.seen(x))  # noqa: E731
        g = jax.grad(lambda x: network(x)[:, 0].sum())(at.x)
        square = (g * g).sum(axis=1)
        penalties = jax.numpy.stack([form(jax.numpy, square) for form in forms])
        return (at.u * network(at.x)).sum() + (which * penalties).sum()

    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(value))
        expected = [dict(walk(gradient(at.params, which))) for which in np.eye(len(forms))]
    for (penalty, strength, _), found in zip(PENALTIES.values(), expected, strict=True):
        for path, a in at.by_hand(penalty, strength).items():
            b = np.asarray(found[path])
            assert abs(a - b).max() <= 1e-10 * max(1e-3, abs(b).max()), (penalty, path)
