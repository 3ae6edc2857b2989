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
