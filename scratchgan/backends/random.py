"""Where a random number stands: the address from which every backend computes the same words."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Purpose", "Stream"]


class Purpose:
    """
    What random numbers are for: the upper 4 of an operation's 16 bits.

    The lower 12 bits number the layers that draw, so that no two draws of one
    step share an address.
    """

    NOISE = 0  # z
    LABELS = 1  # the y that a conditional generator is asked for
    GENERATOR = 2  # layers of G, dropout for one
    D_REAL = 3  # layers of D, on real examples
    D_FAKE = 4  # layers of D, on generated examples
    SHUFFLE = 5  # the order of the examples in an epoch
    SAMPLE = 6  # the fixed noise of sample grids
    CHECK = 7  # at which iteration a replay is compared with a run
    USER = 15  # free for the reader's own code


class Stream(NamedTuple):
    """
    The address of random numbers; the number at (row, column) follows from it alone.

    Counter-based generators (Salmon et al. 2011, "Parallel random numbers: as
    easy as 1, 2, 3") have no state: number (i, j) is a function of the key and
    of a counter. So a mask is drawn again in the backward pass instead of being
    stored, a resumed run continues exactly, and n machines with ``row`` set to
    their first global row draw together what one would have drawn.

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
        """Return the stream of the layer that stands ``offset`` draws further on."""
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
