"""
wgan-gp-toy: eight modes on a circle by a Wasserstein game with a gradient penalty.

The settings are those of the toy code of Gulrajani et al. 2017 (arXiv 1704.00028;
igul222/improved_wgan_training on GitHub).
"""

from dataclasses import replace

from scratchgan.games import WassersteinGP
from scratchgan.optim import Adam
from scratchgan.recipes import wgan_clip_toy

_adam = Adam(1e-4, beta1=0.5, beta2=0.9)

recipe = replace(
    wgan_clip_toy.recipe,
    name="wgan-gp-toy",
    about="8 Gaussians on a circle, by a Wasserstein game with a gradient penalty",
    settings=replace(
        wgan_clip_toy.recipe.settings,
        clip=None,
        penalties=(WassersteinGP(weight=0.1),),
        optimizer_g=_adam,
        optimizer_d=_adam,
    ),
)
