"""Collecting the confidences of true and of other pixels, a few rows at a time."""

import numpy as np

from glview.core.scores import THRESHOLDS, Counts, Curve

EXACT = 1 << 26
"""Pixels up to which every confidence is kept and sorted; of more there are histograms."""

BINS = 1 << 16
UNKNOWN = np.float32(-1.0)
"""Stands for NaN: below every threshold."""

_ROWS = 1 << 22  # pixels added at a time
FALSE, TRUE = 0, 1


class Tally:
    """Confidences by truth.  Add the frame whole or in parts, in any order.

    pixels: of the whole frame; up to EXACT all results are exact.  Of more it keeps histograms of
    BINS bins, whose edges include THRESHOLDS and `extra`, so that the counts there stay exact.
    """

    def __init__(self, pixels, extra=()):
        self.exact = pixels <= EXACT
        self.unknown = self.ignored = 0
        self._kept = _Sorted() if self.exact else _Binned((*THRESHOLDS, *extra))

    def add(self, confidence, truth, ignored=None):
        """Count pixels: confidence real in [0, 1] or NaN, truth and ignored bool, (H, W) all.

        Raises ValueError for other confidences or for shapes that differ.
        """
        ignored = np.zeros(truth.shape, bool) if ignored is None else ignored
        if not confidence.shape == truth.shape == ignored.shape:
            raise ValueError(f"the map is {confidence.shape}, its truth {truth.shape} and what is "
                             f"ignored {ignored.shape}")
        step = max(1, _ROWS // max(1, truth.shape[1]))
        for y in range(0, len(truth), step):
            rows = slice(y, y + step)
            self._add(confidence[rows], truth[rows], ~ignored[rows])

    def _add(self, confidence, truth, used):
        self.ignored += used.size - int(np.count_nonzero(used))
        values, truth = np.array(confidence[used], np.float32), truth[used]
        nan = np.isnan(values)
        wrong = values[~nan & ~((values >= 0) & (values <= 1))]
        if wrong.size:
            raise ValueError(f"a confidence is a number from 0 to 1; this map holds {wrong[0]}")
        self.unknown += int(np.count_nonzero(nan))
        values[nan] = UNKNOWN
        self._kept.add(FALSE, values[~truth])
        self._kept.add(TRUE, values[truth])

    def at(self, threshold):
        """Counts at a threshold; of histograms, for those it was made for."""
        tp, fp = (self._kept.above(kind, np.float32(threshold)) for kind in (TRUE, FALSE))
        true, false = self._kept.total(TRUE), self._kept.total(FALSE)
        return Counts(float(threshold), tp, fp, true - tp, false - fp)

    def curve(self):
        """The Curve of all that was added."""
        return Curve(*self._kept.corners(), self._kept.total(TRUE), self._kept.total(FALSE))


class _Sorted:
    """Every confidence."""

    def __init__(self):
        self._parts = ([], [])

    def add(self, kind, values):
        self._parts[kind].append(values)

    def _all(self, kind):
        """The confidences of one kind, rising."""
        if len(self._parts[kind]) != 1:
            joined = np.concatenate([np.empty(0, np.float32), *self._parts[kind]])
            self._parts[kind][:] = [joined]
        values = self._parts[kind][0]
        values.sort()  # in no time, where they are sorted
        return values

    def total(self, kind):
        return sum(part.size for part in self._parts[kind])

    def above(self, kind, threshold):
        values = self._all(kind)
        return int(values.size - np.searchsorted(values, threshold, "right"))

    def corners(self):
        true, false = self._all(TRUE), self._all(FALSE)
        value, first = np.unique(true, return_index=True)
        fp, above = (false.size - np.searchsorted(false, value, side) for side in ("left", "right"))
        return value, np.nextafter(value, UNKNOWN), true.size - first, fp, above


class _Binned:
    """Histograms: bin k holds confidences above edge k - 1, up to edge k."""

    def __init__(self, thresholds):
        edges = [np.linspace(0, 1, BINS + 1), thresholds, [UNKNOWN]]
        self._edges = np.unique(np.concatenate(edges).astype(np.float32))
        self._bins = np.zeros((2, self._edges.size), np.int64)

    def add(self, kind, values):
        low = values <= 0  # nearly all of them, and quick to count
        places = np.searchsorted(self._edges, values[~low], "left")
        self._bins[kind] += np.bincount(places, minlength=self._edges.size)
        unknown = int(np.count_nonzero(values < 0))
        self._bins[kind, :2] += unknown, np.count_nonzero(low) - unknown

    def total(self, kind):
        return int(self._bins[kind].sum())

    def above(self, kind, threshold):
        return int(self._bins[kind, np.searchsorted(self._edges, threshold, "right") :].sum())

    def corners(self):
        true, false = (np.cumsum(bins[::-1])[::-1] for bins in self._bins[[TRUE, FALSE]])
        k = np.flatnonzero(self._bins[TRUE])
        below = self._edges[np.maximum(k - 1, 0)]
        return self._edges[k], below, true[k], false[k], np.append(false, 0)[k + 1]
