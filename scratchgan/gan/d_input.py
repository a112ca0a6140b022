"""
What D sees of examples and samples: with labels, earlier samples, noise, or several as one.

Both steps ask a ``DInput`` for D's input. So Algorithm 1 reads the same with these options and
without them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgan.backends import Array, Backend, Purpose, Stream
from scratchgan.games import Game
from scratchgan.gan.pool import Pool
from scratchgan.optim import Current, Schedule

__all__ = ["DInput", "Sight"]


class DInput(NamedTuple):
    """
    The settings that change D's input. Without changes, D sees examples and samples as they are.

    Attributes
    ----------
    noise : float or schedule, optional
        σ of instance noise: N(0, σ²) is added to each feature of each example and each sample, in
        both players' steps, so that the densities of data and samples overlap (Sønderby et al.
        2017, arXiv 1610.04490; Arjovsky & Bottou 2017, arXiv 1701.04862, §3). The gradient
        passes to G unchanged. A schedule is a function of the number of D's updates.
    pool : Pool, optional
        In D's step, some samples are replaced by earlier ones.
    pack : int
        D sees this many rows as one example, of ``pack`` times as many features, and says whether
        all of them are real (PacGAN; Lin et al. 2018, arXiv 1712.04086). D can then see that
        samples are too alike.

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgan.backends import get_backend
    >>> from scratchgan.games import Minimax
    >>> sees = DInput(pack=2).at(Minimax(), 0, Stream(seed=0), get_backend("reference"))
    >>> sees.real(np.array([[1.0], [2.0], [3.0], [4.0]]))
    array([[1., 2.],
           [3., 4.]])
    """

    noise: Schedule | None = None
    pool: Pool | None = None
    pack: int = 1

    def at(self, game: Game, t: int, stream: Stream, ops: Backend) -> Sight:
        """Return what D sees in one step, while D has made ``t`` updates."""
        return Sight(self, game, t, stream, ops)


class Sight:
    """What D sees in one step."""

    def __init__(self, how: DInput, game: Game, t: int, stream: Stream, ops: Backend) -> None:
        self._how, self._game, self._ops = how, game, ops
        self._stream = stream
        self._std = None if how.noise is None else Current(how.noise, t)

    def pooled(self, sample: Array, z: Any) -> tuple[Array, Any]:
        """Return G(z) and z after an exchange with the pool, if there is one."""
        pool = self._how.pool
        return (sample, z) if pool is None else pool.swapped(sample, z, self._stream)

    def real(self, x: Any) -> Any:
        """Return D's input for x, or for a pair (x, label)."""
        return self._seen(x, self._stream.purpose(Purpose.INSTANCE))

    def fake(self, sample: Array, z: Any) -> Any:
        """Return D's input for G(z), or for a pair (G(z), label), with the label of z."""
        pair = (sample, z[1]) if isinstance(z, tuple) else sample
        return self._seen(pair, self._stream.purpose(Purpose.INSTANCE).at(1))

    def _seen(self, x: Any, stream: Stream) -> Any:
        sample, *label = x if isinstance(x, tuple) else (x,)
        sample = self._packed(self._noisy(sample, stream))
        return (sample, *label) if label and not self._game.needs_labels else sample

    def _noisy(self, sample: Array, stream: Stream) -> Array:
        if self._std is None:
            return sample
        noise = self._ops.normal(sample.shape, stream, 0.0, 1.0, sample.dtype)
        return self._ops.add(sample, self._ops.scale_scheduled(noise, self._std))

    def _packed(self, sample: Array) -> Array:
        (rows, features), m = sample.shape, self._how.pack
        return sample if m == 1 else self._ops.reshape(sample, (rows // m, m * features))

    def sample_gradient(self, d_input: Any) -> Array:
        """Return the gradient by G(z), (batch, features), for a gradient by D's input."""
        d_sample = d_input[0] if isinstance(d_input, tuple) else d_input
        (rows, width), m = d_sample.shape, self._how.pack
        return d_sample if m == 1 else self._ops.reshape(d_sample, (rows * m, width // m))
