"""Pixels of a band of rows whose values are known, and lists of them that grow."""

import numpy as np

SHARES = (0.5, 0.75, 0.875, 0.9375)
"""Of the pixels, by confidence, below the edges of the tiers: a threshold that few of them are
above looks at few."""

SAMPLE = 1 << 12  # pixels that the edges are chosen by


class Known:
    """Runs of a band, y counted from its top, with the values of their pixels.

    runs, starts: see `core.candidatekernels`. values: of each source (pixels,) floats, the
    confidence first. height: rows of the band. Never changed.
    """

    def __init__(self, runs, values, height):
        from glview.core import runs as kernels

        self.runs, self.values, self.height = runs, values, height
        self.starts = kernels.pixel_starts(runs)
        self._tiers = self._index = None

    @property
    def count(self):
        """Pixels whose values are known."""
        return int(self.starts[-1])

    @property
    def nbytes(self):
        """Memory held."""
        tiers = self._tiers[1] if self._tiers else ()
        return sum(one.nbytes for one in (self.runs, self.starts, *self.values, *tiers,
                                          *(self._index or ())))

    def mark(self, limit, down, bits):
        """Set the bits of the pixels above the limit; row y of the band is row y + down."""
        from glview.core import candidatekernels

        if self._tiers is None:
            self._tiers = self._sorted()
        edges, (pointers, columns, values) = self._tiers
        for tier in range(int(np.searchsorted(edges, limit, "right")), len(edges) + 1):
            rows = pointers[tier * self.height : (tier + 1) * self.height + 1]
            candidatekernels.mark(rows, columns, values, limit, down, bits)

    def _sorted(self):
        """(edges, tiers): what `mark` walks over, see `candidatekernels.tiers_of`."""
        from glview.core import candidatekernels

        values = self.values[0]
        sample = np.sort(values[:: max(1, len(values) // SAMPLE)])
        edges = sample[[int(share * len(sample)) for share in SHARES]]
        return edges, candidatekernels.tiers_of(self.runs, values, edges, self.height)

    def places(self, runs):
        """((n,) where the values of each run begin, -1 if some are lacking; how many lack some)."""
        from glview.core import candidatekernels

        own = self.runs.view(np.uint32)
        if self._index is None:
            rows = candidatekernels.rows_of(self.runs, self.height)
            self._index = rows, np.ascontiguousarray(own[:, 2])
        places = np.empty(len(runs), np.int64)
        return places, candidatekernels.find_known(
            runs.view(np.uint32), own, *self._index, self.starts, places)

    def at(self, runs):
        """The values of all sources at the pixels of runs, all of which must be known."""
        places, _ = self.places(runs)
        lengths = runs[:, 2] - runs[:, 1]
        pixels = np.repeat(places - np.cumsum(lengths) + lengths, lengths)
        pixels += np.arange(len(pixels))
        return [one[pixels] for one in self.values]

    def unknown(self, runs):
        """The runs without what is known of them."""
        from glview.core import candidatekernels

        return candidatekernels.unknown(runs, self.runs)

    def nothing(self):
        """A Known of the same band and types without a pixel."""
        return Known(self.runs[:0], [one[:0] for one in self.values], self.height)

    def joined(self, other):
        """A Known with the pixels of both; where both know one, the value is this one's."""
        more = self.unknown(other.runs)
        return self.with_runs(more, other.at(more))

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
