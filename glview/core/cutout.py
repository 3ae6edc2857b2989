"""A small square picture round an object, with its mask."""

import numpy as np

from glview.core import mask

SIDE = 64  # cells a side
MARGIN = 5  # image pixels shown round an object at least


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


def cutout(image, confidence, settings, edits, box, side=SIDE):
    """Values and mask codes of the square round `box`.

    image: Image; confidence, settings, edits: as in `mask.mask_state`.
    Returns (values, state): (side, side) float32 in image units, NaN outside the image, and
    (side, side) uint8 codes of `core.mask`, NONE outside.  Reduced cells show the mean of their
    finite pixels and the largest code of a masked one.
    """
    top, left, step = frame_for(box, side)
    width = side * step
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(image.shape[0], top + width), min(image.shape[1], left + width)
    values = np.full((width, width), np.nan, np.float32)
    state = np.zeros((width, width), np.uint8)
    inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    values[inner] = image.read32(y0, y1, x0, x1)
    state[inner] = mask.mask_state(confidence, settings, edits, (y0, x0, y1, x1))
    return (values, state) if step == 1 else (_mean(values, step), _strongest(state, step))


def _mean(values, step):
    cells = values.reshape(values.shape[0] // step, step, -1, step)
    finite = np.isfinite(cells)
    count = finite.sum((1, 3))
    total = np.where(finite, cells, 0.0).sum((1, 3), dtype=np.float64)
    return np.where(count, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _strongest(state, step):
    cells = state.reshape(state.shape[0] // step, step, -1, step)
    masked = np.where(cells == mask.DELETED, 0, cells).max((1, 3))
    return np.where(masked > 0, masked, cells.max((1, 3))).astype(np.uint8)
