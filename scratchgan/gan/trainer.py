"""The trainer: Algorithm 1's loop, which can also be driven step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Purpose, Stream
from scratchgan.errors import ShapeError
from scratchgan.fields import fill_docstring, settings_in, signature_with
from scratchgan.games import Game, Games, game_at, objectives_by_start
from scratchgan.gan import report, state
from scratchgan.gan.fit import require_fit
from scratchgan.gan.generator import Generator
from scratchgan.gan.interrupts import SignalsWait
from scratchgan.gan.minibatches import Minibatches
from scratchgan.gan.player import Player
from scratchgan.gan.replay import StepRecorder
from scratchgan.gan.settings import MOST_UPDATES, Settings
from scratchgan.gan.steps import (
    DStep,
    GStep,
    discriminator_step,
    generator_step,
    simultaneous_step,
)
from scratchgan.nn import Network

__all__ = ["Trainer"]

G_TURN = MOST_UPDATES  # the substep of G's update; D's updates of an iteration are 0, 1, …
LONGEST = 2**32 - 1  # iterations: a stream numbers them by 32 bits
NEVER = 2**63 - 1  # iterations between two records, or two calls of a callback


class _Attribute:
    """A setting that is an attribute of the trainer, too; to set it is to ``change`` it."""

    def __set_name__(self, owner: type[Trainer], name: str) -> None:
        self._name = name

    def __get__(self, trainer: Trainer, owner: object = None) -> Any:
        return self if trainer is None else getattr(trainer.settings, self._name)

    def __set__(self, trainer: Trainer, value: object) -> None:
        trainer.change(**{self._name: value})


class Trainer:
    """
    Play the game: k updates of D, then one of G, again and again.

    Parameters
    ----------
    G, D : Network
        G ends in a sample, D in the outputs that the game reads. On one backend and of one dtype.
    x : array (examples, features)
        The data.
    settings : Settings, optional
        Those of a recipe, for instance; what is of a run alone (``data``, ``steps``, …) is not
        looked at.
    labels : integer array (examples,), optional
        Classes 0, 1, … with an example of each. With them the game is conditional: G takes
        (z, y), D takes (x, y), y one-hot. G is asked for all labels equally often, whatever
        p(y) of the data is; that shifts D's logit by log p(y)/q(y), and leaves G's optimum
        where it is (notebook 07).
    callbacks : iterable of callable
        Each is called as ``callback(trainer)`` after every iteration; see also
        ``call_every``.
    {settings}

    Attributes
    ----------
    settings : Settings
        What is played now; ``change`` puts others in their place.
    games : dict
        The games by the iteration from which each is played; ``objective`` is this iteration's.
    iteration : int
        Updates of G so far.
    recorder : StepRecorder
        Where iterations are recorded and replayed: ``recorder.program`` can be printed,
        ``recorder.refusal`` says why it is not done.
    history : list of dict
        One record every ``log_every`` iterations: see ``record``.

    Raises
    ------
    ShapeError, DataError, ValueError
        If the parts do not fit together; the message says which.

    Notes
    -----
    Stepping, looking and saving take one lock, so a view may call ``state`` and
    ``samples``, or drive the steps, from another thread.

    Ctrl-C, and whatever else a signal's handler does, waits until the iteration that it comes
    in is whole, with its record and its callbacks (``gan/interrupts.py``): a training that was
    interrupted and goes on has the bits, the history and the callbacks of one that was not. What
    a callback itself raises ends the training after the other callbacks that are due.
    """

    def __init__(
        self,
        G: Network,
        D: Network,
        x: NDArray[Any],
        settings: Settings | None = None,
        *,
        labels: NDArray[Any] | None = None,
        callbacks: Iterable[Callable[[Trainer], object]] = (),
        **changes: Any,
    ) -> None:
        for name, network in (("G", G), ("D", D)):
            checks.instance("Trainer", name, network, Network, "a Network, such as Network(layer)")
        if G is D:
            raise ValueError("G and D are one network; expected two, each with its parameters")
        self.settings = _changed(settings, changes)
        self.games = objectives_by_start(self.settings.objective)
        lists = (Sequence, Iterator)
        checks.instance("Trainer", "callbacks", callbacks, lists, "a list of functions")
        self.callbacks = [
            (1, checks.function("Trainer", "a callback", callback, "a function of the trainer"))
            for callback in callbacks
        ]
        self.ops, self.dtype = G.ops, G.dtype
        self.data = Minibatches(
            self.ops, x, self.settings.batch_size, self.settings.seed, labels, self.dtype
        )
        require_fit(G, D, self.settings.noise, self.data, self.games)
        self.G = Player(G, self.settings.optimizer_g, self.settings.ema)
        self.D = Player(D, self.settings.optimizer_d)
        self.iteration = 0
        self.minibatch = 0  # drawn so far
        self.history: list[dict[str, float]] = []
        self.substep = 0  # updates of D in this iteration
        self.last: tuple[DStep | None, GStep | None] = (None, None)  # what the latest ones saw
        self.recorder = StepRecorder(self, self._play)
        self._lock = threading.RLock()
        self._stop = False

    # -- settings -------------------------------------------------------------------------------

    k = _Attribute()
    updates = _Attribute()
    seed = _Attribute()
    noise = _Attribute()
    log_every = _Attribute()

    @property
    def objective(self) -> Game:
        """What is played at this iteration; what it is set to is played from now on."""
        return game_at(self.games, self.iteration)

    @objective.setter
    def objective(self, objective: Games) -> None:
        self.change(objective=objective)

    def change(self, **changes: Any) -> None:
        """
        Play on with other settings, such as ``change(k=2, optimizer_g={"rate": 1e-4})``.

        An optimizer of another kind begins with its schedules and moments of 0, a moving average
        that is new begins at G, and another ``batch_size`` or ``seed`` begins the epoch anew.

        Raises
        ------
        ShapeError, DataError, ValueError
            If a setting cannot be, or does not fit the networks or the data; nothing is changed
            then.
        """
        with SignalsWait() as signals, self._turn(signals):
            new = _changed(self.settings, changes)
            if self.substep and new.updates != "alternating":
                raise ValueError("D has moved in this iteration; call step_g() before updates")
            games = objectives_by_start(new.objective)
            require_fit(self.G.network, self.D.network, new.noise, self.data, games)
            epoch = self.minibatch // self.data.per_epoch
            if self.data.change(new.batch_size, new.seed):
                self.minibatch = epoch * self.data.per_epoch
            self.G.change(new.optimizer_g, new.ema)
            self.D.change(new.optimizer_d)
            self.games, self.settings = games, new

    @property
    def played(self) -> Game:
        """The game that D has played last; before its first update, the one that it will play."""
        d, _ = self.last
        return game_at(self.games, max(self.iteration - 1, 0)) if d is None else d.game

    # -- stepping -------------------------------------------------------------------------------

    def train(
        self, iterations: int, until: Callable[[], object] | None = None
    ) -> list[dict[str, float]]:
        """
        Run ``iterations`` iterations, or fewer if ``stop`` is called; return ``history``.

        ``until()`` is asked now and then, at least every tenth of a second where an
        iteration takes less; the training ends when it says yes.
        """
        iterations = checks.whole("train", "iterations", iterations, 0, LONGEST)
        if until is not None:
            checks.function("train", "until", until)
        with SignalsWait() as signals:
            self._stop = False
            done = 0  # by this call; another thread may drive the same trainer
            while done < iterations:
                done += self._advance(iterations - done, signals)
                signals.honour()
                if self._stop or (until is not None and until()):
                    break
        return self.history

    def stop(self) -> None:
        """Let ``train`` return after the iteration that it is in."""
        self._stop = True

    def call_every(self, iterations: int, callback: Callable[[Trainer], object]) -> None:
        """
        Call ``callback(trainer)`` after every so many iterations.

        The longer the interval, the more iterations can be run in one go.
        """
        every = checks.whole("call_every", "iterations", iterations, 1, NEVER)
        checks.function("call_every", "callback", callback, "a function of the trainer")
        self.callbacks.append((every, callback))

    def step(self) -> None:
        """Run one iteration: the rest of D's k updates, then G's."""
        with SignalsWait() as signals:
            self._advance(1, signals)

    def step_d(self) -> None:
        """Update D once, on a fresh z and the next minibatch of x."""
        with SignalsWait() as signals, self._turn(signals):
            self._require_alternating()
            if self.substep >= G_TURN:
                raise ValueError(f"{G_TURN} updates of D without one of G; call step_g()")
            self._update_d()

    def step_g(self) -> None:
        """Update G once, on a fresh z. This ends the iteration: records and callbacks are due."""
        with SignalsWait() as signals, self._turn(signals):
            self._require_alternating()
            self._update_g()
            self._end_iterations()

    @contextmanager
    def _turn(self, signals: SignalsWait) -> Iterator[None]:
        """Hold the lock."""
        signals.acquire(self._lock)
        try:
            yield
        finally:
            self._lock.release()

    def _advance(self, most: int, signals: SignalsWait) -> int:
        """Run one iteration or, where they are replayed, as many as until something is due."""
        with self._turn(signals):
            if self.substep:  # D has moved already
                self._play()
                self._end_iterations()
                return 1
            for every in (self.log_every, *(every for every, _ in self.callbacks)):
                most = min(most, every - self.iteration % every)
            for start in self.games:
                if start > self.iteration:
                    most = min(most, start - self.iteration)
            count = self.recorder.iterate(most)
            self._end_iterations()
            return count

    def _play(self) -> None:
        """Make one iteration's updates; no records, no callbacks."""
        if self.updates == "simultaneous":
            self._update_both()
            return
        while self.substep < self.k:
            self._update_d()
        self._update_g()

    def _update_d(self) -> None:
        stream = self._stream(self.substep)
        x, z = self.data[self.minibatch], self._next_z(stream)
        d = discriminator_step(self.D, self.G, x, z, self.objective, stream)
        self.last = (d, self.last[1])
        self.minibatch, self.substep = self.minibatch + 1, self.substep + 1

    def _update_g(self) -> None:
        stream = self._stream(G_TURN)
        game, z, x = self.objective, self._next_z(stream), None
        if game.needs_real:
            x = self.data[max(self.minibatch - 1, 0)]  # what D has seen last
        g = generator_step(self.D, self.G, z, game, stream, x)
        self.last = (self.last[0], g)
        self.iteration, self.substep = self.iteration + 1, 0

    def _update_both(self) -> None:
        stream = self._stream(0)
        x, z = self.data[self.minibatch], self._next_z(stream)
        self.last = simultaneous_step(self.D, self.G, x, z, self.objective, stream)
        self.minibatch, self.iteration = self.minibatch + 1, self.iteration + 1

    def _stream(self, substep: int) -> Stream:
        return self.recorder.stream(self.seed, self.iteration, substep)

    def _require_alternating(self) -> None:
        if self.updates != "alternating":
            raise ValueError("simultaneous updates cannot be taken one by one; call step()")

    def _end_iterations(self) -> None:
        """Do what is due after the iteration that has just been counted."""
        if self.iteration % self.log_every == 0:
            self.history.append(self.record())
            self.check_finite()
        self._call_back(iter(self.callbacks))

    def _call_back(self, callbacks: Iterator[tuple[int, Callable[[Trainer], object]]]) -> None:
        """Call those that are due, all of them, whatever one of them raises."""
        for every, callback in callbacks:
            if self.iteration % every == 0:
                try:
                    callback(self)
                except BaseException:
                    self._call_back(callbacks)
                    raise

    def _next_z(self, stream: Stream) -> Any:
        ops, rows = self.ops, self.data.batch_size
        z = self.noise.sample(ops, rows, stream.purpose(Purpose.NOISE), self.dtype)
        if not self.data.classes:
            return z
        labels = ops.random_labels(rows, self.data.classes, stream.purpose(Purpose.LABELS))
        return z, ops.one_hot(labels, self.data.classes, self.dtype)

    # -- looking --------------------------------------------------------------------------------

    def record(self) -> dict[str, float]:
        """
        Return the numbers of the latest updates, as plain floats.

        ``step``, ``epoch``; ``value`` (V) and ``loss_g``; the means over x and over G(z) of what
        the game reads from D's outputs, under its names (``d_real`` and ``d_fake``, D(x) and
        D(G(z)), for games of logits); ``rate_d`` and ``rate_g``. Those of a player that has not
        moved yet are left out.
        """
        with self._lock:
            return report.record(self)

    def state(self) -> dict[str, Any]:
        """Return where the game stands, as plain data (numbers, strings, lists)."""
        with self._lock:
            return report.standing(self)

    def samples(self, n: int = 100, label: int | None = None) -> NDArray[Any]:
        """
        Return G(z) for a fixed z, (n, features): the same z at every call, so grids compare.

        The moving average of G is used where there is one. A conditional G is
        asked for labels 0, 1, … in turn, or for ``label`` alone.
        """
        with self._lock:
            stream = Stream(self.seed).purpose(Purpose.SAMPLE)
            return self.generator().sample(n, stream, label)

    def generator(self) -> Generator:
        """
        Return G for drawing samples, with its moving average where there is one.

        It sees the parameters as they are when it draws.
        """
        return Generator(self.G.network, self.noise, self.data.classes, self.G.average)

    def check_finite(self) -> None:
        """Raise NonFiniteError if a latest value, a parameter or a moment is not finite."""
        with self._lock:
            report.check_finite(self)

    # -- saving ---------------------------------------------------------------------------------

    def snapshot(self) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
        """Return arrays and counters of one moment, checked to be finite."""
        with self._lock:
            self.check_finite()
            return self.arrays(), self.counters()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return copies of all arrays that the training rests on, by name."""
        with self._lock:
            return {name: self.ops.to_numpy(a) for name, a in state.named_arrays(self).items()}

    def counters(self) -> dict[str, int]:
        """Return the integers from which noise, masks and minibatches follow."""
        with self._lock:
            return state.counters(self)

    def restore(self, arrays: dict[str, NDArray[Any]], counters: dict[str, int]) -> None:
        """
        Continue from what ``arrays`` and ``counters`` returned.

        Raises
        ------
        ShapeError, DataError, ValueError
            If an array or a counter is missing, or is none that this training could have;
            nothing is changed then.
        """
        with SignalsWait() as signals, self._turn(signals):  # it is whole, or not at all
            for name, a in state.named_arrays(
                self
            ).items():  # all of them, before the first is changed
                if name not in arrays:
                    raise ShapeError(f"restore: '{name}' is missing; expected what arrays() gave")
                checks.array("restore", name, arrays[name], a.shape, finite=True)
            found = {
                name: checks.whole("restore", name, counters.get(name), 0, NEVER)
                for name in state.COUNTERS
            }
            state.put_arrays(self, arrays)
            state.put_counters(self, found)
            self.last = (None, None)
            self.history = [r for r in self.history if r["step"] <= self.iteration]


GAME = [each for each in settings_in(Settings).values() if not each.run]  # not of a run alone


def _changed(settings: Settings | None, changes: dict[str, Any]) -> Settings:
    """Return settings with those that a trainer's keywords give in their place."""
    for name in changes:
        checks.one_of("setting of a Trainer", name, [each.name for each in GAME])
    if settings is None:
        return Settings.from_plain(changes)
    expected = "Settings, such as get_recipe('digits').settings"
    return checks.instance("Trainer", "settings", settings, Settings, expected).changed(**changes)


fill_docstring(Trainer, GAME)
Trainer.__signature__ = signature_with(Trainer, GAME)  # type: ignore[attr-defined]
