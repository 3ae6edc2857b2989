"""A simulated frame whose stars and cosmic rays are known."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sky:
    """image: (H, W) float32, electrons; truth: (H, W) bool, pixels that a cosmic ray added to;
    stars: (N, 3) float64, rows y, x, flux, where pixel centres are whole numbers."""

    image: np.ndarray
    truth: np.ndarray
    stars: np.ndarray


def make_sky(height=256, width=320, *, seed=0, stars=60, rays=25, background=120.0, noise=5.0):
    """A star field with cosmic rays; equal arguments give equal frames.

    Stars are Gaussians of 1.6 pixels sigma.  A ray is a straight track without the optics' blur,
    2 to 30 pixels long, at least 20 times the read noise in each pixel that `truth` marks.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    light = np.full((height, width), background)
    catalogue = np.column_stack(
        [
            rng.uniform(0, height - 1, stars),
            rng.uniform(0, width - 1, stars),
            10 ** rng.uniform(2.5, 5, stars),
        ]
    )
    for cy, cx, flux in catalogue:
        _add_star(light, y, x, cy, cx, flux)
    charge = np.zeros((height, width))
    for _ in range(rays):
        _add_track(charge, rng, 20 * noise)
    image = rng.poisson(light) + rng.normal(0, noise, light.shape) + charge
    return Sky(image.astype(np.float32), charge > 0, catalogue)


def _add_star(light, y, x, cy, cx, flux, sigma=1.6):
    rows = slice(max(0, int(cy) - 12), int(cy) + 13)
    columns = slice(max(0, int(cx) - 12), int(cx) + 13)
    square = (y[rows, columns] - cy) ** 2 + (x[rows, columns] - cx) ** 2
    light[rows, columns] += flux * np.exp(-square / (2 * sigma**2)) / (2 * np.pi * sigma**2)


def _add_track(charge, rng, least):
    height, width = charge.shape
    length = rng.uniform(2, 30)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.arange(0, length, 0.5)
    rows = np.rint(rng.uniform(0, height - 1) + along * np.sin(angle)).astype(int)
    columns = np.rint(rng.uniform(0, width - 1) + along * np.cos(angle)).astype(int)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    charge[rows[inside], columns[inside]] = least * rng.uniform(1, 40)


def write_noise(path, shape, seed=4):
    """A FITS file of float32 noise, 50 +- 3, and nothing else; returns its path."""
    from astropy.io import fits

    fits.writeto(path, np.random.default_rng(seed).normal(50, 3, shape).astype(np.float32))
    return path
