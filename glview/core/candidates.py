"""The objects of a mask at any threshold, at once: only pixels that may be masked are kept.

The confidence is read once. Of each band of rows the pixels above a floor stay, with their
confidence and image value; another threshold is a walk over these, and an edit a walk over those of
its band. Where dilation or a pencil adds a pixel that was not kept, its values are read then, once.
"""

import itertools
import time

import numpy as np

from glview.core import blocks
from glview.core.blocks import (
    WORD,
    Arenas,
    Block,
    clipped,
    empty,
    listed,
    mask_rows,
    over_stripes,
)
from glview.core.cancel import Cancelled
from glview.core.floor import SAMPLE_PIXELS, lowest_floor
from glview.core.known import Known
from glview.core.mask import MAX_DILATION, checked
from glview.core.objects import checked_look, stripe_parts
from glview.core.parts import joined, nothing, parts_of

BAND_PIXELS = 1 << 24
"""Pixels of a band: few bands make a threshold cheap, small ones an edit."""

SETTLE = 8
"""Pixels that are no candidates join them in the band's lists once they are 1 in SETTLE of them."""


class Candidates:
    """The pixels of a frame that a mask may have, from which its objects are made.

    confidence, image: as for `objects.find_objects`; both are read again later, where an edit or
        the dilation adds pixels.
    floor: confidence above which pixels are held; at a lower threshold each band of the confidence
        is read again. None takes the lowest with few enough pixels above it.
    cancel: callable -> bool, asked while the frame is read.
    shape: of the frame where the confidence is None.
    Raises ValueError for arrays that do not fit, Cancelled once cancel() is true. After an error
    the next call goes on where it broke off.
    One thread at a time may use it.
    floor: float32. count: pixels held. nbytes: memory held. bands: how many there are. stale: the
    numbers of those that `refresh` would make again.
    """

    def __init__(self, confidence, image=None, floor=None, cancel=None, shape=None):
        self.confidence, self.shape = confidence, shape
        if confidence is not None:
            self.confidence, _, self.shape = checked(confidence, None)
        self._image, self._arenas = image, Arenas()
        _, self._sources = checked_look(self.confidence, self.shape, image, 8)
        self.floor = np.float32(lowest_floor(self.confidence) if floor is None else floor)
        height = max(16 * MAX_DILATION, BAND_PIXELS // max(1, self.shape[1]))
        cuts = [*range(0, self.shape[0], height), self.shape[0]] if self.shape[1] else []
        self._rows = list(itertools.pairwise(cuts))
        none = np.empty((0, 3), np.int32)
        self._known = [Known(none, self._kinds(), y1 - y0) for y0, y1 in self._rows]
        self._loose = list(self._known)
        self._parts, self._look = [None] * len(self._rows), None
        self._build(range(len(self._rows)), cancel)

    @property
    def count(self):
        """Pixels whose values are held."""
        return sum(known.count for known in (*self._known, *self._loose))

    @property
    def nbytes(self):
        """Memory held for these pixels and the parts."""
        kept = sum(array.nbytes for part in self.parts for array in
                   (part.table, part.runs, part.labels))
        return kept + sum(known.nbytes for known in (*self._known, *self._loose))

    @property
    def bands(self):
        return len(self._rows)

    @property
    def stale(self):
        return [k for k, part in enumerate(self._parts) if part is None]

    @property
    def parts(self):
        """The Parts of the last call, from top to bottom, with their runs."""
        return [part for parts in self._parts for part in parts or ()]

    def objects(self, settings, edits=None, box_changed=None, connectivity=8, cancel=None):
        """What `objects.find_objects` returns for the same mask, in every field.

        box_changed: (y0, x0, y1, x1), all in which the edits differ from those of the call before;
            it counts if nothing else does. None: anything may have changed.
        """
        return self.joined(settings, edits, box_changed, connectivity, cancel).objects

    def joined(self, settings, edits=None, box_changed=None, connectivity=8, cancel=None):
        """The same as `parts.Joined`."""
        self.forget((0, 0, *self.shape) if box_changed is None else box_changed)
        self.refresh(settings, edits, connectivity, cancel)
        return self.together()

    def under(self, boxes):
        """Numbers of the bands that some boxes touch, rising."""
        return [k for k, (y0, y1) in enumerate(self._rows)
                if any(y0 < box[2] and box[0] < y1 for box in boxes)]

    def forget(self, box):
        """The edits have changed inside a box."""
        for k in self.under([box]):
            self._parts[k] = None

    def update(self, boxes, cancel=None):
        """The values of the confidence have changed inside some boxes."""
        for box in boxes:
            self.forget((box[0] - MAX_DILATION, 0, box[2] + MAX_DILATION, 0))
        self._build(self.under(boxes), cancel)

    def thin(self, most):
        """Raise the floor until about `most` of the pixels that are held stay."""
        step = max(1, self.count // SAMPLE_PIXELS)
        sample = np.concatenate([known.values[0][::step] for known in self._known])
        place = len(sample) - max(0, most // step)
        if 0 <= place < len(sample):
            self.floor = max(self.floor, np.float32(np.partition(sample, place)[place]))
            self._build(range(len(self._rows)), None)

    def looks(self, settings, connectivity=8):
        """Whether the parts are those of these settings."""
        return self._look == (settings, connectivity)

    def refresh(self, settings, edits=None, connectivity=8, cancel=None, reads=None):
        """Make the parts of all bands that changed.

        reads: pixels of the largest box in which the image may be read; None for any number.
        Returns the CPU seconds that each of the bands took.
        Raises Cancelled, too, where that is not enough.
        """
        if edits is not None:
            _, edits, _ = checked(self.confidence, edits)
        reach, _ = checked_look(self.confidence, self.shape, None, connectivity)
        if not self.looks(settings, connectivity):
            self._parts = [None] * len(self._rows)
        self._look = settings, connectivity

        def work(k):
            began = time.thread_time()
            with self._arenas.one() as arena:
                self._parts[k] = self._made(k, settings, edits, reach, arena, reads)
            return time.thread_time() - began

        return over_stripes(work, self.stale, cancel)

    def together(self):
        """The Joined of the parts that `refresh` made."""
        with self._arenas.one() as arena:
            return joined(self.parts, checked_look(None, self.shape, None, self._look[1])[0], arena)

    def _build(self, bands, cancel):
        """Read the bands again: keep what is above the floor."""
        if self.confidence is None:
            return
        cut = [(k, rows) for k in bands
               for rows in blocks.stripes(self._rows[k], self.shape[1], 0, 1)]

        def work(part):
            with self._arenas.one() as arena:
                return part[0], self._read(*part, arena)

        found = over_stripes(work, cut, cancel)

        def keep(k):
            runs = np.concatenate([runs for one, runs in found if one == k])
            return Known(runs, self._known_values(k, runs), self._rows[k][1] - self._rows[k][0])

        for k, known in zip(bands, over_stripes(keep, bands, cancel), strict=True):
            self._known[k], self._loose[k] = known, known.nothing()

    def _read(self, band, rows, arena):
        """(n, 3) runs of what is above the floor in some rows of a band, y from the band's top."""
        from glview.core import maskkernels

        box = (rows[0], 0, rows[1], self.shape[1])
        if empty(self.confidence, None, box, 0):
            return np.empty((0, 3), np.int32)
        bits = blocks.bits_above(self.confidence, box, self.floor, arena)
        most = blocks.most_runs(self.shape[1])
        buffer, found, end = arena.array("runs", (most, 3), np.int32), [], 0
        while end < len(bits):
            count, end = maskkernels.mask_runs(bits, self.shape[1], end, buffer)
            found.append(buffer[:count].copy())
        runs = np.concatenate(found)
        runs[:, 0] += rows[0] - self._rows[band][0]
        return runs

    def _known_values(self, k, runs):
        """The values of all sources at runs of band k; the image is read where it is not known."""
        old, rows = self._known[k], self._rows[k]
        if not old.count:
            return self._values(runs, rows)
        old = old.joined(self._loose[k])
        more = old.unknown(runs)
        whole = old.with_runs(more, self._values(more, rows)).at(runs)
        return [*self._values(runs, rows, 1), *whole[1:]]

    def _kinds(self):
        """An array of each source's type: float32 holds what is float32, float64 the rest."""
        return [np.empty(0, np.float32 if np.dtype(source.plane.dtype).itemsize == 4
                         and np.dtype(source.plane.dtype).kind == "f" else np.float64)
                for _, source in self._sources]

    def _values(self, runs, rows, count=None):
        """The values of all sources, or the first ones, at runs that count y from rows[0]."""
        with np.errstate(over="ignore", invalid="ignore"):
            return [source.at(runs, rows).astype(kind.dtype) for (_, source), kind in
                    zip(self._sources[:count], self._kinds()[:count], strict=True)]

    def _made(self, k, settings, edits, reach, arena, reads):
        """The Parts of band k."""
        from glview.core import runs as kernels

        y0, y1 = self._rows[k]
        if self.confidence is not None and settings.limit < self.floor:
            mask = self.confidence, settings, edits
            return stripe_parts(mask, (y0, y1), reach, self._sources, arena, keep=True)
        top, bottom = clipped(y0, y1, settings.dilation, self.shape[0])
        near = [(self._known[other], rows[0] - top) for other, rows in enumerate(self._rows)
                if rows[0] < bottom and top < rows[1] and self._known[other].count]
        if self.confidence is None:  # what is known then are edits that were measured
            near = []
        hand = listed(edits, (y0, 0, y1, self.shape[1]))
        if not near and not len(hand[1]):
            return [nothing((y0, y1))]
        bits = arena.array("bits", (bottom - top, -(-self.shape[1] // WORD)), np.uint64)
        bits[:] = 0
        for known, down in near:
            known.mark(settings.limit, down, bits)
        block = Block(bits, y0 - top, hand, self.shape[1])
        rows = mask_rows(block, settings, arena, y1 - y0)

        def measure(table, runs, labels):
            places, values = self._places(k, runs, reads)
            for (column, _), one in zip(self._sources, values, strict=True):
                kernels.add_values(table, column, (one, places), runs.view(np.uint32), labels)

        return parts_of(rows, self.shape[1], y0, reach, measure, arena, keep=True)

    def _places(self, k, runs, reads):
        """Where the values of runs of band k begin, and the values of all sources.

        Runs with pixels that are not candidates are looked up among the loose ones; values that
        are not there either are read. So a stroke does not move all candidates of its band.
        """
        known = self._known[k]
        places, lacking = known.places(runs)
        if not lacking:
            return places, known.values
        rest = runs[places < 0]
        lack = self._loose[k].unknown(rest)
        if len(lack):
            if reads is not None and _area(lack) > reads:
                raise Cancelled
            self._loose[k] = self._loose[k].with_runs(lack, self._values(lack, self._rows[k]))
        loose = self._loose[k]
        places[places < 0] = known.count + loose.places(rest)[0]
        if SETTLE * loose.count > known.count:
            self._known[k], self._loose[k] = known.joined(loose), loose.nothing()
        return places, [np.concatenate(both) for both in
                        zip(known.values, loose.values, strict=True)]


def _area(runs):
    """Pixels of the box round runs."""
    rows, columns = runs[-1, 0] + 1 - runs[0, 0], runs[:, 2].max() - runs[:, 1].min()
    return int(rows) * int(columns)
