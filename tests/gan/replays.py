"""What the tests of recording and replaying share: random games, the plain run, comparisons."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np

from scratchgan.backends import ACTIVATIONS, get_backend
from scratchgan.backends.program import address
from scratchgan.errors import NonFiniteError
from scratchgan.gan import Noise, Trainer
from scratchgan.gan.state import seen_arrays
from scratchgan.nn import (
    Concat,
    Dropout,
    LeakyReLU,
    Linear,
    Maxout,
    Network,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from scratchgan.optim import SGD, Adam, Cosine, ExponentialDecay, LinearRamp

ROOT = Path(__file__).parents[2]


# -- the plain run ------------------------------------------------------------------------------


def plain(trainer):
    """Make a trainer run every iteration operation by operation."""

    def iterate(most):
        trainer._play()
        return 1

    trainer.recorder.iterate = iterate
    return trainer


def error_of(trainer, drive):
    """Drive a trainer; return what its NonFiniteError says, or None."""
    try:
        drive(trainer)
    except NonFiniteError as error:
        return str(error)
    return None


def differences(a, b):
    """Names of what differs between two trainers; bits are compared, so NaN equals itself."""
    left, right = a.arrays(), b.arrays()
    found = [f"arrays: {left.keys() ^ right.keys()}"] if left.keys() != right.keys() else []
    found += [name for name in left.keys() & right.keys() if not bits(left[name], right[name])]
    # A float's repr is exact, and that of NaN is the same each time.
    for name in ("counters", "record", "state"):
        if repr(getattr(a, name)()) != repr(getattr(b, name)()):
            found.append(name)
    if repr(a.history) != repr(b.history):
        found.append("history")
    if not bits(a.samples(7), b.samples(7)):
        found.append("samples")
    return sorted(found)


def bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def replays(trainer):
    """Whether the latest iteration came out of a program: what it left lies in the arena."""
    program = trainer.recorder.program
    if program is None:
        return False
    start = address(program.arena)
    return all(start <= address(a) < start + program.arena.nbytes for a in seen_arrays(trainer))


# -- random games -------------------------------------------------------------------------------

RATES = st.sampled_from(
    [0.01, 0.0, ExponentialDecay(0.05, 1.1, 0.001), LinearRamp(0.02, 0.0, 6), Cosine(0.03, 1e-3, 9)]
)
MOMENTA = st.sampled_from([0.0, 0.5, LinearRamp(0.5, 0.9, 5), Cosine(0.9, 0.1, 7)])
OPTIMIZERS = st.one_of(
    st.builds(Adam, RATES, st.sampled_from([0.0, 0.5, 0.9]), st.just(0.99)),
    st.builds(SGD, RATES, MOMENTA, st.booleans()),
)
# Some around the tile of a product and where its narrow form begins, the others as they come.
WIDTHS = st.sampled_from([1, 2, 4, 5, 16, 17, 33, 64, 70]) | st.integers(1, 70)
SLOPES = st.sampled_from([0.0, 0.1, 0.5])
KEEPS = st.sampled_from([0.3, 0.5, 0.9, 1.0])


class Game(NamedTuple):
    """A description of a game; ``make`` returns a trainer at its beginning."""

    G: Any  # layers
    D: Any
    dtype: Any
    noise: Noise
    features: int
    classes: int
    examples: int
    settings: dict[str, Any]  # of Trainer

    def make(self, ops=None, **changes):
        """Return a trainer whose layers are its own, so that a test may change them."""
        rng = np.random.default_rng(3)
        x = rng.random((self.examples, self.features)).astype(self.dtype)
        labels = rng.permutation(np.arange(self.examples) % self.classes) if self.classes else None
        ops = ops or get_backend("cpu")
        G, D = (
            Network(copy.deepcopy(layer), seed, self.dtype, ops)
            for seed, layer in ((1, self.G), (2, self.D))
        )
        return Trainer(
            G, D, x,
            noise=self.noise, labels=labels, **{**self.settings, **changes},
        )  # fmt: skip


def layers(draw, width, depth=0):
    """A few layers behind ``width`` features, of every kind, and the width behind them."""
    found = []
    for kind in draw(st.lists(st.sampled_from(KINDS), max_size=3)):
        if kind == "linear":
            found.append(
                Linear(width, draw(WIDTHS), draw(st.sampled_from(ACTIVATIONS)), slope=draw(SLOPES))
            )
        elif kind == "maxout":
            units, pieces = draw(st.integers(1, 20)), draw(st.integers(1, 3))
            found += [Linear(width, units * pieces), Maxout(units, pieces)]
            width = units * pieces
        elif kind == "dropout":
            found.append(Dropout(draw(KEEPS)))
        elif kind == "nested" and depth < 2:
            found.append(Sequential(*layers(draw, width, depth + 1)[0]))
        else:
            found.append(draw(PHIS))
        width = found[-1].output_width(width)
    return found, width


KINDS = ["linear", "linear", "maxout", "dropout", "phi", "nested"]
PHIS = st.sampled_from([Tanh(), ReLU(), LeakyReLU(0.1), Sigmoid(), Softplus()])


def network(draw, width, classes, out):
    """A network from ``width`` features (and a label) to ``out``."""
    first = []
    if classes:
        one, one_width = layers(draw, width)
        other, other_width = layers(draw, classes)
        first, width = [Concat(Sequential(*one), Sequential(*other))], one_width + other_width
    hidden, width = layers(draw, width)
    last = Linear(width, out, draw(st.sampled_from(ACTIVATIONS)) if out > 1 else "identity")
    return Sequential(*first, *hidden, last)


@st.composite
def games(draw):
    """Small games of all kinds; an epoch has 1 to 5 minibatches, and k may be more."""
    batch, per_epoch = draw(st.sampled_from([1, 2, 3, 7, 16, 33])), draw(st.integers(1, 5))
    classes = draw(st.sampled_from([0, 0, 1, 3]))
    features = draw(st.sampled_from([1, 2, 3, 8, 33]))
    noise = draw(
        st.builds(Noise, WIDTHS) | st.builds(Noise, WIDTHS, st.just("uniform"), st.just(-1.7))
    )
    updates = draw(st.sampled_from(["alternating", "alternating", "simultaneous"]))
    settings = {
        "batch_size": batch,
        "k": draw(st.integers(1, 3)) if updates == "alternating" else 1,
        "updates": updates,
        "objective": draw(st.sampled_from(["minimax", "non_saturating"])),
        "optimizer_g": draw(OPTIMIZERS),
        "optimizer_d": draw(OPTIMIZERS),
        "ema": draw(st.sampled_from([None, 0.0, 0.9])),
        "seed": draw(st.sampled_from([0, 5, 2**64 - 1])),
        "log_every": draw(st.sampled_from([1, 3, 4, 1000])),
    }
    settings |= draw(stabilisers(updates, classes, batch))
    return Game(
        G=network(draw, noise.features, classes, features),
        D=network(draw, features * settings.get("pack", 1), classes, 1),
        dtype=draw(st.sampled_from([np.float32, np.float64])),
        noise=noise,
        features=features,
        classes=classes,
        examples=max(classes, batch * per_epoch + draw(st.integers(0, batch - 1))),
        settings=settings,
    )


WIDTHS_OF_NOISE = st.sampled_from([0.0, 0.5, LinearRamp(0.5, 0.0, 5), Cosine(0.3, 0.1, 9)])


@st.composite
def stabilisers(draw, updates, classes, batch):
    """None in half of the games; else some that go together."""
    if draw(st.booleans()):
        return {}
    found = {
        "clip": draw(st.sampled_from([None, 0.1])),
        "instance_noise": draw(st.none() | WIDTHS_OF_NOISE),
    }
    if updates == "alternating":
        found |= {
            "pool": draw(st.none() | st.integers(1, 2 * batch)),
            "unroll": draw(st.integers(0, 2)),
        }
    if not classes:
        found["pack"] = draw(st.sampled_from([m for m in (1, 2, 3, 7) if batch % m == 0]))
    return found


def recordable(trainer):
    """Whether each iteration's minibatches lie in two epochs, as many as are loaded at a time."""
    return trainer.settings.minibatches <= trainer.data.per_epoch


# -- other processes ----------------------------------------------------------------------------


def child(code, threads=1):
    """Run ``code``, which may import ``tests``, and return what it prints."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NUMBA_NUM_THREADS": str(threads),
        "SCRATCHGAN_QUIET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
