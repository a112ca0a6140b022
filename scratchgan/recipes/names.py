"""The names of the recipes, and the recipe that suits a data set."""

from __future__ import annotations

from scratchgan.data import Dataset

__all__ = ["MODULES", "recipe_for", "recipe_names"]

MODULES = {
    "digits": "digits",
    "gaussian-1d": "gaussian_1d",
    "ring": "ring",
    "grid": "grid",
    "grid-49": "grid_49",
    "swiss-roll": "swiss_roll",
    "digits-plain": "digits_plain",
    "ring-plain": "ring_plain",
    "grid-plain": "grid_plain",
    "unrolled-ring": "unrolled_ring",
    "wgan-clip-toy": "wgan_clip_toy",
    "wgan-gp-toy": "wgan_gp_toy",
    "pacgan-grid": "pacgan_grid",
    "infogan-digits": "infogan_digits",
    "projection-digits": "projection_digits",
    "mnist": "mnist",
    "paper-mnist": "paper_mnist",
    "paper-mnist-tuned": "paper_mnist_tuned",
    "paper-cgan": "paper_cgan",
    "ml-tutorial-mlp": "ml_tutorial_mlp",
}
"""The file of each recipe."""

# For data sets without a recipe of the same name: the recipe for the most similar data.
_ALIKE = {
    "mixture-1d": "gaussian-1d",
    "two-moons": "ring",
    "fashion-mnist": "mnist",
}


def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes."""
    return tuple(MODULES)


def recipe_for(data: Dataset) -> str:
    """Return the recipe that suits a data set; for a user's data, "digits" or "ring" (points)."""
    name = _ALIKE.get(data.name, data.name)
    images = data.image_shape is not None
    if name in MODULES and images != (data.density is not None):
        return name
    return "digits" if images else "ring"
