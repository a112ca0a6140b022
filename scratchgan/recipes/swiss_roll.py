"""swiss-roll: points along a spiral, without modes; the settings are those of ring."""

from dataclasses import replace

from scratchgan.recipes import ring

recipe = replace(
    ring.recipe,
    name="swiss-roll",
    about="a spiral of points",
    settings=replace(ring.recipe.settings, data="swiss-roll"),
)
