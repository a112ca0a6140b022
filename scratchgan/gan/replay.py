"""
The trainer's iteration, recorded and replayed.

The first iteration is run and recorded. The second is replayed, then run again from
the same point, and the two must agree to the bit: only then are the following ones
replayed, many a call. Before each call it is seen whether anything has changed that can be
seen (``fingerprint.py``), and now and then replay and run are compared again
(``comparison.py``). What cannot be recorded is run step by step as before, and
``StepRecorder.refusal`` says why.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Array, Stream
from scratchgan.backends.program import Program, Recorder, Varying, address
from scratchgan.errors import NotRecordableError, ReplayError
from scratchgan.gan.comparison import Watcher, check_at, where_they_part, who_asks
from scratchgan.gan.fingerprint import Node, difference, fingerprint
from scratchgan.gan.state import Moment
from scratchgan.gan.steps import DStep, GStep
from scratchgan.optim import SGD, Adam, Schedule

if TYPE_CHECKING:
    from scratchgan.games import Game
    from scratchgan.gan.trainer import Trainer

__all__ = ["StepRecorder"]

MOST = 4096  # steps of one call
LAST = 2**32  # the first iteration that a stream has no number for
STEP_BY_STEP = "the training is run step by step, not replayed:"
LONGEST = 0.05  # seconds of one call: so long may Ctrl-C, ``stop`` and a view have to wait


class StepRecorder:
    """
    Makes a trainer's iterations: the first ones by running them, the others by replay.

    Attributes
    ----------
    enabled : bool
        Whether iterations are recorded and replayed. Set it to False to have each one run.
    program : Program or None
        The recorded iteration; ``print(program)`` lists it.
    refusal : str or None
        Why iterations are not replayed.
    stream : type of Stream
        What the trainer makes streams of; while an iteration is recorded, one that notes
        whether somebody reads which iteration it is.
    """

    def __init__(self, trainer: Trainer, play: Callable[[], None]) -> None:
        self._trainer = trainer
        self._play = play  # makes the updates of one iteration
        self.enabled = True
        self.stream = Stream
        self._settings: Node | None = None
        self._forget(None)

    def _forget(self, refusal: str | None) -> None:
        """Begin anew, or not at all."""
        self.refusal = refusal
        self._ops: Any = self._trainer.ops  # not every backend records
        self.program: Program | None = None
        self._replay: Any = None
        self._sources: _Sources | None = None
        self._checks = 0  # how often replay and run have agreed
        self._agreed = 0  # the iteration at which they did so last
        self._replayed = 0  # iterations since they did so first
        self._due = 0  # how many of these there are when they are compared again
        self._seconds = LONGEST

    def iterate(self, most: int) -> int:
        """Make at least one iteration and at most ``most``; return how many."""
        trainer = self._trainer
        if not (self.enabled and hasattr(trainer.ops, "recording")):
            off = f"the backend '{trainer.ops.name}' does not record"
            self._settings = None
            self._forget(off if self.enabled else "recorder.enabled is False")
            self._play()
            return 1
        game = trainer.objective  # of these iterations; another may follow
        settings = _settings(trainer, game)
        if settings != self._settings:
            self._forget(None)
            self._settings = settings
            self._refuse(self._foreseen())
        if self._checks and trainer.iteration < LAST:
            self._agreed = min(self._agreed, trainer.iteration)  # somebody may have gone back
            if self._replayed < self._due:
                return self._run(min(most, self._due - self._replayed))
            self._compare()
            return 1
        if self.refusal is not None or trainer.iteration >= LAST:
            self._play()
            self._settings = _settings(trainer, game)  # it may note things in itself
            return 1
        refusal = None
        try:
            self._record() if self.program is None else self._check()
        except NotRecordableError as error:
            refusal = str(error)
        now = _settings(trainer, game)
        if now != settings and refusal is None:
            refusal = f"{difference(settings, now)} changes while an iteration is made"
        self._settings = now
        self._refuse(refusal)
        return 1

    def _refuse(self, refusal: str | None) -> None:
        """Where there is a reason not to replay, warn of it; the training is only slower."""
        if refusal is not None:
            self._forget(refusal)
            warnings.warn(f"{STEP_BY_STEP} {refusal}", stacklevel=5)

    def _foreseen(self) -> str | None:
        """Return why recording need not be tried."""
        trainer = self._trainer
        if trainer.k > trainer.data.per_epoch:  # it may span three; two are in memory
            return "an iteration takes more minibatches than an epoch has"
        for player in (trainer.D, trainer.G):
            if type(player.optimizer) not in (SGD, Adam):  # it may look at t, or at values
                return f"{type(player.optimizer).__name__} is not an optimiser of scratchgan"
        return None

    # -- recording ------------------------------------------------------------------------------

    def _record(self) -> None:
        trainer = self._trainer
        trainer.data.starts(trainer.minibatch, trainer.k)  # a new epoch's order is no part of it
        before, recorder = Moment(trainer), _recorder(trainer)
        readers: list[str] = []
        try:
            self.stream = _watched_stream(trainer, readers)
            with self._ops.recording(recorder):
                self._play()
        except BaseException:
            before.restore()
            raise
        finally:
            self.stream = Stream
        after = Moment(trainer)
        program = Program(recorder, self._seen())
        if readers:
            raise NotRecordableError(
                f"{readers[0]} reads which iteration it is (the step of its stream), and may"
                " compute something else at another one"
            )
        before.restore()
        try:
            self._sources = _Sources(trainer, program)
            self._agree(program)
        finally:
            after.restore()
        self.program, self._replay = program, self._ops.replay(program, MOST)

    def _agree(self, program: Program) -> None:
        """Hold the values that cells are expected to have against those that were recorded."""
        assert self._sources is not None
        starts = self._trainer.data.starts(self._trainer.minibatch, self._trainer.k)
        expected = self._sources.values(np.zeros(1, np.int64), starts)
        for varying, (value,) in zip(program.varying, expected, strict=True):
            if value != varying.value:
                name = program.rows[varying.row].name
                raise NotRecordableError(
                    f"{name} has {varying.name} = {varying.value}, where {value} was expected"
                )

    # -- comparing ------------------------------------------------------------------------------

    def _check(self) -> None:
        """Replay an iteration, then run it: the first time, before a replay is believed."""
        trainer, before = self._trainer, Moment(self._trainer)
        try:
            self._run(1)
            replayed = Moment(trainer)
            before.restore()
            self._play()
        except BaseException:
            before.restore()
            raise
        if not replayed.same_as(Moment(trainer)):
            raise NotRecordableError(
                "a replayed iteration has other bits than one that is run: a layer, the game"
                " or a schedule computes outside the vocabulary of operations, or changes from"
                " step to step"
            )
        self._replayed = 0
        self._have_agreed()

    def _have_agreed(self) -> None:
        self._agreed = self._trainer.iteration
        self._due = check_at(self._trainer.seed, self._checks)
        self._checks += 1

    def _compare(self) -> None:
        """Run an iteration, then replay it: later on; what is left is what a replay leaves."""
        trainer, before, watcher = self._trainer, Moment(self._trainer), Watcher(self._trainer)
        trainer.data.starts(trainer.minibatch, trainer.k)
        try:
            with self._ops.recording(watcher):
                self._play()
            run = Moment(trainer)
            before.restore()
            self._run(1)
        except BaseException:
            before.restore()
            raise
        if run.same_as(Moment(trainer)):
            self._have_agreed()
            watcher.seen.clear()  # the arrays of all its passes
            return
        assert self.program is not None
        where = where_they_part(self.program, watcher, functools.partial(self._one_step, before))
        before.restore()
        last, now = self._agreed, trainer.iteration + 1
        self._forget(
            f"iteration {now} computes something else when it is run than when it is replayed:"
            f" {where}. So something that the recorder cannot see has changed"
        )
        doubtful = f"iterations {last + 1} to {now - 1}" if last + 1 < now else "none before"
        raise ReplayError(
            f"{self.refusal}. Replay and run agreed last at iteration {last}; wrong may be:"
            f" {doubtful}. Go back to a state of iteration {last} or earlier, or begin anew, with"
            " trainer.recorder.enabled = False, which runs every iteration; or keep what changes"
            " where it is seen, in an attribute of the layer (docs/recorded-step.md)"
        )

    def _one_step(self, before: Moment, program: Program) -> None:
        """Make one step, from ``before``, of a program that is the beginning of ours."""
        assert self._sources is not None
        before.restore()
        starts = self._trainer.data.starts(self._trainer.minibatch, self._trainer.k)
        values = self._sources.values(np.zeros(1, np.int64), starts)
        self._ops.replay(program, 1).run(1, values[: len(program.varying)])

    # -- replaying ------------------------------------------------------------------------------

    def _run(self, most: int) -> int:
        trainer, program, game = self._trainer, self.program, self._trainer.objective
        assert program is not None
        assert self._sources is not None
        wanted = max(1, min(most, MOST, int(LONGEST / self._seconds), LAST - trainer.iteration))
        starts = trainer.data.starts(trainer.minibatch, wanted * trainer.k)
        steps = np.arange(len(starts) // trainer.k)
        values = self._sources.values(steps, starts)
        begin = time.perf_counter()
        self._replay.run(steps.size, values)
        done = int(self._replay.take_done())
        self._count(done)
        value, real, fake, loss, judged = program.kept
        trainer.last = (DStep(value, real, fake, game), GStep(loss, judged, game))
        self._replayed += done
        self._seconds = (time.perf_counter() - begin) / steps.size
        return done

    def _count(self, iterations: int) -> None:
        """Count iterations that a replay has made."""
        trainer, updates = self._trainer, iterations * self._trainer.k
        trainer.iteration += iterations
        trainer.minibatch += updates
        trainer.D.t += updates
        trainer.G.t += iterations

    def _seen(self) -> list[Array]:
        """What the latest updates saw: V, D's outputs; the loss, D's outputs."""
        return [a for step in self._trainer.last if step is not None for a in step.arrays()]


def _settings(trainer: Trainer, game: Game) -> Node:
    """What a recorded iteration rests on; if it changes, it is recorded again."""
    of_data = {
        name: value
        for name, value in vars(trainer.data).items()
        if name not in ("_x", "_labels", "_orders", "_epoch_in")  # arrays, and what is in them
    }
    arrays = (
        *trainer.data.buffers().values(),
        *(
            a
            for p in (trainer.D, trainer.G)
            for a in (p.network.flat, p.grads_flat, *p.slots, p.average_flat)
        ),
    )
    return fingerprint(
        {
            "D's layer": trainer.D.network.layer,
            "G's layer": trainer.G.network.layer,
            "D's optimizer": trainer.D.optimizer,
            "G's optimizer": trainer.G.optimizer,
            "objective": game,
            "noise": trainer.noise,
            "data": of_data,
            "trainer": (trainer.k, trainer.updates, trainer.seed, trainer.D.ema, trainer.G.ema),
        },
        [*arrays, trainer.D, trainer.G, trainer.data, trainer.ops],
    )


def _watched_stream(trainer: Trainer, readers: list[str]) -> type[Stream]:
    """Return a kind of Stream that lists who reads its step, but for the backend's own use."""

    class Watched(Stream):
        @property
        def step(self) -> int:
            readers.append(who_asks(trainer))
            return self[1]

        def counter_words(self) -> tuple[int, int]:
            return Stream(*self).counter_words()

    return Watched


