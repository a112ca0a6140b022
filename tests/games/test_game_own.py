"""Games of a user's own: trained, replayed, kept; and all that is said of them is true."""

import json
import re

import numpy as np
import pytest

import scratchgan as sg
from scratchgan import plots
from scratchgan.backends import get_backend
from scratchgan.cli import main
from scratchgan.errors import DataError, ShapeError
from scratchgan.exact.game import exact_game
from scratchgan.games import GAMES
from scratchgan.gan.report import line
from scratchgan.gan.steps import generator_step, simultaneous_step
from scratchgan.gradcheck import gradcheck
from scratchgan.runs.checkpoint import load_into, read_checkpoint, write_checkpoint
from scratchgan.theory import Normal, js, sample_gradient
from tests.games.own import AuxiliaryClassifier, LeastSquares, RelativisticPairing, Wasserstein

REFERENCE = get_backend("reference")
FEATURES, CLASSES, BATCH = 3, 3, 5


def networks(labels=False, outputs=1, pairs=True, seed=1):
    def first(features, width):
        if not labels:
            return sg.Linear(features, width, "tanh")
        return sg.Concat(sg.Linear(features, width - 2, "tanh"), sg.Linear(CLASSES, 2))

    G = sg.Sequential(first(2, 7), sg.Linear(7, FEATURES))
    seen = first(FEATURES, 9) if pairs else sg.Linear(FEATURES, 9, "tanh")
    D = sg.Sequential(seen, sg.Dropout(0.8), sg.Linear(9, outputs))
    return sg.Network(G, seed=seed), sg.Network(D, seed=seed + 1)


def trainer(game, labels=False, **options):
    pairs = labels and not game.needs_labels
    G, D = networks(labels, len(game.outputs), pairs)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(23, FEATURES)).astype(np.float32)
    adam = sg.Adam(1e-2, beta1=0.5)
    options = {"batch_size": BATCH, "log_every": 4, "seed": 5, **options}
    return sg.Trainer(
        G, D, x, noise=sg.Noise(2), optimizer_g=adam, optimizer_d=adam, objective=game,
        labels=np.arange(23) % CLASSES if labels else None, **options,
    )  # fmt: skip


def step_by_step(trainer):
    trainer.recorder.enabled = False
    return trainer


def same(a, b):
    one, other = a.arrays(), b.arrays()
    return (
        one.keys() == other.keys()
        and all(one[name].tobytes() == other[name].tobytes() for name in one)
        and a.counters() == b.counters()
        and repr(a.record()) == repr(b.record())
        and repr(a.history) == repr(b.history)
    )


PLAIN = [LeastSquares(), Wasserstein(), RelativisticPairing()]
EVERY = [(game, labels) for game in PLAIN for labels in (False, True)] + [
    (AuxiliaryClassifier(game, CLASSES), True) for game in (LeastSquares(), sg.NonSaturating())
]
OPTIONS = [{}, {"updates": "simultaneous"}, {"k": 3}, {"ema": 0.9}, {"k": 3, "batch_size": 7}]
each_game = pytest.mark.parametrize(
    ("game", "labels"), EVERY, ids=[f"{g.name}{'-labels' * y}" for g, y in EVERY]
)


# -- its gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize("game", PLAIN, ids=lambda game: game.name)
@pytest.mark.parametrize("method", ["central", "complex"])
def test_gradients(game, method, rng):
    real, fake = rng.normal(size=(2, 4, 1))

    def d(real, fake):
        value, d_real, d_fake = game.d(real, fake, REFERENCE)
        return value[0], {"real": d_real, "fake": d_fake}

    def g(fake):
        loss, d_fake, _ = game.g(fake, real.astype(fake.dtype), REFERENCE)
        return loss[0], {"fake": d_fake}

    def wrong(fake):
        loss, d_fake, _ = game.g(fake, real.astype(fake.dtype), REFERENCE)
        return loss[0], {"fake": -d_fake}

    gradcheck(d, {"real": real, "fake": fake}, method=method).raise_if_failed()
    gradcheck(g, {"fake": fake}, method=method).raise_if_failed()
    assert not gradcheck(wrong, {"fake": fake}, method=method).ok


# -- it trains ----------------------------------------------------------------------------------


@each_game
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replayed_as_run_step_by_step(game, labels, options):
    """Over several epochs: G's step, where it has real examples, crosses their ends as well."""
    a, b = trainer(game, labels, **options), step_by_step(trainer(game, labels, **options))
    before = a.arrays()["G.params"]
    for t in (a, b):
        t.train(25)
        t.step()
    assert a.recorder.refusal is None
    assert a.recorder.program is not None
    assert same(a, b)
    assert (a.arrays()["G.params"] != before).any()


