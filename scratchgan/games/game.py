"""
The games: pure functions of logits, with their gradients by hand.

D ends in a logit l, and D(x) = σ(l): so log D(x) = log σ(l) and
log(1 − D(x)) = log σ(−l) are exact however sure D is (1 − D itself rounds to 0).

An objective is a pair of functions. ``d`` gives V, which D ascends; ``g`` gives
the loss that G descends. Each returns the value, shape (1,), and its gradients
with respect to the logits, of the logits' shape. They hold no smoothing, no
clipping and no scaling that the formula does not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from scratchgan import checks
from scratchgan.backends import Array, Backend, default_backend

__all__ = [
    "OBJECTIVES",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Objectives",
    "get_objective",
    "objectives_by_start",
]


class Objective(Protocol):
    """What a game must offer; games to come (relativistic ones) use ``real_logits`` in ``g``."""

    name: str

    def d(
        self, real_logits: Array, fake_logits: Array, ops: Backend | None = None
    ) -> tuple[Array, Array, Array]:
        """Return the value that D ascends, its gradient by real_logits, and by fake_logits."""

    def g(
        self, fake_logits: Array, real_logits: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return the loss that G descends, its gradient by fake_logits, and by real_logits."""


class Minimax:
    """
    Algorithm 1 of Goodfellow et al. 2014: one V, which D ascends and G descends.

    V = (1/m) Σ log D(x) + (1/m) Σ log(1 − D(G(z))); G sees its second term alone.

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.3], [2.0]]), np.array([[-1.0], [0.5]])
    >>> D = lambda l: 1 / (1 + np.exp(-l))
    >>> value, d_real, d_fake = Minimax().d(real, fake)
    >>> bool(np.allclose(value, np.log(D(real)).mean() + np.log(1 - D(fake)).mean()))
    True
    >>> bool(np.allclose(d_real, (1 - D(real)) / 2) and np.allclose(d_fake, -D(fake) / 2))
    True
    """

    name = "minimax"

    def d(
        self, real_logits: Array, fake_logits: Array, ops: Backend | None = None
    ) -> tuple[Array, Array, Array]:
        """Return V and its gradients."""
        ops = ops or default_backend()
        log_d, d_real = ops.log_sigmoid_mean(real_logits, +1.0)  # log D(x)
        log_not_d, d_fake = ops.log_sigmoid_mean(fake_logits, -1.0)  # log(1 − D(G(z)))
        return ops.add(log_d, log_not_d), d_real, d_fake

    def g(
        self, fake_logits: Array, real_logits: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return (1/m) Σ log(1 − D(G(z))) and its gradient, which vanishes where D(G(z)) → 0."""
        ops = ops or default_backend()
        value, d_fake = ops.log_sigmoid_mean(fake_logits, -1.0)
        return value, d_fake, None


class NonSaturating(Minimax):
    """
    The loss that the 2014 paper recommends for G: descend −(1/m) Σ log D(G(z)).

    D's part is ``Minimax``'s. Same fixed point, but where D(G(z)) → 0 the
    gradient by the logit goes to −1/m instead of 0.

    Examples
    --------
    >>> import numpy as np
    >>> fake = np.array([[-1.0], [0.5]])
    >>> D = lambda l: 1 / (1 + np.exp(-l))
    >>> value, d_fake, _ = NonSaturating().g(fake)
    >>> bool(np.allclose(value, -np.log(D(fake)).mean()) and np.allclose(d_fake, (D(fake) - 1) / 2))
    True
    """

    name = "non_saturating"

    def g(
        self, fake_logits: Array, real_logits: Array | None = None, ops: Backend | None = None
    ) -> tuple[Array, Array, Array | None]:
        """Return −(1/m) Σ log D(G(z)) and its gradient."""
        ops = ops or default_backend()
        value, d_fake = ops.log_sigmoid_mean(fake_logits, +1.0)
        return ops.scale(value, -1.0), ops.scale(d_fake, -1.0), None


OBJECTIVES: dict[str, Objective] = {o.name: o for o in (Minimax(), NonSaturating())}


def get_objective(name: str) -> Objective:
    """Return an objective by its name; raise UnknownNameError, listing the known ones."""
    return OBJECTIVES[checks.one_of("objective", name, OBJECTIVES)]


ObjectiveOrName: TypeAlias = str | Objective
Objectives: TypeAlias = ObjectiveOrName | Mapping[Any, ObjectiveOrName]
"""One for the whole game, or several by the iteration from which each is played."""


def objectives_by_start(objectives: Objectives) -> dict[int, Objective]:
    """
    Return objectives by the iteration from which each is played, in that order.

    Parameters
    ----------
    objectives : str, Objective or mapping
        ``{0: "non_saturating", 10_000: "minimax"}`` has G descend −log D(G(z)) for 10,000
        iterations and log(1 − D(G(z))) from then on. The iterations may be texts of digits,
        as in JSON and TOML.

    Raises
    ------
    UnknownNameError
        If a name is none of an objective, or a value is no objective.
    ValueError
        If an iteration is no whole number, or none of them is 0; or for the class of an
        objective, which has to be called.
    """
    if not isinstance(objectives, Mapping):
        objectives = {0: objectives}
    found = {_start(key): _objective(value) for key, value in objectives.items()}
    if 0 not in found or len(found) < len(objectives):
        raise ValueError(
            f"objectives begin at the iterations {', '.join(map(str, objectives)) or 'none'};"
            " expected different ones, and the first at 0"
        )
    return dict(sorted(found.items()))


def _objective(value: ObjectiveOrName) -> Objective:
    if isinstance(value, type):
        raise ValueError(
            f"objective is {checks.shown(value)}; expected a name, or an objective itself (call the"
            f" class: {value.__name__}())"
        )
    if isinstance(value, str) or not (hasattr(value, "d") and hasattr(value, "g")):
        return get_objective(value)  # type: ignore[arg-type]
    return value


def _start(key: Any) -> int:
    """Return an iteration that may be written as a text."""
    written = isinstance(key, str) and key.isascii() and key.isdigit()
    try:
        return checks.whole("", "iteration", int(key) if written else key, 0, 2**32 - 1)
    except ValueError:
        raise ValueError(
            f"an objective begins at {checks.shown(key)}; expected an iteration, 0 or later"
        ) from None
