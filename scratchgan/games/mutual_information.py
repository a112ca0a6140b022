"""The mutual information game of InfoGAN: D also guesses the codes that G's sample was made of."""

from __future__ import annotations

from dataclasses import dataclass

from scratchgan.backends import Array, Backend
from scratchgan.fields import Number, OneOf, setting
from scratchgan.games.around import GameAround
from scratchgan.games.codes import CategoricalCode, Code, Codes
from scratchgan.games.game import Game, Labels
from scratchgan.games.names import AGame
from scratchgan.games.non_saturating import NonSaturating

__all__ = ["MutualInformation"]

HEAVIEST = 1e9


@dataclass(frozen=True)
class MutualInformation(GameAround):
    """
    InfoGAN (Chen et al. 2016): G's samples must show their codes c, which D's outputs guess.

    Q(c|x) is the guess. Both players lower weight · E[−log Q(c|G(z))] on generated examples. This
    raises a lower bound of the mutual information of c and G(z) (their eq. 5):
    L = E[log Q(c|G(z))] + H(c) ≤ I(c; G(z)), with equality where Q is the posterior.

    Parameters
    ----------
    game : Game or name
        The game that D's first outputs play.
    codes : tuple of Code
        The codes; z has their values behind the noise.
    weight : float
        The weight λ of the guess, 0 or more; 1 in the paper's experiments on MNIST.
    weight_g : float, optional
        Its weight in G's loss, if that differs. With 0, D learns to guess codes that G need not
        show, as in the paper's Fig. 1.
    over : str
        ``"mean"``: the mean over the codes, and over the numbers of a code, as in TF-GAN.
        ``"sum"``: their sum, which is the log-likelihood of all codes, as in OpenAI's code.

    Examples
    --------
    The value of TF-GAN's test, a class with logits [1, 2] and a normal code:

    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> from scratchgan.games.codes import GaussianCode
    >>> outputs, codes = np.array([[1.0, 2.0, 0.0]]), np.array([[0.0, 1.0, 2.0]])
    >>> two, ops = (CategoricalCode(2), GaussianCode()), get_backend("reference")
    >>> for over in ("mean", "sum"):
    ...     game = MutualInformation(codes=two, over=over)
    ...     print(f"{game.losses(None, outputs, None, codes, ops)[0][0]:.5f}")
    1.61610
    3.23220
    """

    name = "mutual_information"

    game: Game = setting(AGame(), NonSaturating(), help="the game that D's first outputs play")
    codes: tuple[Code, ...] = setting(Codes(), (CategoricalCode(10),), help="the codes")
    weight: float = setting(Number(0, HEAVIEST), 1.0, help="weight of the guess")
    weight_g: float | None = setting(
        Number(0, HEAVIEST), None, help="its weight in G's loss, if that differs"
    )
    over: str = setting(OneOf("over", ("mean", "sum")), "mean", help="how codes are joined")

    def _check_together(self) -> None:
        if self.game.codes:
            raise ValueError(
                f"MutualInformation: the inner game '{self.game.name}' has codes already; give all"
                " codes to one of the two games"
            )

    @property
    def more(self) -> tuple[str, ...]:
        """The outputs of one code after another."""
        return tuple(n for i, code in enumerate(self.codes) for n in code.outputs(i))

    def losses(
        self, real: Array | None, fake: Array, labels: Labels | None, codes: Array | None,
        ops: Backend,
    ) -> tuple[Array, Array | None, Array]:  # fmt: skip
        """Return −log Q of the codes, as a mean or a sum over the codes."""
        loss, gradient, start = None, None, 0
        for code in self.codes:
            stop = start + code.width
            outputs, values = (ops.columns(a, start, stop) for a in (fake, codes))
            part, slope = code.loss(outputs, values, ops)
            if self.over == "mean":
                share = 1 / (len(self.codes) * code.dimensions)
                part, slope = ops.scale(part, share), ops.scale(slope, share)
            loss = part if loss is None else ops.add(loss, part)
            gradient = slope if gradient is None else ops.concat_columns(gradient, slope)
            start = stop
        return loss, None, gradient
