"""Held-back examples: not trained on, measured on, and the best generator kept by them."""

import json
from dataclasses import fields

import numpy as np
import pytest

from scratchgan.data import load
from scratchgan.errors import UnknownNameError
from scratchgan.fields import settings_in
from scratchgan.gan import Settings
from scratchgan.nn import Network
from scratchgan.recipes import get_recipe, recipe_names
from scratchgan.runs import (
    Config,
    RunFolder,
    Session,
    choose_settings,
    load_generator,
    read_checkpoint,
)
from scratchgan.runs import measures as run_measures
from scratchgan.runs.measures import Measure
from tests.runs.small import start

SETTINGS = {"validation": 500, "measure": "parzen", "measure_every": 2, "steps": 10}


class Scripted:
    """A measure that says what a test wants, and keeps what it was given."""

    def __init__(self, *scores):
        self.scores = list(scores)
        self.seen = []

    def __call__(self, samples, held_back):
        self.seen.append((samples, held_back))
        return {"score": self.scores[len(self.seen) - 1]}


@pytest.fixture
def scripted(monkeypatch):
    def use(*scores):
        script = Scripted(*scores)
        monkeypatch.setitem(run_measures.MEASURES, "parzen", Measure(7, script))
        return script

    return use


def resume(folder, steps=None):
    return Session.resume(RunFolder.open(folder.path), load(folder.config.data), steps)


def measured(folder):
    return [(r["step"], r["score"]) for r in folder.read_metrics("measured.jsonl")]


def test_the_last_examples_are_held_back_and_measured_on(scripted, tmp_path):
    script = scripted(1.0, 2.0, 3.0, 4.0, 5.0)
    session = start(tmp_path, **SETTINGS)
    x = load("gaussian-1d").x
    assert session.trainer.data.n == len(x) - 500
    trained_on = session.trainer.ops.to_numpy(session.trainer.data.buffers()["x"])
    assert (trained_on == x[:-500]).all()
    session.run()
    assert len(script.seen) == 5
    for samples, held_back in script.seen:
        assert samples.shape == (7, 1)
        assert (held_back == x[-500:]).all()


@pytest.mark.slow
def test_the_best_is_kept_not_the_newest(scripted, tmp_path):
    scripted(1.0, 5.0, 5.0, 2.0, float("nan"))
    session = start(tmp_path, **SETTINGS)
    session.run()
    folder = session.folder
    assert [step for step, _ in measured(folder)] == [2, 4, 6, 8, 10]
    assert folder.best_measured()["step"] == 4  # the first of equals; NaN is no best
    assert read_checkpoint(folder.chosen_checkpoint()).counters["iteration"] == 4
    again = start(tmp_path / "again", **{**SETTINGS, "measure": None, "steps": 4})
    again.run()
    from scratchgan.backends import Stream

    best, same = load_generator(folder), load_generator(again.folder)
    assert (best.sample(5, Stream(1)) == same.sample(5, Stream(1))).all()


def test_or_the_newest_where_the_measure_chooses_nothing(scripted, tmp_path):
    scripted(1.0, 5.0, 4.0, 3.0, 2.0)
    session = start(tmp_path, **{**SETTINGS, "keep_best": False})
    session.run()
    folder = session.folder
    assert [score for _, score in measured(folder)] == [1, 5, 4, 3, 2]
    assert not folder.best_path.exists()
    assert read_checkpoint(folder.chosen_checkpoint()).counters["iteration"] == 10


@pytest.mark.slow
def test_measuring_changes_nothing_in_the_training(scripted, tmp_path):
    scripted(*range(5))
    a = start(tmp_path / "a", **SETTINGS)
    b = start(tmp_path / "b", **{**SETTINGS, "measure": None})
    a.run()
    b.run()
    for name, array in a.trainer.arrays().items():
        assert array.tobytes() == b.trainer.arrays()[name].tobytes()


