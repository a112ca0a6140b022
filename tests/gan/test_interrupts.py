"""An interrupted training that goes on is one that was never interrupted."""

import random
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import scratchgan.gan
from scratchgan.backends import get_backend
from scratchgan.gan import Noise, Trainer, interrupts
from scratchgan.gan.interrupts import SignalsWait
from scratchgan.nn import Linear, Network, Sequential
from scratchgan.optim import Adam
from tests.gan.games import trainer
from tests.gan.replays import child, differences

HERE = str(Path(scratchgan.gan.__file__).parent)
FIRST, SECOND = signal.SIGALRM, signal.SIGUSR1


class Interrupted(BaseException):
    """What a handler raises here; not KeyboardInterrupt, which would end the tests themselves."""


@pytest.fixture(autouse=True)
def handlers():
    """Both signals raise; afterwards their handlers are what they were."""

    def interrupt(number, frame):
        raise Interrupted(number)

    before = [signal.signal(number, interrupt) for number in (FIRST, SECOND)]
    yield interrupt
    for number, handler in zip((FIRST, SECOND), before, strict=True):
        signal.signal(number, handler)


# -- signals that wait ----------------------------------------------------------------------------


def test_a_handler_is_called_where_it_is_said():
    with SignalsWait() as signals:
        signal.raise_signal(FIRST)
        for _ in range(2):
            pass  # nothing is raised here
        with pytest.raises(Interrupted):
            signals.honour()
        signals.honour()  # once


def test_or_at_the_end(handlers):
    ended = []

    def wait():
        with SignalsWait():
            signal.raise_signal(FIRST)
            ended.append(True)

    with pytest.raises(Interrupted):
        wait()
    assert ended
    assert signal.getsignal(FIRST) is handlers
    with SignalsWait() as signals:
        signals.honour()  # it was one signal, and is spent


def test_what_comes_several_times_is_one():
    seen = []
    signal.signal(FIRST, lambda number, frame: seen.append((number, frame.f_code.co_name)))
    with SignalsWait() as signals:
        signal.raise_signal(FIRST)
        signal.raise_signal(FIRST)
        assert seen == []
        signals.honour()
        signal.raise_signal(FIRST)
    name = "test_what_comes_several_times_is_one"
    assert [each[0] for each in seen] == [FIRST] * 2
    assert seen[0][1] in (name, "raise_signal")


@pytest.mark.parametrize("both", [(FIRST, SECOND), (SECOND, FIRST)])
def test_two_that_wait_are_both_heard_in_their_order(handlers, both):
    def wait():
        with SignalsWait() as signals:
            signal.raise_signal(both[0])
            signal.raise_signal(both[1])
            signals.honour()

    with pytest.raises(Interrupted) as caught:
        wait()
    assert caught.value.args == (both[1],)
    assert caught.value.__context__.args == (both[0],)
    assert [signal.getsignal(number) for number in (FIRST, SECOND)] == [handlers] * 2


def test_an_error_inside_and_a_signal():
    def wait():
        with SignalsWait():
            signal.raise_signal(FIRST)
            raise ValueError("inside")

    with pytest.raises(Interrupted) as caught:
        wait()
    assert isinstance(caught.value.__context__, ValueError)


def test_inside_another_they_wait_for_the_outer_one():
    came = []

    def wait():
        with SignalsWait() as outer:
            with SignalsWait() as inner:
                signal.raise_signal(FIRST)
                inner.honour()
                came.append("inner")
            came.append("after it")
            outer.honour()
            came.append("never")

    with pytest.raises(Interrupted):
        wait()
    assert came == ["inner", "after it"]


def test_ignored_and_default_ones_are_left_alone():
    signal.signal(FIRST, signal.SIG_IGN)
    signal.signal(SECOND, signal.SIG_DFL)
    with SignalsWait():
        assert signal.getsignal(FIRST) is signal.SIG_IGN
        assert signal.getsignal(SECOND) is signal.SIG_DFL
    assert signal.getsignal(FIRST) is signal.SIG_IGN


