"""
D's gradient in a penalised step: by a complex step of V − Σ P, which needs no second order.

P's formula is written here once more, from D's own backward pass at complex parameters.
"""

import dataclasses

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.errors import NonFiniteError
from scratchgan.games import DRAGAN, GAMES, R1, R2, Minimax, WassersteinGP
from scratchgan.games.penalties import OWN, REAL
from scratchgan.gan import (
    Noise,
    Trainer,
    discriminator_step,
    generator_step,
    simultaneous_step,
)  # fmt: skip
from scratchgan.gan.steps import POINTS
from scratchgan.nn import BatchNorm, Context, Linear, Network, Sequential
from scratchgan.optim import SGD, Cosine, LinearRamp
from tests.gan.games import batch, players
from tests.gan.plays import played, trainer
from tests.gan.replays import differences, plain

OPS = get_backend("reference")
STREAM = Stream(seed=11, step=4, substep=2)
SETS = {
    "R1": [R1(0.7)],
    "R2": [R2(0.3)],
    "R1 + R2": [R1(0.7), R2(0.3)],
    "WGAN-GP": [WassersteinGP(2.0)],
    "one-sided, target": [WassersteinGP(2.0, target=0.03, one_sided=True, eps=1e-10)],
    "DRAGAN": [DRAGAN(1.5)],
    "all": [R1(0.7), R2(0.3), WassersteinGP(2.0), DRAGAN(1.5, target=2.0)],
}


def penalty_value(penalty, D, params, pairs, streams, nth=0):
    """
    P at D's parameters, which may be complex.

    ``pairs`` are (real, generated) as D sees them; the penalty is the ``nth`` with own points.
    """
    real, fake = pairs
    ctx = {Purpose.D_REAL: real, Purpose.D_FAKE: fake}
    purpose = {"r1": Purpose.D_REAL, "r2": Purpose.D_FAKE}.get(penalty.name, Purpose.PENALTY)
    x = ctx.get(purpose)
    if x is None:
        stream = streams.purpose(Purpose.PENALTY).at(POINTS + 16 * nth)
        samples = [each[0] if isinstance(each, tuple) else each for each in pairs]
        x = penalty.points(*samples, stream, OPS)
        x = (x, real[1]) if isinstance(real, tuple) else x
    layer, on = D.network.layer, Context(OPS, True, streams.purpose(purpose))
    y, cache = layer.forward(params, as_complex(x), on)
    one = np.zeros_like(y)
    one[:, 0] = 1
    g = layer.backward(params, cache, one, on)
    g = g[0] if isinstance(g, tuple) else g
    squares = (g * g).sum(axis=1)
    if penalty.name in ("r1", "r2"):
        return penalty.gamma / 2 * squares.mean()
    excess = np.sqrt(squares + getattr(penalty, "eps", 0)) / penalty.target - 1
    if getattr(penalty, "one_sided", False):
        excess = np.where(excess.real > 0, excess, 0)
    return penalty.weight * (excess**2).mean()


def numbered(penalties):
    """The penalties, each with the number of those before it that have points of their own."""
    own = [penalty for penalty in penalties if penalty.at == OWN]
    return [(own.index(p) if p in own else 0, p) for p in penalties]


def as_complex(x):
    return tuple(map(as_complex, x)) if isinstance(x, tuple) else x.astype(complex)


def by_complex_step(penalties, D, G, x, z, streams=STREAM):
    """d(V − Σ P)/dθ for the minimax game."""
    on = {p: Context(OPS, True, streams.purpose(p)) for p in (2, 3, 4)}
    fake, _ = G.network.layer.forward(G.network.params, z, on[Purpose.GENERATOR])
    fake = (fake, z[1]) if isinstance(z, tuple) else fake
    flat, layer, gradient = D.network.flat, D.network.layer, np.zeros_like(D.network.flat)
    for i in range(flat.size):
        moved = flat.astype(complex)
        moved[i] += 1e-30j
        params = D.network.layout.views(moved, OPS)
        real_y = layer.forward(params, as_complex(x), on[Purpose.D_REAL])[0]
        fake_y = layer.forward(params, as_complex(fake), on[Purpose.D_FAKE])[0]
        total = Minimax().d(real_y, fake_y, OPS)[0][0]
        total -= sum(
            penalty_value(p, D, params, (x, fake), streams, nth) for nth, p in numbered(penalties)
        )
        gradient[i] = total.imag / 1e-30
    return gradient