@pytest.mark.slow
def test_a_resumed_run_measures_again_what_its_checkpoint_had_not_seen(scripted, tmp_path):
    """Killed at iteration 6, whose figure is written and whose checkpoint is not."""
    scripted(1.0, 3.0, 2.0, 1.5, 1.25)
    session = start(tmp_path, **SETTINGS)
    session.run()
    whole = measured(session.folder)
    for step in (6, 8, 10):
        session.folder.checkpoint_path(step).unlink(missing_ok=True)
    from scratchgan.runs import write_checkpoint

    earlier = start(tmp_path / "earlier", **{**SETTINGS, "measure": None, "steps": 4})
    earlier.run()
    write_checkpoint(session.folder.checkpoint_path(4), earlier.trainer)
    with open(tmp_path / "measured.jsonl", "a") as stream:
        stream.write('{"step": 12, "sco')  # and the last line was cut short
    scripted(2.0, 1.5, 1.25)
    resumed = resume(session.folder)
    assert measured(resumed.folder) == [(2, 1.0), (4, 3.0)]
    resumed.run()
    assert measured(resumed.folder) == whole
    assert resumed.folder.best_measured()["step"] == 4


def test_settings_that_cannot_be_are_refused():
    recipe = "gaussian-1d"
    with pytest.raises(UnknownNameError, match="parzen"):
        Config.from_recipe(recipe, {"validation": 5, "measure": "beauty"})
    with pytest.raises(ValueError, match="validation is 0; expected validation > 0"):
        Config.from_recipe(recipe, {"measure": "parzen"})
    with pytest.raises(ValueError, match="validation is -1"):
        Config.from_recipe(recipe, {"validation": -1})
    with pytest.raises(ValueError, match="measure_every is 0"):
        Config.from_recipe(recipe, {"measure_every": 0})


def test_nothing_is_left_to_train_on(tmp_path):
    n = load("gaussian-1d").n
    with pytest.raises(ValueError, match=f"validation is {n:,}.*{n:,} examples"):
        start(tmp_path, validation=n)
    assert not (tmp_path / "config.json").exists()


def test_each_measure_that_a_setting_may_name_is_there():
    assert set(settings_in(Settings)["measure"].kind.known) == set(run_measures.MEASURES)


def test_parzen_is_what_it_says():
    x = np.random.default_rng(0).normal(size=(300, 2)) * 0.3
    from scratchgan.metrics.parzen import parzen_log_likelihood

    found = run_measures.MEASURES["parzen"].of(x[:100], x[100:])
    expected = parzen_log_likelihood(x[:100], x[100:], x[100:])
    assert (found["score"], found["sigma"]) == (expected.mean, expected.sigma)


# -- the papers' recipes ------------------------------------------------------------------------


def built(name):
    from scratchgan.nn.initializers import zeros
    from scratchgan.recipes import Sizes

    recipe = get_recipe(name)
    classes = 10 if recipe.settings.conditional else 0
    sizes = Sizes(recipe.settings.noise.features, 784, classes, zeros())
    return recipe.settings, [Network(layer, seed=1) for layer in recipe.networks(sizes)]


def test_paper_mnist_is_the_published_one():
    settings, (G, D) = built("paper-mnist")
    # 100-1200-1200-784; 784-(240 × 5)-(240 × 5)-1
    assert G.layout.count == 101 * 1200 + 1201 * 1200 + 1201 * 784
    assert D.layout.count == 785 * 1200 + 241 * 1200 + 241
    assert 0.049 <= max(abs(G.flat)) <= 0.05
    assert 0.0049 <= max(abs(D.flat)) <= 0.005
    sgd = settings.optimizer_g
    assert sgd.rate_at(0) == 0.1
    assert abs(sgd.rate_at(50_000) - 0.1 / 1.000004**50_000) <= 1e-12
    assert sgd.rate_at(10**9) == 1e-6
    assert settings.optimizer_d.rate_at(0) == 0.05  # the ½ in front of D's loss
    assert (sgd.momentum(0), sgd.momentum(249 * 500)) == (0.5, 0.7)
    z = settings.noise
    assert (z.kind, z.features) == ("uniform", 100)
    assert abs((z.high - z.low) ** 2 / 12 - 1) <= 1e-12  # unit variance
    assert (settings.batch_size, settings.validation, settings.ema) == (100, 10_000, None)


