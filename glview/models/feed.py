"""What a network sees of a frame: its sky taken off, left in, or put back, as it was trained."""

from dataclasses import dataclass

import numpy as np

from glview.models.frame import Level

MISSING = 0.25  # of the level that the noise asks for: below it the sky was taken off before
PEDESTAL = 10.0  # times that level: above it something was added, such as a bias


@dataclass(frozen=True)
class Feed:
    """seen = (pixels - offset) / scale; level: what bad pixels look like, in the image's units."""

    level: float
    offset: float = 0.0
    scale: float = 1.0

    def apply(self, pixels):
        """Change (h, w) float32 pixels in place; returns them."""
        if self.offset:
            pixels -= np.float32(self.offset)
        if self.scale != 1.0:
            pixels /= np.float32(self.scale)
        return pixels


def feed_for(level: Level, sky, scale=1.0):
    """(Feed, notes) for a frame of that Level; sky: one of `recipe.SKIES`.

    A network that was trained with the sky in takes its noise from the sky.  Where that is missing
    it is put back as the square of the noise, which is right for electrons: their noise is the
    square root of their number.
    """
    if sky == "subtract":
        return Feed(level.median, level.median, scale), ()
    if sky == "standard":
        return Feed(level.median, level.mean, (level.deviation or 1.0) * scale), ()
    if sky == "ignore":
        return Feed(level.median, 0.0, scale), ()
    wanted = level.noise**2
    if level.median < MISSING * wanted:
        return Feed(level.median, level.median - wanted, scale), (
            f"the sky was subtracted before (level {level.median:.4g}, noise {level.noise:.4g}),"
            f" but this model needs it: the network sees it at {wanted:.4g}",)
    if wanted and level.median > PEDESTAL * wanted:
        return Feed(level.median, 0.0, scale), (
            f"the level of {level.median:.4g} is high for a noise of {level.noise:.4g}: if that is"
            " a bias, take it off, and if these are no electrons, multiply by the gain",)
    return Feed(level.median, 0.0, scale), ()