def error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("name", SETS)
def test_gradient_of_d(name, labels):
    D, G = players(labels)
    x, z = batch(labels)
    expected = by_complex_step(SETS[name], D, G, x, z)
    before = D.network.flat.copy()
    step = discriminator_step(D, G, x, z, Minimax(), STREAM, penalties=SETS[name])
    assert error(D.grads_flat, expected) <= 1e-12
    assert error(D.network.flat - before, 0.1 * expected) <= 1e-12  # up: D ascends V − Σ P
    assert list(step.penalties) == [p.name for p in SETS[name]]


@pytest.mark.parametrize("labels", [False, True])
def test_simultaneous_steps_have_the_same_gradient_of_d(labels):
    D, G = players(labels)
    x, z = batch(labels)
    expected = by_complex_step(SETS["all"], D, G, x, z)
    plain_D, plain_G = players(labels)
    simultaneous_step(D, G, x, z, Minimax(), STREAM, penalties=SETS["all"])
    simultaneous_step(plain_D, plain_G, x, z, Minimax(), STREAM)
    assert error(D.grads_flat, expected) <= 1e-12
    assert (G.grads_flat == plain_G.grads_flat).all()  # G's step has no penalty


def test_values_of_the_step():
    D, G = players()
    x, z = batch()
    on = Context(OPS, True, STREAM.purpose(Purpose.GENERATOR))
    fake, _ = G.network.layer.forward(G.network.params, z, on)
    params = D.network.layout.views(D.network.flat.astype(complex), OPS)
    step = discriminator_step(D, G, x, z, Minimax(), STREAM, penalties=SETS["all"])
    for nth, penalty in numbered(SETS["all"]):
        expected = penalty_value(penalty, D, params, (x, fake), STREAM, nth)
        assert abs(step.penalties[penalty.name][0] - expected) <= 1e-14 * abs(expected)


@pytest.mark.parametrize("slip", ["sign", "factor 2", "no R2", "R2 at real", "other masks"])
def test_a_slip_is_rejected(slip):
    penalties = {
        "sign": lambda: SETS["R1 + R2"],
        "factor 2": lambda: [R1(1.4), R2(0.3)],
        "no R2": lambda: [R1(0.7)],
        "R2 at real": lambda: [R1(0.7), R2(0.3)],
        "other masks": lambda: SETS["R1 + R2"],
    }[slip]()
    D, G = players()
    x, z = batch()
    if slip == "R2 at real":
        object.__setattr__(penalties[1], "at", REAL)
    expected = by_complex_step(SETS["R1 + R2"], D, G, x, z)
    stream = STREAM._replace(seed=12) if slip == "other masks" else STREAM
    discriminator_step(D, G, x, z, Minimax(), stream, penalties=penalties)
    found = -D.grads_flat if slip == "sign" else D.grads_flat
    assert not error(found, expected) <= 1e-6


@pytest.mark.parametrize("name", sorted(GAMES))
def test_only_the_first_output_is_penalised(name):
    """Also of games with more outputs: P does not change with those."""
    t = trainer(name, penalties=[R1(0.5)], backend="reference")
    t.step_d()
    value = t.last[0].penalties["r1"].copy()
    again = trainer(name, penalties=[R1(0.5)], backend="reference")
    last = again.D.network.params[-1][-1]
    last["weight"][:, 1:] *= 3.0
    again.step_d()
    assert len(played(name).outputs) == last["weight"].shape[1]
    assert (again.last[0].penalties["r1"] == value).all()


