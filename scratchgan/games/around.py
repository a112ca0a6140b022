"""A game around another one: D has further outputs, and both players gain a term of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from scratchgan.backends import Array, Backend, default_backend
from scratchgan.games.game import Game, Labels

__all__ = ["GameAround"]


class GameAround(Game):
    """
    A game around ``game``, which sees only its own columns of D's outputs.

    The further outputs give a loss, such as a cross-entropy, on real and on generated examples. D
    ascends the value of ``game`` − ``weight`` · (both losses); G descends its loss in ``game`` +
    ``weight_g`` · (the loss on generated examples).

    A subclass is a frozen dataclass with these three settings. It defines ``more`` and
    ``losses``.
    """

    game: Game
    weight: float
    weight_g: float | None  # None: as ``weight``

    @property
    @abstractmethod
    def more(self) -> tuple[str, ...]:
        """The names of D's further outputs."""

    @abstractmethod
    def losses(
        self, real: Array | None, fake: Array, labels: Labels | None, codes: Array | None,
        ops: Backend,
    ) -> tuple[Array, Array | None, Array]:  # fmt: skip
        """
        Return the sum of the losses, (1,), and its gradients by ``real`` and by ``fake``.

        Both are D's further outputs, (batch, outputs); ``real`` is None in a step of G. The
        gradient by ``real`` is None if the loss does not depend on it.
        """

    def __post_init__(self) -> None:
        super().__post_init__()
        inner, more = self.game, self.more
        twice = [name for name in more if name in inner.outputs]
        if twice:
            raise ValueError(
                f"{type(self).__name__}: D's output '{twice[0]}' belongs to the inner game"
                f" '{inner.name}' already; expected another inner game"
            )
        told = {
            "outputs": (*inner.outputs, *more),
            "reading": inner.reading,
            "unit": inner.unit,
            "needs_real": inner.needs_real,
            "needs_labels": self.needs_labels or inner.needs_labels,
            "classes": self.classes or inner.classes,
            "codes": self.codes or inner.codes,
        }
        for name, value in told.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen

    def d(
        self,
        real: Array,
        fake: Array,
        ops: Backend | None = None,
        labels: Labels | None = None,
        codes: Array | None = None,
    ) -> tuple[Array, Array, Array]:
        """Return V − ``weight`` · losses and its gradients."""
        ops = ops or default_backend()
        (own_real, more_real), (own_fake, more_fake) = (self._cut(a, ops) for a in (real, fake))
        known = self._known(labels, codes)
        value, d_real, d_fake = self.game.d(own_real, own_fake, ops, **known)
        loss, l_real, l_fake = self.losses(more_real, more_fake, labels, codes, ops)
        if l_real is None:
            l_real = ops.zeros(more_real.shape, more_real.dtype)
        value, down = ops.add(value, ops.scale(loss, -self.weight)), -self.weight
        return (
            value,
            ops.concat_columns(d_real, ops.scale(l_real, down)),
            ops.concat_columns(d_fake, ops.scale(l_fake, down)),
        )

    def g(
        self,
        fake: Array,
        real: Array | None = None,
        ops: Backend | None = None,
        labels: Labels | None = None,
        codes: Array | None = None,
    ) -> tuple[Array, Array, Array | None]:
        """Return the inner game's loss + ``weight_g`` · the loss on ``fake``, and its gradient."""
        ops = ops or default_backend()
        own, more = self._cut(fake, ops)
        own_real = None if real is None else self._cut(real, ops)[0]
        value, d_fake, _ = self.game.g(own, own_real, ops, **self._known(labels, codes))
        loss, _, l_fake = self.losses(None, more, labels, codes, ops)
        weight = self.weight if self.weight_g is None else self.weight_g
        gradient = ops.concat_columns(d_fake, ops.scale(l_fake, weight))
        return ops.add(value, ops.scale(loss, weight)), gradient, None

    def _cut(self, outputs: Array, ops: Backend) -> tuple[Array, Array]:
        """Return D's outputs for the inner game, and the further ones."""
        own, all_of_them = len(self.game.outputs), outputs.shape[1]
        return ops.columns(outputs, 0, own), ops.columns(outputs, own, all_of_them)

    def _known(self, labels: Labels | None, codes: Array | None) -> dict[str, Any]:
        """Return the arguments that the inner game needs besides D's outputs."""
        known: dict[str, Any] = {"labels": labels} if self.game.needs_labels else {}
        return known | ({"codes": codes} if self.game.codes else {})
