"""Published results of mode coverage, to stand beside measured ones."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["GRID_25", "PACGAN", "Published", "high_quality_of_true_data"]

PACGAN = "PacGAN (Lin et al. 2018)"


class Published(NamedTuple):
    """Results of a method by the protocol of ``mode_coverage``, with 2,500 samples."""

    method: str
    source: str  # the paper that printed these numbers
    modes: float
    modes_error: float | None
    high_quality: float  # per cent
    high_quality_error: float | None
    reverse_kl: float | None  # nats; None if it was not printed


GRID_25 = (
    Published("GAN", PACGAN, 17.3, 0.8, 94.8, None, 0.70),
    Published("ALI", PACGAN, 24.1, 0.4, 95.7, None, 0.14),
    Published("VEEGAN", "VEEGAN (Srivastava et al. 2017)", 24.6, None, 40.0, None, None),
    Published("PacGAN4", PACGAN, 24.8, 0.2, 93.6, 0.6, 0.04),
)
"""The grid of 25 Gaussians."""


def high_quality_of_true_data() -> float:
    """Return the expected share of high quality of true data in the plane, in per cent: 98.89."""
    return 100 * (1 - math.exp(-4.5))