# -- in a training ------------------------------------------------------------------------------

SCHEDULE = LinearRamp(0.8, 0.1, 9)


def by_hand(t, iterations, strengths):
    """A loop of steps; ``strengths(t)`` are the penalties of D's update t, with plain numbers."""
    for i in range(iterations):
        for j in range(t.k):
            stream = Stream(t.seed, i, j)
            x, z = t.data[t.minibatch], t._next_z(stream)
            discriminator_step(
                t.D, t.G, x, z, t.objective, stream, penalties=strengths(t.k * i + j)
            )
            t.minibatch += 1
        stream = Stream(t.seed, i, 0xFFFF)
        generator_step(t.D, t.G, t._next_z(stream), t.objective, stream)
    return t


@pytest.mark.parametrize("k", [1, 3])
def test_scheduled_and_lazy_strengths_are_those_of_a_loop_by_hand(k):
    settings = {"k": k, "optimizer_d": SGD(0.1), "optimizer_g": SGD(0.1), "log_every": 1000}
    a = trainer(penalties=[R1(SCHEDULE, every=4), R2(Cosine(0.5, 0.1, 20))], **settings)
    a.train(20)
    assert a.recorder.program is not None, a.recorder.refusal

    def strengths(t):
        r1 = [] if t % 4 else [R1(4 * SCHEDULE(t))]
        return [*r1, R2(Cosine(0.5, 0.1, 20)(t))]

    b = by_hand(trainer(**settings), 20, strengths)
    for player, other in ((a.D, b.D), (a.G, b.G)):
        assert (player.network.flat == other.network.flat).all()
    c = by_hand(trainer(**settings), 20, lambda t: strengths(t + 1))  # the comparison can fail
    assert (a.D.network.flat != c.D.network.flat).any()


def test_records_and_the_line_of_progress_show_the_penalty():
    from scratchgan.gan import report

    t = trainer(penalties=[R1(0.5, every=4), R2(0.3)], log_every=1)
    t.train(6)
    values = [float(v[0]) for v in t.last[0].penalties.values()]
    assert t.record()["penalty"] == sum(values)
    assert [record["step"] for record in t.history if "penalty" in record] == [1, 2, 3, 4, 5, 6]
    assert f"penalty {sum(values):.3g} " in report.line(t)
    assert "penalty" not in trainer().record()


def test_a_checkpoint_resumes_the_schedule_and_the_record():
    """At an iteration in which the lazy penalty does not act."""
    penalties = [R1(SCHEDULE, every=4), R2(Cosine(0.5, 0.1, 20))]
    a, b = (trainer(penalties=penalties, log_every=1) for _ in range(2))
    plain(b).train(14)
    a.train(6)
    resumed = trainer(penalties=penalties, log_every=1)
    resumed.restore(*a.snapshot())
    resumed.history = list(a.history)
    resumed.train(8)
    assert differences(resumed, b) == []


def test_a_penalty_that_is_not_finite_is_reported_by_name():
    @dataclasses.dataclass(frozen=True)
    class Broken(R2):
        name = "broken"

        def value_and_slope(self, g, strength, ops):
            value, slope = super().value_and_slope(g, strength, ops)
            return ops.scale(value, float("nan")), slope

    t = trainer(penalties=[R1(0.1), Broken(0.1)], log_every=1)
    with pytest.raises(NonFiniteError, match="the penalty broken is no longer finite"):
        t.train(3)


@pytest.mark.parametrize(
    ("penalties", "message"),
    [
        (R1(0.1), r"penalties is R1\(.*expected a list, each a penalty, such as R1"),
        ([0.1], r"penalties\[0\] is 0.1; expected a penalty"),
        ([R1], r"penalties\[0\] is .*R1.*; expected a penalty"),
        (["r3"], "unknown penalty 'r3'.*r1"),
        ([R1(0.1), R1(0.2)], "penalties are r1, r1; expected each name once"),
        ([{"name": "r1", "gama": 0.1}], "unknown setting of r1 'gama'.*gamma"),
    ],
)
def test_wrong_settings_are_refused(penalties, message):
    with pytest.raises(ValueError, match=message):
        trainer(penalties=penalties)


