"""The trainer: the loop of Algorithm 1, which can also be run step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from scratchgan import checks
from scratchgan.backends import Purpose, Stream
from scratchgan.errors import ShapeError
from scratchgan.fields import fill_docstring, settings_in, signature_with
from scratchgan.games import Game, Games, game_at, objectives_by_start
from scratchgan.gan import report, state
from scratchgan.gan.d_input import DInput
from scratchgan.gan.fit import require_fit
from scratchgan.gan.generator import Generator
from scratchgan.gan.interrupts import SignalsWait
from scratchgan.gan.latest import LatestPenalties
from scratchgan.gan.minibatches import Minibatches
from scratchgan.gan.noise import Prior
from scratchgan.gan.player import Player
from scratchgan.gan.pool import Pool
from scratchgan.gan.replay import StepRecorder
from scratchgan.gan.settings import MOST_UPDATES, Settings
from scratchgan.gan.steps import (
    DStep,
    GStep,
    discriminator_step,
    generator_step,
    simultaneous_step,
)
from scratchgan.gan.unrolled import unrolled
from scratchgan.nn import Network

__all__ = ["Trainer"]

G_TURN = MOST_UPDATES  # the substep of G's update; the updates of D have substeps 0, 1, …
LONGEST = 2**32 - 1  # most iterations: a stream numbers them with 32 bits
NEVER = 2**63 - 1  # longest interval between records or calls of a callback, in iterations


class _Attribute:
    """A setting as an attribute of the trainer. An assignment calls ``change``."""

    def __set_name__(self, owner: type[Trainer], name: str) -> None:
        self._name = name

    def __get__(self, trainer: Trainer, owner: object = None) -> Any:
        return self if trainer is None else getattr(trainer.settings, self._name)

    def __set__(self, trainer: Trainer, value: object) -> None:
        trainer.change(**{self._name: value})


class Trainer:
    """
    Play the game: repeat k updates of D and one of G.

    Parameters
    ----------
    G, D : Network
        G returns samples, and D the outputs that the game needs. Both have the same backend and
        dtype.
    x : array (examples, features)
        The data.
    settings : Settings, optional
        For instance those of a recipe. Settings that belong to a run (``data``, ``steps``, …) are
        ignored.
    labels : integer array (examples,), optional
        Classes 0, 1, …, each with at least one example. With labels the game is conditional: G
        takes (z, y) and D takes (x, y), with y one-hot. G gets all labels equally often, for any
        p(y) of the data. This shifts D's logit by log p(y)/q(y), but does not change G's optimum
        (notebook 07).
    callbacks : iterable of callable
        Each is called as ``callback(trainer)`` after every iteration; see also
        ``call_every``.
    {settings}

    Attributes
    ----------
    settings : Settings
        The current settings; ``change`` changes them.
    games : dict
        The games by the iteration at which each begins; ``objective`` is the current one.
    penalties : LatestPenalties
        The latest value of each penalty, by name, in ``penalties.values``.
    iteration : int
        Number of updates of G so far.
    pool : Pool or None
        The pool of earlier samples, if ``settings.pool`` gives its size.
    recorder : StepRecorder
        It records iterations and replays them. Print ``recorder.program`` to see the recording;
        ``recorder.refusal`` says why there is none.
    history : list of dict
        One record every ``log_every`` iterations; see ``record``.

    Raises
    ------
    ShapeError, DataError, ValueError
        If the arguments do not fit together. The message says which ones.

    Notes
    -----
    Steps, ``record``, ``state``, ``samples`` and saving share one lock, so another thread may call
    them at any time.

    Signal handlers, such as that of Ctrl-C, run after the current iteration, its record and its
    callbacks are complete (``gan/interrupts.py``). So a training that is interrupted and continued
    has the same bits, history and callbacks as one without interruption. If a callback raises an
    error, the other callbacks that are due are still called, and then the training ends.
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
            raise ValueError("G and D are the same network; expected two different networks")
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
        require_fit(G, D, self.settings, self.data, self.games)
        self.G = Player(G, self.settings.optimizer_g, self.settings.ema)
        self.D = Player(D, self.settings.optimizer_d, clip=self.settings.clip)
        self.penalties = LatestPenalties(self.ops, self.settings.penalties, self.dtype)
        self.pool: Pool | None = None
        self.pool = self._pool_for(self.settings)
        self.iteration = 0
        self.minibatch = 0  # number of minibatches drawn so far
        self.history: list[dict[str, float]] = []
        self.substep = 0  # number of updates of D in this iteration
        self.last: tuple[DStep | None, GStep | None] = (None, None)  # results of the latest steps
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
        """The game of the current iteration. An assignment calls ``change``."""
        return game_at(self.games, self.iteration)

    @objective.setter
    def objective(self, objective: Games) -> None:
        self.change(objective=objective)

    def change(self, **changes: Any) -> None:
        """
        Change settings of the training, for example ``change(k=2, optimizer_g={"rate": 1e-4})``.

        An optimizer of another kind begins with moments of 0 and at the start of its schedules. A
        new moving average begins at G. A pool of another size begins empty. A new ``batch_size`` or
        ``seed`` restarts the epoch.

        Raises
        ------
        ShapeError, DataError, ValueError
            If a setting is wrong, or does not fit the networks or the data. Nothing is changed
            then.
        """
        with SignalsWait() as signals, self._turn(signals):
            new = _changed(self.settings, changes)
            if self.substep and new.updates != "alternating":
                raise ValueError(
                    "D has been updated in this iteration; call step_g() before you change updates"
                )
            games = objectives_by_start(new.objective)
            require_fit(self.G.network, self.D.network, new, self.data, games)
            pool = self._pool_for(new)
            epoch = self.minibatch // self.data.per_epoch
            if self.data.change(new.batch_size, new.seed):
                self.minibatch = epoch * self.data.per_epoch
            self.G.change(new.optimizer_g, new.ema)
            self.D.change(new.optimizer_d, clip=new.clip)
            self.penalties = self.penalties.changed(new.penalties)
            self.pool = pool
            self.games, self.settings = games, new

    def _pool_for(self, settings: Settings) -> Pool | None:
        """Return the pool that settings ask for, which is the present one if it has their size."""
        size, data = settings.pool, self.data
        if size is None or (self.pool is not None and self.pool.size == size):
            return None if size is None else self.pool
        return Pool(self.ops, size, data.features, data.classes, self.dtype)

    @property
    def d_input(self) -> DInput:
        """What the settings make of D's input."""
        return DInput(self.settings.instance_noise, self.pool, self.settings.pack)

    @property
    def played(self) -> Game:
        """The game of D's latest update, or of its first update if there was none yet."""
        d, _ = self.last
        return game_at(self.games, max(self.iteration - 1, 0)) if d is None else d.game

    # -- stepping -------------------------------------------------------------------------------

    def train(
        self, iterations: int, until: Callable[[], object] | None = None
    ) -> list[dict[str, float]]:
        """
        Run ``iterations`` iterations, or fewer if ``stop`` is called; return ``history``.

        ``until()`` is called between iterations, at least every tenth of a second (unless an
        iteration takes longer). The training ends when it returns a true value.
        """
        iterations = checks.whole("train", "iterations", iterations, 0, LONGEST)
        if until is not None:
            checks.function("train", "until", until)
        with SignalsWait() as signals:
            self._stop = False
            done = 0  # by this call, because another thread may train too
            while done < iterations:
                done += self._advance(iterations - done, signals)
                signals.honour()
                if self._stop or (until is not None and until()):
                    break
        return self.history

    def stop(self) -> None:
        """Let ``train`` return after the current iteration."""
        self._stop = True

    def call_every(self, iterations: int, callback: Callable[[Trainer], object]) -> None:
        """
        Call ``callback(trainer)`` once every ``iterations`` iterations.

        With a longer interval, more iterations can run in one compiled call.
        """
        every = checks.whole("call_every", "iterations", iterations, 1, NEVER)
        checks.function("call_every", "callback", callback, "a function of the trainer")
        self.callbacks.append((every, callback))

    def step(self) -> None:
        """Run one iteration: the remaining updates of D, then the update of G."""
        with SignalsWait() as signals:
            self._advance(1, signals)

    def step_d(self) -> None:
        """Update D once, on a fresh z and the next minibatch of x."""
        with SignalsWait() as signals, self._turn(signals):
            self._require_alternating()
            if self.substep >= G_TURN - self.settings.unroll:
                raise ValueError(
                    f"D has had {self.substep} updates in this iteration; call step_g()"
                )
            self._update_d()

    def step_g(self) -> None:
        """Update G once, on a fresh z. This ends the iteration, with its record and callbacks."""
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
        """Run one iteration or, if they are replayed, several until a record or call is due."""
        with self._turn(signals):
            if self.substep:  # D has been updated already
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
        d = self._step_d(self.substep, self.d_input)
        self.last = (self.penalties.noted(d), self.last[1])
        self.substep += 1

    def _step_d(self, substep: int, d_input: DInput) -> DStep:
        stream = self._stream(substep)
        x, z = self.data[self.minibatch], self._next_z(stream)
        penalties = self.settings.penalties
        d = discriminator_step(self.D, self.G, x, z, self.objective, stream, d_input, penalties)
        self.minibatch += 1
        return d

    def _look_ahead(self, i: int) -> None:
        """Make update i of those that D is ahead in G's step; the pool does not change."""
        self._step_d(self.substep + i, self.d_input._replace(pool=None))

    def _update_g(self) -> None:
        stream, game, x = self._stream(G_TURN), self.objective, None
        with unrolled(self.D, self.settings.unroll, self._look_ahead):
            z = self._next_z(stream)
            if game.needs_real:
                x = self.data[max(self.minibatch - 1, 0)]  # the latest minibatch of D
            g = generator_step(self.D, self.G, z, game, stream, x, self.d_input)
        self.last = (self.last[0], g)
        self.iteration, self.substep = self.iteration + 1, 0

    def _update_both(self) -> None:
        stream = self._stream(0)
        x, z = self.data[self.minibatch], self._next_z(stream)
        d, g = simultaneous_step(
            self.D, self.G, x, z, self.objective, stream, self.d_input, self.settings.penalties
        )
        self.last = (self.penalties.noted(d), g)
        self.minibatch, self.iteration = self.minibatch + 1, self.iteration + 1

    def _stream(self, substep: int) -> Stream:
        return self.recorder.stream(self.seed, self.iteration, substep)

    def _require_alternating(self) -> None:
        if self.updates != "alternating":
            raise ValueError("simultaneous updates cannot be made one by one; call step()")

    def _end_iterations(self) -> None:
        """Make the record and the calls that are due after an iteration."""
        if self.iteration % self.log_every == 0:
            self.history.append(self.record())
            self.check_finite()
        self._call_back(iter(self.callbacks))

    def _call_back(self, callbacks: Iterator[tuple[int, Callable[[Trainer], object]]]) -> None:
        """Call all callbacks that are due, even if one of them raises an error."""
        for every, callback in callbacks:
            if self.iteration % every == 0:
                try:
                    callback(self)
                except BaseException:
                    self._call_back(callbacks)
                    raise

    def _next_z(self, stream: Stream) -> Any:
        ops, rows = self.ops, self.data.batch_size
        prior = Prior(self.noise, self.objective.codes)
        z = prior.sample(ops, rows, stream.purpose(Purpose.NOISE), self.dtype)
        if not self.data.classes:
            return z
        labels = ops.random_labels(rows, self.data.classes, stream.purpose(Purpose.LABELS))
        return z, ops.one_hot(labels, self.data.classes, self.dtype)

    # -- looking --------------------------------------------------------------------------------

    def record(self) -> dict[str, float]:
        """
        Return numbers of the latest updates, as plain floats.

        - ``step`` and ``epoch``;
        - ``value`` (V) and ``loss_g``;
        - ``penalty``: the sum of the penalties' latest values, if there are penalties. A lazy
          penalty's value contains its factor ``every``;
        - the means of the game's reading over x and over G(z). For games with logits they are
          ``d_real`` and ``d_fake``, the means of D(x) and D(G(z));
        - the learning rates ``rate_d`` and ``rate_g``.

        Numbers of a player without an update yet are missing.
        """
        with self._lock:
            return report.record(self)

    def state(self) -> dict[str, Any]:
        """Return the current record, counters and main settings, as plain data."""
        with self._lock:
            return report.standing(self)

    def samples(
        self, n: int = 100, label: int | None = None, codes: Mapping[int, Any] | None = None
    ) -> NDArray[Any]:
        """
        Return G(z) for a fixed z, (n, features). The same z makes grids comparable.

        If there is a moving average of G, it is used. ``label`` and ``codes`` choose labels and
        codes as in ``Generator.sample``.
        """
        with self._lock:
            stream = Stream(self.seed).purpose(Purpose.SAMPLE)
            return self.generator().sample(n, stream, label, codes)

    def generator(self) -> Generator:
        """
        Return G for drawing samples, with its moving average if there is one.

        It shares the trainer's parameters, so its samples change as training goes on.
        """
        prior, classes = self.settings.prior, self.data.classes
        return Generator(self.G.network, prior, classes, self.G.average)

    def check_finite(self) -> None:
        """Raise NonFiniteError if a latest value, a parameter or a moment is not finite."""
        with self._lock:
            report.check_finite(self)

    # -- saving ---------------------------------------------------------------------------------

    def snapshot(self) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
        """Return arrays and counters together; raise NonFiniteError if a value is not finite."""
        with self._lock:
            self.check_finite()
            return self.arrays(), self.counters()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return copies of all arrays that the next iterations depend on, by name."""
        with self._lock:
            return {name: self.ops.to_numpy(a) for name, a in state.named_arrays(self).items()}

    def counters(self) -> dict[str, int]:
        """Return the integers that, with the seed, decide noise, masks and minibatches."""
        with self._lock:
            return state.counters(self)

    def restore(self, arrays: dict[str, NDArray[Any]], counters: dict[str, int]) -> None:
        """
        Set the training to a state that ``arrays`` and ``counters`` returned.

        Raises
        ------
        ShapeError, DataError, ValueError
            If an array or a counter is missing, or does not fit this training. Nothing is changed
            then.
        """
        with SignalsWait() as signals, self._turn(signals):  # no signal in between
            for name, a in state.named_arrays(self).items():  # check all before the first change
                if name not in arrays:
                    raise ShapeError(
                        f"restore: '{name}' is missing; expected the arrays of arrays()"
                    )
                checks.array("restore", name, arrays[name], a.shape, finite=True)
            found = {
                name: checks.whole("restore", name, counters.get(name), 0, NEVER)
                for name in state.COUNTERS
            }
            state.put_arrays(self, arrays)
            state.put_counters(self, found)
            self.last = (None, None)
            self.history = [r for r in self.history if r["step"] <= self.iteration]


GAME = [each for each in settings_in(Settings).values() if not each.run]  # of a trainer


def _changed(settings: Settings | None, changes: dict[str, Any]) -> Settings:
    """Return settings with the changes that the trainer's keywords give."""
    for name in changes:
        checks.one_of("setting of a Trainer", name, [each.name for each in GAME])
    if settings is None:
        return Settings.from_plain(changes)
    expected = "Settings, such as get_recipe('digits').settings"
    return checks.instance("Trainer", "settings", settings, Settings, expected).changed(**changes)


fill_docstring(Trainer, GAME)
Trainer.__signature__ = signature_with(Trainer, GAME)  # type: ignore[attr-defined]
