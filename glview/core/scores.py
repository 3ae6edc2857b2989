"""How well a confidence map agrees with the truth: by pixels at every threshold, and by objects.

A pixel is predicted where `confidence > threshold`, strictly, both as float32, as in `core.mask`;
NaN never is.  Pixels to ignore count nowhere.
"""

from dataclasses import dataclass

import numpy as np

from glview.core.mask import MaskSettings
from glview.core.objects import find_objects

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
SIZES = ((1, 1), (2, 3), (4, 8), (9, 30), (31, None))
"""Classes of objects by their number of pixels, both ends included."""


@dataclass(frozen=True)
class Counts:
    """Pixels at one threshold: rightly and wrongly predicted, missed, rightly not predicted."""

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self):
        """Share of the predicted pixels that are true; NaN if nothing is predicted."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self):
        """Share of the true pixels that are predicted; NaN if nothing is true."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self):
        """Harmonic mean of precision and recall; NaN if nothing is true or predicted."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def false_rate(self):
        """Share of the other pixels that are predicted; NaN if there is no other pixel."""
        return _ratio(self.fp, self.fp + self.tn)


def _ratio(part, whole):
    return part / whole if whole else float("nan")


@dataclass(frozen=True)
class Curve:
    """All thresholds at once.  Row k is about the k-th confidence that true pixels have, rising.

    value: that confidence (of bins: its upper edge). below: the largest threshold at which these
    pixels are predicted. tp, fp: pixels with this confidence or more. fp_above: wrong ones with
    more. All (k,); positives, negatives: pixels in all.
    """

    value: np.ndarray
    below: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    fp_above: np.ndarray
    positives: int
    negatives: int

    @property
    def auc(self):
        """Area under the ROC curve, ties counted half; NaN unless there are pixels of both kinds.

        It is the chance that a true pixel has more confidence than another one.
        """
        lower = self.negatives - 0.5 * (self.fp + self.fp_above)
        return _ratio(float(np.sum(self._hits * lower)), self.positives * self.negatives)

    @property
    def average_precision(self):
        """Mean over the true pixels of the precision at which each is reached; NaN of none."""
        return _ratio(float(np.sum(self._hits * self.tp / (self.tp + self.fp))), self.positives)

    @property
    def _hits(self):
        return self.tp - np.append(self.tp[1:], 0)

    @property
    def roc(self):
        """(false positive rate, recall) of the curve's corners, from (0, 0) to (1, 1)."""
        fp = np.stack([self.fp, self.fp_above], 1).reshape(-1)
        tp = np.stack([self.tp, np.append(self.tp[1:], 0)], 1).reshape(-1)
        fp = np.concatenate([[0], fp[::-1], [self.negatives]]) / max(1, self.negatives)
        return fp, np.concatenate([[0], tp[::-1], [self.positives]]) / max(1, self.positives)

    def best(self):
        """Counts at the threshold of the largest F1; None if no threshold finds a true pixel."""
        usable = np.flatnonzero(self.value > 0)
        if not usable.size:
            return None
        tp, fp = self.tp[usable], self.fp[usable]
        k = usable[np.argmax(tp / (self.positives + tp + fp))]
        return self._counts(k)

    def recall_at(self, false_rate):
        """The largest recall with at most this false positive rate; NaN without true pixels."""
        allowed = self.fp <= false_rate * self.negatives
        return _ratio(int(self.tp[allowed].max(initial=0)), self.positives)

    def precision_at(self, recall):
        """The largest precision with at least this recall; NaN if it is never reached."""
        reached = (self.tp >= recall * self.positives) & (self.value > 0)
        return float(np.max(self.tp[reached] / (self.tp + self.fp)[reached], initial=-1)) \
            if reached.any() else float("nan")

    def _counts(self, k):
        tp, fp = int(self.tp[k]), int(self.fp[k])
        return Counts(float(self.below[k]), tp, fp, self.positives - tp, self.negatives - fp)


@dataclass(frozen=True)
class Objects:
    """What became of whole objects at one threshold.

    sizes: rows (fewest pixels, most or None, true objects, of them found); false: predicted objects
    without a true or an ignored pixel; predicted: all predicted objects; megapixels: searched area
    in 10^6 pixels.
    """

    threshold: float
    sizes: tuple[tuple, ...]
    false: int
    predicted: int
    megapixels: float

    @property
    def false_per_megapixel(self):
        """NaN if no pixel counts."""
        return _ratio(self.false, self.megapixels)


def score_objects(confidence, truth, ignored, threshold):
    """The Objects of a map, (H, W) float32, its truth and what is ignored, (H, W) bool.

    An object is 8-connected pixels of the truth; its size is the number of its pixels that are not
    ignored, and it is found if one of these is predicted.  Raises ValueError for other arrays.
    """
    settings, whole = MaskSettings(threshold), MaskSettings(0.5)
    used = find_objects(truth, whole, image=_Rows(truth.shape, lambda box: ~ignored[box]))["flux"]
    hits = find_objects(truth, whole, image=_Rows(truth.shape, lambda box: (
        confidence[box] > settings.limit) & ~ignored[box]))["flux"]
    predicted = find_objects(confidence, settings, image=_Rows(truth.shape, lambda box: (
        truth[box] | ignored[box])))
    sizes = []
    for fewest, most in SIZES:
        chosen = (used >= fewest) & (used <= (np.inf if most is None else most))
        found = int(np.count_nonzero(hits[chosen] > 0))
        sizes.append((fewest, most, int(np.count_nonzero(chosen)), found))
    false = int(np.count_nonzero(predicted["peak"] == 0))
    area = ignored.size - int(np.count_nonzero(ignored))
    return Objects(threshold, tuple(sizes), false, len(predicted), area / 1e6)


class _Rows:
    """What `find_objects` sums up over objects, made a few rows at a time."""

    def __init__(self, shape, rows):
        self.shape, self._rows = shape, rows

    def __getitem__(self, box):
        return self._rows(box)
