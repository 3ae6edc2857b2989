"""The frames that everything is measured on: one simulated sky, repeated to size."""

import numpy as np
from astropy.io import fits
from sky import make_sky

SIDE = 2048  # of the simulated sky; larger frames repeat it


class Frames:
    """Frames of so many Mpx (1 Mpx = 2**20 pixels) as float32 FITS in a folder, made once."""

    def __init__(self, folder):
        self.folder = folder
        self._sky = None

    @property
    def sky(self):
        """The simulated sky: stars and cosmic rays as dense as in the tests' small one."""
        if self._sky is None:
            self._sky = make_sky(SIDE, SIDE, seed=1, stars=3000, rays=1250)
        return self._sky

    def path(self, megapixels):
        """A FITS file of one primary HDU; just written, so the system holds it in memory."""
        path = self.folder / f"frame{megapixels}.fits"
        if not path.exists():
            fits.PrimaryHDU(repeated(self.sky.image, megapixels)).writeto(path)
        return path

    def confidence(self, megapixels):
        """(H, W) float32 as a network would give it: sure of most rays, with soft borders."""
        rng = np.random.default_rng(2)
        sure = np.where(self.sky.truth, rng.uniform(0.3, 1.0, (SIDE, SIDE)), 0.0)
        made = rng.uniform(0.0, 0.02, (SIDE, SIDE))
        for axis in (0, 1):
            for step in (-1, 1):
                np.maximum(made, 0.4 * np.roll(sure, step, axis), out=made)
        return repeated(np.maximum(made, sure).astype(np.float32), megapixels)


def repeated(array, megapixels):
    """A square piece of so many Mpx of a SIDE x SIDE array, or of its repetitions."""
    side = int((megapixels << 20) ** 0.5)
    if side <= SIDE:
        return np.ascontiguousarray(array[:side, :side])
    return np.tile(array, (side // SIDE, side // SIDE))
