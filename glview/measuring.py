"""How often values occur, counted by workers: of a sample first, and then of all there are."""

from weakref import ref

from glview.core import histogram
from glview.core.histogram import Histogram

BINS = 128
ALL = "histogram all"  # the job that counts all pixels


class Measurer:
    """Keeps one Histogram of each kind for the document on screen.

    A panel asks in every frame it is seen in; what is not seen is not counted.
    counted: the fraction of the pixels that is counted, while they are, else None.
    """

    def __init__(self, workspace, jobs):
        self.workspace, self._jobs = workspace, jobs
        self._known, self._asked = {}, {}
        self._fine = self._counting = None, None  # of which document, and what
        self._share = 0.0

    def pixels(self, document, low, high):
        """The Histogram of the pixel values between about low and high, image units, low < high.

        None until there is one; while another one is counted, the last one of this document.
        """
        pyramid, sample = document.pyramid, document.sample
        if pyramid.scale is None:  # counted in the one pass over the file, if that did not begin
            pyramid.scale = histogram.scale_for(low, high)
        found = self._of_all(document, low, high)
        if found is not None:
            return found
        edges = histogram.edges_between(low, high, BINS)
        key = ref(sample), low, high  # of a closed document nothing is kept
        return self._latest(document, "pixels", key, lambda: [
            lambda cancelled: histogram.of_sorted(sample.values, edges, len(sample.values),
                                                  sample.total)])

    @property
    def counted(self):
        """The fraction of the pixels that is counted, while they are, or None."""
        return self._share if self._jobs.has(ALL) else None

    def _of_all(self, document, low, high):
        """The Histogram of all pixels, or None while they are counted, which this begins."""
        statistics = document.pyramid.statistics
        key, fine = self._fine
        for one in (fine if key is document.key else None, statistics and statistics.fine):
            found = one and one.between(low, high, BINS)
            if found is not None:
                return found
        if statistics is not None:
            self._count(document, low, high)
        return None

    def _count(self, document, low, high):
        """Count all pixels, unless what goes on, or was in vain, would do."""
        key, image = document.key, document.image
        of, under_way = self._counting
        scale = histogram.scale_for(low, high)
        if of is key and (under_way == scale or under_way.serves(low, high, BINS)):
            return
        self._counting, self._share = (key, scale), 0.0

        def told(share):
            self._share = share

        def done(fine):
            self._fine = key, fine

        self._jobs.start(ALL, lambda cancelled: histogram.of_pixels(image, scale, told, cancelled),
                         done, self._failed)

    def confidence(self, document):
        """The Histogram of the confidence where it was searched, or None while there is none."""
        detection, edges = document.detection, histogram.edges_between(0.0, 1.0, BINS)
        confidence = detection.confidence
        if confidence is None:
            return None

        def begin():
            boxes = detection.gaps and detection.gaps.boxes
            return [lambda cancelled, sampled=sampled: histogram.of_confidence(
                confidence, edges, sampled, cancelled, boxes)
                for sampled in ((True,) if detection.running else (True, False))]

        key = detection.stamps.now, detection.running, detection.covered
        return self._latest(document, "confidence", key, begin)

    def areas(self, document):
        """The Histogram of the areas of the objects, or None while they are not counted."""
        found = document.review.objects
        if found is None:
            return None
        return self._latest(document, "areas", document.review.key,
                            lambda: [lambda cancelled: histogram.of_areas(found["area"])])

    def _latest(self, document, kind, key, begin):
        """What is known of a kind; starts the first of the steps if it is of another key.

        begin() gives the steps, which are work for `Jobs`.
        A step under way is waited for, unless it is a later one: a slider that is dragged would
        else start and cancel one in every frame.
        """
        key = document.key, key
        name = f"histogram {kind}"
        asked, step = self._asked.get(kind, (None, 0))
        if asked != key and (step or not self._jobs.has(name)):
            self._start(kind, key, begin())
        of, found = self._known.get(kind, (None, None))
        return found if of is document.key else None

    def _start(self, kind, key, steps, step=0):
        self._asked[kind] = key, step

        def done(found: Histogram):
            self._known[kind] = key[0], found
            if step + 1 < len(steps) and not found.exact:
                self._start(kind, key, steps, step + 1)

        self._jobs.start(f"histogram {kind}", steps[step], done, self._failed)

    def _failed(self, error):
        self.workspace.told = f"Values cannot be counted: {error}"
