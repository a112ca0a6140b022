"""
The trainer's iteration, recorded and replayed.

The first iteration is run and recorded. The second is replayed, then run again from
the same point, and the two must agree to the bit: only then are the following ones
replayed, many a call. What cannot be recorded is run step by step as before, and
``StepRecorder.refusal`` says why.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.backends.program import Program, Recorder, Varying, address
from scratchgan.errors import NotRecordableError
from scratchgan.optim import SGD, Adam, Schedule

if TYPE_CHECKING:
    from scratchgan.gan.trainer import Trainer
    from scratchgan.objectives import Objective

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
    program : Program or None
        The recorded iteration; ``print(program)`` lists it.
    refusal : str or None
        Why iterations are not replayed.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._forget(None)

    def _forget(self, settings: Any) -> None:
        self._settings = settings
        self._ops: Any = self._trainer.ops  # not every backend records
        self.program: Program | None = None
        self.refusal: str | None = None
        self._replay: Any = None
        self._sources: _Sources | None = None
        self._checked = False
        self._seconds = LONGEST

    def iterate(self, most: int) -> int:
        """Make at least one iteration and at most ``most``; return how many."""
        trainer = self._trainer
        objective = trainer.objective  # of these iterations; another may follow
        settings = _settings(trainer, objective)
        if settings != self._settings:
            self._forget(settings)
            self.refusal = self._foreseen()
            if self.refusal is not None and self._records():
                self._tell()
        if self.refusal is None and self._checked and trainer.iteration < LAST:
            return self._run(most)
        if self.refusal is not None or trainer.iteration >= LAST:
            trainer.play()
        elif self.program is None:
            self._refused_if(self._record)
        else:
            self._refused_if(self._check)
        # What a layer of one's own notes in itself while it plays is no change of settings.
        self._settings = _settings(trainer, objective)
        return 1

    def _records(self) -> bool:
        return hasattr(self._ops, "recording")

    def _tell(self) -> None:
        """Warn that a replay is not to be had, and why; it is only slower."""
        warnings.warn(f"{STEP_BY_STEP} {self.refusal}", stacklevel=5)

    def _foreseen(self) -> str | None:
        """Return why recording need not be tried."""
        trainer = self._trainer
        if not self._records():
            return f"the backend '{trainer.ops.name}' does not record"
        if trainer.k > trainer.data.per_epoch:  # it may span three; two are in memory
            return "an iteration takes more minibatches than an epoch has"
        for player in (trainer.D, trainer.G):
            if type(player.optimizer) not in (SGD, Adam):  # it may look at t, or at values
                return f"{type(player.optimizer).__name__} is not an optimiser of scratchgan"
        return None

    def _refused_if(self, attempt: Callable[[], None]) -> None:
        """Make an iteration by ``attempt``; if it finds that this cannot be recorded, say so."""
        try:
            attempt()
        except NotRecordableError as error:
            self.refusal = str(error)
            self.program = self._replay = self._sources = None
            self._tell()

    # -- recording ------------------------------------------------------------------------------

    def _record(self) -> None:
        trainer = self._trainer
        trainer.data.starts(trainer.minibatch, trainer.k)  # a new epoch's order is no part of it
        before, recorder = _State(trainer), _recorder(trainer)
        try:
            with self._ops.recording(recorder):
                trainer.play()
        except BaseException:
            before.restore()
            raise
        after = _State(trainer)
        program = Program(recorder, trainer.last_arrays())
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

    def _check(self) -> None:
        trainer, before = self._trainer, _State(self._trainer)
        try:
            self._run(1)
            replayed = _State(trainer)
            before.restore()
            trainer.play()
        except BaseException:
            before.restore()
            raise
        if not replayed.same_as(_State(trainer)):
            raise NotRecordableError(
                "a replayed iteration has other bits than one that is run: a layer, the objective"
                " or a schedule computes outside the vocabulary of operations, or changes from"
                " step to step"
            )
        self._checked = True

    # -- replaying ------------------------------------------------------------------------------

    def _run(self, most: int) -> int:
        trainer, program = self._trainer, self.program
        assert program is not None
        assert self._sources is not None
        wanted = max(1, min(most, MOST, int(LONGEST / self._seconds), LAST - trainer.iteration))
        starts = trainer.data.starts(trainer.minibatch, wanted * trainer.k)
        steps = np.arange(len(starts) // trainer.k)
        values = self._sources.values(steps, starts)
        begin = time.perf_counter()
        try:
            self._replay.run(steps.size, values)
        finally:  # Ctrl-C is heard when the call returns, whose steps have been made
            done = self._replay.take_done()
            if done:
                trainer.played(done, program.kept)
        self._seconds = (time.perf_counter() - begin) / steps.size
        return int(done)


def _settings(trainer: Trainer, objective: Objective) -> tuple[Any, ...]:
    """What a recorded iteration rests on; if it changes, it is recorded again."""
    players = [
        (
            id(p.network.flat), id(p.grads_flat), *map(id, p.slots), id(p.average_flat), p.ema,
            _fingerprint(p.network.layer), _fingerprint(p.optimizer),
        )
        for p in (trainer.D, trainer.G)
    ]  # fmt: skip
    return (
        *players, id(trainer.data), _fingerprint(objective), trainer.noise, trainer.k,
        trainer.updates, trainer.seed, id(trainer.ops),
    )  # fmt: skip


def _fingerprint(thing: Any) -> Any:
    """What an object says of itself, attribute by attribute."""
    if isinstance(thing, int | float | str | bytes | bool | None):
        return thing
    if isinstance(thing, tuple | list):
        return tuple(map(_fingerprint, thing))
    if isinstance(thing, dict):
        return tuple((str(key), _fingerprint(value)) for key, value in thing.items())
    if hasattr(thing, "__dict__") and not isinstance(thing, type) and not callable(thing):
        return type(thing), _fingerprint(vars(thing))
    return id(thing)


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


# -- the trainer's state ------------------------------------------------------------------------


class _State:
    """Copies of everything that an iteration changes."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._counters = (
            trainer.iteration, trainer.minibatch, trainer.D.t, trainer.G.t, trainer.substep,
        )  # fmt: skip
        self._last = trainer.last
        self._arrays = trainer.arrays()
        self._results = [trainer.ops.to_numpy(a) for a in trainer.last_arrays()]

    def restore(self) -> None:
        """Go back to this state."""
        trainer = self._trainer
        (
            trainer.iteration, trainer.minibatch, trainer.D.t, trainer.G.t, trainer.substep,
        ) = self._counters  # fmt: skip
        trainer.last = self._last
        trainer.put_back(self._arrays)

    def same_as(self, other: _State) -> bool:
        """Whether all arrays have the same bits, NaN included."""
        ours = [*self._arrays.values(), *self._results]
        theirs = [*other._arrays.values(), *other._results]
        return self._counters == other._counters and all(
            a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True)
        )