def test_batch_norm_in_d_is_warned_of():
    """Right before the last layer, the gradient of the batch's sum is 0: so is the penalty."""
    rng = np.random.default_rng(0)
    D = Sequential(Linear(2, 5), BatchNorm(5), Linear(5, 1))
    G = Network(Linear(2, 2), 0, np.float64, OPS)
    settings = {
        "noise": Noise(2), "optimizer_g": SGD(0.1), "optimizer_d": SGD(0.1), "batch_size": 4,
    }  # fmt: skip
    with pytest.warns(UserWarning, match="D mixes the examples of a batch.*use LayerNorm"):
        t = Trainer(
            G, Network(D, 1, np.float64, OPS), rng.normal(size=(8, 2)), penalties=["r1"], **settings
        )
    t.step_d()
    assert t.record()["penalty"] <= 1e-20
    t = Trainer(G, Network(D, 1, np.float64, OPS), rng.normal(size=(8, 2)), **settings)
    with pytest.warns(UserWarning, match="D mixes the examples"):
        t.change(penalties=["r1"])


@pytest.mark.needs("jax")
@pytest.mark.parametrize("name", ["one-sided, target", "all"])
def test_gradient_of_d_is_that_of_jax(name):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    t = trainer("minimax", penalties=SETS[name], backend="reference")
    x = OPS.to_numpy(t.data[0])
    stream = Stream(t.seed, 0, 0)
    z = t._next_z(stream)
    fake, _ = t.G.network.layer.forward(t.G.network.params, z, Context(OPS, True, stream))
    draws = stream.purpose(Purpose.PENALTY).at(POINTS)
    own = [p for p in SETS[name] if p.name in ("wasserstein_gp", "dragan")]
    points = {p.name: p.points(x, fake, draws._replace(operation=draws.operation + 16 * i), OPS)
              for i, p in enumerate(own)}  # fmt: skip
    first, (second, third) = t.D.network.params
    tree = jax.tree.map(jnp.asarray, [dict(layer) for layer in (first, second, third)])

    def logit(tree, row):
        h = jax.nn.softplus(row @ tree[0]["weight"] + tree[0]["bias"])
        h = jnp.tanh(h @ tree[1]["weight"] + tree[1]["bias"])
        return (h @ tree[2]["weight"] + tree[2]["bias"])[0]

    def objective(tree):
        each = jax.vmap(lambda row: logit(tree, row))
        total = jax.nn.log_sigmoid(each(x)).mean() + jax.nn.log_sigmoid(-each(fake)).mean()
        for p in SETS[name]:
            at = {"r1": x, "r2": fake}.get(p.name, points.get(p.name))
            g = jax.vmap(jax.grad(lambda row: logit(tree, row)))(at)
            squares = (g * g).sum(axis=1)
            if p.name in ("r1", "r2"):
                total -= p.gamma / 2 * squares.mean()
            else:
                excess = jnp.sqrt(squares + getattr(p, "eps", 0)) / p.target - 1
                one_sided = getattr(p, "one_sided", False)
                total -= p.weight * ((jnp.maximum(excess, 0) if one_sided else excess) ** 2).mean()
        return total

    expected = jax.jit(jax.grad(objective))(tree)
    t.step_d()
    flat = np.concatenate([
        np.asarray(expected[i][part]).ravel()
        for i in range(3) for part in ("weight", "bias")
    ])  # fmt: skip
    grads = t.D.grads
    found = np.concatenate([
        np.asarray(layer[part]).ravel()
        for layer in (grads[0], *grads[1]) for part in ("weight", "bias")
    ])  # fmt: skip
    assert error(found, flat) <= 1e-10
