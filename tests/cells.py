"""Judges for reduced images: numpy over the pixels of each cell, by definition."""

import warnings

import numpy as np

from glview.core.pyramid import Pyramid, build


def cells(array, factor):
    """(h, w, factor * factor) float64: the pixels of each cell, padded with NaN."""
    height, width = array.shape
    pad = ((0, -height % factor), (0, -width % factor))
    padded = np.pad(array.astype(float), pad, constant_values=np.nan)
    h, w = padded.shape[0] // factor, padded.shape[1] // factor
    split = padded.reshape(h, factor, w, factor).swapaxes(1, 2)
    return split.reshape(h, w, factor * factor)


def judged_mean(array, factor):
    """Means of the finite pixels; NaN where there is none."""
    inside = cells(array, factor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.where(np.isfinite(inside), inside, np.nan), axis=2)


def judged_max(array, factor):
    """Maxima without NaN; NaN where there is nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmax(cells(array, factor), axis=2)


def checked(pyramid, array):
    """Every level against numpy."""
    assert list(pyramid.mean) == list(pyramid.max)
    for factor in pyramid.mean:
        np.testing.assert_allclose(pyramid.mean[factor], judged_mean(array, factor), rtol=5e-7)
        np.testing.assert_array_equal(pyramid.max[factor], judged_max(array, factor))


def frame(shape, bad, seed=0):
    """float32 frame with a share `bad` of NaN, Inf and -Inf."""
    rng = np.random.default_rng(seed)
    array = rng.normal(1000, 30, shape).astype(np.float32)
    kinds = rng.choice([np.nan, np.inf, -np.inf], shape).astype(np.float32)
    return np.where(rng.random(shape) < bad, kinds, array)


def filled(image, factor=8):
    """The complete Pyramid of an image."""
    pyramid = Pyramid(image.shape, factor)
    build(image, pyramid)
    assert pyramid.collect()
    return pyramid
