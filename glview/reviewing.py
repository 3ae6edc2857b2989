"""The objects of the final mask: counted again in the frame that changed it, ranked, chosen."""

import time

from glview.core import cutout
from glview.core.catalogue import Order
from glview.core.objects import RANKS
from glview.core.view import View
from glview.document import Review

FLY_ZOOM = 8.0
REST = 4.0  # times that a count took: so long the cores are a detection's alone


class Reviewer:
    """Keeps `document.review` true to the document's mask.

    load: load(cancelled) is called by workers first, so that no frame waits for a loop to be
        compiled or loaded, see `compiling`.
    """

    def __init__(self, workspace, jobs, thumbnails, load=lambda cancelled: None):
        self.workspace, self._jobs, self._load = workspace, jobs, load
        self.show_on(thumbnails)
        self._asked = self._counting = self._failed = None
        self._until = 0.0  # when a detection has had the cores for long enough
        self.wishes = {}

    def show_on(self, thumbnails):
        """Draw the objects' pictures on these Thumbnails from now on."""
        self._thumbnails = thumbnails

    def update(self, document):
        """Once a frame, before anything is shown of the objects."""
        self.wishes = {}
        self.follow(document)

    def follow(self, document):
        """Count the objects if the mask is another one than before: at once if that is quick, else
        by a worker, and what was found before stands until then."""
        if document is None:
            return
        if not document.has_mask:
            document.review = Review(rank=document.review.rank, sought=document.review.sought)
            self._asked = None
            return
        key = (document.key, *document.mask_key)
        if self._counting is not document:
            self._jobs.cancel("objects")
        # A count under way may finish: it is soon done, and a slider that is dragged would else
        # start and cancel one in every frame.
        if key == self._asked or "objects" in self._jobs.busy or self._rests(document, key):
            return
        self._asked, self._counting = key, document
        detection, edits, counter = document.detection, document.edits, document.counter
        question = counter.ask(detection.confidence, document.mask, edits.plane,
                               (detection.stamps, edits.stamps))
        counted = counter.at_once(question) if counter.quick(question) else None
        if counted is not None:
            self._found(document, key, counted)
            return

        def work(cancelled):
            self._load(cancelled)
            return counter.count(question, cancelled)

        def failed(error):
            self._failed = key
            self.workspace.notify(f"Objects cannot be counted: {error}", document.image.name)

        self._jobs.start("objects", work, lambda counted: self._found(document, key, counted),
                         failed)

    def failed(self, document):
        """Whether the objects of the mask as it is now could not be counted."""
        return self._failed == (document.key, *document.mask_key)

    def _rests(self, document, key):
        """Whether only tiles of a detection have come, and so soon that they can wait."""
        tiles = self._asked is not None and key[:3] == self._asked[:3]
        return tiles and document.detection.running and time.monotonic() < self._until

    def _found(self, document, key, counted):
        self._until = time.monotonic() + REST * counted.seconds
        old, catalogue = document.review, counted.catalogue
        review = Review(catalogue.objects, catalogue, Order(catalogue, RANKS[old.rank]), old.rank,
                        -1, counted.pixels, key)
        review.selected = _same(review, old.chosen if old.sought is None else old.sought)
        document.review = review

    def at(self, document, y, x):
        """The number of the object at a pixel in `review.objects`, or -1; a few steps."""
        catalogue = None if document is None else document.review.catalogue
        return -1 if catalogue is None else catalogue.at(y, x)

    def within(self, box):
        """The numbers of the current document's objects whose boxes touch `box`, rising."""
        document = self.workspace.document
        catalogue = None if document is None else document.review.catalogue
        return [] if catalogue is None else catalogue.within(box).tolist()

    def suggest(self, document):
        """Look for the threshold that the confidence itself proposes, in a worker."""
        confidence = document.detection.confidence

        def work(cancelled):
            from glview.core.threshold import suggest_threshold

            return suggest_threshold(confidence)

        def done(value):
            if value is None:
                self.workspace.told = "No threshold can be suggested for this confidence"
            elif document.detection.confidence is confidence:
                document.change(threshold=value)
                self.workspace.told = f"Suggested threshold: {value:.3f}"

        self._jobs.start("suggest", work, done, lambda error: self.workspace.notify(
            f"No threshold can be suggested: {error}"))

    def rank(self, document, by):
        """Order the objects by another measure; the selected one stays selected."""
        review = document.review
        if by == review.rank:
            return
        chosen = None if review.chosen is None else review.order[review.selected]
        review.rank = by
        if review.catalogue is not None:
            review.order = Order(review.catalogue, RANKS[by])
            review.selected = -1 if chosen is None else review.order.place(chosen)

    def selected(self, document):
        """The selected object's row, or None."""
        return None if document is None else document.review.chosen

    def select(self, document, place):
        """Select the object at `place` of the ranking and fly there."""
        document.review.selected = place
        chosen = document.review.chosen
        zoom = max(self.workspace.view.zoom, FLY_ZOOM)
        span = max(chosen["y1"] - chosen["y0"], chosen["x1"] - chosen["x0"])
        self.workspace.view = View((chosen["y0"] + chosen["y1"]) / 2,
                                   (chosen["x0"] + chosen["x1"]) / 2,
                                   float(min(zoom, max(1.0, 400.0 / max(span, 1)))))
        self.workspace.fit = False
        self.workspace.cursor = int(chosen["cy"] + 0.5), int(chosen["cx"] + 0.5)

    def pictures(self, document, boxes):
        """Texture corners of pictures of boxes, None where a worker still makes one."""
        review, ready = document.review, []
        # Made while a count is under way, a picture would show a newer mask than its stamp says.
        counted = review.key[1:3] == document.mask_key[:2]
        for box in boxes:
            key = (document.key, "thumbnail", box)
            if counted and self._thumbnails.stamp(key) != review.key:
                self.wishes[key, review.key] = self._maker(document, box)
            ready.append(self._thumbnails.corners(key) if self._thumbnails.has(key) else None)
            self._thumbnails.show(key)
        return ready

    @staticmethod
    def _maker(document, box):
        confidence, settings, edits = (document.detection.confidence, document.mask,
                                       document.edits.plane)
        return lambda: (cutout.cutout(document.image, confidence, settings, edits, box),
                        cutout.shown_cells(box), cutout.inside(document.image.shape, box))


def _same(review, chosen):
    """Place in the new ranking of the object that is most like the old one, or -1."""
    if chosen is None:
        return -1
    number = review.catalogue.alike([chosen[edge] for edge in ("y0", "x0", "y1", "x1")])
    return -1 if number < 0 else review.order.place(number)
