"""How often values occur, counted by workers: sampled first, and then all of it where that is soon
done."""

import math
from weakref import ref

from glview.core import histogram
from glview.core.histogram import Histogram

EXACT = 1 << 26  # pixels of the largest image of which all are counted
BINS = 128


class Measurer:
    """Keeps one Histogram of each kind for the document on screen.

    A panel asks in every frame it is seen in; what is not seen is not counted.
    """

    def __init__(self, workspace, jobs):
        self.workspace, self._jobs = workspace, jobs
        self._known, self._asked = {}, {}

    def pixels(self, document, low, high):
        """The Histogram of the pixel values between low and high, image units, low < high.

        None until there is one; while another one is counted, the last one of this document.
        """
        image, sample = document.image, document.sample
        edges = histogram.edges_between(low, high, BINS)

        def sampled(cancelled):
            return histogram.of_sorted(sample.values, edges, len(sample.values), sample.total)

        def exact(cancelled):
            return histogram.of_rows(lambda y0, y1: image.read32(y0, y1, 0, image.shape[1]),
                                     image.shape, edges, cancel=cancelled)

        whole = document.pyramid.complete and math.prod(image.shape) <= EXACT
        key = ref(sample), low, high, whole  # of a closed document nothing is kept
        return self._latest(document, "pixels", key, [sampled, exact] if whole else [sampled])

    def confidence(self, document):
        """The Histogram of the confidence map, or None while there is none."""
        detection, edges = document.detection, histogram.edges_between(0.0, 1.0, BINS)
        confidence = detection.confidence
        if confidence is None:
            return None

        def count(sampled):
            return lambda cancelled: histogram.of_confidence(confidence, edges, sampled, cancelled)

        key = detection.stamps.now, detection.running
        steps = [count(True)] if detection.running else [count(True), count(False)]
        return self._latest(document, "confidence", key, steps)

    def areas(self, document):
        """The Histogram of the areas of the objects, or None while they are not counted."""
        found = document.review.objects
        if found is None:
            return None
        return self._latest(document, "areas", document.review.key,
                            [lambda cancelled: histogram.of_areas(found["area"])])

    def _latest(self, document, kind, key, steps):
        """What is known of a kind; starts the first of the steps if it is of another key.

        A step under way is waited for, unless it is a later one: a slider that is dragged would
        else start and cancel one in every frame.
        """
        key = document.key, key
        name = f"histogram {kind}"
        asked, step = self._asked.get(kind, (None, 0))
        if asked != key and (step or not self._jobs.has(name)):
            self._start(kind, key, steps)
        of, found = self._known.get(kind, (None, None))
        return found if of is document.key else None

    def _start(self, kind, key, steps, step=0):
        self._asked[kind] = key, step

        def done(found: Histogram):
            self._known[kind] = key[0], found
            if step + 1 < len(steps) and not found.exact:
                self._start(kind, key, steps, step + 1)

        def failed(error):
            self.workspace.told = f"Values cannot be counted: {error}"

        self._jobs.start(f"histogram {kind}", steps[step], done, failed)