def test_paper_mnist_tuned_differs_in_what_it_says():
    tuned, published = (get_recipe(f"paper-mnist{tail}").settings for tail in ("-tuned", ""))
    differs = {
        field.name
        for field in fields(tuned)
        if getattr(tuned, field.name) != getattr(published, field.name)
    }
    changed = {"updates", "optimizer_g", "optimizer_d", "ema", "steps"}
    assert differs == changed
    # the same game as long as that one goes on; then each player's first rate, once more
    for mine, theirs in (
        (tuned.optimizer_g, published.optimizer_g),
        (tuned.optimizer_d, published.optimizer_d),
    ):
        last = published.steps - 1
        assert [mine.rate_at(t) for t in (0, last)] == [theirs.rate_at(t) for t in (0, last)]
        assert mine.rate_at(last + 1) == theirs.rate_at(0)
        assert mine.momentum == theirs.momentum


def test_paper_cgan_is_the_published_one():
    settings, (G, D) = built("paper-cgan")
    assert G.layout.count == 101 * 200 + 11 * 1000 + 1201 * 1200 + 1201 * 784
    assert D.layout.count == 785 * 1200 + 11 * 250 + 291 * 960 + 241
    assert settings.conditional
    assert (settings.noise.low, settings.noise.high) == (0, 1)
    assert abs(settings.optimizer_g.rate_at(1000) - 0.1 / 1.00004**1000) <= 1e-12


def test_ml_tutorial_mlp_is_the_tutorials():
    settings, (G, D) = built("ml-tutorial-mlp")
    assert G.layout.count == 101 * 128 + 129 * 784
    assert D.layout.count == 785 * 128 + 129
    assert (settings.batch_size, settings.steps, settings.noise.low) == (128, 20_000, -1)


@pytest.mark.parametrize("name", recipe_names())
def test_the_quick_form_of_a_recipe_is_whole(name):
    """A record, a checkpoint and a measurement are due before its end."""
    config = choose_settings(name, quick=True)
    due = (config.log_every, config.sample_every, config.checkpoint_every)
    assert all(each <= config.steps <= 2000 for each in due)
    assert json.loads(config.to_json())["steps"] == 200


# -- how long it took ---------------------------------------------------------------------------


@pytest.mark.slow
def test_seconds_are_counted_over_resumptions_and_not_between_them(tmp_path, monkeypatch):
    from scratchgan.runs import session as run_session

    now = [1000.0]
    monkeypatch.setattr(run_session.time, "monotonic", lambda: now[0])

    def later(trainer):
        now[0] += 10.0

    first = start(tmp_path, steps=4)
    first.trainer.callbacks.append((2, later))
    first.run()
    assert first.folder.seconds() == 20.0
    now[0] += 5000.0  # the night
    second = resume(first.folder, steps=6)
    second.trainer.callbacks.append((2, later))
    second.run()
    assert [r["seconds"] for r in second.folder.read_metrics("seconds.jsonl")] == [10.0, 20.0, 30.0]


def test_a_run_shorter_than_a_tenth_of_a_second_took_some_time(tmp_path, monkeypatch):
    from scratchgan.runs import session as run_session

    now = [1000.0]
    monkeypatch.setattr(run_session.time, "monotonic", lambda: now[0])
    session = start(tmp_path, steps=2)
    assert session.folder.seconds() is None
    session.trainer.callbacks.insert(0, (2, lambda trainer: now.__setitem__(0, 1000.004)))
    session.run()
    assert session.folder.seconds() == 0.004
