"""How often values occur: of an image, of a confidence map, of the areas of objects."""

import math
from dataclasses import dataclass

import numpy as np

from glview.core.blocks import as_rows, read_only
from glview.core.cancel import Cancelled
from glview.core.crew import each, step_back
from glview.core.plane import Plane
from glview.core.tiles import SIZE

BAND = 1 << 22  # pixels counted at a time
THREADS = 2
PIECE = 1 << 20  # the same, of a file: they stay in the processor's cache
FINE = 1 << 15  # bins that are counted once, to be joined to those of any plot
WIDER = 4  # times what a plot shows is the least they reach over
LEAST = 8  # of them in a bin of a plot
SAMPLED = 1 << 20  # about so many pixels are looked at first


@dataclass(frozen=True, eq=False)
class Histogram:
    """counts: (n,) int64, of the values from edges[k] up to edges[k + 1], which belongs to the next
    bin; edges: (n + 1,) rising.  The last edge belongs to the last bin, or (of a Fine) to none.
    below, above: finite values outside.
    looked, total: pixels (objects) that were looked at, and that there are; NaN and Inf count."""

    edges: np.ndarray
    counts: np.ndarray
    below: int
    above: int
    looked: int
    total: int

    @property
    def exact(self):
        """Nothing was left out."""
        return self.looked >= self.total


@dataclass(frozen=True)
class Scale:
    """FINE bins of equal width from `low` on, image units.

    width: a power of two, of which low is a multiple, so that no value is rounded across an edge
    but one that lies nearer to it than float64 can tell (a denormal next to 0).
    """

    low: float
    width: float

    def serves(self, low, high, bins):
        """True if a histogram from low to high with so many bins can be made of these."""
        reaches = self.low <= low < high <= self.low + FINE * self.width
        return reaches and high - low >= LEAST * bins * self.width


def scale_for(low, high):
    """The Scale that reaches WIDER times as far as from low to high, low < high, and as far again
    at most."""
    width = 2.0 ** math.ceil(math.log2(WIDER * (high - low) / FINE))
    return Scale(math.floor(((low + high) / width - FINE) / 2) * width, width)


@dataclass(frozen=True, eq=False)
class Fine:
    """Every pixel of a frame counted once, for histograms of any span that is not too narrow.

    counts: (FINE + 3,) int64: pixels below the bins, in them, above them, and those that are not
    finite; total: pixels of the frame, of which some could not be read if the counts are fewer.
    """

    scale: Scale
    counts: np.ndarray
    total: int

    def between(self, low, high, bins):
        """The Histogram from about low to about high, its edges being some of the fine ones.

        None if the bins are too wide for that, or do not reach so far.
        """
        scale = self.scale
        if not scale.serves(low, high, bins):
            return None
        ends = (np.array([low, high]) - scale.low) / scale.width
        places = np.rint(np.linspace(*ends, bins + 1)).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(self.counts[1:-2])])
        below, above = self.counts[0] + sums[places[0]], self.counts[-2] + sums[-1]
        return Histogram(scale.low + places * scale.width, np.diff(sums[places]), int(below),
                         int(above - sums[places[-1]]), int(self.counts.sum()), self.total)


class Tally:
    """Counts pixels in the bins of a Scale; for one thread.  counts: see Fine."""

    def __init__(self, scale):
        self.scale, self.counts = scale, np.zeros(FINE + 3, np.int64)
        self._tables = np.zeros((4, FINE + 3), np.uint32)
        self._places = np.empty(1 << 13, np.uint16)

    def add(self, block):
        """Count the pixels of a block, (h, w) float32, image units; NaN and Inf too."""
        from glview.core.histogramkernels import tally

        tally(block, self.scale.low, self.scale.width, self._tables, self._places)
        self.counts += self._tables.sum(axis=0, dtype=np.int64)
        self._tables[:] = 0


