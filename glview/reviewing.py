"""The objects of the final mask: found by a worker whenever the mask changed, ranked, chosen."""

import numpy as np

from glview.core import cutout, objects
from glview.core.view import View
from glview.workspace import Review

FLY_ZOOM = 8.0


class Reviewer:
    """Keeps `document.review` true to the document's mask."""

    def __init__(self, workspace, jobs, thumbnails):
        self.workspace, self._jobs, self._thumbnails = workspace, jobs, thumbnails
        self._asked = None
        self.wishes = {}
        self._scroll = False

    def update(self, document):
        """Start finding objects if the mask is another one than before."""
        self.wishes = {}
        if document is None:
            return
        key = (document.key, *document.mask_key)
        if not document.has_mask:
            document.review = Review(rank=document.review.rank)
            self._asked = None
            return
        # A count under way may finish: it is soon done, and a slider that is dragged would else
        # start and cancel one in every frame.
        if key == self._asked or "objects" in self._jobs.busy:
            return
        self._asked = key
        confidence, settings, edits = (document.detection.confidence, document.mask,
                                       document.edits.plane)

        def work(cancelled):
            return objects.find_objects(confidence, settings, edits, document.image,
                                        cancel=cancelled)

        self._jobs.start("objects", work, lambda found: self._found(document, key, found),
                         lambda error: self.workspace.notify(f"Objects cannot be counted: {error}"))

    def _found(self, document, key, found):
        old = document.review
        review = Review(found, objects.rank(found, old.rank), old.rank, -1,
                        old.selected if old.selected >= 0 else old.place,
                        int(found["area"].sum()), key)
        review.selected = _same(review, _chosen(old))
        document.review = review

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
        chosen = -1 if _chosen(review) is None else review.order[review.selected]
        review.rank, review.place = by, 0
        if review.objects is not None:
            review.order = objects.rank(review.objects, by)
            review.selected = next(iter(np.flatnonzero(review.order == chosen).tolist()), -1)

    def selected(self, document):
        """The selected object's row, or None."""
        return None if document is None else _chosen(document.review)

    def step(self, document, change):
        """Select the next (+1) or the previous (-1) object in the ranking, round and round.

        Where the selected one is gone, deleted by hand say, its neighbours come next.
        """
        review = document.review
        count = 0 if review.objects is None else len(review.objects)
        if count:
            gone = review.selected < 0
            place = review.place + min(change, 0) if gone else review.selected + change
            self.select(document, place % count)

    def select(self, document, place):
        """Select the object at `place` of the ranking and fly there."""
        document.review.selected = place
        chosen = _chosen(document.review)
        zoom = max(self.workspace.view.zoom, FLY_ZOOM)
        span = max(chosen["y1"] - chosen["y0"], chosen["x1"] - chosen["x0"])
        self.workspace.view = View((chosen["y0"] + chosen["y1"]) / 2,
                                   (chosen["x0"] + chosen["x1"]) / 2,
                                   float(min(zoom, max(1.0, 400.0 / max(span, 1)))))
        self.workspace.fit = False
        self.workspace.cursor = int(chosen["cy"] + 0.5), int(chosen["cx"] + 0.5)
        self._scroll = True

    def take_scroll_request(self):
        """True once after a selection that the list of thumbnails should scroll to."""
        asked, self._scroll = self._scroll, False
        return asked

    def thumbnails(self, document, numbers):
        """Texture corners of the objects' pictures, None where a worker still makes one."""
        review, ready = document.review, []
        # Made while a count is under way, a picture would show a newer mask than its stamp says.
        counted = review.key[1:3] == document.mask_key[:2]
        for number in numbers:
            box = tuple(int(review.objects[number][name]) for name in ("y0", "x0", "y1", "x1"))
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


def _chosen(review):
    if review.objects is None or not 0 <= review.selected < len(review.objects):
        return None
    return review.objects[review.order[review.selected]]


def _same(review, chosen):
    """Place in the new ranking of the object that is most like the old one, or -1.

    Its box holds the middle of the old one's box, and of several such boxes it is the most alike.
    """
    if chosen is None or not len(review.objects):
        return -1
    found = review.objects[review.order]
    y, x = (chosen["y0"] + chosen["y1"]) / 2, (chosen["x0"] + chosen["x1"]) / 2
    inside = (found["y0"] <= y) & (y <= found["y1"]) & (found["x0"] <= x) & (x <= found["x1"])
    unlike = sum(np.abs(found[edge] - chosen[edge]) for edge in ("y0", "x0", "y1", "x1"))
    place = int(np.argmin(np.where(inside, unlike, np.iinfo(unlike.dtype).max)))
    return place if inside[place] else -1