def test_a_handler_that_is_set_inside(handlers):
    """As by a callback: from the next ``honour`` on it waits too, and it stays afterwards."""
    seen = []
    with SignalsWait() as signals:
        signal.signal(FIRST, lambda number, frame: seen.append(number))
        mine = signal.getsignal(FIRST)
        signals.honour()
        signal.raise_signal(FIRST)
        assert seen == []
        signals.honour()
        assert seen == [FIRST]
        signal.signal(SECOND, signal.SIG_IGN)
    assert signal.getsignal(FIRST) is mine
    assert signal.getsignal(SECOND) is signal.SIG_IGN


def test_a_handler_that_sets_another(handlers):
    """As the first Ctrl-C of a run does, so that the second interrupts."""
    signal.signal(FIRST, lambda number, frame: signal.signal(FIRST, handlers))
    with SignalsWait() as signals:
        signal.raise_signal(FIRST)
        signals.honour()
        signal.raise_signal(FIRST)
        with pytest.raises(Interrupted):
            signals.honour()
    assert signal.getsignal(FIRST) is handlers


def test_another_thread_leaves_signals_alone(handlers):
    def wait():
        with SignalsWait() as signals:
            found.append(signal.getsignal(FIRST))
            signals.honour()

    found = []
    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()
    assert found == [handlers]


def test_what_a_lock_is_waited_for_is_honoured():
    lock = threading.Lock()
    lock.acquire()
    with SignalsWait() as signals:
        signal.raise_signal(FIRST)
        with pytest.raises(Interrupted):
            signals.acquire(lock)
        lock.release()
        signals.acquire(lock)
        assert lock.locked()


def test_a_forked_child_hears_at_once():
    said = child(
        """
import os, signal
from scratchgan.gan.interrupts import SignalsWait
signal.signal(signal.SIGALRM, lambda *_: print("heard", flush=True))
with SignalsWait():
    if os.fork() == 0:
        signal.raise_signal(signal.SIGALRM)
        print("then", flush=True)
        os._exit(0)
    os.wait()
"""
    )
    assert said.split() == ["heard", "then"]


# -- at every line --------------------------------------------------------------------------------


def at_line(n, function):
    """
    Call a function; at the nth line that it runs in ``scratchgan/gan``, a signal comes.

    Return how many lines it was, and whether what the signal's handler raises came out.
    """
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if event == "line":
            lines += 1
            if lines == n:
                signal.raise_signal(FIRST)
        return trace

    def begin(frame, event, argument):
        return trace if frame.f_code.co_filename.startswith(HERE) else None

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        function()
    except Interrupted:
        return lines, True
    finally:
        sys.settrace(before)
    return lines, False


class Play:
    """A small game, its callbacks, and what they have seen."""

    def __init__(self, backend, **options):
        ops = get_backend(backend)
        G, D = (
            Network(Sequential(Linear(2, 4, "tanh"), Linear(4, out)), out, np.float64, ops)
            for out in (2, 1)
        )
        self.seen = []
        self.trainer = Trainer(
            G, D, np.random.default_rng(3).normal(size=(20, 2)),
            noise=Noise(2), optimizer_g=Adam(1e-2), optimizer_d=Adam(1e-2), batch_size=5,
            log_every=2, ema=0.9, callbacks=[lambda t: self.seen.append(t.iteration)], **options,
        )  # fmt: skip
        self.trainer.call_every(3, lambda t: self.seen.append(t.record()))

    def train(self, n=5):
        """To iteration n, by ``train``."""
        self.trainer.train(n - self.trainer.iteration)

    def step(self, n=5):
        """To iteration n, by every other way of stepping."""
        t = self.trainer
        while t.iteration < n:
            if t.iteration % 2 and not t.substep:
                t.step()
            elif t.substep < t.k:
                t.step_d()
            else:
                t.step_g()


def faults(a, b):
    return differences(a.trainer, b.trainer) + ["callbacks"] * (repr(a.seen) != repr(b.seen))


@pytest.mark.parametrize("way", ["train", "step"])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_interrupted_at_any_line(backend, way, handlers):
    """At lines from the first to the last: recorded, checked, replayed or run by themselves."""
    expected = Play(backend, k=2)
    getattr(expected, way)()
    lines, _ = at_line(0, getattr(Play(backend, k=2), way))
    chosen = random.Random(1).sample(range(1, lines + 1), 20)
    for n in [*range(1, 12), *chosen, *range(lines - 8, lines + 1)]:
        play = Play(backend, k=2)
        assert at_line(n, getattr(play, way))[1], n
        assert signal.getsignal(FIRST) is handlers
        assert play.trainer.substep == 0 or way == "step"
        getattr(play, way)()
        assert faults(play, expected) == [], n


