"""Pixels of a band of rows whose values are known, and lists of them that grow."""

import numpy as np


class Known:
    """Runs of a band, y counted from its top, with the values of their pixels.

    runs, starts, pixels: see `core.candidatekernels`. values: of each source (pixels,) floats, the
    confidence first. height: rows of the band. count: pixels. nbytes: memory held. Never changed.
    """

    def __init__(self, runs, values, height):
        from glview.core import candidatekernels
        from glview.core import runs as kernels

        self.runs, self.values, self.height = runs, values, height
        self.starts = kernels.pixel_starts(runs)
        self.pixels = candidatekernels.pixels_of(runs, height)

    @property
    def count(self):
        return int(self.starts[-1])

    @property
    def nbytes(self):
        return sum(one.nbytes for one in (self.runs, self.starts, *self.pixels, *self.values))

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
