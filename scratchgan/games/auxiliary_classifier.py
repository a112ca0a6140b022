"""The auxiliary classifier game: D also tells the class of an example."""

from __future__ import annotations

from dataclasses import dataclass

from scratchgan.backends import Array, Backend
from scratchgan.fields import Number, Whole, setting
from scratchgan.games.around import GameAround
from scratchgan.games.game import Game, Labels
from scratchgan.games.names import AGame
from scratchgan.games.non_saturating import NonSaturating

__all__ = ["AuxiliaryClassifier"]

HEAVIEST = 1e9


@dataclass(frozen=True)
class AuxiliaryClassifier(GameAround):
    """
    AC-GAN (Odena et al. 2017): D tells real from generated and, with further outputs, the class.

    The class's probabilities are the softmax of D's outputs "class 0", "class 1", …; C is their
    mean cross-entropy with the labels. D ascends V − weight · (C on real + C on generated
    examples). G descends its own loss + weight_g · (C on generated examples). D does not get the
    labels, unlike the D of a conditional game.

    G is rewarded for samples that are easy to classify, so it makes fewer samples near the borders
    of classes than the data have (Shu et al. 2017; Gong et al. 2019, arXiv 1907.02690). No
    divergence is known that G descends.

    Parameters
    ----------
    game : Game or name
        The game that D's first outputs play.
    classes : int
        2 … 100,000.
    weight : float
        The weight of C, 0 or more; 1 in the paper.
    weight_g : float, optional
        Its weight in G's loss, if that differs.

    Examples
    --------
    D's and G's loss in TF-GAN's tests, which leave out the inner game:

    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> fake = np.array([[10, 4.4, -5.5, 3.6], [-4, 4.4, 5.2, 4.6], *[[1.1, 2.4, -3.5, 5.6]] * 2])
    >>> real = np.array(
    ...     [[-2, 0.4, 12.5, 2.7], [-1.2, 1.9, 12.3, 2.6], [-2.4, -1.7, 2.5, 2.7], fake[3]]
    ... )
    >>> labels = Labels(*[np.eye(4)[[1, 2, 0, 0]]] * 2)
    >>> game, ops = AuxiliaryClassifier(classes=4), get_backend("reference")
    >>> for examples in (real, None):
    ...     print(f"{game.losses(examples, fake, labels, None, ops)[0][0]:.5f}")
    9.43950
    3.84974
    """

    name = "auxiliary_classifier"
    needs_labels = True

    game: Game = setting(AGame(), NonSaturating(), help="the game that D's first outputs play")
    classes: int = setting(Whole(2, 100_000), 10, help="number of classes")
    weight: float = setting(Number(0, HEAVIEST), 1.0, help="weight of the cross-entropy")
    weight_g: float | None = setting(
        Number(0, HEAVIEST), None, help="its weight in G's loss, if that differs"
    )

    @property
    def more(self) -> tuple[str, ...]:
        """One logit for each class."""
        return tuple(f"class {k}" for k in range(self.classes))

    def losses(
        self, real: Array | None, fake: Array, labels: Labels | None, codes: Array | None,
        ops: Backend,
    ) -> tuple[Array, Array | None, Array]:  # fmt: skip
        """Return the sum of the cross-entropies of real and generated examples."""
        assert labels is not None
        loss, l_fake = ops.softmax_cross_entropy(fake, labels.fake)
        if real is None:
            return loss, None, l_fake
        on_real, l_real = ops.softmax_cross_entropy(real, labels.real)
        return ops.add(loss, on_real), l_real, l_fake
