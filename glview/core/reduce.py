"""Numba loops that make an image smaller: means and maxima of square cells.

In every function a cell at the right or bottom edge may be partial: it holds the pixels there are.
The mean is that of the finite pixels, NaN if there is none.  The maximum ignores NaN, counts both
infinities, and is NaN only where every pixel is.
"""

import numba
import numpy as np

NAN, POSINF, NEGINF, FINITE = range(4)  # places in the `counts` of `pool`


@numba.njit(cache=True, nogil=True)
def mean_pool(block, factor):
    """Mean of every factor x factor cell.

    block: (h, w) float32, any unit, C-contiguous.  factor: at least 1.
    Returns (ceil(h / factor), ceil(w / factor)) float32.
    """
    mean, _, _ = _empty(block, factor)
    sums = np.empty(block.shape[1], np.float64)
    for cell_y in range(mean.shape[0]):
        rows = block[cell_y * factor : (cell_y + 1) * factor]
        _add_rows(rows, sums)
        for cell_x in range(mean.shape[1]):
            x0, x1 = cell_x * factor, min((cell_x + 1) * factor, block.shape[1])
            total = _sum(sums[x0:x1])
            if np.isfinite(total):
                mean[cell_y, cell_x] = total / (rows.shape[0] * (x1 - x0))
            else:
                mean[cell_y, cell_x] = _careful(rows[:, x0:x1])[0]
    return mean


@numba.njit(cache=True, nogil=True)
def max_pool(block, factor):
    """Maximum of every factor x factor cell; arguments and result as for `mean_pool`."""
    _, maximum, _ = _empty(block, factor)
    highest = np.empty(block.shape[1], np.float32)
    for cell_y in range(maximum.shape[0]):
        rows = block[cell_y * factor : (cell_y + 1) * factor]
        _raise_rows(rows, highest)
        for cell_x in range(maximum.shape[1]):
            x0, x1 = cell_x * factor, min((cell_x + 1) * factor, block.shape[1])
            found = _max(highest[x0:x1])
            if found == -np.inf:
                found = _careful(rows[:, x0:x1])[1]
            maximum[cell_y, cell_x] = found
    return maximum


@numba.njit(cache=True, nogil=True)
def pool(block, factor, mean, maximum, finite):
    """Mean, maximum and number of finite pixels of every cell, and a census of the block.

    block: (h, w) float32, any unit, C-contiguous.  factor: at least 1.
    mean, maximum, finite: (ceil(h / factor), ceil(w / factor)) float32, float32, int32; written.
    Returns (counts, low, high): (4,) int64 numbers of pixels in the order NAN, POSINF, NEGINF,
    FINITE, and the extremes of the finite pixels (Inf, -Inf if there is none).
    """
    counts = np.zeros(4, np.int64)
    low, high = np.float32(np.inf), np.float32(-np.inf)
    width = block.shape[1]
    sums = np.empty(width, np.float64)
    lowest, highest = np.empty(width, np.float32), np.empty(width, np.float32)
    for cell_y in range(mean.shape[0]):
        rows = block[cell_y * factor : (cell_y + 1) * factor]
        _gather_rows(rows, sums, lowest, highest)
        for cell_x in range(mean.shape[1]):
            x0, x1 = cell_x * factor, min((cell_x + 1) * factor, width)
            total = _sum(sums[x0:x1])
            if np.isfinite(total):
                n = rows.shape[0] * (x1 - x0)
                counts[FINITE] += n
                least, most = _min(lowest[x0:x1]), _max(highest[x0:x1])
                mean[cell_y, cell_x], maximum[cell_y, cell_x] = total / n, most
                finite[cell_y, cell_x] = n
            else:
                cell = rows[:, x0:x1]
                mean[cell_y, cell_x], maximum[cell_y, cell_x] = _careful(cell)
                finite[cell_y, cell_x], least, most = _census(cell, counts)
            low, high = min(low, least), max(high, most)
    return counts, low, high


