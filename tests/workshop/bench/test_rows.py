"""Rows timed where they stand: every row has a time, and nothing else has changed."""

import ctypes

import numpy as np
import pytest

from scratchgan.backends import backend_names, get_backend
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Dropout, Linear, Maxout, Network, Sequential
from scratchgan.optim import SGD, Adam

if "cpu" not in backend_names():
    pytest.skip("rows are timed on the cpu backend, which is not here", allow_module_level=True)

from scratchgan.workshop.bench import rows
from scratchgan.workshop.bench.rows import KINDS, _Timed, by_kind, main, time_rows
from scratchgan.workshop.bench.timing import Timings


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


@pytest.fixture
def ticking(monkeypatch):
    """A clock that counts: its n-th reading comes n ticks after the one before it."""
    readings = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_int)
    def clock(address, base):
        readings.append(base)
        n = len(readings)
        (ctypes.c_int64 * 2).from_address(address)[:] = 0, n * (n + 1) // 2
        return base

    stamp = rows._stamp_by(clock)
    monkeypatch.setattr(rows, "_stamp", lambda: stamp)
    return readings


def test_a_row_has_the_time_between_the_readings_before_and_after_it(recorded, ticking):
    program = recorded().recorder.program
    n = len(program.rows)
    ticks = 1e9 * _Timed(program).run(1)
    assert len(ticking) == n + 1
    np.testing.assert_allclose(ticks, np.arange(2, n + 2), rtol=1e-12)


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
    assert lines[-1].split()[-3::2] == ["100%", "100%"]


def test_the_parts_of_a_table_are_those_of_the_whole():
    kinds = {"products": 2e-6, "the rest": 1e-6}
    *parts, whole = rows._table("toy", 58, kinds, eager=12e-6, replayed=4e-6).splitlines()[1:]
    numbers = [line[28:].split() for line in parts]
    assert numbers == [
        ["2.0", "17%", "2.0", "50%"], ["1.0", "8%", "1.0", "25%"], ["9.0", "75%", "1.0", "25%"],
    ]  # fmt: skip
    assert whole.split()[2:] == ["12.0", "100%", "4.0", "100%"]


def test_what_is_run_one_by_one_and_what_is_replayed(monkeypatch):
    """By the numbers of D's steps that each of the contenders makes."""
    counted = {}

    def measure(contenders, *, rounds, **rest):
        for contender in contenders:
            run, before = contender.make(), len(steps)
            run(7)
            counted[contender.name] = len(steps) - before
        return Timings(seconds=dict.fromkeys(counted, 1e-3))

    steps, step_d = [], Trainer.step_d
    monkeypatch.setattr(Trainer, "step_d", lambda self: steps.append(0) or step_d(self))
    monkeypatch.setattr(rows, "measure", measure)
    main(["toy", "--rounds", "1"])
    assert counted == {"one by one": 7, "replayed": 0, "rows": 0}


@pytest.mark.parametrize("bad", [["nothing"], ["toy", "--rounds", "0"]])
def test_arguments_that_are_refused(bad, capsys):
    with pytest.raises(SystemExit):
        main(bad)
    assert "choose from" in capsys.readouterr().err or bad[0] == "toy"
