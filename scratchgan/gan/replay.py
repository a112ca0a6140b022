"""
Record the trainer's iteration and replay it.

The first iteration is run and recorded. The second is replayed, then run again from the same
state, and the results must agree to the bit. Only then are the following iterations replayed,
many in one call. If iterations differ in their operations, this holds for each kind of iteration
(``kinds.py``).

Before each call, ``fingerprint.py`` detects changes of everything that it can see. Now and then
replay and run are compared again (``comparison.py``). A game that cannot be recorded is run step
by step, and ``StepRecorder.refusal`` gives the reason.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends import Stream
from scratchgan.backends.program import Program, Recorder
from scratchgan.errors import NotRecordableError, ReplayError
from scratchgan.fields import settings_in
from scratchgan.gan.comparison import Watcher, check_at, where_they_part, who_asks
from scratchgan.gan.fingerprint import Node, difference, fingerprint
from scratchgan.gan.kinds import stretch
from scratchgan.gan.settings import Settings
from scratchgan.gan.state import Moment, seen_arrays
from scratchgan.gan.steps import DStep, GStep
from scratchgan.gan.varying import Sources
from scratchgan.optim import SGD, Adam

if TYPE_CHECKING:
    from scratchgan.games import Game
    from scratchgan.gan.trainer import Trainer

__all__ = ["StepRecorder"]

# The settings that an iteration rests on. Which of several games is played is told apart from them.
PLAYED = [
    each.name
    for each in settings_in(Settings).values()
    if each.bits and not each.run and each.name != "objective"
]
MOST = 4096  # steps of one call
LAST = 2**32  # iterations from here on have no number in a stream
FEW = 256  # the same if iterations are of several kinds, of which few follow each other
KINDS = 32  # most recordings that are kept; iterations of further kinds are run
STEP_BY_STEP = "the training is run step by step, not replayed:"
LONGEST = 0.05  # seconds of one call: the longest delay of Ctrl-C, ``stop`` and a view


class _Recording:
    """A recorded iteration, and how far its replay is trusted."""

    def __init__(self, program: Program, replay: Any, sources: Sources) -> None:
        self.program, self.replay, self.sources = program, replay, sources
        self.checks = 0  # number of checks in which replay and run agreed
        self.agreed = 0  # the iteration of the latest of these checks
        self.replayed = 0  # iterations replayed since the first of these checks
        self.due = 0  # the value of ``replayed`` at which the next check is made
        self.seconds = LONGEST  # of an iteration

    def have_agreed(self, trainer: Trainer) -> None:
        """Note that replay and run agreed."""
        if not self.checks:
            self.replayed = 0
        self.agreed = trainer.iteration
        self.due = check_at(trainer.seed, self.checks)
        self.checks += 1


class StepRecorder:
    """
    Makes a trainer's iterations: it runs the first ones and replays the others.

    Attributes
    ----------
    enabled : bool
        Whether iterations are recorded and replayed. Set it to False to run every iteration.
    program : Program or None
        The recorded iteration, of the latest kind; ``print(program)`` lists it.
    refusal : str or None
        The reason why iterations are not replayed.
    stream : type of Stream
        The class of the trainer's streams. During a recording it is a class that notes whether
        any code reads the iteration's number.
    """

    def __init__(self, trainer: Trainer, play: Callable[[], None]) -> None:
        self._trainer = trainer
        self._play = play  # makes the updates of one iteration
        self.enabled = True
        self.stream = Stream
        self._settings: Node | None = None
        self._forget(None)

    def _forget(self, refusal: str | None) -> None:
        """Discard all recordings; ``refusal`` is the reason not to make others."""
        self.refusal = refusal
        self._ops: Any = self._trainer.ops  # not every backend records
        self._recordings: dict[Hashable, _Recording] = {}
        self._latest: _Recording | None = None

    @property
    def program(self) -> Program | None:
        """The recorded iteration of the latest kind."""
        return None if self._latest is None else self._latest.program

    def iterate(self, most: int) -> int:
        """Make from one to ``most`` iterations; return how many were made."""
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
        for each in self._recordings.values():  # the state may have been reset
            each.agreed = min(each.agreed, trainer.iteration)
        kind, _ = stretch(trainer, 1)
        recording = self._recordings.get(kind)
        if recording is not None and recording.checks and trainer.iteration < LAST:
            if recording.replayed < recording.due:
                return self._replay(most)
            self._compare(recording)
            return 1
        full = recording is None and len(self._recordings) >= KINDS
        if self.refusal is not None or full or trainer.iteration >= LAST:
            self._play()
            self._settings = _settings(trainer, game)  # it may note things in itself
            return 1
        refusal = None
        try:
            if recording is None:
                self._latest = self._recordings[kind] = self._record()
            else:
                self._check(recording)
        except NotRecordableError as error:
            refusal = str(error)
        now = _settings(trainer, game)
        if now != settings and refusal is None:
            refusal = f"{difference(settings, now)} changes while an iteration is made"
        self._settings = now
        self._refuse(refusal)
        return 1

    def _refuse(self, refusal: str | None) -> None:
        """Warn if there is a reason not to replay; training is then only slower."""
        if refusal is not None:
            self._forget(refusal)
            warnings.warn(f"{STEP_BY_STEP} {refusal}", stacklevel=5)

    def _foreseen(self) -> str | None:
        """Return a reason not to try a recording, or None."""
        trainer = self._trainer
        if (
            trainer.settings.minibatches > trainer.data.per_epoch
        ):  # it may span three epochs, but two are in memory
            return "an iteration takes more minibatches than an epoch has"
        for player in (trainer.D, trainer.G):
            if type(player.optimizer) not in (SGD, Adam):  # another one may read t, or values
                return f"{type(player.optimizer).__name__} is not an optimiser of scratchgan"
        return None

    # -- recording ------------------------------------------------------------------------------

    def _record(self) -> _Recording:
        trainer = self._trainer
        self._next_starts(1)  # writes the order before the recording
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
        program = Program(recorder, seen_arrays(trainer))
        if readers:
            raise NotRecordableError(
                f"{readers[0]} reads the number of the iteration (the step of its stream), so it"
                " may compute something different at another iteration"
            )
        before.restore()
        try:
            sources = Sources(trainer, program)
            self._agree(program, sources)
        finally:
            after.restore()
        _, same = stretch(trainer, MOST)
        most = MOST if same == MOST else FEW
        return _Recording(program, self._ops.replay(program, most), sources)

    def _agree(self, program: Program, sources: Sources) -> None:
        """Compare the values that varying cells should have with those that were recorded."""
        starts = self._next_starts(1)
        expected = sources.values(np.zeros(1, np.int64), starts)
        for varying, (value,) in zip(program.varying, expected, strict=True):
            if value != varying.value:
                name = program.rows[varying.row].name
                raise NotRecordableError(
                    f"{name} has {varying.name} = {varying.value}; expected {value}"
                )

    # -- comparing ------------------------------------------------------------------------------

    def _check(self, recording: _Recording) -> None:
        """Make the first check: replay an iteration, then run it, and compare."""
        trainer, before = self._trainer, Moment(self._trainer)
        try:
            self._run(recording, 1)
            replayed = Moment(trainer)
            before.restore()
            self._play()
        except BaseException:
            before.restore()
            raise
        if not replayed.same_as(Moment(trainer)):
            raise NotRecordableError(
                "a replayed iteration and the same iteration run directly have different bits: a"
                " layer, the game or a schedule computes outside the vocabulary of"
                " operations, or changes from step to step"
            )
        recording.have_agreed(trainer)

    def _compare(self, recording: _Recording) -> None:
        """Make a later check: run an iteration, then replay it, and keep the replay's state."""
        trainer, before, watcher = self._trainer, Moment(self._trainer), Watcher(self._trainer)
        self._next_starts(1)
        try:
            with self._ops.recording(watcher):
                self._play()
            run = Moment(trainer)
            before.restore()
            self._run(recording, 1)
        except BaseException:
            before.restore()
            raise
        if run.same_as(Moment(trainer)):
            recording.have_agreed(trainer)
            watcher.seen.clear()  # frees the arrays of all its passes
            return
        one_step = functools.partial(self._one_step, recording, before)
        where = where_they_part(recording.program, watcher, one_step)
        before.restore()
        last, now = recording.agreed, trainer.iteration + 1
        self._forget(
            f"iteration {now} gives different results when it is run and when it is replayed:"
            f" {where}. So something that the recorder cannot see has changed"
        )
        doubtful = (
            f"iterations {last + 1} to {now - 1} may be wrong"
            if last + 1 < now
            else "no earlier iteration is wrong"
        )
        raise ReplayError(
            f"{self.refusal}. Replay and run last agreed at iteration {last}; {doubtful}. Go back"
            f" to a state of iteration {last} or earlier, or start again. Then either set"
            " trainer.recorder.enabled = False, which runs every iteration, or keep what changes"
            " in an attribute of the layer, where it is seen (docs/recorded-step.md)"
        )

    def _one_step(self, recording: _Recording, before: Moment, program: Program) -> None:
        """Run one step, from ``before``, of a program that consists of a recording's first rows."""
        before.restore()
        starts = self._next_starts(1)
        values = recording.sources.values(np.zeros(1, np.int64), starts)
        self._ops.replay(program, 1).run(1, values[: len(program.varying)])

    # -- replaying ------------------------------------------------------------------------------

    def _replay(self, most: int) -> int:
        """Replay iterations of one kind after the other, as long as their replays are trusted."""
        trainer, done, begin = self._trainer, 0, time.perf_counter()
        while done < most:
            kind, same = stretch(trainer, min(most - done, MOST))
            recording = self._recordings.get(kind)
            if recording is None or not recording.checks or trainer.iteration >= LAST:
                break
            time_for = int((LONGEST + begin - time.perf_counter()) / recording.seconds)
            if done and (time_for < 1 or recording.replayed >= recording.due):
                break
            wanted = max(1, min(same, time_for, recording.due - recording.replayed))
            made = self._run(recording, wanted)
            done += made
            if made < same:
                break
        return done

    def _run(self, recording: _Recording, most: int) -> int:
        """Replay up to ``most`` iterations of a recording's kind, in one call."""
        trainer, game = self._trainer, self._trainer.objective
        wanted = min(most, recording.replay.most, LAST - trainer.iteration)
        starts = self._next_starts(wanted)
        steps = np.arange(len(starts) // trainer.settings.minibatches)
        values = recording.sources.values(steps, starts)
        begin = time.perf_counter()
        recording.replay.run(steps.size, values)
        done = int(recording.replay.take_done())
        self._count(done)
        value, real, fake, loss, judged = recording.program.kept
        trainer.last = (
            DStep(value, real, fake, game, trainer.penalties.values),
            GStep(loss, judged, game),
        )
        recording.replayed += done
        recording.seconds = (time.perf_counter() - begin) / steps.size
        self._latest = recording
        return done

    def _next_starts(self, iterations: int) -> NDArray[np.int64]:
        """Return the starts of the next minibatches; also their orders are then in the buffer."""
        trainer = self._trainer
        count = iterations * trainer.settings.minibatches
        return trainer.data.starts(trainer.minibatch, count)

    def _count(self, iterations: int) -> None:
        """Add replayed iterations to the counters."""
        trainer, settings = self._trainer, self._trainer.settings
        trainer.iteration += iterations
        trainer.minibatch += iterations * settings.minibatches
        trainer.D.t += iterations * settings.k
        trainer.G.t += iterations


def _settings(trainer: Trainer, game: Game) -> Node:
    """Return a value of everything that a recorded iteration depends on, to detect changes."""
    of_data = {
        name: value
        for name, value in vars(trainer.data).items()
        if name not in ("_x", "_labels", "_orders", "_epoch_in")  # arrays and their contents
    }
    arrays = (
        trainer.penalties.flat,
        *trainer.data.buffers().values(),
        *(
            a
            for p in (trainer.D, trainer.G)
            for a in (p.network.flat, p.grads_flat, *p.slots, p.average_flat)
        ),
        *(() if trainer.pool is None else trainer.pool.arrays().values()),
    )
    return fingerprint(
        {
            "D's layer": trainer.D.network.layer,
            "G's layer": trainer.G.network.layer,
            "D's optimizer": trainer.D.optimizer,
            "G's optimizer": trainer.G.optimizer,
            "objective": game,
            "settings": {name: getattr(trainer.settings, name) for name in PLAYED},
            "averages": (trainer.D.ema, trainer.G.ema),
            "data": of_data,
        },
        [*arrays, trainer.D, trainer.G, trainer.data, trainer.ops],
    )


def _watched_stream(trainer: Trainer, readers: list[str]) -> type[Stream]:
    """Return a Stream class that lists who reads its step; the backend's own reads do not count."""

    class Watched(Stream):
        @property
        def step(self) -> int:
            readers.append(who_asks(trainer))
            return self[1]

        def counter_words(self) -> tuple[int, int]:
            return Stream(*self).counter_words()

    return Watched


def _recorder(trainer: Trainer) -> Recorder:
    """Return a recorder that knows the names of all arrays that outlive an iteration."""
    buffers = {f"data.{name}": a for name, a in trainer.data.buffers().items()}
    if trainer.pool is not None:
        buffers |= trainer.pool.arrays()
    parts: dict[str, dict[int, str]] = {}
    if trainer.penalties.flat is not None:
        buffers["penalties"] = trainer.penalties.flat
        parts["penalties"] = dict(enumerate(trainer.penalties.values))
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
