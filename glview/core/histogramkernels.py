"""Counting values into bins; kernels trust their arguments."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count(values, edges, found):
    """Add the finite ones of (n,) float32 or float64 values to their bins.

    edges: (bins + 1,) float64, rising in equal steps; found: (bins + 2,) int64: those below the
    first edge, the bins, those above the last; that edge belongs to the last bin.
    """
    bins = edges.size - 1
    low, high = edges[0], edges[bins]
    scale = bins / (high - low)
    for k in range(values.size):
        value = np.float64(values[k])
        if not np.isfinite(value):
            continue
        if value < low:
            found[0] += 1
        elif value > high:
            found[bins + 1] += 1
        else:
            at = min(int((value - low) * scale), bins - 1)
            if value < edges[at]:  # the quotient is rounded, the edges decide
                at -= 1
            elif at < bins - 1 and value >= edges[at + 1]:
                at += 1
            found[at + 1] += 1


@njit(cache=True, nogil=True)
def tally(block, low, width, tables, places):
    """Count every pixel of a block in one bin of a fine histogram.

    block: (h, w) float32, any unit.  low, width: float64, of the bins, see `histogram.Fine`.
    tables: (4, bins + 3) uint32 that the caller adds up to one: below the bins, the bins, above
    them, not finite.  There are four, for counting in one place twice in a row is slow.
    places: (n,) uint16, memory to work in, n a multiple of 4.
    """
    scale, last = 1 / width, np.float64(tables.shape[1] - 3)
    first, second, third, fourth = tables[0], tables[1], tables[2], tables[3]
    for y in range(block.shape[0]):
        for x in range(0, block.shape[1], places.size):
            values = block[y, x : x + places.size]
            n = values.size
            for i in range(n):
                place = np.floor((np.float64(values[i]) - low) * scale) + 1.0
                place = place if place > 0.0 else 0.0
                place = place if place <= last else last + 1.0
                place = place if abs(values[i]) < np.inf else last + 2.0
                places[i] = np.int32(place)
            for i in range(n - n % 4, n):
                first[places[i]] += np.uint32(1)
            for i in range(0, n - 3, 4):
                first[places[i]] += np.uint32(1)
                second[places[i + 1]] += np.uint32(1)
                third[places[i + 2]] += np.uint32(1)
                fourth[places[i + 3]] += np.uint32(1)
