"""From the parts of a mask to its table of objects: seams, sums, order.

A part is a band of rows with its table (`core.runs`), and the runs of its first and of its last row
with their components. Parts follow each other without a gap.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from numba import njit

AREA, TOP, LEFT, BOTTOM, RIGHT, SUM_Y, SUM_X, FLUX, CONFIDENCE = 0, 1, 2, 3, 4, 5, 6, 7, 11
DIGIT = 11  # bits of an area that are sorted at a time
MOST_AREA = 2**31 - 1


@njit(cache=True, nogil=True)
def find(parent, i):
    """Root of i, halving the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def join_row(parent, above, below, reach):
    """Join the components of two neighbouring rows of runs where the runs touch.

    above, below: (n, 3) int32 (component, x0, x1), components as nodes of `parent`.
    """
    first = 0
    for i in range(below.shape[0]):
        while first < above.shape[0] and above[first, 2] + reach <= below[i, 1]:
            first += 1
        other = first
        while other < above.shape[0] and above[other, 1] < below[i, 2] + reach:
            a, b = find(parent, above[other, 0]), find(parent, below[i, 0])
            parent[max(a, b)] = min(a, b)
            other += 1


@njit(cache=True, nogil=True)
def join(starts, heads, tails, seams, reach):
    """(n,) int64: for each component the first of those that it is one object with.

    starts: (parts + 1,) first component of each part. heads, tails: (k, 3) int32 (component of its
    part, x0, x1) of the parts' first and last rows. seams: (parts + 1, 2) where each part's begin.
    """
    parent = np.arange(starts[-1])
    for part in range(1, starts.size - 1):
        above = tails[seams[part - 1, 1] : seams[part, 1]].copy()
        below = heads[seams[part, 0] : seams[part + 1, 0]].copy()
        above[:, 0] += starts[part - 1]
        below[:, 0] += starts[part]
        join_row(parent, above, below, reach)
    for i in range(parent.size):
        parent[i] = parent[parent[i]]
    return parent


@njit(cache=True, nogil=True)
def add_plane(into, row, first):
    """Add one component's measured plane to another's, exactly but for one rounding at the end."""
    both = into[first + 1] + row[first + 1]
    part = both - into[first + 1]
    rest = (into[first + 1] - (both - part)) + (row[first + 1] - part)
    into[first] += row[first]
    into[first + 1] = both
    into[first + 2] += row[first + 2] + rest
    into[first + 3] = max(into[first + 3], row[first + 3])


@njit(cache=True, nogil=True)
def fold(table, roots):
    """Add to the rows of the roots those of the components they stand for; returns the roots."""
    count = 0
    for i in range(roots.size):
        if roots[i] == i:
            count += 1
            continue
        into, row = table[roots[i]], table[i]
        for column in (AREA, SUM_Y, SUM_X):
            into[column] += row[column]
        for column in (BOTTOM, RIGHT):
            into[column] = max(into[column], row[column])
        for column in (TOP, LEFT):
            into[column] = min(into[column], row[column])
        add_plane(into, row, FLUX)
        add_plane(into, row, CONFIDENCE)
    chosen = np.empty(count, np.int64)
    count = 0
    for i in range(roots.size):
        if roots[i] == i:
            chosen[count] = i
            count += 1
    return chosen


@njit(cache=True, nogil=True)
def order(table, chosen):
    """The chosen rows by falling area, then y0, then x0; they come in order of y0."""
    for i in range(1, chosen.size):
        k, one = i, chosen[i]
        while (k and table[chosen[k - 1], TOP] == table[one, TOP]
               and table[chosen[k - 1], LEFT] > table[one, LEFT]):
            chosen[k] = chosen[k - 1]
            k -= 1
        chosen[k] = one
    keys, most = np.empty(chosen.size, np.int64), 0
    for i in range(chosen.size):
        keys[i] = table[chosen[i], AREA]
        most = max(most, keys[i])
    shift = 0
    while most >> shift:
        keys, chosen = by_digit(keys, chosen, shift)
        shift += DIGIT
    return chosen


