"""Rows timed where they stand: every row has a time, and nothing else has changed."""

import numpy as np
import pytest

from scratchgan.backends import backend_names, get_backend
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Dropout, Linear, Maxout, Network, Sequential
from scratchgan.optim import SGD, Adam

if "cpu" not in backend_names():
    pytest.skip("rows are timed on the cpu backend, which is not here", allow_module_level=True)

from scratchgan.workshop.bench.rows import KINDS, _Timed, by_kind, main, time_rows


@pytest.fixture
def recorded():
    """Return a trainer that has recorded its iteration; every call gives the same one."""

    def made(steps=3):
        ops = get_backend("cpu")
        # Maxout writes indices that a later row reads: garbage there would not be harmless.
        D = Sequential(Linear(2, 24), Maxout(8, 3), Dropout(0.5), Linear(8, 1))
        trainer = Trainer(
            Network(Sequential(Linear(4, 16, "relu"), Linear(16, 2)), backend=ops, seed=1),
            Network(D, backend=ops, seed=2),
            np.random.default_rng(0).normal(size=(200, 2)).astype("f4"),
            noise=Noise(4),
            optimizer_g=Adam(1e-3),
            optimizer_d=SGD(0.1, momentum=0.5),
            batch_size=32,
            ema=0.9,
        )
        trainer.train(steps)
        assert trainer.recorder.program is not None, trainer.recorder.refusal
        return trainer

    return made


def test_each_row_has_a_time_and_the_sum_is_a_step(recorded):
    program = recorded().recorder.program
    seconds = time_rows(program, rounds=3)
    assert seconds.shape == (len(program.rows),)
    assert (seconds > 0).all()


def test_times_are_those_of_one_step(recorded):
    """In seconds: the nanoseconds of all steps that were made, over their number."""
    timed = _Timed(recorded().recorder.program)
    seconds = timed.run(7)
    np.testing.assert_allclose(7e9 * seconds, timed._sums[1:], rtol=1e-12)
    assert (timed._sums[1:] >= 0).all()
    assert timed._sums[1:].sum() > 0


def test_a_slow_row_is_the_slow_one(recorded):
    """The row of the largest product of a wide network, and not the one before or behind it."""
    ops = get_backend("cpu")
    trainer = Trainer(
        Network(Sequential(Linear(400, 400), Linear(400, 1)), backend=ops, seed=1),
        Network(Linear(1, 1), backend=ops, seed=2),
        np.ones((2048, 1), "f4"),
        noise=Noise(400, "uniform"),
        optimizer_g=SGD(1e-4),
        optimizer_d=SGD(1e-4),
        batch_size=256,
        k=4,  # so that most products of 256 × 400 × 400 are those of G's forward pass
    )
    trainer.train(1)
    program = trainer.recorder.program
    largest = {r for r in range(len(program.rows)) if program.flops(r) == 2 * 256 * 400 * 400}
    # The fastest of five rounds: whatever else the machine does can only make a row slower.
    fastest = np.min([time_rows(program, rounds=1) for _ in range(5)], axis=0)
    slowest = np.argsort(fastest)[-len(largest) :]
    assert set(slowest.tolist()) == largest


def test_training_goes_on_as_if_nothing_had_been_timed(recorded):
    timed, other = recorded(), recorded()
    program = timed.recorder.program
    arena = program.arena.copy()
    time_rows(program, rounds=2)
    assert program.arena.tobytes() == arena.tobytes()
    assert timed.record() == other.record()
    for trainer in (timed, other):
        trainer.train(5)
    ours, theirs = timed.arrays(), other.arrays()
    assert {name for name in ours if ours[name].tobytes() != theirs[name].tobytes()} == set()


def test_kinds_are_all_rows(recorded):
    program = recorded().recorder.program
    ones = np.ones(len(program.rows))
    counts = by_kind(program, ones)
    assert sum(counts.values()) == len(program.rows)
    assert list(counts) == [*KINDS, "the rest"]
    assert counts["normals"] == 2  # z for D's step and for G's
    assert counts["Adam"] == 1  # D has SGD
    with pytest.raises(ValueError, match="shorter"):
        by_kind(program, ones[1:])


@pytest.mark.parametrize("bad", [{"rounds": 0}, {"at_least": 0.0}, {"at_least": float("nan")}])
def test_what_is_refused(recorded, bad):
    with pytest.raises(ValueError, match="expected positive"):
        time_rows(recorded().recorder.program, **bad)


def test_the_table(capsys):
    main(["toy", "--rounds", "1"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("toy, 58 operations")
    starts = ["products", "normals", "Adam", "the rest", "Python", "a step"]
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))
    eager, _, replayed, _ = lines[-1].removeprefix("a step").replace(",", "").split()
    assert float(eager) > float(replayed) > 0


@pytest.mark.parametrize("bad", [["nothing"], ["toy", "--rounds", "0"]])
def test_arguments_that_are_refused(bad, capsys):
    with pytest.raises(SystemExit):
        main(bad)
    assert "choose from" in capsys.readouterr().err or bad[0] == "toy"
