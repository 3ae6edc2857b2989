"""Known pixels of a band: the loops behind `core.candidates`.

What is known is (runs, starts, values): (n, 3) int32 runs (y, x0, x1) in raster order, none
touching another one of its row, (n + 1,) int64 where the pixels of each begin, and (pixels,)
values.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from numba import njit

SHIFT, REST = np.uint32(6), np.uint32(63)  # of a column: its word, its bit in it
ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def tier_of(value, edges):
    """How many of the rising edges a value is above; NaN is above none."""
    tier = 0
    for k in range(edges.size):
        tier += value > edges[k]
    return tier


@njit(cache=True, nogil=True)
def tiers_of(runs, values, edges, height):
    """(pointers, columns, values) of the pixels by tier: of tier t, row y has the pixels
    columns[pointers[t * height + y]:pointers[t * height + y + 1]], and so their values.

    edges: (tiers - 1,) of the values' type, rising.
    """
    pointers = np.zeros((edges.size + 1) * height + 1, np.int64)
    place = 0
    for run in range(runs.shape[0]):
        for _ in range(runs[run, 1], runs[run, 2]):
            pointers[tier_of(values[place], edges) * height + runs[run, 0] + 1] += 1
            place += 1
    for row in range(pointers.size - 1):
        pointers[row + 1] += pointers[row]
    columns, sorted_values = np.empty(place, np.uint32), np.empty(place, values.dtype)
    cursor, place = pointers[:-1].copy(), 0
    for run in range(runs.shape[0]):
        for x in range(runs[run, 1], runs[run, 2]):
            row = tier_of(values[place], edges) * height + runs[run, 0]
            columns[cursor[row]], sorted_values[cursor[row]] = x, values[place]
            cursor[row] += 1
            place += 1
    return pointers, columns, sorted_values


@njit(cache=True, nogil=True)
def mark(pointers, columns, values, limit, down, bits):
    """Set the bits of the pixels above the limit; row y of them is row y + down of bits.

    pointers: those of one tier. By the pixel and without a branch: runs are short, and a processor
    cannot guess where they end.
    """
    for y in range(max(0, -down), min(pointers.size - 1, bits.shape[0] - down)):
        row = bits[y + down]
        for k in range(pointers[y], pointers[y + 1]):
            above = np.uint64(np.float32(values[k]) > limit)
            row[columns[k] >> SHIFT] |= above << np.uint64(columns[k] & REST)


@njit(cache=True, nogil=True)
def rows_of(runs, height):
    """(height + 1,) uint64: row y has the runs rows[y]:rows[y + 1]."""
    rows = np.zeros(height + 1, np.uint64)
    for run in range(runs.shape[0]):
        rows[runs[run, 0] + 1] += ONE
    for y in range(height):
        rows[y + 1] += rows[y]
    return rows


@njit(cache=True, nogil=True)
def skip(ends, at, last, x):
    """The first of ends[at:last], which rise, that is beyond x, or last: by longer and longer steps
    and then by halves, for between two runs that are looked for there may be many."""
    far, step = at, ONE
    while far < last and ends[far] <= x:
        at = far + ONE
        far += step
        step += step
    far = min(far, last)
    while at < far:
        middle = (at + far) >> ONE
        if ends[middle] <= x:
            at = middle + ONE
        else:
            far = middle
    return at


@njit(cache=True, nogil=True)
def find_known(runs, known, rows, ends, starts, places):
    """Write into places, (n,) int64, where the values of each run begin; -1 if some are not known.

    runs, known: seen as uint32, which is quicker, see `core.runs`; rows: of known, see `rows_of`;
    ends: (n,) uint32, the last column of known, together in memory. Returns how many runs have -1.
    """
    at, lacking = np.uint64(0), 0
    for run in range(np.uint64(runs.shape[0])):
        y, x0, x1 = runs[run, 0], runs[run, 1], runs[run, 2]
        at = skip(ends, max(at, rows[y]), rows[y + 1], x0)
        if at < rows[y + 1] and known[at, 1] <= x0 and x1 <= ends[at]:
            places[run] = starts[at] + np.int64(x0 - known[at, 1])
        else:
            places[run] = -1
            lacking += 1
    return lacking


@njit(cache=True, nogil=True)
def unknown(runs, known):
    """The runs without what is known of them, (k, 3) int32 runs in raster order."""
    out = np.empty((runs.shape[0] + known.shape[0], 3), np.int32)
    at = count = 0
    for run in range(runs.shape[0]):
        y, x, x1 = runs[run, 0], runs[run, 1], runs[run, 2]
        while at < known.shape[0] and (
                known[at, 0] < y or (known[at, 0] == y and known[at, 2] <= x)):
            at += 1
        other = at
        while x < x1:
            here = other < known.shape[0] and known[other, 0] == y and known[other, 1] < x1
            end = known[other, 1] if here else x1
            if x < end:
                out[count, 0], out[count, 1], out[count, 2] = y, x, end
                count += 1
            x = known[other, 2] if here else x1
            other += 1
    return out[:count].copy()


@njit(cache=True, nogil=True)
def merged_runs(a, b):
    """Two lists of runs without a common pixel as one; runs that touch in a row become one."""
    out = np.empty((a.shape[0] + b.shape[0], 3), np.int32)
    i = j = count = 0
    while i < a.shape[0] or j < b.shape[0]:
        first = j == b.shape[0] or (i < a.shape[0] and (
            a[i, 0] < b[j, 0] or (a[i, 0] == b[j, 0] and a[i, 1] < b[j, 1])))
        run = a[i] if first else b[j]
        i, j = i + first, j + (not first)
        if count and out[count - 1, 0] == run[0] and out[count - 1, 2] == run[1]:
            out[count - 1, 2] = run[2]
        else:
            out[count] = run
            count += 1
    return out[:count].copy()


@njit(cache=True, nogil=True)
def put_values(into, starts, runs, values, out):
    """Copy the values of runs to their places in the longer list `into`, of which they are part."""
    at = place = 0
    for run in range(runs.shape[0]):
        y, x0, x1 = runs[run, 0], runs[run, 1], runs[run, 2]
        while into[at, 0] < y or into[at, 2] <= x0:
            at += 1
        first = starts[at] + x0 - into[at, 1]
        for k in range(x1 - x0):
            out[first + k] = values[place + k]
        place += x1 - x0
