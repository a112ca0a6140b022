"""The addresses of random numbers: every backend computes the same words from one address."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Purpose", "Stream"]


class Purpose:
    """
    The purpose of a draw: the upper 4 of an operation's 16 bits.

    The lower 12 bits number the layers that draw, so no two draws of one step have the
    same address.
    """

    NOISE = 0  # z
    LABELS = 1  # the classes y that a conditional generator draws
    GENERATOR = 2  # layers of G, such as dropout
    D_REAL = 3  # layers of D, on real examples
    D_FAKE = 4  # layers of D, on generated examples
    SHUFFLE = 5  # the order of the examples in an epoch
    SAMPLE = 6  # the fixed noise of sample grids
    CHECK = 7  # the iteration at which a replay is compared with the plain loop
    PENALTY = 8  # layers of D, and points between examples, where a penalty looks
    INSTANCE = 9  # instance noise: on real examples, then on generated ones
    POOL = 10  # what is exchanged with the pool of earlier samples
    USER = 15  # free for your own code


class Stream(NamedTuple):
    """
    The address of random numbers; it determines the number at each (row, column).

    Counter-based generators (Salmon et al. 2011, "Parallel random numbers: as easy as
    1, 2, 3") have no state: number (i, j) is a function of the key and a counter. So the
    backward pass draws a mask again instead of storing it, and a resumed run continues
    exactly. If each of n machines sets ``row`` to its first global row, together they
    draw the same numbers as one machine.

    Examples
    --------
    >>> s = Stream(seed=7, step=3)
    >>> s.purpose(Purpose.D_FAKE).operation, s.purpose(Purpose.D_FAKE).at(2).operation
    (16384, 16386)
    """

    seed: int  # the key, 64 bits
    step: int = 0  # iteration of the training, 32 bits
    substep: int = 0  # update within the iteration, 16 bits
    operation: int = 0  # which draw of the update, 16 bits: Purpose and layer
    row: int = 0  # global number of the first row, 32 bits

    def purpose(self, purpose: int) -> Stream:
        """Return the stream for one ``Purpose``, at its first layer."""
        return self._replace(operation=purpose << 12)

    def at(self, offset: int) -> Stream:
        """Return the stream of the layer ``offset`` draws later."""
        if (self.operation & 0xFFF) + offset > 0xFFF:
            raise ValueError("Stream: more than 4,096 layers that draw in one network")
        return self._replace(operation=self.operation + offset)

    def counter_words(self) -> tuple[int, int]:
        """Counter words 2 and 3; words 0 and 1 are column // 4 and row + the global row."""
        for name, value, bits in (
            ("step", self.step, 32),
            ("substep", self.substep, 16),
            ("operation", self.operation, 16),
        ):
            if not 0 <= value < 1 << bits:
                raise ValueError(f"Stream: {name} is {value}; expected 0 … 2^{bits} − 1")
        return (self.substep << 16) | self.operation, self.step

    def key(self) -> tuple[int, int]:
        """Return the key's two 32-bit words, the low one first."""
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"Stream: seed is {self.seed}; expected 0 … 2^64 − 1")
        return self.seed & 0xFFFFFFFF, (self.seed >> 32) & 0xFFFFFFFF