@each_game
def test_a_checkpoint_goes_on_as_if_nothing_had_been(game, labels, tmp_path):
    whole, half, resumed = (trainer(game, labels, k=3, ema=0.5) for _ in range(3))
    whole.train(19)
    half.train(9)
    half.step_d()
    write_checkpoint(tmp_path / "c.npz", half)
    load_into(resumed, read_checkpoint(tmp_path / "c.npz"))
    resumed.train(10)
    assert same_but_history(whole, resumed)


def same_but_history(a, b):
    a.history.clear()
    b.history.clear()
    return same(a, b)


def test_a_setting_that_changes_is_seen():
    a, b = trainer(LeastSquares()), step_by_step(trainer(LeastSquares()))
    for t in (a, b):
        t.train(10)
        t.objective.goal = 0.5
        t.train(10)
    assert a.recorder.refusal is None
    assert same(a, b)
    never = trainer(LeastSquares())
    never.train(20)
    assert not same(a, never)


def test_an_inner_setting_that_changes_is_seen():
    def make():
        return trainer(AuxiliaryClassifier(LeastSquares(), CLASSES), True)

    a, b = make(), step_by_step(make())
    for t in (a, b):
        t.train(10)
        t.objective.game.goal = 0.5
        t.train(10)
    assert same(a, b)


@pytest.mark.parametrize("labels", [False, True])
def test_g_is_shown_what_d_has_seen_last(labels, monkeypatch):
    from scratchgan.gan import trainer as module

    shown = []

    def d_step(D, G, x, *rest):
        shown.append(("D", x))
        return discriminator_step(D, G, x, *rest)

    def g_step(D, G, z, game, stream, x=None, *rest):
        shown.append(("G", x))
        return generator_step(D, G, z, game, stream, x, *rest)

    discriminator_step = module.discriminator_step
    monkeypatch.setattr(module, "discriminator_step", d_step)
    monkeypatch.setattr(module, "generator_step", g_step)
    t = step_by_step(trainer(RelativisticPairing(), labels, k=2))
    t.train(6)  # three epochs of four minibatches
    for (_, first), (_, last), (who, given) in zip(*[iter(shown)] * 3, strict=True):
        assert who == "G"
        for a, b, other in zip(*map(parts, (given, last, first)), strict=True):
            assert (a == b).all()
            assert (a != other).any()


