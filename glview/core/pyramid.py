"""Small versions of an image, for when the whole of it is on the screen.

Level k shows one cell of 2**k x 2**k pixels as one value, its mean or its maximum: a mean hides
most cosmic rays, a maximum shows each one.  Levels 0 to 2 are made from the pixels when they are
looked at; from `Pyramid.factor` on (8, or more in a small memory) they are kept.
"""

import math
import threading
from dataclasses import replace

import numpy as np

from glview.core import tiles
from glview.core.census import joined
from glview.core.histogram import Fine
from glview.core.stretch import PEAK_SIGMAS, ZOOMOUT

RULES = tuple(ZOOMOUT)
RAW_LEVELS = 3  # levels 0, 1 and 2 are made from the pixels
FINEST = 1 << RAW_LEVELS
PIECE = 1 << 20  # pixels read at once for a tile
BAND = 1 << 22  # pixels of a band, if one row of the coarsest cells has fewer
WIDEST = 1 << 17  # columns of a band, a multiple of every factor


class Pyramid:
    """Reduced versions of one image, filled band by band while it is read; usable from the start.

    shape: of the image.  factor: of the finest level kept, a power of two from 8 on.
    mean, max: factor -> (ceil(H / factor), ceil(W / factor)) float32, image units; NaN where the
        cell has no finite pixel (mean) or nothing but NaN (max).  What was not read is undefined.
    stamps, covered, complete, statistics: changed by `collect` only, on the main thread: when each
        tile changed, the share of the frame that was read, the figures once that is all of it.
    outcome: the figures, set by the worker that finished them.
    scale: a histogram.Scale, set before anything is read, if all pixels are to be counted on the
        way; where the file is in memory already, that takes as long again as the rest.
    """

    def __init__(self, shape, factor=FINEST):
        self.shape, self.factor = tuple(shape), factor
        levels = {f: tiles.level_shape(shape, f.bit_length() - 1) for f in _factors(shape, factor)}
        self.mean = {f: np.empty(cells, np.float32) for f, cells in levels.items()}
        self.max = {f: np.empty(cells, np.float32) for f, cells in levels.items()}
        self.stamps, self.covered = tiles.Stamps(self.shape), 0.0
        self.statistics = self.outcome = self.scale = None
        self._lock = threading.Lock()
        self._step = _band_shape(self.shape, max(self.mean))
        self._done = np.zeros([-(-n // s) for n, s in zip(shape, self._step, strict=True)], bool)
        self._census, self._news, self._read, self._bins = {}, [], 0, 0

    @property
    def level(self):
        """Number of the finest level kept."""
        return self.factor.bit_length() - 1

    @property
    def complete(self):
        """True once the whole frame was read and collected."""
        return self.statistics is not None

    @property
    def nbytes(self):
        """Bytes of the levels."""
        return sum(a.nbytes for levels in (self.mean, self.max) for a in levels.values())

    def collect(self):
        """Take over what workers finished; main thread, once a frame.  True if anything came."""
        with self._lock:
            news, self._news = self._news, []
            self._read += sum((box[2] - box[0]) * (box[3] - box[1]) for box in news)
            self.covered = self._read / (self.shape[0] * self.shape[1])
            self.statistics = self.outcome
        for box in news:
            self.stamps.touch(box)
        return bool(news)

    # for workers

    def missing(self):
        """(y, x) places in the grid of bands that were not read yet, in reading order."""
        return [tuple(place) for place in np.argwhere(~self._done).tolist()]

    def box(self, place):
        """(y0, x0, y1, x1) of a band, pixels; cut at multiples of every factor."""
        y, x = (n * step for n, step in zip(place, self._step, strict=True))
        return y, x, min(y + self._step[0], self.shape[0]), min(x + self._step[1], self.shape[1])

    def finish(self, found):
        """Bands whose cells are all written: place -> census, or None if it could not be read."""
        with self._lock:
            new = [place for place in found if not self._done[place]]
            for place in new:
                self._take(place, found[place])
            last = new and self._done.all()
        outcome = self._figures() if last else None
        with self._lock:
            self._news.extend(self.box(place) for place in new)
            self.outcome = self.outcome or outcome

    def _take(self, place, census):
        """One band is done; the bins of all are added up at once, for each has many."""
        self._done[place] = True
        if census is not None:
            counted = census.bins is not None and self._bins is not None
            self._bins = self._bins + census.bins if counted else None
            self._census[place] = replace(census, bins=None)

    def _figures(self):
        total, bins = self.shape[0] * self.shape[1], self._bins
        counted = isinstance(bins, np.ndarray)
        return joined(self._census.values(), Fine(self.scale, bins, total) if counted else None)

    def settle(self, statistics):
        """All levels hold what they shall: of the whole frame, whose Statistics these are."""
        with self._lock:
            self._done[:] = True
            self._news, self._read = [(0, 0, *self.shape)], 0
            self.outcome = statistics

    def adopt(self, other):
        """Take over the levels and figures of a complete pyramid of the same image and factor."""
        self.mean, self.max = other.mean, other.max
        self.settle(other.outcome)

    def ready(self, factor, y0, y1, x0, x1):
        """(y1 - y0, x1 - x0) bool, or True for all: which cells of a level hold what was read."""
        rows, columns = (np.arange(a, b) * factor // step
                         for (a, b), step in zip(((y0, y1), (x0, x1)), self._step, strict=True))
        part = self._done[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return True if part.all() else self._done[np.ix_(rows, columns)]


def base_factor(shape, most_bytes):
    """The smallest power of two from 8 on whose levels take at most `most_bytes` together.

    shape: of the image.  Where nothing fits it is that of the coarsest level, some 2 MB.
    """
    factor, coarsest = FINEST, max(FINEST, 1 << (tiles.levels(shape) - 1))
    while factor < coarsest and _levels_size(shape, factor) > most_bytes:
        factor *= 2
    return factor


def _levels_size(shape, factor):
    cells = (tiles.level_shape(shape, f.bit_length() - 1) for f in _factors(shape, factor))
    return sum(8 * height * width for height, width in cells)


def _factors(shape, factor):
    """Factors of the levels kept: up to the first whose sides are at most one tile."""
    found = [factor]
    while found[-1] * tiles.SIZE < max(shape):
        found.append(2 * found[-1])
    return found


def _band_shape(shape, coarsest):
    columns = shape[1] if shape[1] <= WIDEST else max(WIDEST, coarsest)
    return coarsest * max(1, BAND // (columns * coarsest)), columns


def build(image, pyramid, first=None, progress=None, cancel=None):
    """Read what is missing of an image, once, and fill its pyramid with it.

    image: has `shape`, `plane`, `faults` and a thread-safe `read32(y0, y1, x0, x1, out)`.
    first: asked before each band for the rows (y0, y1) that the user looks at, or None: bands there
        are read first, then those nearest to them.  It and the others are called in workers.
    progress: called now and then when `collect` has something to take over, and at the end.
    cancel: asked before each piece that is read; True stops.
    A band that cannot be read becomes NaN and a Fault of the image.  Raises Cancelled, or the
    reader's error if that is `fatal`: what comes then would not be the same picture.
    """
    from glview.core import onepass

    onepass.run(image, pyramid, first, progress, cancel)


def tile(image, pyramid, level, ty, tx, size=tiles.SIZE, rule="mean", noise=0.0, under=None):
    """One tile of a level: cells [ty * size, (ty + 1) * size) x [tx * size, (tx + 1) * size).

    image: has `shape` and `read32`.  pyramid: a Pyramid, or None while there is none (then levels
    0 to 2 are all there are).  level: 0 is the image itself, level k shows 2**k x 2**k pixels as
    one.  rule: of RULES, which says how: by their mean, their maximum, or ("peaks") by the maximum
    where it stands out of the noise, else by the mean.  noise: standard deviation of the
    background, image units.  under: (picture, step) as of `sample.preview`, which stands in for
    cells that were not read yet; NaN does if it is None.
    Returns (h, w) float32, C-contiguous, image units, h and w <= size, smaller at the edges.
    Raises ValueError for a tile, level or rule that there is not, or what the reader raises.
    """
    if rule not in RULES:
        raise ValueError(f"no rule {rule!r} for reduced pixels; there are {', '.join(RULES)}")
    height, width = image.shape
    factor = 2**level if level >= 0 else 1
    y0, x0 = ty * size * factor, tx * size * factor
    if level < 0 or not (0 <= y0 < height and 0 <= x0 < width):
        raise ValueError(f"tile {ty}, {tx} of level {level} lies outside the image")
    if level >= RAW_LEVELS:
        return _kept(pyramid, factor, (ty * size, tx * size, size), rule, noise, under)
    box = y0, min(y0 + size * factor, height), x0, min(x0 + size * factor, width)
    if level == 0:
        return image.read32(*box)
    return _joined(*_pooled(image, factor, *box), factor, rule, noise)


def _pooled(image, factor, y0, y1, x0, x1):
    """Means and maxima of a box of pixels, read in pieces: fresh memory is slower than a disk."""
    from glview.core import reduce

    rows = factor * max(1, PIECE // ((x1 - x0) * factor))
    shape = -(-(y1 - y0) // factor), -(-(x1 - x0) // factor)
    mean, most, finite = (np.empty(shape, np.float32) for _ in range(3))
    block, counts = np.empty((min(rows, y1 - y0), x1 - x0), np.float32), np.zeros(4, np.int64)
    for y in range(y0, y1, rows):
        part = image.read32(y, min(y + rows, y1), x0, x1, out=block[: y1 - y])
        cell = (y - y0) // factor
        reduce.pool(part, factor, mean, most, cell, 0, finite, cell, counts, False)
    return mean, most


def level_values(pyramid, level, joining, most=1 << 16):
    """Some values of a level as `tile` shows them under a `stretch.Joining`.

    level: levels finer than those kept are taken for the finest kept.
    Returns (n,) float32, n up to about `most`, evenly spaced over the frame; NaN and Inf kept, NaN
    too for what was not read yet.
    """
    factor = 1 << max(level, pyramid.level)
    height, width = pyramid.mean[factor].shape
    step = max(1, math.isqrt(height * width // most))
    mean, largest = (part[factor][step // 2 :: step, step // 2 :: step]
                     for part in (pyramid.mean, pyramid.max))
    values = _joined(mean, largest, factor, joining.rule, joining.noise)
    ready = pyramid.ready(factor, 0, height, 0, width)
    if ready is not True:
        values = np.where(ready[step // 2 :: step, step // 2 :: step], values, np.float32(np.nan))
    return values.ravel()


def _joined(mean, most, factor, rule, noise):
    """Means and maxima of the same cells as one picture; (h, w) float32."""
    if rule != "peaks":
        return mean if rule == "mean" else most
    least = np.float32(PEAK_SIGMAS * noise * (1 - 1 / factor**2))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where((most - mean > least) | np.isnan(mean), most, mean)


def _kept(pyramid, factor, place, rule, noise, under):
    levels = {} if pyramid is None else pyramid.mean
    if factor not in levels:
        raise ValueError(f"no level with factor {factor} in the pyramid; it has {list(levels)}")
    y, x, size = place
    height, width = levels[factor].shape
    box = y, min(y + size, height), x, min(x + size, width)
    ready = pyramid.ready(factor, *box)
    cells = np.s_[box[0] : box[1], box[2] : box[3]]
    picture = _joined(pyramid.mean[factor][cells], pyramid.max[factor][cells], factor, rule, noise)
    if ready is True:
        return np.array(picture)
    return np.where(ready, picture, _nearest(under, factor, *box))


def _nearest(under, factor, y0, y1, x0, x1):
    """The pixels of a preview that lie nearest to the centres of cells, or NaN without one."""
    if under is None:
        return np.float32(np.nan)
    picture, step = under
    rows, columns = (np.minimum((np.arange(*part) * factor + factor // 2) // step, n - 1)
                     for part, n in zip(((y0, y1), (x0, x1)), picture.shape, strict=True))
    return picture[np.ix_(rows, columns)]
