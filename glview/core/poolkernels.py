"""Largest dilated confidence of every cell of pixels: what a zoomed-out mask tile holds.

Flat dilation commutes with thresholding, so the maximum filter of the confidence, made once, gives
the dilated mask of every threshold. Kernels trust their arguments.
"""

import numpy as np
from numba import njit

NEVER = np.float32(-1.0)
ALWAYS = np.float32(2.0)
ADD, DELETE = 1, 2
BAND_ROWS = 64


@njit(cache=True, nogil=True)
def raise_to(target, source):
    """target = max(target, source) in place for (n,) float32; NaN in source counts as nothing."""
    for k in range(target.size):
        target[k] = source[k] if source[k] > target[k] else target[k]


@njit(cache=True, nogil=True)
def raise_shifted(target, source, offset):
    """target[x] = max(target[x], source[x + offset]) wherever source has that pixel."""
    first = max(0, -offset)
    last = min(target.size, source.size - offset)
    if first < last:
        raise_to(target[first:last], source[first + offset : last + offset])


@njit(cache=True, nogil=True)
def dilate_band(confidence, corner, widths, wide, grey):
    """Maximum filter of the confidence over the element, for one band.

    confidence: (H, W) float32. corner: (y, x) in it of the first pixel of the band, whose pixels
    may lie outside. widths: half-widths at |dy| = 0..radius, falling. wide: (w,) float32 scratch.
    grey: (h, w) float32, written; NEVER where no confidence counts. Each row is widened step by
    step and raises the rows at the distance that wants that width.
    """
    top, left = corner
    grey[:] = NEVER
    radius = widths.size - 1
    for y in range(-radius, grey.shape[0] + radius):
        if not 0 <= top + y < confidence.shape[0]:
            continue
        source = confidence[top + y]
        wide[:] = NEVER
        raise_shifted(wide, source, left)
        have = 0
        for dy in range(radius, -1, -1):
            while have < widths[dy]:
                have += 1
                raise_shifted(wide, source, left + have)
                raise_shifted(wide, source, left - have)
            if 0 <= y - dy < grey.shape[0]:
                raise_to(grey[y - dy], wide)
            if dy and 0 <= y + dy < grey.shape[0]:
                raise_to(grey[y + dy], wide)


@njit(cache=True, nogil=True)
def apply_edits(edits, grey):
    """Set ALWAYS where the edits add and NEVER where they delete; both (h, w)."""
    for y in range(edits.shape[0]):
        for x in range(edits.shape[1]):
            if edits[y, x] == ADD:
                grey[y, x] = ALWAYS
            elif edits[y, x] == DELETE:
                grey[y, x] = NEVER


@njit(cache=True, nogil=True)
def pool_band(grey, factor, out):
    """Maximum of every factor x factor cell of grey into out; grey is used up."""
    height, width = grey.shape
    for row in range(out.shape[0]):
        first = row * factor
        for y in range(first + 1, min(first + factor, height)):
            raise_to(grey[first], grey[y])
        for column in range(out.shape[1]):
            best = NEVER
            for x in range(column * factor, min(column * factor + factor, width)):
                best = max(best, grey[first, x])
            out[row, column] = best


@njit(cache=True, nogil=True)
def pool(confidence, box, edits, widths, factor, out):
    """Write the largest edited grey dilation of every cell of a box.

    confidence: (H, W) float32 with the margin that the element wants. box: (top, left, height,
    width) of the box in it, which may lie outside. edits: (height, width) uint8 of the box, or
    (0, width) for none. widths: half-widths at |dy| = 0..radius.
    out: (ceil(height / factor), ceil(width / factor)) float32.
    """
    top, left, height, width = box
    cells = max(1, BAND_ROWS // factor)
    wide = np.empty(width, np.float32)
    grey = np.empty((min(height, cells * factor), width), np.float32)
    for row in range(0, out.shape[0], cells):
        first = row * factor
        band = grey[: height - first]
        dilate_band(confidence, (top + first, left), widths, wide, band)
        apply_edits(edits[first : first + band.shape[0]], band)
        pool_band(band, factor, out[row : row + cells])
