"""The networks of deepCR: how they are laid out and how their package feeds them."""

import numpy as np

from glview.models.recipe import Layout, Recipe
from glview.models.unet import one_pass

_BLOCKS = (
    ("module.inc.conv.conv", 1, 32),
    ("module.down1.mpconv.1.conv", 32, 64),
    ("module.up8.conv.conv", 64, 32),
)
_UPS = (("module.up8.up", 64, 32),)
_SKIES = {"batch": "keep", "none": "standard"}
_STEP = 4  # the package pads with zeros, above and to the left, to multiples of this


def _whole(network, pixels, stamp):
    """One pass; frames and stamps alike."""
    height, width = pixels.shape
    padded = np.pad(pixels, ((-height % _STEP, 0), (-width % _STEP, 0)))
    return one_pass(network, padded)[-height:, -width:]


RECIPES = {
    norm: Recipe(sky=sky, halo=12, stride=2, whole=_whole,
                 layout=Layout(_BLOCKS, _UPS, ("module.outc.conv", 32), norm))
    for norm, sky in _SKIES.items()
}