@njit(cache=True, nogil=True)
def by_digit(keys, rows, shift):
    """(keys, rows) by falling digit of the key; equal ones keep their order."""
    side = 1 << DIGIT
    places = np.zeros(side + 1, np.int64)
    for i in range(keys.size):
        places[side - (keys[i] >> shift & (side - 1))] += 1
    for digit in range(side):
        places[digit + 1] += places[digit]
    sorted_keys, sorted_rows = np.empty_like(keys), np.empty_like(rows)
    for i in range(keys.size):
        digit = side - 1 - (keys[i] >> shift & (side - 1))
        sorted_keys[places[digit]], sorted_rows[places[digit]] = keys[i], rows[i]
        places[digit] += 1
    return sorted_keys, sorted_rows


@njit(cache=True, nogil=True)
def write(table, chosen, whole, real):
    """Write the rows of the table in their order as `core.objects.OBJECT`.

    whole, real: (n, 18) int32 and (n, 9) float64 views of the array of OBJECT.
    Returns the pixels of all of them.
    """
    pixels = np.int64(0)
    for i in range(chosen.size):
        row, area = table[chosen[i]], table[chosen[i], AREA]
        pixels += np.int64(area)
        whole[i, 0], whole[i, 1] = i + 1, min(area, MOST_AREA)
        for k in range(4):
            whole[i, 2 + k] = row[TOP + k]
        real[i, 3], real[i, 4] = row[SUM_Y] / area, row[SUM_X] / area
        for k in range(5, 9):
            real[i, k] = np.nan
        if row[FLUX]:
            real[i, 5], real[i, 6] = row[FLUX + 1] + row[FLUX + 2], row[FLUX + 3]
        if row[CONFIDENCE]:
            total = row[CONFIDENCE + 1] + row[CONFIDENCE + 2]
            real[i, 7], real[i, 8] = total / row[CONFIDENCE], row[CONFIDENCE + 3]
    return pixels


@njit(cache=True, nogil=True)
def most_alike(whole, box):
    """The row of `whole` whose box holds the middle of a box, the most like it; -1 without any.

    whole: see `write`. box: (y0, x0, y1, x1).
    """
    y, x = 0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3])
    best, least = -1, 0
    for i in range(whole.shape[0]):
        y0, x0, y1, x1 = whole[i, 2], whole[i, 3], whole[i, 4], whole[i, 5]
        if y0 <= y and y <= y1 and x0 <= x and x <= x1:
            unlike = abs(y0 - box[0]) + abs(x0 - box[1]) + abs(y1 - box[2]) + abs(x1 - box[3])
            if best < 0 or unlike < least:
                best, least = i, unlike
    return best


@njit(cache=True, nogil=True)
def runs_at(runs, pixels):
    """(n,) int64: the run that each pixel is in, -1 for a pixel in none.

    runs: (m, 3) int32 (y, x0, x1) in raster order. pixels: (n, 2) int64 (y, x).
    """
    found = np.full(len(pixels), -1, np.int64)
    for k in range(len(pixels)):
        y, x = pixels[k]
        low, high = 0, len(runs)
        while low < high:  # the first run that begins behind the pixel
            middle = (low + high) // 2
            if runs[middle, 0] < y or (runs[middle, 0] == y and runs[middle, 1] <= x):
                low = middle + 1
            else:
                high = middle
        if low and runs[low - 1, 0] == y and x < runs[low - 1, 2]:
            found[k] = low - 1
    return found


@njit(cache=True, nogil=True)
def fill_cells(boxes, cell, grid):
    """(pointers, members): cell c of a (rows, columns) grid, counted row by row, is touched by the
    boxes members[pointers[c]:pointers[c + 1]], which rise.

    boxes: (n, 4) int32 (y0, x0, y1, x1). cell: side in pixels.
    """
    pointers = np.zeros(grid[0] * grid[1] + 1, np.int64)
    for box in boxes:
        for row in range(box[0] // cell, (box[2] - 1) // cell + 1):
            for column in range(box[1] // cell, (box[3] - 1) // cell + 1):
                pointers[row * grid[1] + column + 1] += 1
    for k in range(pointers.size - 1):
        pointers[k + 1] += pointers[k]
    members, cursor = np.empty(pointers[-1], np.int64), pointers[:-1].copy()
    for i in range(boxes.shape[0]):
        for row in range(boxes[i, 0] // cell, (boxes[i, 2] - 1) // cell + 1):
            for column in range(boxes[i, 1] // cell, (boxes[i, 3] - 1) // cell + 1):
                members[cursor[row * grid[1] + column]] = i
                cursor[row * grid[1] + column] += 1
    return pointers, members
