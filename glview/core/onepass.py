"""The one pass over a file that fills a pyramid: worker threads that read band after band."""

import math
import os
import threading
import time

import numpy as np

from glview.core import halving, reduce
from glview.core.cancel import Cancelled
from glview.core.census import Census
from glview.core.crew import each, step_back
from glview.core.histogram import Tally
from glview.core.image import Fault

THREADS = max(2, min(4, os.cpu_count() or 1))
PIECE = 1 << 20  # pixels read at once, if eight rows have fewer: they stay in the processor's cache
SAMPLES = 1 << 20
PAUSE = 0.15  # seconds between two publications, so that tiles are not remade for every band


def run(image, pyramid, first=None, progress=None, cancel=None):
    """What `pyramid.build` does."""
    bands = Bands(pyramid, first, progress)
    readers = [Reader(image, pyramid, bands, cancel) for _ in range(THREADS)]
    try:
        each(Reader.work, readers, THREADS)
    finally:
        bands.publish()


class Bands:
    """Which band is read next, and which are read but not published; for several threads."""

    def __init__(self, pyramid, first, progress):
        self.pyramid, self._first, self._progress = pyramid, first, progress
        self._lock = threading.Lock()
        self._left = [(*pyramid.box(place)[::2], place) for place in pyramid.missing()]
        self._found = {}
        self._published = -math.inf

    def next(self):
        """A band's place: among those left the nearest to what the user looks at, or None."""
        with self._lock:
            if not self._left:
                return None
            rows = self._first() if self._first is not None else None
            nearest = 0 if rows is None else _nearest(self._left, *rows)
            return self._left.pop(nearest)[2]

    def stop(self):
        """Leave what was not begun."""
        with self._lock:
            self._left = []

    def put(self, place, census):
        """A band is read (census None: it cannot be); published with others after a while."""
        with self._lock:
            self._found[place] = census
            late = time.monotonic() - self._published > PAUSE
        if late:
            self.publish()

    def publish(self):
        """Hand the bands that were read over to the pyramid, and say so."""
        with self._lock:
            found, self._found = self._found, {}
            self._published = time.monotonic()
        if found:
            self.pyramid.finish(found)
            if self._progress is not None:
                self._progress()


def _nearest(bands, top, end):
    """Place in a list of (y0, y1, ...) of the first that is nearest to rows top to end."""
    distances = [max(top - y1 + 1, y0 - end + 1, 0) for y0, y1, _ in bands]
    return distances.index(min(distances))


class Reader:
    """One thread's work and the memory it does it in, which is used again for every band."""

    def __init__(self, image, pyramid, bands, cancel):
        self._image, self._pyramid, self._bands, self._cancel = image, pyramid, bands, cancel
        _, _, height, width = pyramid.box((0, 0))
        self._rows = 8 * max(1, PIECE // (8 * width))
        self._pixels = np.empty(min(self._rows, height) * width, np.float32)
        self._levels = _scratch(pyramid, height, width)
        self._step = _sample_step(pyramid.shape)
        self._values = np.empty(height * (width // self._step + 1), np.float32)

    def work(self):
        """Read bands until there is none left."""
        try:
            while (place := self._bands.next()) is not None:
                self._bands.put(place, self._band(self._pyramid.box(place)))
                step_back()  # not before: what the first one loads is Python
        except BaseException:
            self._bands.stop()
            raise

    def _band(self, box):
        try:
            census = self._pool(box)
            self._halve(box)
            return census
        except Cancelled:
            raise
        except Exception as error:
            if getattr(error, "fatal", False):
                raise
            self._image.faults.append(Fault(self._image.plane, box, str(error) or repr(error)))
            for factor in self._pyramid.mean:
                cells = tuple(slice(a // factor, -(-b // factor)) for a, b in zip(
                    box[:2], box[2:], strict=True))
                self._pyramid.mean[factor][cells] = self._pyramid.max[factor][cells] = np.nan
            return None

    def _pool(self, box):
        """Means and maxima of 8 x 8 pixels of a band; returns its Census."""
        y0, x0, y1, x1 = box
        counts, low, high, taken = np.zeros(4, np.int64), np.inf, -np.inf, 0
        mean, most, finite, y_cell, x_cell = self._at(8, box)
        tally = None if self._pyramid.scale is None else Tally(self._pyramid.scale)
        for y in range(y0, y1, self._rows):
            if self._cancel is not None and self._cancel():
                raise Cancelled
            end = min(y + self._rows, y1)
            block = self._pixels[: (end - y) * (x1 - x0)].reshape(end - y, x1 - x0)
            turned = self._image.read_turned(y, end, x0, x1, block)
            row = (y - y0) // 8
            least, largest, turned = reduce.pool(
                block, 8, mean, most, y_cell + row, x_cell, finite, row, counts, turned)
            low, high = min(low, least), max(high, largest)
            if tally is not None:
                if turned:
                    reduce.turn(block)
                    turned = False
                tally.add(block)
            place = y * self._pyramid.shape[1] + x0
            taken = reduce.pick(block, place, self._pyramid.shape[1], self._step, self._values,
                                taken, turned)
        return Census(counts, low, high, self._values[:taken].copy(),
                      None if tally is None else tally.counts)

    def _halve(self, box):
        """The coarser levels of a band, each from the one below."""
        factor = 8
        shape = [-(-(b - a) // factor) for a, b in zip(box[:2], box[2:], strict=True)]
        while factor < max(self._pyramid.mean):
            below, factor = self._at(factor, box), 2 * factor
            halving.halve(*below, *shape, *self._at(factor, box))
            shape = [-(-n // 2) for n in shape]

    def _at(self, factor, box):
        """(mean, max, finite, y, x): a band's cells begin at y, x of the first two."""
        finite, *own = self._levels[factor]
        if own:
            return *own, finite, 0, 0
        kept = self._pyramid.mean[factor], self._pyramid.max[factor]
        return *kept, finite, box[0] // factor, box[1] // factor


def _scratch(pyramid, height, width):
    """Factor -> arrays of a band's cells: numbers of finite pixels, and means and maxima of levels
    finer than those kept."""
    found, factor = {}, 8
    while factor <= max(pyramid.mean):
        shape = -(-height // factor), -(-width // factor)
        count = 1 if factor in pyramid.mean else 3
        found[factor] = [np.empty(shape, np.float32) for _ in range(count)]
        factor *= 2
    return found


def _sample_step(shape):
    """Every so many pixels one is taken; it shares no factor with the width, so that the sample
    does not stand in columns."""
    step = -(-shape[0] * shape[1] // SAMPLES)
    while math.gcd(step, shape[1]) > 1:
        step += 1
    return step