def test_interrupted_again_and_again():
    """By one signal after each other, wherever the last one has left the training."""
    expected, play = Play("cpu"), Play("cpu")
    expected.train(30)
    for n in random.Random(2).choices(range(1, 900), k=40):
        at_line(n, lambda: play.train(min(30, play.trainer.iteration + 3)))
    play.train(30)
    assert faults(play, expected) == []


def test_restore_is_whole():
    expected = Play("cpu")
    expected.train(3)
    held = expected.trainer.arrays(), expected.trainer.counters()
    fresh = Play("cpu").trainer
    lines, _ = at_line(0, lambda: fresh.restore(*held))
    outcomes = set()
    for n in [*range(1, 12), *range(12, lines, 5), *range(lines - 6, lines + 1)]:
        play = Play("cpu")
        play.train(1)
        before = play.trainer.arrays()
        assert at_line(n, lambda play=play: play.trainer.restore(*held))[1], n
        after = play.trainer.arrays()
        whole = play.trainer.counters() == held[1]
        outcomes.add(whole)
        wanted = held[0] if whole else before
        assert all((after[name] == a).all() for name, a in wanted.items()), n
    assert outcomes == {True, False}


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_interrupted_by_a_clock(backend):
    """At random moments, also in the middle of a compiled call."""
    expected = Play(backend)
    expected.train(60)
    clock = random.Random(3)
    left = 20
    while left > 0:
        play = Play(backend)
        while play.trainer.iteration < 60:
            try:
                signal.setitimer(signal.ITIMER_REAL, clock.uniform(1e-4, 0.02))
                play.train(60)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupted:
                left -= 1
        assert faults(play, expected) == []


def test_while_another_trainer_is_driven_by_a_callback():
    """The inner one runs to its end, and the outer one does what is due."""
    inner, outer = trainer(), trainer(log_every=1)
    seen = []

    def drive(t):
        if t.iteration == 2:
            signal.raise_signal(FIRST)
        inner.train(3)
        seen.append(inner.iteration)

    outer.call_every(1, drive)
    with pytest.raises(Interrupted):
        outer.train(9)
    assert (outer.iteration, inner.iteration, seen) == (2, 6, [3, 6])
    assert len(outer.history) == 2


# -- what a callback raises -----------------------------------------------------------------------


def test_a_callback_that_raises_keeps_no_other_from_being_called():
    seen = []

    def raises(t):
        seen.append(("raises", t.iteration))
        if t.iteration == 2:
            raise ValueError("a user's own")

    t = trainer(log_every=1)
    t.call_every(1, raises)
    t.call_every(2, lambda t: seen.append(("every second", t.iteration)))
    t.call_every(1, lambda t: seen.append(("each", t.iteration)))
    with pytest.raises(ValueError, match="a user's own"):
        t.train(5)
    assert t.iteration == len(t.history) == 2
    assert seen == [
        ("raises", 1), ("each", 1), ("raises", 2), ("every second", 2), ("each", 2),
    ]  # fmt: skip
    t.train(3)
    assert [each for each in seen if each[0] == "each"] == [("each", i) for i in range(1, 6)]


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_an_error_in_a_layer_leaves_what_was_before_that_update(updates):
    """On a backend that does not record, too: the minibatch that was drawn is drawn again."""
    t, expected = (Play("reference", updates=updates) for _ in range(2))
    layer = t.trainer.D.network.layer.layers[0]
    forward, calls = type(layer).forward, []

    class Breaks(type(layer)):
        def forward(self, params, x, ctx):
            calls.append(1)
            if len(calls) in (2, 8, 12):
                raise MemoryError
            return forward(self, params, x, ctx)

    layer.__class__ = Breaks
    for _ in range(3):
        with pytest.raises(MemoryError):
            t.train(8)
    t.train(8)
    expected.train(8)
    assert faults(t, expected) == []


def test_no_signal_waits_any_more():
    """The last test: whatever those above have done, nobody holds signals back."""
    assert interrupts._outermost is None
