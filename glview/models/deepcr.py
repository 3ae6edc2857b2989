"""The ACS-WFC network of deepCR: how it is laid out and how its package feeds it."""

import numpy as np

from glview.models.unet import Layout, Recipe, one_pass

_LAYOUT = Layout(
    blocks=(
        ("module.inc.conv.conv", 1, 32),
        ("module.down1.mpconv.1.conv", 32, 64),
        ("module.up8.conv.conv", 64, 32),
    ),
    ups=(("module.up8.up", 64, 32),),
    head=("module.outc.conv", 32),
    norm="batch",
)
_STEP = 4  # the package pads with zeros, above and to the left, to multiples of this


def _whole(network, pixels, stamp):
    """One pass; frames and stamps alike."""
    height, width = pixels.shape
    padded = np.pad(pixels, ((-height % _STEP, 0), (-width % _STEP, 0)))
    return one_pass(network, padded)[-height:, -width:]


RECIPES = {"batch": Recipe(_LAYOUT, False, 12, _whole)}
