"""The networks of Cosmic-CoNN: how they are laid out and how their package feeds them.

The weights are read from the user's installed package (GPL-3.0), which is never imported.
"""

import numpy as np

from glview.models.frame import lower_median
from glview.models.recipe import Layout, Recipe
from glview.models.unet import one_pass

_BLOCKS = (
    ("inc.conv.conv", 1, 32),
    ("down1.down_cov.1.conv", 32, 64),
    ("down2.down_cov.1.conv", 64, 128),
    ("up2.conv.conv", 128, 64),
    ("up1.conv.conv", 64, 32),
)
_UPS = (("up2.up_conv", 128, 64), ("up1.up_conv", 64, 32))
_STEP = 16  # the package computes multiples of this and leaves the rest 0


def _whole(network, pixels, stamp):
    """One pass over the part that is a multiple of 16, the rest 0; the median is taken off.

    The package takes a stamp's median before that cut, a whole frame's after it.
    """
    height, width = (size // _STEP * _STEP for size in pixels.shape)
    confidence = np.zeros(pixels.shape, np.float32)
    if height and width:
        part = pixels[:height, :width]
        sky = lower_median((pixels if stamp else part).ravel())
        confidence[:height, :width] = one_pass(network, part - np.float32(sky))
    return confidence


RECIPES = {
    norm: Recipe(sky="subtract", halo=24, stride=4, step=_STEP, whole=_whole,
                 layout=Layout(_BLOCKS, _UPS, ("outc.conv", 32), norm))
    for norm in ("group", "batch")
}
