"""Numba loops that make an image smaller: means and maxima of square cells, and a census.

In every function a cell at the right or bottom edge may be partial: it holds the pixels there are.
The mean is that of the finite pixels, NaN if there is none.  The maximum ignores NaN, counts both
infinities, and is NaN only where every pixel is.

The loops over columns have neither branches nor sums across columns, so that they become vector
instructions.
"""

import numba
import numpy as np

NAN, POSINF, NEGINF, FINITE = range(4)  # places in the `counts` of `pool`
_CHUNK = 8192  # columns worked on at once: what is kept of them stays in the nearest cache
_HUGE = 1e37  # sums of eight values up to this do not overflow float32


@numba.njit(cache=True, nogil=True)
def mean_and_max(block, factor):
    """Mean and maximum of every factor x factor cell.

    block: (h, w) float32, any unit, C-contiguous.  factor: 1, 2, 4 or 8.
    Returns two (ceil(h / factor), ceil(w / factor)) float32 arrays.
    """
    shape = (-(-block.shape[0] // factor), -(-block.shape[1] // factor))
    mean, maximum = np.empty(shape, np.float32), np.empty(shape, np.float32)
    finite = np.empty(shape, np.float32)
    pool(block, factor, mean, maximum, 0, 0, finite, 0, np.zeros(4, np.int64))
    return mean, maximum


@numba.njit(cache=True, nogil=True)
def pool(block, factor, mean, maximum, y_cell, x_cell, finite, row, counts):
    """Mean, maximum and number of finite pixels of every cell, and a census of the block.

    block: (h, w) float32, any unit, C-contiguous.  factor: 1, 2, 4 or 8.
    mean, maximum: (H, W) float32, C-contiguous; the block's cells are written from y_cell, x_cell.
    finite: (N, M) float32, C-contiguous; the numbers are written from row, 0.
    counts: (4,) int64; numbers of NaN, +Inf, -Inf and finite pixels are added, in this order.
    Returns (low, high): extremes of the finite pixels (Inf, -Inf if there is none).
    """
    size = min(_CHUNK, -(-block.shape[1] // 8) * 8)
    columns, halves, least = _room(size), _room(size), np.empty(size, np.float32)
    nothing = np.full(size, np.float32(np.nan))
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for y in range(0, block.shape[0], factor):
        rows = block[y : y + factor]
        for x in range(0, block.shape[1], size):
            n = min(size, block.shape[1] - x)
            first, last = x // factor, -(-(x + n) // factor)
            target = (mean[y_cell + y // factor, x_cell + first : x_cell + last],
                      maximum[y_cell + y // factor, x_cell + first : x_cell + last],
                      finite[row + y // factor, first:last])
            level = _level(rows[0, x : x + n])
            _gather(rows, x, n, nothing, level, *columns, least)
            cells = _halvings(factor, n, columns, halves)
            smallest, (largest, number) = _smallest(least[:n]), _largest(last - first, *cells)
            if smallest < -_HUGE or largest > _HUGE:
                smallest, largest = _careful(rows, x, n, factor, *target, counts)
            else:
                _write(level, *cells, *target)
                counts[FINITE] += number
                counts[NAN] += rows.shape[0] * n - number
            low, high = min(low, smallest), max(high, largest)
    return low, high


@numba.njit(cache=True, nogil=True)
def _room(size):
    """For the sums, the numbers of finite pixels and the largest values of `size` columns."""
    return np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)


@numba.njit(cache=True, nogil=True)
def _row(rows, y, x, n, nothing):
    return rows[y, x : x + n] if y < rows.shape[0] else nothing[:n]


@numba.njit(cache=True, nogil=True)
def _level(line):
    """The middle one of three values of a row, those that are not finite taken for 0."""
    a, b, c = line[0], line[line.size // 2], line[-1]
    a = a if abs(a) < np.inf else np.float32(0)
    b = b if abs(b) < np.inf else np.float32(0)
    c = c if abs(c) < np.inf else np.float32(0)
    return max(min(a, b), min(max(a, b), c))


@numba.njit(cache=True, nogil=True)
def _gather(rows, x, n, nothing, level, sums, numbers, most, least):
    """Join at most 8 rows into n columns, and fill up with empty ones to a multiple of 8.

    What is summed is the difference to `level`: so float32 loses nothing of a faint signal on a
    bright sky.  An infinity makes a wrong sum: the extremes tell, and `_careful` makes it again.
    """
    r0, r1 = _row(rows, 0, x, n, nothing), _row(rows, 1, x, n, nothing)
    r2, r3 = _row(rows, 2, x, n, nothing), _row(rows, 3, x, n, nothing)
    r4, r5 = _row(rows, 4, x, n, nothing), _row(rows, 5, x, n, nothing)
    r6, r7 = _row(rows, 6, x, n, nothing), _row(rows, 7, x, n, nothing)
    for i in range(n):
        total, number = np.float32(0), np.float32(0)
        smallest, largest = np.float32(np.inf), np.float32(-np.inf)
        for value in (r0[i], r1[i], r2[i], r3[i], r4[i], r5[i], r6[i], r7[i]):
            there = value == value
            total += value - level if there else np.float32(0)
            number += np.float32(1) if there else np.float32(0)
            smallest = value if value < smallest else smallest
            largest = value if value > largest else largest
        sums[i], numbers[i], most[i], least[i] = total, number, largest, smallest
    for i in range(n, -(-n // 8) * 8):
        sums[i], numbers[i], most[i] = np.float32(0), np.float32(0), np.float32(-np.inf)


@numba.njit(cache=True, nogil=True)
def _halvings(factor, n, columns, halves):
    """Join neighbouring columns until there is one for each cell; returns the arrays it is in."""
    n = -(-n // 8) * 8
    while factor > 1:
        factor, n = factor // 2, n // 2
        _join_pairs(n, *columns, *halves)
        columns, halves = halves, columns
    return columns


@numba.njit(cache=True, nogil=True)
def _join_pairs(n, sums, numbers, most, half_sums, half_numbers, half_most):
    for i in range(n):
        a, b = 2 * i, 2 * i + 1
        half_sums[i] = sums[a] + sums[b]
        half_numbers[i] = numbers[a] + numbers[b]
        half_most[i] = most[a] if most[a] > most[b] else most[b]


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _smallest(least):
    """The smallest of values without NaN."""
    found = np.float32(np.inf)
    for value in least:
        found = value if value < found else found
    return found


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _largest(n, sums, numbers, most):
    """(the largest, number of finite pixels) of n cells; there is no NaN among `most`."""
    found, number = np.float32(-np.inf), np.float32(0)
    for i in range(n):
        number += numbers[i]
        found = most[i] if most[i] > found else found
    return found, np.int64(number)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write(level, sums, numbers, most, mean, maximum, finite):
    for i in range(mean.size):
        mean[i] = np.float64(level) + np.float64(sums[i]) / np.float64(numbers[i])
        maximum[i] = most[i] if numbers[i] > 0 else np.float32(np.nan)
        finite[i] = numbers[i]


@numba.njit(cache=True, nogil=True)
def _careful(rows, x, n, factor, mean, maximum, finite, counts):
    """The same for cells that hold infinities or sums that float32 does not; pixel by pixel.

    Returns the extremes of the finite pixels.
    """
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for i in range(mean.size):
        total, number, most = 0.0, 0, np.float32(np.nan)
        for line in rows[:, x + i * factor : min(x + (i + 1) * factor, x + n)]:
            for value in line:
                most = value if value == value and not most >= value else most
                if abs(value) < np.inf:
                    total += value
                    number += 1
                    low, high = min(low, value), max(high, value)
                else:
                    kind = NAN if value != value else POSINF if value > 0 else NEGINF
                    counts[kind] += 1
        counts[FINITE] += number
        mean[i], maximum[i] = total / number if number else np.nan, most
        finite[i] = number
    return low, high


@numba.njit(cache=True, nogil=True)
def halve(mean, maximum, finite, y, x, height, width, mean2, maximum2, finite2, y2, x2):
    """The next level: 2 x 2 cells of a level made by `pool`, means weighted by their pixels.

    mean, maximum: (H, W) float32, C-contiguous; height x width cells from y, x are read.
    finite: (N, M) float32, C-contiguous, read from 0, 0.
    mean2, maximum2: written from y2, x2.  finite2: written from 0, 0.
    """
    no_mean, no_number = np.zeros(width, np.float32), np.zeros(width, np.float32)
    no_maximum = np.full(width, np.float32(np.nan))
    n = -(-width // 2)
    for i in range(-(-height // 2)):
        j = y + 2 * i
        above = mean[j, x : x + width], finite[2 * i, :width], maximum[j, x : x + width]
        below = no_mean, no_number, no_maximum
        if 2 * i + 1 < height:
            j += 1
            below = mean[j, x : x + width], finite[2 * i + 1, :width], maximum[j, x : x + width]
        _halve_rows(width // 2, *above, *below, mean2[y2 + i, x2 : x2 + n], finite2[i, :n],
                    maximum2[y2 + i, x2 : x2 + n])
        if width % 2:
            last = width - 1
            total = (_weighed(above[0][last], above[1][last])
                     + _weighed(below[0][last], below[1][last]))
            number = above[1][last] + below[1][last]
            mean2[y2 + i, x2 + n - 1] = total / number if number else np.nan
            finite2[i, n - 1] = number
            maximum2[y2 + i, x2 + n - 1] = _larger(above[2][last], below[2][last])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _halve_rows(n, mean, finite, most, mean_b, finite_b, most_b, mean2, finite2, most2):
    for i in range(n):
        a, b = 2 * i, 2 * i + 1
        total = (_weighed(mean[a], finite[a]) + _weighed(mean[b], finite[b])
                 + _weighed(mean_b[a], finite_b[a]) + _weighed(mean_b[b], finite_b[b]))
        number = finite[a] + finite[b] + finite_b[a] + finite_b[b]
        mean2[i] = total / number
        finite2[i] = number
        most2[i] = _larger(_larger(most[a], most[b]), _larger(most_b[a], most_b[b]))


@numba.njit(cache=True, nogil=True)
def _weighed(mean, number):
    return np.float64(mean) * number if number > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _larger(a, b):
    """The larger one; the other if one is NaN."""
    return a if a >= b or b != b else b


@numba.njit(cache=True, nogil=True)
def pick(block, place, width, step, values, taken):
    """Take the finite ones of every step-th pixel of a frame, in reading order from its first.

    block: (h, w) float32, whose first pixel is number `place` of the frame, `width` wide.
    values: (n,) float32, of which `taken` are already there; returns how many are now.
    """
    for y in range(block.shape[0]):
        for x in range(-(place + y * width) % step, block.shape[1], step):
            if abs(block[y, x]) < np.inf:
                values[taken] = block[y, x]
                taken += 1
    return taken
