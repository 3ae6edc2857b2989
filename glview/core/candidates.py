"""The objects of a mask at any threshold, at once: only pixels that may be masked are kept.

The confidence is read once. Of each band of rows the pixels above a floor stay, with their
confidence and image value; another threshold is a walk over these, and an edit a walk over those of
its band. Where dilation or a pencil adds a pixel that was not kept, its values are read then, once.
"""

import itertools

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
from glview.core.mask import MAX_DILATION, checked
from glview.core.objects import checked_look, find_objects
from glview.core.parts import joined, nothing, parts_of

BAND_PIXELS = 1 << 24
"""Pixels of a band: few bands make a threshold cheap, small ones an edit."""

MOST_SHARE = 0.02
"""Share of the pixels that may be above the floor that is chosen."""

SETTLE = 8
"""Pixels that are no candidates join them in the band's lists once they are 1 in SETTLE of them."""

SAMPLE_BANDS, SAMPLE_PIXELS = 32, 1 << 20
"""How many bands of rows, and pixels in all, the floor is chosen by."""


class Candidates:
    """The pixels of a frame that a mask may have, from which its objects are made.

    confidence, image: as for `objects.find_objects`; both are read again later, where an edit or
        the dilation adds pixels.
    floor: confidence below which no threshold is quick; None takes the lowest with less than
        MOST_SHARE of the pixels above it.
    cancel: callable -> bool, asked while the frame is read.
    Raises ValueError for arrays that do not fit, Cancelled once cancel() is true.
    One thread at a time may use it.
    floor: float32. count: pixels held. nbytes: memory held.
    """

    def __init__(self, confidence, image=None, floor=None, cancel=None):
        self.confidence, _, self.shape = checked(confidence, None)
        self._image, self._arenas = image, Arenas()
        _, self._sources = checked_look(self.confidence, self.shape, image, 8)
        self.floor = np.float32(lowest_floor(self.confidence) if floor is None else floor)
        height = max(16 * MAX_DILATION, BAND_PIXELS // max(1, self.shape[1]))
        cuts = [*range(0, self.shape[0], height), self.shape[0]] if self.shape[1] else []
        self._rows = list(itertools.pairwise(cuts))
        self._known = [None] * len(self._rows)
        self._loose = [None] * len(self._rows)
        self._parts, self._look = [None] * len(self._rows), None
        self._build(range(len(self._rows)), cancel)

    @property
    def count(self):
        """Pixels whose values are held."""
        return sum(len(known.values[0]) for known in (*self._known, *self._loose))

    @property
    def nbytes(self):
        """Memory held for these pixels."""
        return sum(array.nbytes for known in (*self._known, *self._loose)
                   for array in (known.runs, known.starts, *known.pixels, *known.values))

    def objects(self, settings, edits=None, box_changed=None, connectivity=8, cancel=None):
        """What `objects.find_objects` returns for the same mask, in every field.

        box_changed: (y0, x0, y1, x1), all in which the edits differ from those of the call before;
            it counts if nothing else does. None: anything may have changed.
        A threshold below the floor is looked for in all pixels.
        """
        if settings.limit < self.floor:
            return find_objects(self.confidence, settings, edits, self._image, connectivity, cancel)
        return self.joined(settings, edits, box_changed, connectivity, cancel).objects

    def joined(self, settings, edits=None, box_changed=None, connectivity=8, cancel=None):
        """The same as `parts.Joined`; the threshold must not be below the floor."""
        _, edits, _ = checked(self.confidence, edits)
        reach, _ = checked_look(self.confidence, self.shape, None, connectivity)
        look = settings, connectivity
        if box_changed is None or look != self._look:
            self._parts = [None] * len(self._rows)
        else:
            self._forget(box_changed[0], box_changed[2])
        self._look = None  # should a reader raise, nothing half done is taken for whole
        stale = [k for k, part in enumerate(self._parts) if part is None]

        def work(k):
            with self._arenas.one() as arena:
                self._parts[k] = self._made(k, settings, edits, reach, arena)

        over_stripes(work, stale, cancel)
        self._look = look
        with self._arenas.one() as arena:
            return joined(self.parts, reach, arena)

    @property
    def parts(self):
        """The Parts of the last call, from top to bottom, with their runs."""
        return [part for parts in self._parts for part in parts or ()]

    def update(self, box, confidence=None):
        """The confidence has changed inside a box; `confidence`: what holds it now, if another."""
        if confidence is not None:
            self.confidence, _, _ = checked(confidence, None)
            _, self._sources = checked_look(self.confidence, self.shape, self._image, 8)
        touched = [k for k, (y0, y1) in enumerate(self._rows) if y0 < box[2] and box[0] < y1]
        self._build(touched, None)
        self._forget(box[0] - MAX_DILATION, box[2] + MAX_DILATION)

    def _forget(self, y0, y1):
        """Make the parts of these rows again when they are asked for."""
        for k, rows in enumerate(self._rows):
            if rows[0] < y1 and y0 < rows[1]:
                self._parts[k] = None

    def _build(self, bands, cancel):
        """Read the bands again: keep what is above the floor."""
        cut = [(k, rows) for k in bands
               for rows in blocks.stripes(self._rows[k], self.shape[1], 0, 1)]

        def work(part):
            with self._arenas.one() as arena:
                return part[0], *self._read(*part, arena)

        found = over_stripes(work, cut, cancel)
        for k in bands:
            mine = [one[1:] for one in found if one[0] == k]
            values = zip(*(values for _, values in mine), strict=True)
            self._known[k] = Known(np.concatenate([runs for runs, _ in mine]),
                                   [np.concatenate(each) for each in values],
                                   self._rows[k][1] - self._rows[k][0])
            self._loose[k] = self._known[k].nothing()

    def _read(self, band, rows, arena):
        """(runs, values): what is above the floor in some rows of a band, y from the band's top."""
        from glview.core import maskkernels

        box = (rows[0], 0, rows[1], self.shape[1])
        if empty(self.confidence, None, box, 0):
            return np.empty((0, 3), np.int32), [kind[:0] for kind in self._kinds()]
        bits = blocks.bits_above(self.confidence, box, self.floor, arena)
        most = blocks.most_runs(self.shape[1])
        buffer, found, end = arena.array("runs", (most, 3), np.int32), [], 0
        while end < len(bits):
            count, end = maskkernels.mask_runs(bits, self.shape[1], end, buffer)
            found.append(buffer[:count].copy())
        runs = np.concatenate(found)
        values = self._values(runs, rows)
        runs[:, 0] += rows[0] - self._rows[band][0]
        return runs, values

    def _kinds(self):
        """An array of each source's type: float32 holds what is float32, float64 the rest."""
        return [np.empty(0, np.float32 if np.dtype(source.plane.dtype).itemsize == 4
                         and np.dtype(source.plane.dtype).kind == "f" else np.float64)
                for _, source in self._sources]

    def _values(self, runs, rows):
        """The values of all sources at runs that count y from rows[0]."""
        with np.errstate(over="ignore", invalid="ignore"):
            return [source.at(runs, rows).astype(kind.dtype) for (_, source), kind in
                    zip(self._sources, self._kinds(), strict=True)]

    def _made(self, k, settings, edits, reach, arena):
        """The Parts of band k."""
        from glview.core import runs as kernels

        y0, y1 = self._rows[k]
        top, bottom = clipped(y0, y1, settings.dilation, self.shape[0])
        near = [(self._known[other], rows[0] - top) for other, rows in enumerate(self._rows)
                if rows[0] < bottom and top < rows[1] and len(self._known[other].runs)]
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
            places, values = self._places(k, runs)
            for (column, _), one in zip(self._sources, values, strict=True):
                kernels.add_values(table, column, (one, places), runs.view(np.uint32), labels)

        return parts_of(rows, self.shape[1], y0, reach, measure, arena, keep=True)

    def _places(self, k, runs):
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
            self._loose[k] = self._loose[k].with_runs(lack, self._values(lack, self._rows[k]))
        loose = self._loose[k]
        places[places < 0] = len(known.values[0]) + loose.places(rest)[0]
        if SETTLE * len(loose.values[0]) > len(known.values[0]):
            self._known[k], self._loose[k] = known.joined(loose), loose.nothing()
        return places, [np.concatenate(both) for both in
                        zip(known.values, loose.values, strict=True)]


class Known:
    """Runs of a band, y counted from its top, with the values of their pixels.

    runs, starts, pixels: see `core.candidatekernels`. values: of each source (pixels,) floats, the
    confidence first. height: rows of the band. Never changed.
    """

    def __init__(self, runs, values, height):
        from glview.core import candidatekernels
        from glview.core import runs as kernels

        self.runs, self.values, self.height = runs, values, height
        self.starts = kernels.pixel_starts(runs)
        self.pixels = candidatekernels.pixels_of(runs, height)

    def mark(self, limit, down, bits):
        """Set the bits of the pixels above the limit; row y of the band is row y + down."""
        from glview.core import candidatekernels

        candidatekernels.mark(self.pixels, self.values[0], limit, down, bits)

    def places(self, runs):
        """((n,) where the values of each run begin, -1 if some are lacking; how many lack some)."""
        from glview.core import candidatekernels

        places = np.empty(len(runs), np.int64)
        return places, candidatekernels.find_known(
            runs.view(np.uint32), self.runs.view(np.uint32), self.starts, places)

    def unknown(self, runs):
        """The runs without what is known of them."""
        from glview.core import candidatekernels

        return candidatekernels.unknown(runs, self.runs)

    def nothing(self):
        """A Known of the same band and types without a pixel."""
        return Known(self.runs[:0], [one[:0] for one in self.values], self.height)

    def joined(self, other):
        """A Known with the pixels of both."""
        more = self.unknown(other.runs)
        places, _ = other.places(more)
        lengths = more[:, 2] - more[:, 1]
        pixels = np.repeat(places - np.cumsum(lengths) + lengths, lengths)
        pixels += np.arange(len(pixels))
        return self.with_runs(more, [one[pixels] for one in other.values])

    def with_runs(self, runs, values):
        """A Known with more runs, none of which it has, and their values."""
        from glview.core import candidatekernels

        together = Known(candidatekernels.merged_runs(self.runs, runs), [], self.height)
        for own, new in zip(self.values, values, strict=True):
            out = np.empty(len(own) + len(new), own.dtype)
            candidatekernels.put_values(together.runs, together.starts, self.runs, own, out)
            candidatekernels.put_values(together.runs, together.starts, runs, new, out)
            together.values.append(out)
        return together


def lowest_floor(confidence):
    """The lowest confidence with less than MOST_SHARE of the pixels above it, by a sample of rows.

    confidence: (H, W) array or Plane; NaN is above nothing. Returns a float32, at least 0.
    """
    height, width = confidence.shape
    rows = max(1, SAMPLE_PIXELS // (SAMPLE_BANDS * max(1, width)))
    tops = np.unique(np.linspace(0, max(0, height - rows), SAMPLE_BANDS).astype(int)).tolist()
    parts = [np.asarray(confidence[y : y + rows, 0:width]).ravel() for y in tops]
    sample = np.concatenate([np.empty(0, np.float32), *parts]).astype(np.float32)
    sample[np.isnan(sample)] = 0
    place = int(len(sample) * (1 - MOST_SHARE))
    return max(np.float32(0), np.partition(sample, place)[place]) if len(sample) else np.float32(0)