def _recorder(trainer: Trainer) -> Recorder:
    """Return a recorder that knows all arrays that outlive an iteration, and their names."""
    buffers = {f"data.{name}": a for name, a in trainer.data.buffers().items()}
    parts: dict[str, dict[int, str]] = {}
    for letter, player in (("D", trainer.D), ("G", trainer.G)):
        flats = {letter: player.network.flat, f"grad {letter}": player.grads_flat}
        for slot, a in zip(player.optimizer.slots, player.slots, strict=True):
            flats[f"{slot} {letter}"] = a
        if player.average_flat is not None:
            flats[f"average {letter}"] = player.average_flat
        paths = {entry.offset: entry.path for entry in player.network.layout.entries}
        buffers |= flats
        parts |= dict.fromkeys(flats, paths)
    return Recorder(buffers, parts)


# -- what changes from step to step -----------------------------------------------------------


class _Sources:
    """For each varying cell, a function from the numbers of steps ahead to its values."""

    def __init__(self, trainer: Trainer, program: Program) -> None:
        self._trainer = trainer
        self._updates: dict[tuple[str, int], int] = {}
        self._of = [self._source(varying) for varying in program.varying]
        self._starts = np.zeros(0, np.int64)

    def values(self, steps: NDArray[Any], starts: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the values of all cells; ``starts`` are those of the steps' minibatches."""
        self._starts = starts
        return [source(steps) for source in self._of]

    def _source(self, varying: Varying) -> Callable[[NDArray[Any]], NDArray[Any]]:
        trainer, k = self._trainer, self._trainer.k
        if varying.name == "step":
            return lambda steps: trainer.iteration + steps
        if varying.name == "start":
            starts = trainer.data.starts(trainer.minibatch, k).tolist()
            if varying.value not in starts:
                raise NotRecordableError("a minibatch is gathered that is not the trainer's")
            j = starts.index(varying.value)
            return lambda steps: self._starts[k * steps + j]
        return self._of_optimizer(varying)

    def _of_optimizer(self, varying: Varying) -> Callable[[NDArray[Any]], NDArray[Any]]:
        trainer = self._trainer
        written = varying.writes
        players = [p for p in (trainer.D, trainer.G) if address(p.network.flat) == written]
        if not players:
            raise NotRecordableError("an optimiser changes an array that is not D's or G's")
        player = players[0]
        ours = player is trainer.D
        per, sign = (trainer.k, -1.0) if ours else (1, 1.0)  # D ascends
        key = (varying.name, written)
        nth = self._updates.setdefault(key, 0)
        self._updates[key] += 1

        def t(steps: NDArray[Any]) -> NDArray[Any]:
            return player.t + per * steps + nth

        if varying.name == "t":
            return lambda steps: t(steps) + 1  # Adam counts from 1
        if varying.name == "rate":
            return lambda steps: sign * _scheduled(player.optimizer.rate, t(steps))
        momentum = getattr(player.optimizer, "momentum", varying.value)
        return lambda steps: _scheduled(momentum, t(steps))


def _scheduled(schedule: Schedule, t: NDArray[Any]) -> NDArray[Any]:
    if not callable(schedule):
        return np.full(t.size, float(schedule))
    return np.array([schedule(int(each)) for each in t], np.float64)
