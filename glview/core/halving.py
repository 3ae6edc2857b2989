"""Numba loops that make a level of a pyramid from the one below, whose edges `reduce` describes."""

import numba
import numpy as np


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
