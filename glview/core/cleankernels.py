"""The loop of `core.clean`: the median of what is known around each masked pixel."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def known_before(values, masked):
    """(H + 1, W + 1) int32: how many pixels above and left of each corner are known.

    values: (H, W) floats; masked: (H, W) bool.  Known is what is finite and not masked.
    """
    height, width = values.shape
    counts = np.zeros((height + 1, width + 1), np.int32)
    for y in range(height):
        row = 0
        for x in range(width):
            if not masked[y, x] and np.isfinite(values[y, x]):
                row += 1
            counts[y + 1, x + 1] = counts[y, x + 1] + row
    return counts


@njit(cache=True, nogil=True)
def fill(values, masked, corner, limits, out):
    """Write a box of the values into `out`, its masked pixels filled as `core.clean` says.

    values: (H, W) floats, the box with what lies around it; masked: (H, W) bool; corner: (y, x) of
    the box in them; limits: (nearest, farthest, enough); out: (h, w), the box, of the values' type.
    """
    nearest, farthest, enough = limits
    counts = known_before(values, masked)
    found = np.empty(enough + 8 * farthest + (2 * nearest + 1) ** 2, values.dtype)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            y, x = corner[0] + row, corner[1] + column
            if not masked[y, x]:
                out[row, column] = values[y, x]
                continue
            reach, count = nearest, 0
            while True:
                y0, y1 = max(0, y - reach), min(values.shape[0], y + reach + 1)
                x0, x1 = max(0, x - reach), min(values.shape[1], x + reach + 1)
                count = counts[y1, x1] - counts[y0, x1] - counts[y1, x0] + counts[y0, x0]
                if count >= enough or reach == farthest:
                    break
                reach += 1
            if count:
                gather(values, masked, (y0, x0, y1, x1), found)
                middle = count // 2
                low = np.float64(found[middle if count % 2 else middle - 1])
                out[row, column] = 0.5 * low + 0.5 * np.float64(found[middle])
            else:
                out[row, column] = np.nan


@njit(cache=True, nogil=True)
def gather(values, masked, box, found):
    """Put the known values of a box (y0, x0, y1, x1) into `found`, in ascending order."""
    count = 0
    for y in range(box[0], box[2]):
        for x in range(box[1], box[3]):
            value = values[y, x]
            if masked[y, x] or not np.isfinite(value):
                continue
            place = count
            while place and found[place - 1] > value:
                found[place] = found[place - 1]
                place -= 1
            found[place] = value
            count += 1