def of_pixels(image, scale, told=lambda fraction: None, cancel=lambda: False):
    """The Fine of an Image, which is read a piece at a time by threads that step back.

    told: called with the fraction that is done, about.  Raises Cancelled once cancel() is true, and
    what the reader raises.
    """
    height, width = image.shape
    rows = max(1, PIECE // width)

    def count(first):
        step_back()
        counted, block = Tally(scale), np.empty((min(rows, height), width), np.float32)
        for y in range(first * rows, height, THREADS * rows):
            if cancel():
                raise Cancelled
            end = min(y + rows, height)
            counted.add(image.read32(y, end, 0, width, out=block[: end - y]))
            told(end / height)
        return counted.counts

    return Fine(scale, sum(each(count, range(THREADS), THREADS)), height * width)


def edges_between(low, high, bins):
    """(bins + 1,) float64 edges of bins of equal width from low to high, low < high."""
    return np.linspace(low, high, bins + 1)


def of_sorted(values, edges, looked, total):
    """The Histogram of finite values in ascending order, without a walk over them.

    values: (n,) real; edges, looked, total: as in Histogram.
    """
    places = np.searchsorted(values, edges, "left")
    places[-1] = np.searchsorted(values, edges[-1], "right")
    counts = np.diff(places).astype(np.int64)
    return Histogram(edges, counts, int(places[0]), int(len(values) - places[-1]), looked, total)


def of_rows(rows, shape, edges, step=1, cancel=lambda: False):
    """The Histogram of a frame that is read a band at a time.

    rows: callable (y0, y1) -> (y1 - y0, W) real values, NaN and Inf allowed and not counted.
    shape: (height, width).  edges: of equal width.  step: every so many rows are read, one by one.
    Raises Cancelled once cancel() is true, and what `rows` raises.
    """
    from glview.core.histogramkernels import count

    found, looked = np.zeros(len(edges) + 1, np.int64), 0
    height = 1 if step > 1 else max(1, BAND // max(1, shape[1]))
    for y in range(step // 2, shape[0], step * height):
        if cancel():
            raise Cancelled
        band = as_rows(rows(y, min(y + height, shape[0])))
        count(read_only(band.reshape(-1)), np.asarray(edges, np.float64), found)
        looked += band.size
    return Histogram(edges, found[1:-1], int(found[0]), int(found[-1]), looked,
                     shape[0] * shape[1])


def of_plane(plane, box, edges, cancel=lambda: False):
    """The Histogram of a box (y0, x0, y1, x1) of a Plane of confidences; pixels that are not held
    are 0.  Raises Cancelled once cancel() is true."""
    from glview.core.histogramkernels import count

    y0, x0, y1, x1 = box
    total = (y1 - y0) * (x1 - x0)
    found, held = np.zeros(len(edges) + 1, np.int64), 0
    for y in range(y0, y1, SIZE):
        if cancel():
            raise Cancelled
        values = plane.entries((y, x0, min(y + SIZE, y1), x1))[2]
        count(read_only(values), np.asarray(edges, np.float64), found)
        held += values.size
    zeros = np.zeros(len(edges) + 1, np.int64)
    count(read_only(np.zeros(1, np.float32)), np.asarray(edges, np.float64), zeros)
    found += zeros * (total - held)
    return Histogram(edges, found[1:-1], int(found[0]), int(found[-1]), total, total)


def of_confidence(confidence, edges, sampled=False, cancel=lambda: False, boxes=None):
    """The Histogram of a confidence map, (H, W) real, an array or a Plane; NaN is not counted.

    sampled: of an array look at about SAMPLED pixels only; of a Plane all that it holds is counted
    in any case, for that is little.  boxes: (y0, x0, y1, x1) without a common pixel, what of it is
    counted, for what was not searched is 0 too; None for all.  Raises Cancelled once cancel() is
    true.
    """
    height, width = confidence.shape
    step, found = step_for(confidence.shape) if sampled else 1, []
    for box in [(0, 0, height, width)] if boxes is None else boxes:
        y0, x0, y1, x1 = box
        if isinstance(confidence, Plane):
            found.append(of_plane(confidence, box, edges, cancel))
        else:
            part = confidence[y0:y1, x0:x1]
            found.append(of_rows(lambda first, last, part=part: part[first:last], part.shape,
                                 edges, min(step, len(part)), cancel))
    return added(found, edges)


def added(found, edges):
    """One Histogram of several that have the same edges, each of other pixels."""
    counts = sum((one.counts for one in found), np.zeros(len(edges) - 1, np.int64))
    return Histogram(edges, counts, *(sum(getattr(one, name) for one in found)
                                      for name in ("below", "above", "looked", "total")))


def step_for(shape):
    """Every so many rows give about SAMPLED pixels of a frame, and one row at least."""
    return max(1, min(shape[0], shape[0] * shape[1] // SAMPLED))


def of_areas(areas):
    """The Histogram of the areas of objects, whole numbers from 1, in bins that grow with the area.

    areas: (n,) integers, n >= 0.  The edges are whole numbers, two for each doubling from 4 on.
    """
    most = max(int(areas.max(initial=1)) + 1, 4)
    powers = np.arange(0, 2 * np.log2(most) + 2)
    edges = np.unique(np.rint(2.0 ** (powers / 2)).astype(np.int64))
    edges = edges[: int(np.searchsorted(edges, most)) + 1]
    counts = np.histogram(areas, edges)[0].astype(np.int64)
    return Histogram(edges, counts, 0, 0, len(areas), len(areas))