@numba.njit(cache=True, nogil=True)
def halve(mean, maximum, finite):
    """The next level: 2 x 2 cells of a level made by `pool`, means weighted by their pixels.

    mean, maximum, finite: (h, w) float32, float32, int32.
    Returns the three for (ceil(h / 2), ceil(w / 2)).
    """
    height, width = mean.shape
    small_mean, small_max, small_finite = _empty(mean, 2)
    for y in range(small_mean.shape[0]):
        for x in range(small_mean.shape[1]):
            total, count, most = 0.0, 0, np.float32(np.nan)
            for j in range(2 * y, min(2 * y + 2, height)):
                for i in range(2 * x, min(2 * x + 2, width)):
                    if finite[j, i]:
                        total += np.float64(mean[j, i]) * finite[j, i]
                        count += finite[j, i]
                    if not most >= maximum[j, i] and maximum[j, i] == maximum[j, i]:
                        most = maximum[j, i]
            small_mean[y, x] = total / count if count else np.nan
            small_max[y, x], small_finite[y, x] = most, count
    return small_mean, small_max, small_finite


@numba.njit(cache=True, nogil=True)
def _empty(block, factor):
    shape = (-(-block.shape[0] // factor), -(-block.shape[1] // factor))
    return np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.int32)


# A NaN or Inf makes the float64 sum of its cell NaN or Inf, and nothing else can: float32 values
# are far too small to overflow it.  So the loops below need no test per pixel.


@numba.njit(cache=True, nogil=True)
def _add_rows(rows, sums):
    sums[:] = rows[0]
    for y in range(1, rows.shape[0]):
        row = rows[y]
        for x in range(row.size):
            sums[x] += row[x]


@numba.njit(cache=True, nogil=True)
def _raise_rows(rows, highest):
    highest[:] = -np.inf
    for y in range(rows.shape[0]):
        row = rows[y]
        for x in range(row.size):
            highest[x] = row[x] if row[x] > highest[x] else highest[x]


@numba.njit(cache=True, nogil=True)
def _gather_rows(rows, sums, lowest, highest):
    sums[:] = rows[0]
    lowest[:] = rows[0]
    highest[:] = rows[0]
    for y in range(1, rows.shape[0]):
        row = rows[y]
        for x in range(row.size):
            value = row[x]
            sums[x] += value
            lowest[x] = value if value < lowest[x] else lowest[x]
            highest[x] = value if value > highest[x] else highest[x]


@numba.njit(cache=True, nogil=True)
def _sum(values):
    total = 0.0
    for value in values:
        total += value
    return total


@numba.njit(cache=True, nogil=True)
def _min(values):
    found = values[0]
    for value in values:
        found = value if value < found else found
    return found


@numba.njit(cache=True, nogil=True)
def _max(values):
    found = values[0]
    for value in values:
        found = value if value > found else found
    return found


@numba.njit(cache=True, nogil=True)
def _careful(cell):
    """(mean, maximum) of a cell that may hold NaN and Inf."""
    total, count, most = 0.0, 0, np.float32(np.nan)
    for row in cell:
        for value in row:
            if np.isfinite(value):
                total += value
                count += 1
            if value == value and not most >= value:
                most = value
    return np.float32(total / count if count else np.nan), most


@numba.njit(cache=True, nogil=True)
def _census(cell, counts):
    """Count the cell's pixels into `counts`; returns (finite pixels, their minimum, maximum)."""
    finite, least, most = 0, np.float32(np.inf), np.float32(-np.inf)
    for row in cell:
        for value in row:
            if np.isfinite(value):
                finite += 1
                least, most = min(least, value), max(most, value)
            elif value != value:
                counts[NAN] += 1
            else:
                counts[POSINF if value > 0 else NEGINF] += 1
    counts[FINITE] += finite
    return finite, least, most
