"""The lines round pixels: where those that are inside meet those that are not."""

import numpy as np

MOST = 4000  # lines that are drawn in every frame; of more there is only a box


def edges_of(inside):
    """The lines between the pixels that are inside and those that are not.

    inside: (h, w) bool; what lies outside the array is not inside.
    Returns (n, 4) int64 (y0, x0, y1, x1) in pixels from the array's corner, each one pixel long.
    """
    padded = np.pad(inside, 1)
    y, x = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.stack([y, x, y, x + 1], 1)
    y, x = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    return np.concatenate([level, np.stack([y, x, y + 1, x], 1)])


def outline_of(place, inside):
    """What is drawn round pixels: their edges, or the box if these are more than MOST.

    place: (y, x) of the first pixel of `inside`, (h, w) bool, in the image.
    Returns (n, 4) int64 lines (y0, x0, y1, x1) in image coordinates.
    """
    lines = edges_of(inside)
    if len(lines) > MOST:
        height, width = inside.shape
        lines = np.array([(0, 0, 0, width), (0, 0, height, 0), (height, 0, height, width),
                          (0, width, height, width)])
    return lines + np.tile(place, 2)