def parts(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("step", [generator_step, simultaneous_step])
def test_g_descends_the_difference_to_real_examples(step, rng):
    """Its gradient is that of −(1/m) Σ log σ(D(G(z)) − D(x)), by finite differences."""
    layer = sg.Sequential(sg.Linear(2, 5, "tanh"), sg.Linear(5, FEATURES))
    judge = sg.Sequential(sg.Linear(FEATURES, 4, "tanh"), sg.Linear(4, 1))
    G, D = (sg.Network(each, seed=k, dtype=np.float64) for k, each in enumerate((layer, judge)))
    x, z = rng.normal(size=(BATCH, FEATURES)), rng.normal(size=(BATCH, 2))

    def loss(i, h):
        G.flat[i] += h
        value = np.logaddexp(0, D(x) - D(G(z))).mean()
        G.flat[i] -= h
        return value

    numeric = np.array([(loss(i, 1e-6) - loss(i, -1e-6)) / 2e-6 for i in range(G.flat.size)])
    still = [sg.Player(D, sg.SGD(0.0)), sg.Player(G, sg.SGD(0.0))]
    if step is generator_step:
        step(*still, z, RelativisticPairing(), sg.Stream(0), x)
    else:
        step(*still, x, z, RelativisticPairing(), sg.Stream(0))
    assert np.abs(numeric).max() > 0.01
    assert np.abs(still[1].grads_flat - numeric).max() <= 1e-8


def test_a_step_without_real_examples():
    t = trainer(RelativisticPairing())
    z = t.noise.sample(t.ops, BATCH, sg.Stream(0), t.dtype)
    with pytest.raises(ValueError, match="x is missing; the game 'pairing_own' compares"):
        generator_step(t.D, t.G, z, RelativisticPairing(), sg.Stream(0))
    t.step_g()  # before any of D's: the first minibatch
    assert np.isfinite(t.record()["loss_g"])


def test_d_learns_what_is_best():
    """G stands still; D(x) comes to p/(p + q), and V to its most."""
    G, D = (
        sg.Network(sg.Linear(1, 1)),
        sg.Network(sg.Sequential(sg.Linear(1, 32, "tanh"), sg.Linear(32, 1)), seed=2),
    )
    G.params["weight"][:], G.params["bias"][:] = 1.0, 1.5
    x = np.random.default_rng(0).normal(0, 1, (20_000, 1)).astype(np.float32)
    t = sg.Trainer(
        G, D, x, noise=sg.Noise(1), optimizer_g=sg.SGD(0.0), optimizer_d=sg.Adam(3e-3),
        objective=LeastSquares(), batch_size=256,
    )  # fmt: skip
    before = exact_game(t, Normal(0, 1))
    t.train(1500)
    after = exact_game(t, Normal(0, 1))
    assert before.gap.distance > 0.2
    assert after.gap.distance <= 0.03
    assert 0 <= after.gap.value <= 0.003
    assert abs(after.js.value - js(Normal(0, 1), Normal(1.5, 1)).value) <= 1e-9


def test_the_exact_game_is_of_what_d_has_played():
    """At a change, as in a record: D stands where the old game has brought it."""
    G, D = (sg.Network(sg.Linear(1, 1), seed=seed) for seed in (1, 2))
    x = np.random.default_rng(0).normal(0, 1, (40, 1)).astype(np.float32)
    t = sg.Trainer(
        G, D, x, noise=sg.Noise(1), optimizer_g=sg.Adam(), optimizer_d=sg.Adam(),
        objective={0: "minimax", 4: LeastSquares()}, batch_size=10,
    )  # fmt: skip
    for iterations, name in ((4, "minimax"), (1, LeastSquares.name)):
        t.train(iterations)
        assert exact_game(t, Normal(0, 1)).game.name == name
    t.restore(t.arrays(), t.counters() | {"iteration": 4})  # where no step has been seen
    assert t.last == (None, None)
    assert exact_game(t, Normal(0, 1)).game.name == "minimax"


# -- what is refused ----------------------------------------------------------------------------


def test_outputs_that_d_does_not_have():
    coded = AuxiliaryClassifier(LeastSquares(), CLASSES)
    t = trainer(coded, True)
    with pytest.raises(ShapeError, match=r"needs 5 \(score, class 0, class 1, .*class 3\)"):
        t.objective = AuxiliaryClassifier(LeastSquares(), 4)
    with pytest.raises(ShapeError, match=r"D takes 3 features, but gets \(3, 3\) from the data"):
        t.objective = LeastSquares()
    assert t.objective is coded
    with pytest.raises(ShapeError, match=r"D returns 4 features.*'least_squares_own' needs 1"):
        trainer_of_four_outputs(LeastSquares())
    with pytest.raises(DataError, match=r"'auxiliary_classifier\(least.*' needs labels"):
        trainer(coded)


def trainer_of_four_outputs(game):
    G, D = networks(outputs=4)
    x = np.zeros((23, FEATURES), np.float32)
    return sg.Trainer(
        G, D, x, noise=sg.Noise(2), optimizer_g=sg.Adam(), optimizer_d=sg.Adam(), objective=game,
        batch_size=5,
    )  # fmt: skip


# -- what is said -------------------------------------------------------------------------------


def test_the_record_has_scores_and_no_probabilities():
    t = trainer(LeastSquares())
    t.train(3)
    record, (d, _) = t.record(), t.last
    assert list(record) == [
        "step", "epoch", "value", "score_real", "score_fake", "rate_d", "loss_g", "rate_g",
    ]  # fmt: skip
    assert record["score_real"] == float(d.real_outputs.mean())
    assert record["score_fake"] == float(d.fake_outputs.mean())
    said = line(t)
    assert re.fullmatch(r"V -\d\.\d+  score of x [+-]\S+  score of G\(z\) [+-]\S+", said)
    assert "D(" not in said
    assert line(trainer(LeastSquares())) == ""  # nothing has been seen yet


def test_of_several_outputs_the_first_is_reported():
    for game, key in ((LeastSquares(), "score_real"), (sg.Minimax(), "d_real")):
        t = trainer(AuxiliaryClassifier(game, CLASSES), True)
        t.train(3)
        first = t.last[0].real_outputs[:, 0]
        truth = first.mean() if key == "score_real" else (1 / (1 + np.exp(-first))).mean()
        assert abs(t.record()[key] - truth) <= 1e-6


def test_a_record_is_of_the_game_that_was_played():
    """At a change the latest outputs are the old game's, and so are their names."""
    t = scheduled()
    t.train(8)
    assert t.objective.name == "least_squares_own"
    assert "d_real" in t.history[-1]
    assert t.played.name == "minimax"
    t.step_d()
    assert "score_real" in t.record()
    t.step_g()
    t.train(7)
    assert "score_real" in t.history[-1]
    t.objective = "non_saturating"  # by hand
    assert "score_real" in t.record()
    t.step()
    assert "d_real" in t.record()


def scheduled():
    t = trainer(LeastSquares())
    t.objective = {0: "minimax", 8: LeastSquares()}
    return t


# -- what is drawn ------------------------------------------------------------------------------


def drawn(axes):
    """Labels and heights of the lines, the curves' first."""
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def test_the_loss_figure_of_least_squares():
    t = trainer(LeastSquares())
    t.train(12)
    top, bottom = plots.losses(t.history, t.games).axes
    assert top.get_ylabel() == "value"
    assert drawn(top)["V at the optimum, −¼"] == [-0.25, -0.25]
    assert drawn(bottom) == {
        "mean score of x": [r["score_real"] for r in t.history],
        "mean score of G(z)": [r["score_fake"] for r in t.history],
        "at the optimum, ½": [0.5, 0.5],
    }
    assert bottom.get_ylabel() == "D's score"
    low, high = bottom.get_ylim()
    scores = [r[key] for r in t.history for key in ("score_real", "score_fake")]
    assert low <= min(scores)
    assert max(scores) <= high
    assert (low, high) != (0, 1)


def test_a_game_without_an_optimum_has_no_line_of_one():
    t = trainer(Wasserstein())
    t.train(12)
    top, bottom = plots.losses(t.history, t.games).axes
    assert list(drawn(top)) == ["V, what D ascends", "what G descends"]
    assert list(drawn(bottom)) == ["mean score of x", "mean score of G(z)"]


def test_an_optimum_without_a_reading():
    t = trainer(RelativisticPairing())
    t.train(12)
    top, bottom = plots.losses(t.history, t.games).axes
    assert top.get_ylabel() == "nats"
    assert drawn(top)["V at the optimum, −0.6931"] == [-np.log(2)] * 2
    assert list(drawn(bottom)) == ["mean score of x", "mean score of G(z)"]


def test_games_in_turn_have_an_axis_for_each_reading():
    t = scheduled()
    t.train(16)
    top, first, second = plots.losses(t.history, t.games).axes
    assert top.get_ylabel() == "value, in each game's unit"
    spans = {line.get_label(): list(line.get_xdata()) for line in top.lines[2:]}
    assert spans == {"V at the optimum, −log 4": [0, 8], "V at the optimum, −¼": [8, 16]}
    assert (first.get_ylabel(), second.get_ylabel()) == ("probability of being real", "D's score")
    assert list(first.lines[-1].get_xdata()) == [0, 8]
    assert list(second.lines[-1].get_xdata()) == [8, 16]
    # two games that are read alike, with one optimum, are drawn as one
    alike = plots.losses(t.history[:2], {0: "non_saturating", 5: "minimax", 9: LeastSquares()})
    assert [line.get_label() for line in alike.axes[0].lines[2:]] == ["V at the optimum, −log 4"]


# -- what the command line says -----------------------------------------------------------------


def run(folder, capsys, game):
    options = ["--quick", "--objective", game, "--out", str(folder)]
    assert main(["train", "gaussian-1d", *options]) == 0
    trained = capsys.readouterr().out
    assert main(["evaluate", str(folder)]) == 0
    return trained, capsys.readouterr().out


@pytest.mark.slow
def test_all_that_is_printed_of_least_squares(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(GAMES, LeastSquares.name, LeastSquares)
    trained, evaluated = run(tmp_path / "run", capsys, LeastSquares.name)
    assert "objective least_squares_own, iterations" in trained
    assert re.search(r" 200 / 200  V -0\.\d+  score of x \S+  score of G\(z\) \S+\n", trained)
    for said in (trained, evaluated):
        exact = said[said.index("by quadrature") :]
        assert exact.startswith("by quadrature, JSD in nats:\n")
        assert re.search(r"V\(G, D\) +-0\.\d+ ± \S+   \(at the optimum −¼ = -0\.250000\)\n", exact)
        assert "V(G, D*) − V" in exact
        assert "log 4" not in said
        assert "D(x)" not in said
    records = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert all("score_real" in json.loads(record) for record in records)


@pytest.mark.slow
def test_all_that_is_printed_of_a_game_that_knows_no_optimum(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(GAMES, Wasserstein.name, Wasserstein)
    for said in run(tmp_path / "run", capsys, Wasserstein.name):
        exact = said[said.index("by quadrature") :]
        assert "JSD  " in exact
        assert "V(G, D" not in exact
        assert "D*" not in exact
        assert "optimum" not in exact


def test_help_lists_the_games(capsys):
    assert main(["train", "--help"]) == 0
    assert ", ".join(GAMES) in " ".join(capsys.readouterr().out.split())


# -- what theory is told ------------------------------------------------------------------------


def test_the_gradient_of_a_sample():
    output, slope, real = np.array([0.2, 3.0]), np.array([[1.0, -1.0], [2.0, 0.0]]), np.zeros(2)
    sent = sample_gradient(output, slope, LeastSquares(0.5))
    assert np.abs(sent - (output - 0.5)[:, None] * slope).max() <= 1e-15
    assert (sample_gradient(output, slope, Wasserstein()) == -slope).all()
    sent = sample_gradient(output, slope, RelativisticPairing(), real)
    assert np.abs(sent + slope / (1 + np.exp(output))[:, None]).max() <= 1e-15
