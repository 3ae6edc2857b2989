"""Numba loops that make an image smaller: means and maxima of square cells, and a census.

In every function a cell at the right or bottom edge may be partial: it holds the pixels there are.
The mean is that of the finite pixels, NaN if there is none.  The maximum ignores NaN, counts both
infinities, and is NaN only where every pixel is.

The loops over columns have no branches and no sums across them, and become vector instructions.
"""

import numba
import numpy as np

NAN, POSINF, NEGINF, FINITE = range(4)  # places in the `counts` of `pool`
_CHUNK = 8192  # columns worked on at once: what is kept of them stays in the nearest cache


@numba.njit(cache=True, nogil=True)
def pool(block, factor, mean, maximum, y_cell, x_cell, finite, row, counts, turned=False):
    """Mean, maximum and number of finite pixels of every cell, and a census of the block.

    block: (h, w) float32, any unit, C-contiguous.  factor: 2, 4 or 8.
    turned: the bytes of each pixel lie the other way round; they are put right here if need be.
    mean, maximum: (H, W) float32, C-contiguous, written from y_cell, x_cell on.
    finite: (N, M) float32, C-contiguous; the numbers, from row, 0 on.
    counts: (4,) int64; numbers of NaN, +Inf, -Inf and finite pixels are added, in this order.
    Returns (low, high, turned): extremes of the finite pixels (Inf, -Inf if there is none); whether
    the bytes still lie the other way round.
    """
    bits = block.view(np.uint32)
    size = min(_CHUNK, -(-block.shape[1] // 8) * 8)
    parts, columns, halves = _two(size), _two(size), _two(size)
    sums, half_sums = np.empty(size // 2, np.float64), np.empty(size // 2, np.float64)
    lowest, highest = np.full(size, np.float32(np.inf)), np.full(size, np.float32(-np.inf))
    nothing = np.full(size, np.float32(np.nan))
    for y in range(0, block.shape[0], factor):
        rows = block[y : y + factor]
        whole = factor == 8 and rows.shape[0] == 8
        for x in range(0, block.shape[1], size):
            n = min(size, block.shape[1] - x)
            first, last = x // factor, -(-(x + n) // factor)
            target = (mean[y_cell + y // factor, x_cell + first : x_cell + last],
                      maximum[y_cell + y // factor, x_cell + first : x_cell + last],
                      finite[row + y // factor, first:last])
            if turned and whole:
                _gather_turned(bits[y : y + 8], x, n, *parts, *columns, lowest)
            else:
                if turned:
                    turn(block)
                    turned = False
                _gather(rows, x, n, nothing, *parts, *columns, lowest)
            _sum_pairs(-(-n // 8) * 4, *parts, columns[0], sums)
            cells = _halvings(factor, n, sums, half_sums, columns, halves)
            number, sound = _numbers(last - first, cells[0], cells[1])
            if sound:
                _write(*cells, *target)
                counts[FINITE] += number
                counts[NAN] += rows.shape[0] * n - number
            else:
                if turned:
                    turn(block)
                    turned = False
                _careful(rows, x, n, factor, *target, counts)
            _raise(last - first, cells[2], highest)
    low, high = -_largest(-lowest), _largest(highest)
    if low == -np.inf or high == np.inf:
        low, high = _extremes(block)
    return low, high, turned


@numba.njit(cache=True, nogil=True)
def _gather_turned(bits, x, n, totals, firsts, numbers, most, lowest):
    """As `_gather` for 8 rows of numbers whose bytes lie the other way round, as uint32."""
    r0, r1, r2, r3 = bits[0, x : x + n], bits[1, x : x + n], bits[2, x : x + n], bits[3, x : x + n]
    r4, r5, r6, r7 = bits[4, x : x + n], bits[5, x : x + n], bits[6, x : x + n], bits[7, x : x + n]
    for i in range(n):
        start = _turned(r0[i])
        first = start if start == start else np.float32(0)
        total, number = np.float32(0), np.float32(0)
        smallest, largest = lowest[i], np.float32(-np.inf)
        for word in (r0[i], r1[i], r2[i], r3[i], r4[i], r5[i], r6[i], r7[i]):
            value = _turned(word)
            there = value == value
            total += value - first if there else np.float32(0)
            number += np.float32(1) if there else np.float32(0)
            smallest = value if value < smallest else smallest
            largest = value if value > largest else largest
        totals[i], firsts[i], numbers[i] = total, first, number
        most[i], lowest[i] = largest, smallest
    end = -(-n // 8) * 8
    totals[n:end], firsts[n:end], numbers[n:end], most[n:end] = 0, 0, 0, -np.inf


@numba.njit(cache=True, nogil=True)
def _turned(word):
    return np.uint32(_swapped(word)).view(np.float32)


@numba.njit(cache=True, nogil=True)
def _swapped(word):
    inner = ((word >> np.uint32(8)) & np.uint32(0xFF00)) | (
        (word << np.uint32(8)) & np.uint32(0xFF0000))
    return np.uint32(inner | (word >> np.uint32(24)) | (word << np.uint32(24)))


@numba.njit(cache=True, nogil=True)
def turn(block):
    """Put the bytes of each pixel the other way round, in place; block: (h, w) float32."""
    for line in block.view(np.uint32):
        for i in range(line.size):
            line[i] = _swapped(line[i])


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
        sums[i] = left + (np.float64(totals[b]) + np.float64(firsts[b]) * np.float64(numbers[b]))


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
def pick(block, place, width, step, values, taken, turned=False):
    """Take the finite ones of every step-th pixel of a frame, in reading order from its first.

    block: (h, w) float32, whose first pixel is number `place` of the frame, `width` wide.
    values: (n,) float32, of which `taken` are already there; returns how many are now.
    turned: the bytes of each pixel lie the other way round.
    """
    bits = block.view(np.uint32)
    for y in range(block.shape[0]):
        for x in range(-(place + y * width) % step, block.shape[1], step):
            value = _turned(bits[y, x]) if turned else block[y, x]
            if abs(value) < np.inf:
                values[taken] = value
                taken += 1
    return taken
