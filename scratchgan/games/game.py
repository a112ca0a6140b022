"""
What a game is: whoever trains, records, prints or draws one asks it.

D and G are networks; D's outputs on a minibatch are an array (batch, outputs). A game
says what these outputs are worth to each player. A game of one's own is a name and two
functions, written in the vocabulary of operations (``backends.Backend``) so that a step can
be recorded; everything else has a default:

>>> from scratchgan.backends import default_backend
>>> class Wasserstein(Game):  # Arjovsky et al. 2017, without its constraint on D
...     name = "wasserstein"
...
...     def d(self, real, fake, ops=None):
...         ops = ops or default_backend()
...         on_real, d_real = self.mean(real, ops)
...         on_fake, d_fake = self.mean(fake, ops)
...         return ops.add(on_real, ops.scale(on_fake, -1.0)), d_real, ops.scale(d_fake, -1.0)
...
...     def g(self, fake, real=None, ops=None):
...         ops = ops or default_backend()
...         on_fake, d_fake = self.mean(fake, ops)
...         return ops.scale(on_fake, -1.0), ops.scale(d_fake, -1.0), None
...
...     def mean(self, scores, ops):
...         batch = scores.shape[0]
...         slope = ops.empty(scores.shape, scores.dtype)
...         ops.fill_(slope, 1 / batch)
...         return ops.scale(ops.sum_rows(scores), 1 / batch), slope
>>> import numpy as np
>>> value, d_real, d_fake = Wasserstein().d(np.array([[3.0], [1.0]]), np.array([[0.5], [0.5]]))
>>> value.tolist(), d_real.tolist(), d_fake.tolist()
([1.5], [[0.5], [0.5]], [[-0.5], [-0.5]])
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from scratchgan.backends import Array, Backend

if TYPE_CHECKING:
    from scratchgan.theory import Density, Estimate
    from scratchgan.theory.densities import Points

    Output: TypeAlias = Callable[[Points], Points]

__all__ = ["PROBABILITY", "SCORE", "Game", "Labels", "Optimum", "Reading"]


class Reading(NamedTuple):
    """What is reported of D's outputs, and under which names."""

    of: Callable[[Array, Backend], Array]  # D's outputs (batch, outputs) → one number an example
    keys: tuple[str, str]  # of the means on real and on generated examples, in a record
    labels: tuple[str, str]  # of these, where they are printed and drawn
    axis: str  # what the numbers are, at an axis
    limits: tuple[float, float] | None  # between which they lie, if between any
    form: str  # how they are printed

    def said(self, record: Mapping[str, float]) -> str:
        """Return the two means of a record in words."""
        pairs = zip(self.labels, self.keys, strict=True)
        return "  ".join(f"{label} {record[key]:{self.form}}" for label, key in pairs)


def _first(outputs: Array, ops: Backend) -> Array:
    return outputs if outputs.shape[1] == 1 else ops.columns(outputs, 0, 1)


def _sigmoid_of_first(outputs: Array, ops: Backend) -> Array:
    return ops.activation(_first(outputs, ops), "sigmoid")


SCORE = Reading(
    _first, ("score_real", "score_fake"), ("score of x", "score of G(z)"), "D's score", None, "+.3g"
)
"""D's first output as it is."""

PROBABILITY = Reading(
    _sigmoid_of_first,
    ("d_real", "d_fake"),
    ("D(x)", "D(G(z))"),
    "probability of being real",
    (0.0, 1.0),
    ".2f",
)
"""D's first output is a logit l; reported is D(x) = σ(l)."""


class Optimum(NamedTuple):
    """Where the game ends if p_g = p_data and D is as good as can be."""

    value: float  # V
    reading: float | None = None  # what is then read from D's outputs, where that is one number
    value_name: str = ""  # how people write the number, such as "−log 4"
    reading_name: str = ""

    def names(self) -> tuple[str, str]:
        """Return value and reading for a person."""
        value = self.value_name or _shown(self.value)
        return value, self.reading_name or ("" if self.reading is None else _shown(self.reading))


def _shown(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


class Labels(NamedTuple):
    """Labels of a minibatch, one-hot (batch, classes)."""

    real: Array | None  # of the real examples; None where a step of G has none
    fake: Array  # those that G was asked for


class Game(ABC):
    """
    A game: what D ascends, what G descends, and what is to be said of it.

    Attributes
    ----------
    name : str
        What a setting, a record and a message call it.
    outputs : tuple of str
        What D's outputs are, one name a column. The first says what D makes of an example;
        others are the game's own (classes, codes).
    reading : Reading
        What is reported of D's outputs: ``SCORE`` as they are, or ``PROBABILITY`` for logits.
    optimum : Optimum or None
        Where one is known.
    divergence : str or None
        What G's gradient descends while D = D*, as a formula of p = p_data, q = p_g and
        m = (p + q)/2, where it is known.
    unit : str
        Of ``d``'s and ``g``'s values: "nats" where they are logarithms of probabilities.
    needs_real : bool
        Whether ``g`` asks for D's outputs on real examples (relativistic games). Then G's step
        gets the minibatch that D has seen last.
    needs_labels : bool
        Whether ``d`` and ``g`` ask for the labels (auxiliary classifiers). Then D sees the
        examples without them, and both functions get an argument ``labels``, a ``Labels``.
    """

    name: str
    outputs: tuple[str, ...] = ("score",)
    reading: Reading = SCORE
    optimum: Optimum | None = None
    divergence: str | None = None
    unit: str = ""
    needs_real: bool = False
    needs_labels: bool = False

    @abstractmethod
    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """
        Return V, which D ascends, and its gradients.

        Parameters
        ----------
        real, fake : Array (batch, outputs)
            D's outputs on real and on generated examples.
        ops : Backend, optional
            By default the fastest one here.

        Returns
        -------
        value : Array (1,)
        d_real, d_fake : Array (batch, outputs)
        """

    @abstractmethod
    def g(
        self, fake: Array, real: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """
        Return the loss that G descends, and its gradients by ``fake`` and by ``real``.

        ``real`` is given where the game ``needs_real``. The gradient by ``real`` may be None:
        G does not change the real examples.
        """

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate | None:
        """
        Return V(G, D) by quadrature, where ``d`` has means over minibatches; None if not known.

        D is a function of points (n, dim) to its first output (n,).
        """
        return None

    def optimal_d(self, p_data: Density, p_g: Density) -> Output | None:
        """Return D*, a function of points (n, dim) to its first output (n,); None if not known."""
        return None
