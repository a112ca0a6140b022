"""D trained on two densities of three points, as a table of its values: to a game's optimum."""

import numpy as np

from scratchgan.backends import get_backend
from scratchgan.theory import Tabulated

OPS = get_backend("reference")
P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
EDGES = np.arange(4.0)
MIDDLES = np.array([[0.5], [1.5], [2.5]])
P_DATA, P_G = Tabulated(EDGES, P), Tabulated(EDGES, Q)
RATIO = np.log(P / Q)

# All pairs of ten examples and ten samples: a mean over them is a mean under p, under q or both.
REAL, FAKE = (a.ravel() for a in np.meshgrid(*(np.repeat(range(3), n) for n in (
    [5, 3, 2], [2, 3, 5])), indexing="ij"))  # fmt: skip


def table(values):
    """D as a function of points, from its values on the three cells."""
    return lambda x: values[np.minimum(x[:, 0].astype(int), 2)]


def played(game, values):
    """V and its gradient by the three values."""
    values = np.asarray(values, float)
    v, d_real, d_fake = game.d(values[REAL][:, None], values[FAKE][:, None], OPS)
    slope = np.bincount(REAL, d_real[:, 0], 3) + np.bincount(FAKE, d_fake[:, 0], 3)
    return float(v[0]), slope


def trained(game, iterations=700, rate=1.0, decay=0.0):
    """The three values after gradient ascent from 0.1, 0, −0.2, and V there."""
    values = np.array([0.1, 0.0, -0.2])
    for t in range(iterations):
        values = values + rate / (1 + decay * t) * played(game, values)[1]
    return values, played(game, values)[0]


def of_g(game, values, real=None):
    """∂ G's loss / ∂ q(y) at the three points y, D held fixed: φ, up to a constant."""
    values = np.asarray(values, float)
    seen = values[REAL][:, None] if real is None else real
    loss, found = [], []
    for y in range(3):
        fake = np.full(seen.shape, values[y])
        loss.append(float(game.g(fake, seen, OPS)[0][0]))
    found = np.array(loss)
    return found - found.mean()


def moved(divergence, h=1e-5):
    """∂ divergence / ∂ q at the three points, up to a constant, by central differences."""
    found = np.zeros(3)
    for y, direction in enumerate(np.eye(3) - 1 / 3):
        up, down = (divergence(P_DATA, Tabulated(EDGES, Q + s * h * direction)) for s in (1, -1))
        found[y] = (up.value - down.value) / (2 * h)
    return found - found.mean()
