"""Connected components of runs: labelling, statistics, and the merge of stripes.

Runs are (n, 3) int32 rows (y, x0, x1) in raster order, x1 exclusive, as `maskkernels.mask_runs`
makes them. `reach` is 1 for 8-connected and 0 for 4-connected objects. A table has one float64 row
for each component, with the columns named below; float64 counts pixels exactly to 2^53.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from numba import njit

AREA, TOP, LEFT, BOTTOM, RIGHT, SUM_Y, SUM_X = range(7)
FLUX, CONFIDENCE = 7, 10
"""First of three columns of a measured plane: count of finite values, their sum, their maximum."""

COLUMNS = 13


@njit(cache=True, nogil=True)
def find(parent, i):
    """Root of i, halving the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def union(parent, a, b):
    """Join the trees of a and b under the smaller root."""
    a = find(parent, a)
    b = find(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@njit(cache=True, nogil=True)
def number(parent):
    """Replace every node by the number of its tree, trees counted by first node; returns how many.

    Needs parent[i] <= i, which `union` keeps.
    """
    count = 0
    for i in range(parent.size):
        if parent[i] == i:
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]
    return count


@njit(cache=True, nogil=True)
def label_runs(runs, reach):
    """(labels, count): the component of every run, (n,) int32 from 0 in order of first run.

    Each row's runs are merged with those of the row above by two pointers.
    """
    n = runs.shape[0]
    parent = np.arange(n, dtype=np.int32)
    above = last = begin = 0
    for run in range(n):
        y, x0, x1 = runs[run, 0], runs[run, 1], runs[run, 2]
        if y != runs[begin, 0]:
            above, last = (begin, run) if runs[begin, 0] == y - 1 else (run, run)
            begin = run
        while above < last and runs[above, 2] + reach <= x0:
            above += 1
        other = above
        while other < last and runs[other, 1] < x1 + reach:
            union(parent, other, run)
            other += 1
    return parent, number(parent)


@njit(cache=True, nogil=True)
def seam_pairs(above, below, reach):
    """Which runs of one row touch which of the next, as (k, 2) int64 indices into the two.

    above, below: the (n, 3) runs of the two rows.
    """
    pairs = np.empty((above.shape[0] + below.shape[0], 2), np.int64)
    count = first = 0
    for i in range(below.shape[0]):
        while first < above.shape[0] and above[first, 2] + reach <= below[i, 1]:
            first += 1
        other = first
        while other < above.shape[0] and above[other, 1] < below[i, 2] + reach:
            pairs[count, 0], pairs[count, 1] = other, i
            count += 1
            other += 1
    return pairs[:count]


@njit(cache=True, nogil=True)
def merge(count, pairs):
    """(groups, n): nodes 0..count joined by the (k, 2) pairs; the group of each, and how many."""
    parent = np.arange(count)
    for i in range(pairs.shape[0]):
        union(parent, pairs[i, 0], pairs[i, 1])
    return parent, number(parent)


@njit(cache=True, nogil=True)
def empty_table(count):
    """A table of `count` components without pixels."""
    table = np.zeros((count, COLUMNS))
    table[:, TOP : LEFT + 1] = np.inf
    table[:, FLUX + 2] = -np.inf
    table[:, CONFIDENCE + 2] = -np.inf
    return table


@njit(cache=True, nogil=True)
def shape_table(runs, labels, count, top):
    """Table of area, box and sums of the pixels' y and x; `top` is added to every y."""
    table = empty_table(count)
    for run in range(runs.shape[0]):
        y, x0, x1 = top + runs[run, 0], runs[run, 1], runs[run, 2]
        row = table[labels[run]]
        length = x1 - x0
        row[AREA] += length
        row[TOP] = min(row[TOP], y)
        row[BOTTOM] = max(row[BOTTOM], y + 1)
        row[LEFT] = min(row[LEFT], x0)
        row[RIGHT] = max(row[RIGHT], x1)
        row[SUM_Y] += length * y
        row[SUM_X] += 0.5 * length * (x0 + x1 - 1)
    return table


@njit(cache=True, nogil=True)
def pixel_places(runs, width):
    """(pixels,) int64 index y * width + x of every pixel of the runs, in their order."""
    total = 0
    for run in range(runs.shape[0]):
        total += runs[run, 2] - runs[run, 1]
    places = np.empty(total, np.int64)
    count = 0
    for run in range(runs.shape[0]):
        start = np.int64(runs[run, 0]) * width
        for x in range(runs[run, 1], runs[run, 2]):
            places[count] = start + x
            count += 1
    return places


@njit(cache=True, nogil=True)
def run_boxes(runs, width, cell):
    """(boxes, owners): boxes round the runs that begin in the same `cell` columns of `width`.

    boxes: (n, 4) int64 (y0, x0, y1, x1). owners: (runs,) int64, the box of each run.
    """
    box_of = np.full((width + cell - 1) // cell, -1)
    boxes = np.empty((box_of.size, 4), np.int64)
    owners = np.empty(runs.shape[0], np.int64)
    count = 0
    for run in range(runs.shape[0]):
        y, x0, x1 = runs[run, 0], runs[run, 1], runs[run, 2]
        owner = box_of[x0 // cell]
        if owner < 0:
            owner = box_of[x0 // cell] = count
            boxes[owner, 0], boxes[owner, 1], boxes[owner, 3] = y, x0, x1
            count += 1
        box = boxes[owner]
        box[1], box[2], box[3] = min(box[1], x0), y + 1, max(box[3], x1)
        owners[run] = owner
    return boxes[:count], owners


@njit(cache=True, nogil=True)
def add_plane(table, first, values, runs, labels):
    """Fill columns first..first + 3 of the table with count, sum and maximum of finite values.

    values: (pixels,) float64 of the runs' pixels, in their order; NaN and infinities are left out.
    """
    place = 0
    for run in range(runs.shape[0]):
        row = table[labels[run]]
        for _ in range(runs[run, 1], runs[run, 2]):
            value = values[place]
            place += 1
            if np.isfinite(value):
                row[first] += 1
                row[first + 1] += value
                row[first + 2] = max(row[first + 2], value)


@njit(cache=True, nogil=True)
def fold(table, groups, count):
    """Table of `count` groups from the table of their members; groups: (members,) int64."""
    out = empty_table(count)
    for member in range(table.shape[0]):
        row, into = table[member], out[groups[member]]
        for column in (AREA, SUM_Y, SUM_X, FLUX, FLUX + 1, CONFIDENCE, CONFIDENCE + 1):
            into[column] += row[column]
        for column in (BOTTOM, RIGHT, FLUX + 2, CONFIDENCE + 2):
            into[column] = max(into[column], row[column])
        for column in (TOP, LEFT):
            into[column] = min(into[column], row[column])
    return out
