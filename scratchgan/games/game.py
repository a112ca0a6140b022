"""
The base class of games. Training, records, prints and figures ask it for all that is the game's.

D and G are networks. D's outputs on a minibatch are an array (batch, outputs), and a game turns
them into a value for each player. To write your own game, give it a name and two functions. Use
the operations of ``backends.Backend`` in them, so that a step can be recorded. Everything else has
a default:

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

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from scratchgan.backends import Array, Backend
from scratchgan.fields import Checked, settings_in
from scratchgan.games.codes import Code

if TYPE_CHECKING:
    from scratchgan.theory import Density, Estimate
    from scratchgan.theory.densities import Points

    Output: TypeAlias = Callable[[Points], Points]

__all__ = ["PROBABILITY", "SCORE", "Game", "Labels", "Optimum", "Reading"]


class Reading(NamedTuple):
    """A number for each example that is computed from D's outputs and reported, with its names."""

    of: Callable[[Array, Backend], Array]  # D's outputs (batch, outputs) → one number per example
    keys: tuple[str, str]  # keys of the means on real and on generated examples, in a record
    labels: tuple[str, str]  # labels of these means, printed and in figures
    axis: str  # label of an axis
    limits: tuple[float, float] | None  # smallest and largest possible number, if there are any
    form: str  # format specification

    def said(self, record: Mapping[str, float]) -> str:
        """Return the two means of a record, with labels, as text."""
        pairs = zip(self.labels, self.keys, strict=True)
        return "  ".join(f"{label} {record[key]:{self.form}}" for label, key in pairs)


def _first(outputs: Array, ops: Backend) -> Array:
    return outputs if outputs.shape[1] == 1 else ops.columns(outputs, 0, 1)


def _sigmoid_of_first(outputs: Array, ops: Backend) -> Array:
    return ops.activation(_first(outputs, ops), "sigmoid")


SCORE = Reading(
    _first, ("score_real", "score_fake"), ("score of x", "score of G(z)"), "D's score", None, "+.3g"
)
"""D's first output, unchanged."""

PROBABILITY = Reading(
    _sigmoid_of_first,
    ("d_real", "d_fake"),
    ("D(x)", "D(G(z))"),
    "probability of being real",
    (0.0, 1.0),
    ".2f",
)
"""The probability D(x) = σ(l), where D's first output is a logit l."""


class Optimum(NamedTuple):
    """The game's values at its optimum, where p_g = p_data and D = D*."""

    value: float  # V
    reading: float | None = None  # the game's ``reading``; None if it is not one number
    value_name: str = ""  # a formula for the value, such as "−log 4"
    reading_name: str = ""

    def names(self) -> tuple[str, str]:
        """Return value and reading as text."""
        value = self.value_name or _shown(self.value)
        return value, self.reading_name or ("" if self.reading is None else _shown(self.reading))


def _shown(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


class Labels(NamedTuple):
    """Labels of a minibatch, one-hot (batch, classes)."""

    real: Array | None  # labels of the real examples; None in a step of G without real examples
    fake: Array  # labels that were given to G


class Game(Checked, ABC):
    """
    A game: what D ascends, what G descends, and what is reported.

    A built-in game is a frozen dataclass, whose fields are its settings. Other classes need not be
    dataclasses: a name, ``d`` and ``g`` are enough.

    Attributes
    ----------
    name : str
        The game's name in settings, records and messages.
    outputs : tuple of str
        Names of D's outputs, one for each column. The first output is D's score or logit for an
        example; a game may have others (classes, codes).
    reading : Reading
        The number that is reported for each example: ``SCORE`` (D's first output) or
        ``PROBABILITY`` (its sigmoid).
    optimum : Optimum or None
        The values at the optimum; None if it is not known.
    divergence : str or None
        The divergence that G's gradient descends while D = D*, as a formula of p = p_data,
        q = p_g and m = (p + q)/2; None if it is not known.
    unit : str
        Unit of the values of ``d`` and ``g``: "nats" for logarithms of probabilities.
    needs_real : bool
        Whether ``g`` needs D's outputs on real examples (relativistic games). If so, G's step
        gets the latest minibatch of D.
    needs_labels : bool
        Whether ``d`` and ``g`` need the labels (auxiliary classifiers). If so, D gets the
        examples without labels, and both functions get an argument ``labels``, a ``Labels``.
    classes : int
        The number of classes that the labels must have; 0 if any number will do.
    codes : tuple of Code
        Latent codes, which are drawn with the noise and follow it in z (InfoGAN). If there are
        any, both functions get an argument ``codes``: these columns of z, (batch, width).
    """

    outputs: tuple[str, ...] = ("score",)
    reading: Reading = SCORE
    optimum: Optimum | None = None
    divergence: str | None = None
    unit: str = ""
    needs_real: bool = False
    needs_labels: bool = False
    classes: int = 0
    codes: tuple[Code, ...] = ()

    @abstractmethod
    def d(self, real: Array, fake: Array, ops: Backend | None = None) -> tuple[Array, Array, Array]:
        """
        Return V, which D ascends, and its gradients.

        Parameters
        ----------
        real, fake : Array (batch, outputs)
            D's outputs on real and on generated examples.
        ops : Backend, optional
            Default: the fastest that works here.

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

        ``real`` is given if the game ``needs_real``. The gradient by ``real`` may be None, because
        G does not change the real examples.
        """

    def changed_settings(self) -> dict[str, Any]:
        """
        Return the settings that differ from their defaults.

        Only the fields of a dataclass are settings. A user's class need not be one.
        """
        if not dataclasses.is_dataclass(self):
            return {}
        return {
            name: value
            for name, each in settings_in(self).items()
            if (value := getattr(self, name)) != each.default
        }

    def __str__(self) -> str:
        """Return the name, with the settings that differ: ``minimax(smoothing=0.25)``."""
        changed = ", ".join(f"{name}={value}" for name, value in self.changed_settings().items())
        return f"{self.name}({changed})" if changed else self.name

    def exact_value(self, D: Output, p_data: Density, p_g: Density) -> Estimate | None:
        """
        Return V(G, D), with integrals instead of the means in ``d``; None if not known.

        ``D`` is a function from points (n, dim) to D's first output (n,).
        """
        return None

    def optimal_d(self, p_data: Density, p_g: Density) -> Output | None:
        """Return D*, a function from points (n, dim) to D*'s first output; None if not known."""
        return None

    def best_value(self, p_data: Density, p_g: Density) -> Estimate | None:
        """Return V(G, D*); a game overrides it if a divergence gives it more accurately."""
        best = self.optimal_d(p_data, p_g)
        return None if best is None else self.exact_value(best, p_data, p_g)
