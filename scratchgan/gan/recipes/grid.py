"""grid: 25 narrow modes; the plain game finds most of them, seldom all."""

from dataclasses import replace

from scratchgan.gan.recipes import ring

recipe = replace(ring.recipe, name="grid", about="25 Gaussians on a square grid", data="grid")
