"""One object from one click: the flood from a local peak, and the object of a mask at a pixel."""

from typing import NamedTuple

import numpy as np
from numba import njit

NEAR = 24  # pixels round the click that tell what the sky is like there
SHARE = 0.03  # of the peak over the sky, down to which the object reaches: more cuts off its rim
SIGMAS = 3.0  # of the sky's noise, below which the object never reaches
STANDS_OUT = 4.0  # sigmas of the least peak; of nine pixels of sky, one in 3,500 is as high


class Flood(NamedTuple):
    """inside: (h, w) bool, the object; peak: its brightest pixel, (row, column); limit: what its
    pixels exceed, image units; cut: it goes on beyond the box."""

    inside: np.ndarray
    peak: tuple[int, int]
    limit: float
    cut: bool


def object_at(values, at, reach=1, edges=(True, True, True, True)):
    """The bright object that was clicked, or None where nothing stands out.

    values: (h, w) real numbers, image units; what is not finite belongs to no object.
    at: (row, column) of the click, inside; reach: pixels from it at which the peak may lie.
    edges: whether the object may go on beyond the first row, first column, last row, last column;
        False where the frame ends.
    From the highest pixel within reach it climbs to the local peak; the object is what hangs
    together with the peak, by edges or corners, above the sky by more than SIGMAS of its noise and
    SHARE of the peak.  Sky and noise are median and scaled median deviation within NEAR pixels.
    Returns a Flood or None.
    """
    values = np.ascontiguousarray(values, np.float64)
    sky, noise = sky_of(_round(values, at, NEAR))
    peak = _peak(values, at, reach)
    if peak is None or not values[peak] - sky > STANDS_OUT * noise:
        return None
    limit = sky + max(SIGMAS * noise, SHARE * (values[peak] - sky))
    inside = connected(np.isfinite(values) & (values > limit), peak)
    return Flood(inside, peak, float(limit), goes_on(inside, edges))


def sky_of(values):
    """(median, standard deviation as 1.4826 median absolute deviations) of the finite values.

    values: real array of any shape.  (0.0, inf) if none is finite.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, np.inf
    middle = float(np.median(finite))
    return middle, 1.4826 * float(np.median(np.abs(finite - middle)))


def connected(inside, at):
    """(h, w) bool: the pixels of `inside`, (h, w) bool, that hang together with the pixel `at` by
    edges or corners; none if that pixel is not inside."""
    found = np.zeros(inside.shape, bool)
    stack = np.empty((np.count_nonzero(inside), 2), np.int32)
    spread(np.ascontiguousarray(inside), at[0], at[1], stack, found)
    return found


def goes_on(inside, edges=(True, True, True, True)):
    """True if an object touches an edge of its box beyond which it may go on; `edges` as above."""
    lines = inside[:1], inside[:, :1], inside[-1:], inside[:, -1:]
    return any(open_ and line.any() for open_, line in zip(edges, lines, strict=True))


@njit(cache=True, nogil=True)
def spread(inside, y, x, stack, found):
    """Set `found` where `inside` is reached from (y, x); stack: room for all pixels inside."""
    if not inside[y, x]:
        return
    height, width = inside.shape
    stack[0, 0], stack[0, 1], found[y, x] = y, x, True
    waiting = 1
    while waiting:
        waiting -= 1
        y, x = stack[waiting]
        for i in range(max(0, y - 1), min(height, y + 2)):
            for j in range(max(0, x - 1), min(width, x + 2)):
                if inside[i, j] and not found[i, j]:
                    found[i, j] = True
                    stack[waiting, 0], stack[waiting, 1] = i, j
                    waiting += 1


def _round(values, at, reach):
    """What of an array lies within `reach` pixels of one of its pixels."""
    return values[max(0, at[0] - reach) : at[0] + reach + 1,
                  max(0, at[1] - reach) : at[1] + reach + 1]


def _peak(values, at, reach):
    """The local peak uphill from the highest pixel within reach; None if none is finite."""
    while True:
        near = _round(values, at, reach)
        if not np.isfinite(near).any():
            return None
        best = np.unravel_index(np.argmax(np.where(np.isfinite(near), near, -np.inf)), near.shape)
        top = int(best[0]) + max(0, at[0] - reach), int(best[1]) + max(0, at[1] - reach)
        if np.isfinite(values[at]) and not values[top] > values[at]:
            return at
        at, reach = top, 1
