"""A small square picture round an object, with its mask."""

import numpy as np

from glview.core import mask

SIDE = 64  # cells a side
MARGIN = 5  # image pixels shown round an object at least
LARGE = 16  # reduction from which not every pixel is looked at
AT_ONCE = 1 << 20  # pixels held at a time: an object may be as large as the frame
RANKED = np.array([0, 2, 3, 4, 1], np.uint8)  # code of `core.mask` -> rank in a reduced cell


def frame_for(box, side=SIDE):
    """(y0, x0, step): corner and reduction of the square of side x side cells round `box`.

    box: (y0, x0, y1, x1) image pixels.  The square is as small as the object allows, 24 pixels at
    least; an object larger than the cells is shown reduced by `step`.
    """
    y0, x0, y1, x1 = (int(edge) for edge in box)
    span = max(y1 - y0, x1 - x0) + 2 * MARGIN
    step = max(1, -(-span // side))
    width = side * step
    return (y0 + y1) // 2 - width // 2, (x0 + x1) // 2 - width // 2, step


def shown_cells(box, side=SIDE):
    """How many of the square's cells, centred, the thumbnail shows: 24 to `side`."""
    y0, x0, y1, x1 = (int(edge) for edge in box)
    span = max(y1 - y0, x1 - x0) + 2 * MARGIN
    return min(side, max(24, span + span % 2))


def inside(shape, box, side=SIDE):
    """(y0, x0, y1, x1): the cells of the square round `box` with a pixel of the image."""
    top, left, step = frame_for(box, side)
    return (max(0, -top // step), max(0, -left // step),
            min(side, -(-(shape[0] - top) // step)), min(side, -(-(shape[1] - left) // step)))


def cutout(image, confidence, settings, edits, box, side=SIDE):
    """Values and mask codes of the square round `box`.

    image: Image; confidence, settings, edits: as in `mask.mask_state`.
    Returns (values, state): (side, side) float32 in image units, NaN outside the image, and
    (side, side) uint8 codes of `core.mask`, NONE outside.  Reduced cells show the mean of their
    finite pixels and the largest code of a masked one; from LARGE on the mean is that of their
    middle row, and what dilation masked counts as the model's.
    """
    top, left, step = frame_for(box, side)
    if step >= LARGE:
        return _thin(image, (confidence, settings, edits), (top, left, step), side)
    width = side * step
    values, state = np.empty((side, side), np.float32), np.empty((side, side), np.uint8)
    rows = max(1, min(side, AT_ONCE // (width * step)))
    for first in range(0, side, rows):
        last = min(first + rows, side)
        strip = (top + first * step, left, top + last * step, left + width)
        pixels, codes = _strip(image, (confidence, settings, edits), strip)
        if step > 1:
            pixels, codes = _mean(pixels, step), _strongest(codes, step)
        values[first:last], state[first:last] = pixels, codes
    return values, state


def _strip(image, masked, box):
    """Values and mask codes of a box that may lie outside the image in part or as a whole."""
    top, left, bottom, right = box
    values = np.full((bottom - top, right - left), np.nan, np.float32)
    state = np.zeros(values.shape, np.uint8)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(image.shape[0], bottom), min(image.shape[1], right)
    if y0 < y1 and x0 < x1:
        inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        values[inner] = image.read32(y0, y1, x0, x1)
        state[inner] = mask.mask_state(*masked, (y0, x0, y1, x1))
    return values, state


def _thin(image, masked, place, side):
    """The same for a square of millions of pixels, of which few rows are read."""
    top, left, step = place
    values, state = np.full((side, side), np.nan, np.float32), np.zeros((side, side), np.uint8)
    for row in range(side):
        y0, y1 = max(0, top + row * step), min(image.shape[0], top + (row + 1) * step)
        if y0 < y1:
            middle = (y0 + y1) // 2
            strip = np.full(side * step, np.nan, np.float32)
            x0, x1 = max(0, left), min(image.shape[1], left + side * step)
            strip[x0 - left : x1 - left] = image.read32(middle, middle + 1, x0, x1)[0]
            values[row] = _row_mean(strip.reshape(side, step))
            for column, codes in _pooled(masked, (y0, x0, y1, x1), left, step):
                state[row, column : column + len(codes)] = codes
    return values, state


def _pooled(masked, box, left, step):
    """(first column, codes) of the cells of one row; a cell that begins outside is cut there."""
    confidence, settings, edits = masked
    y0, x0, y1, x1 = box
    cut = min(x1, left + -(-(x0 - left) // step) * step)
    for start, stop in ((x0, cut), (cut, x1)):
        if start < stop:
            grey = mask.pooled(confidence, settings, edits, (y0, start, y1, stop), step)[0]
            codes = np.where(grey > settings.limit, mask.MODEL, mask.NONE)
            yield (start - left) // step, np.where(grey > 1.5, mask.ADDED, codes).astype(np.uint8)


def _mean(values, step):
    """Mean of the finite pixels of every step x step cell, NaN where there is none."""
    cells = values.reshape(values.shape[0] // step, step, -1, step).swapaxes(1, 2)
    return _row_mean(cells.reshape(*cells.shape[:2], -1))


def _row_mean(cells):
    """Mean of the finite values along the last axis, NaN where there is none."""
    finite = np.isfinite(cells)
    count = finite.sum(-1)
    total = np.where(finite, cells, 0.0).sum(-1, dtype=np.float64)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def _strongest(state, step):
    """The largest code of a masked pixel in every step x step cell; DELETED if none is masked."""
    cells = RANKED[state].reshape(state.shape[0] // step, step, -1, step)
    return np.argsort(RANKED)[cells.max(1).max(2)]
