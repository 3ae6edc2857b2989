"""Below which confidence a pixel is no candidate for a mask."""

import numpy as np

MOST_SHARE, MOST_PIXELS = 0.02, 1 << 22
"""Share of the pixels, and how many, that may be above the floor that is chosen."""

SAMPLE_BANDS, SAMPLE_PIXELS = 32, 1 << 20
"""How many bands of rows, and pixels in all, the floor is chosen by."""


def lowest_floor(confidence):
    """The lowest confidence with few enough pixels above it, by a sample of rows.

    confidence: (H, W) array or Plane, or None; NaN is above nothing. Returns a float32, at least 0.
    """
    if confidence is None or not all(confidence.shape):
        return np.float32(0)
    height, width = confidence.shape
    rows = max(1, SAMPLE_PIXELS // (SAMPLE_BANDS * width))
    tops = np.unique(np.linspace(0, max(0, height - rows), SAMPLE_BANDS).astype(int)).tolist()
    parts = [np.asarray(confidence[y : y + rows, 0:width]).ravel() for y in tops]
    sample = np.concatenate(parts).astype(np.float32)
    sample[np.isnan(sample)] = 0
    place = int(len(sample) * (1 - most_pixels(confidence.shape) / (height * width)))
    place = min(place, len(sample) - 1)
    return max(np.float32(0), np.partition(sample, place)[place])


def most_pixels(shape):
    """How many pixels of a frame (height, width) should be candidates at most."""
    return min(MOST_PIXELS, int(MOST_SHARE * shape[0] * shape[1]))
