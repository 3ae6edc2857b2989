"""Small versions of an image, for when the whole of it is on the screen.

Level k shows one cell of 2**k x 2**k pixels as one value, its mean or its maximum: a mean hides
most cosmic rays, a maximum shows each one.  Levels 0 to 2 are made from the pixels when they are
looked at; from level 3 on (factor 8, 1/64 of the pixels) they are kept in a `Pyramid`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from glview.core.cancel import Cancelled

_BAND = 1 << 20  # pixels read at once: large enough for a disk, small enough for a cache
_WIDEST = 1 << 17  # columns read at once, a multiple of every factor
_SMALL = 512
_THREADS = 2


@dataclass(frozen=True)
class Statistics:
    """Exact figures of a whole frame, of its pixels as float32.

    minimum, maximum: of the finite pixels, image units; NaN if there is none.
    nan, posinf, neginf, finite: numbers of pixels.
    """

    minimum: float
    maximum: float
    nan: int
    posinf: int
    neginf: int
    finite: int


@dataclass(frozen=True, eq=False)
class Pyramid:
    """Reduced versions of one image.

    mean, max: factor -> (ceil(H / factor), ceil(W / factor)) float32, image units; NaN where the
        cell has no finite pixel (mean) or nothing but NaN (max).
    statistics: of the whole frame.
    """

    mean: dict[int, np.ndarray]
    max: dict[int, np.ndarray]
    statistics: Statistics


def build(image, factor=8, progress=None, cancel=None):
    """Read an image once and make its pyramid: factor, 2 * factor, ... until a side is <= 512.

    image: has `shape` and a thread-safe `read32(y0, y1, x0, x1)`.
    factor: a power of two up to 2**17.
    progress: called in this thread with the share done, rising to 1.0.
    cancel: called from worker threads before each band; True stops.
    Raises Cancelled, or what the image's reader raises.
    """
    from glview.core import reduce

    height, width = image.shape
    shape = (-(-height // factor), -(-width // factor))
    level = tuple(np.empty(shape, kind) for kind in (np.float32, np.float32, np.int32))

    def work(box):
        if cancel is not None and cancel():
            raise Cancelled
        y0, x0, y1, x1 = box
        cells = np.s_[y0 // factor : -(-y1 // factor), x0 // factor : -(-x1 // factor)]
        return reduce.pool(image.read32(y0, y1, x0, x1), factor, *(part[cells] for part in level))

    boxes = _boxes(height, width, factor)
    found = []
    with ThreadPoolExecutor(_THREADS) as threads:
        for census in threads.map(work, boxes):
            found.append(census)
            if progress is not None:
                progress(len(found) / len(boxes))
    return Pyramid(*_levels(level, factor), _statistics(found))


def _boxes(height, width, factor):
    """Boxes that cover the frame once, each cut between cells of `factor`."""
    columns = min(width, _WIDEST)
    rows = factor * max(1, _BAND // (columns * factor))
    return [
        (y, x, min(y + rows, height), min(x + columns, width))
        for y in range(0, height, rows)
        for x in range(0, width, columns)
    ]


def _levels(level, factor):
    from glview.core import reduce

    mean, maximum = {factor: level[0]}, {factor: level[1]}
    while max(level[0].shape) > _SMALL:
        level = reduce.halve(*level)
        factor *= 2
        mean[factor], maximum[factor] = level[:2]
    return mean, maximum


def _statistics(found):
    from glview.core import reduce

    counts = np.sum([census[0] for census in found], axis=0)
    some = counts[reduce.FINITE] > 0
    return Statistics(
        minimum=float(min(census[1] for census in found)) if some else float("nan"),
        maximum=float(max(census[2] for census in found)) if some else float("nan"),
        nan=int(counts[reduce.NAN]),
        posinf=int(counts[reduce.POSINF]),
        neginf=int(counts[reduce.NEGINF]),
        finite=int(counts[reduce.FINITE]),
    )


def tile(image, pyramid, level, ty, tx, size=512, rule="mean"):
    """One tile of a level: cells [ty * size, (ty + 1) * size) x [tx * size, (tx + 1) * size).

    image: has `shape` and `read32`.  pyramid: a Pyramid, or None while there is none (then levels
    0 to 2 are all there are).  level: 0 is the image itself, level k shows 2**k x 2**k pixels as
    one.  rule: "mean" or "max", which say how.
    Returns (h, w) float32, C-contiguous, image units, h and w <= size, smaller at the edges.
    Raises ValueError for a tile, level or rule that there is not, or what the reader raises.
    """
    if rule not in ("mean", "max"):
        raise ValueError(f"no rule {rule!r} for reduced pixels; there are mean and max")
    height, width = image.shape
    factor = 2**level
    y0, x0 = ty * size * factor, tx * size * factor
    if level < 0 or not (0 <= y0 < height and 0 <= x0 < width):
        raise ValueError(f"tile {ty}, {tx} of level {level} lies outside the image")
    if level > 2:
        return _cut(pyramid, factor, ty * size, tx * size, size, rule)
    block = image.read32(y0, min(y0 + size * factor, height), x0, min(x0 + size * factor, width))
    if level == 0:
        return block
    from glview.core import reduce

    return (reduce.mean_pool if rule == "mean" else reduce.max_pool)(block, factor)


def _cut(pyramid, factor, y, x, size, rule):
    levels = {} if pyramid is None else getattr(pyramid, rule)
    if factor not in levels:
        raise ValueError(f"no level with factor {factor} in the pyramid; it has {list(levels)}")
    return np.ascontiguousarray(levels[factor][y : y + size, x : x + size])
