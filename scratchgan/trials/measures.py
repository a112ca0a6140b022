"""What a comparison measures: it depends on what is known of the data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratchgan.data import Dataset
from scratchgan.errors import DataError
from scratchgan.exact.game import exact_density
from scratchgan.gan import Generator, Noise, Trainer
from scratchgan.gan.settings import Settings
from scratchgan.metrics import evaluate, mode_coverage
from scratchgan.nn import Network
from scratchgan.theory import Density, Estimate, GaussianMixture, Uniform, js
from scratchgan.theory.pushforward import pushforward_2d
from scratchgan.trials.coverage import SAMPLES

__all__ = ["Quantity", "measure", "measures_of"]

BINS, MESH = 128, 512  # of the lower bound of JSD in the plane; both along each axis
IMAGES = 1000


class Quantity(NamedTuple):
    """A measured quantity of a trained generator, and how it is shown."""

    key: str  # in a result
    label: str
    form: str = ".3g"  # format specification
    factor: float = 1  # what is shown is the value times this factor
    unit: str = ""


MODES = (
    Quantity("captured", "modes", ".1f"),
    Quantity("high_quality", "high quality", ".1f", 100, "%"),
    Quantity("reverse_kl", "reverse KL", ".3f"),
)
EXACT = Quantity("js", "JSD (exact)", ".4f")
BOUND = Quantity("js", "JSD, at least", ".4f")
OF_IMAGES = (
    Quantity("score", "classifier score", ".2f"),
    Quantity("frechet", "Fréchet", ".2f"),
    Quantity("precision", "precision", ".3f"),
    Quantity("recall", "recall", ".3f"),
)


def measures_of(data: Dataset, settings: Settings) -> tuple[Quantity, ...]:
    """
    Return what can be measured of a generator of these data.

    For mixtures of normals these are the modes, by the protocol of ``mode_coverage``. Where z and
    x have the same dimension, p_g is known: on the line the JSD is exact, and in the plane a mesh
    gives a lower bound. For labelled images, the measures are those of ``metrics.evaluate``.

    Raises
    ------
    DataError
        If nothing is known of the data.
    """
    density = data.density
    if density is None:
        if data.x_test is None or data.image_shape is None or not data.classes:
            raise DataError(
                f"data set '{data.name}' has no known density and no labelled test images, so"
                " nothing can be compared; choose other data with --data"
            )
        return OF_IMAGES
    found: tuple[Quantity, ...] = MODES if isinstance(density, GaussianMixture) else ()
    if settings.noise.features == density.dim and not settings.conditional:
        found += {1: (EXACT,), 2: (BOUND,)}.get(density.dim, ())
    if not found:
        raise DataError(
            f"data set '{data.name}' has no modes to count, and p_g is known only for noise of"
            f" {density.dim} features; this recipe has {settings.noise.features}"
        )
    return found


def measure(trainer: Trainer, data: Dataset) -> dict[str, float]:
    """Return the measures of a trained generator, by their keys."""
    generator, density = trainer.generator(), data.density
    if density is None:
        return _of_images(generator, data)
    found: dict[str, float] = {}
    if isinstance(density, GaussianMixture):
        samples = generator.sample(SAMPLES)
        counted = mode_coverage(samples, density.means, density.std, density.weights)
        found |= {m.key: float(getattr(counted, m.key)) for m in MODES}
    prior = trainer.settings.prior  # a game may add codes to the noise
    if prior.features == density.dim and not trainer.data.classes:
        G = trainer.G.network.in_float64(trainer.G.average_flat)
        known = {1: _exact, 2: _bound}.get(density.dim)
        if known is not None:
            estimate = known(G, trainer.noise, density, data)
            found |= {"js": estimate.value, "js_error": estimate.error}
    return found


def _exact(G: Network, noise: Noise, density: Density, data: Dataset) -> Estimate:
    """Return JSD(p_data‖p_g) on the line."""
    return js(density, exact_density(G, noise))


def _bound(G: Network, noise: Noise, density: Density, data: Dataset) -> Estimate:
    """Return a lower bound of JSD(p_data‖p_g) in the plane."""
    axis = Uniform(noise.low, noise.high)
    p_z = GaussianMixture([[0.0, 0.0]], 1.0) if noise.kind == "normal" else (axis, axis)
    low, high = data.x.min(axis=0), data.x.max(axis=0)
    margin = 0.2 * (high - low)
    edges = [np.linspace(a, b, BINS + 1) for a, b in zip(low - margin, high + margin, strict=True)]
    return pushforward_2d(G, p_z, (edges[0], edges[1]), mesh=MESH).js_lower_bound(density)


def _of_images(generator: Generator, data: Dataset) -> dict[str, float]:
    samples = generator.sample(IMAGES)
    figures = evaluate(samples, data, asked=generator.labels_for(IMAGES, None)).figures
    assert figures is not None
    of_samples = figures["generated"]
    return {
        "score": of_samples["classifier_score"]["mean"],
        "frechet": of_samples["frechet"]["value"],
        "precision": of_samples["precision_recall"]["precision"],
        "recall": of_samples["precision_recall"]["recall"],
    }
