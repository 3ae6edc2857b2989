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


@numba.njit(cache=True, nogil=True)
def pool(block, factor, mean, maximum, y_cell, x_cell, finite, row, counts):
    """Mean, maximum and number of finite pixels of every cell, and a census of the block.

    block: (h, w) float32, any unit, C-contiguous.  factor: 2, 4 or 8.
    mean, maximum: (H, W) float32, C-contiguous; the block's cells are written from y_cell, x_cell.
    finite: (N, M) float32, C-contiguous; the numbers are written from row, 0.
    counts: (4,) int64; numbers of NaN, +Inf, -Inf and finite pixels are added, in this order.
    Returns (low, high): extremes of the finite pixels (Inf, -Inf if there is none).
    """
    size = min(_CHUNK, -(-block.shape[1] // 8) * 8)
    parts, columns, halves = _two(size), _two(size), _two(size)
    sums, half_sums = np.empty(size // 2, np.float64), np.empty(size // 2, np.float64)
    lowest, highest = np.full(size, np.float32(np.inf)), np.full(size, np.float32(-np.inf))
    nothing = np.full(size, np.float32(np.nan))
    for y in range(0, block.shape[0], factor):
        rows = block[y : y + factor]
        for x in range(0, block.shape[1], size):
            n = min(size, block.shape[1] - x)
            first, last = x // factor, -(-(x + n) // factor)
            target = (mean[y_cell + y // factor, x_cell + first : x_cell + last],
                      maximum[y_cell + y // factor, x_cell + first : x_cell + last],
                      finite[row + y // factor, first:last])
            _gather(rows, x, n, nothing, *parts, *columns, lowest)
            _sum_pairs(-(-n // 8) * 4, *parts, columns[0], sums)
            cells = _halvings(factor, n, sums, half_sums, columns, halves)
            number, sound = _numbers(last - first, cells[0], cells[1])
            if sound:
                _write(*cells, *target)
                counts[FINITE] += number
                counts[NAN] += rows.shape[0] * n - number
            else:
                _careful(rows, x, n, factor, *target, counts)
            _raise(last - first, cells[2], highest)
    low, high = -_largest(-lowest), _largest(highest)
    return _extremes(block) if low == -np.inf or high == np.inf else (low, high)


@numba.njit(cache=True, nogil=True)
def _two(size):
    return np.empty(size, np.float32), np.empty(size, np.float32)


@numba.njit(cache=True, nogil=True)
def _row(rows, y, x, n, nothing):
    return rows[y, x : x + n] if y < rows.shape[0] else nothing[:n]


@numba.njit(cache=True, nogil=True)
def _gather(rows, x, n, nothing, totals, firsts, numbers, most, lowest):
    """Join at most 8 rows into n columns, and fill up with empty ones to a multiple of 8.

    What is summed in float32 is the difference to the first row, which loses nothing where a faint
    signal lies on a bright sky, and gives a constant back as it is.  Infinities, and values too
    large for that, make a sum that is not finite.
    """
    r0, r1 = _row(rows, 0, x, n, nothing), _row(rows, 1, x, n, nothing)
    r2, r3 = _row(rows, 2, x, n, nothing), _row(rows, 3, x, n, nothing)
    r4, r5 = _row(rows, 4, x, n, nothing), _row(rows, 5, x, n, nothing)
    r6, r7 = _row(rows, 6, x, n, nothing), _row(rows, 7, x, n, nothing)
    for i in range(n):
        first = r0[i] if r0[i] == r0[i] else np.float32(0)
        total, number = np.float32(0), np.float32(0)
        smallest, largest = lowest[i], np.float32(-np.inf)
        for value in (r0[i], r1[i], r2[i], r3[i], r4[i], r5[i], r6[i], r7[i]):
            there = value == value
            total += value - first if there else np.float32(0)
            number += np.float32(1) if there else np.float32(0)
            smallest = value if value < smallest else smallest
            largest = value if value > largest else largest
        totals[i], firsts[i], numbers[i] = total, first, number
        most[i], lowest[i] = largest, smallest
    for i in range(n, -(-n // 8) * 8):
        totals[i], firsts[i], numbers[i] = np.float32(0), np.float32(0), np.float32(0)
        most[i] = np.float32(-np.inf)


@numba.njit(cache=True, nogil=True)
def _sum_pairs(n, totals, firsts, numbers, sums):
    """The sums of n pairs of neighbouring columns."""
    for i in range(n):
        a, b = 2 * i, 2 * i + 1
        left = np.float64(totals[a]) + np.float64(firsts[a]) * np.float64(numbers[a])
        right = np.float64(totals[b]) + np.float64(firsts[b]) * np.float64(numbers[b])
        sums[i] = left + right


@numba.njit(cache=True, nogil=True)
def _halvings(factor, n, sums, half_sums, columns, halves):
    """Join neighbouring columns until there is one for each cell; returns the arrays it is in."""
    n = -(-n // 8) * 4
    _join_pairs(n, *columns, *halves)
    columns, halves = halves, columns
    while factor > 2:
        factor, n = factor // 2, n // 2
        _add_pairs(n, sums, half_sums)
        _join_pairs(n, *columns, *halves)
        sums, half_sums, columns, halves = half_sums, sums, halves, columns
    return sums, *columns


@numba.njit(cache=True, nogil=True)
def _add_pairs(n, sums, half_sums):
    for i in range(n):
        half_sums[i] = sums[2 * i] + sums[2 * i + 1]


@numba.njit(cache=True, nogil=True)
def _join_pairs(n, numbers, most, half_numbers, half_most):
    for i in range(n):
        a, b = 2 * i, 2 * i + 1
        half_numbers[i] = numbers[a] + numbers[b]
        half_most[i] = most[a] if most[a] > most[b] else most[b]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})
def _numbers(n, sums, numbers):
    """(number of finite pixels of n cells, whether all their sums are finite)."""
    number, wrong = np.float32(0), 0
    for i in range(n):
        number += numbers[i]
        wrong += not abs(sums[i]) < np.inf
    return np.int64(number), wrong == 0


@numba.njit(cache=True, nogil=True)
def _raise(n, most, highest):
    for i in range(n):
        highest[i] = most[i] if most[i] > highest[i] else highest[i]


@numba.njit(cache=True, nogil=True)
def _largest(values):
    """The largest of values without NaN, which are overwritten: one half is joined to the other."""
    n = values.size
    while n > 1:
        half = n // 2
        for i in range(half):
            a, b = values[i], values[n - half + i]
            values[i] = a if a > b else b
        n -= half
    return values[0]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write(sums, numbers, most, mean, maximum, finite):
    for i in range(mean.size):
        mean[i] = sums[i] / numbers[i]
        maximum[i] = most[i] if numbers[i] > 0 else np.float32(np.nan)
        finite[i] = numbers[i]


@numba.njit(cache=True, nogil=True)
def _careful(rows, x, n, factor, mean, maximum, finite, counts):
    """The same for cells of which some have no finite sum in float32; pixel by pixel."""
    for i in range(mean.size):
        total, number, most = 0.0, 0, np.float32(np.nan)
        for line in rows[:, x + i * factor : min(x + (i + 1) * factor, x + n)]:
            for value in line:
                most = value if value == value and not most >= value else most
                if abs(value) < np.inf:
                    total += value
                    number += 1
                else:
                    kind = NAN if value != value else POSINF if value > 0 else NEGINF
                    counts[kind] += 1
        counts[FINITE] += number
        mean[i], maximum[i] = total / number if number else np.nan, most
        finite[i] = number


@numba.njit(cache=True, nogil=True)
def _extremes(block):
    """Those of the finite pixels, pixel by pixel."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for line in block:
        for value in line:
            if abs(value) < np.inf:
                low, high = min(low, value), max(high, value)
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
