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
        self._last = None
        self.wishes = {}
        self._scroll = False

    def update(self, document):
        """Start finding objects if the mask is another one than before."""
        self.wishes = {}
        if document is None:
            return
        key = (id(document), *document.mask_key)
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
                                       document.edits.array)

        def work(cancelled):
            return objects.find_objects(confidence, settings, edits, document.image,
                                        cancel=cancelled)

        self._jobs.start("objects", work, lambda found: self._found(document, key, found),
                         lambda error: self.workspace.notify(f"Objects cannot be counted: {error}"))

    def _found(self, document, key, found):
        old = document.review
        document.review = Review(found, objects.rank(found, old.rank), old.rank, -1,
                                 int(found["area"].sum()), key)
        if old.selected >= 0:
            document.review.selected = _same(document.review, _chosen(old))

    def rank(self, document, by):
        """Order the objects by another measure; the selected one stays selected."""
        review = document.review
        if by == review.rank:
            return
        chosen = _chosen(review)
        review.rank = by
        if review.objects is not None:
            review.order = objects.rank(review.objects, by)
            review.selected = -1 if chosen is None else _same(review, chosen)

    def selected(self, document):
        """The selected object's row, or None."""
        return None if document is None else _chosen(document.review)

    def step(self, document, change):
        """Select the next (+1) or the previous (-1) object in the ranking."""
        review = document.review
        count = 0 if review.objects is None else len(review.objects)
        if count:
            start = review.selected if review.selected >= 0 else (-1 if change > 0 else 0)
            self.select(document, (start + change) % count)

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
        self._scroll = True

    def take_scroll_request(self):
        """True once after a selection that the list of thumbnails should scroll to."""
        asked, self._scroll = self._scroll, False
        return asked

    def thumbnails(self, document, numbers):
        """Texture corners of the objects' pictures, None where a worker still makes one."""
        review, ready = document.review, []
        for number in numbers:
            box = tuple(int(review.objects[number][name]) for name in ("y0", "x0", "y1", "x1"))
            key = (id(document), "thumbnail", box)
            if self._thumbnails.stamp(key) != review.key:
                self.wishes[key, review.key] = self._maker(document, box)
            ready.append(self._thumbnails.corners(key) if self._thumbnails.has(key) else None)
            self._thumbnails.show(key)
        return ready

    @staticmethod
    def _maker(document, box):
        confidence, settings, edits = (document.detection.confidence, document.mask,
                                       document.edits.array)
        return lambda: (cutout.cutout(document.image, confidence, settings, edits, box),
                        cutout.shown_cells(box), cutout.inside(document.image.shape, box))


def _chosen(review):
    if review.objects is None or not 0 <= review.selected < len(review.objects):
        return None
    return review.objects[review.order[review.selected]]


def _same(review, chosen):
    """Place in the new ranking of the object that covers the old one's middle, or -1."""
    if chosen is None:
        return -1
    found = review.objects
    y, x = (chosen["y0"] + chosen["y1"]) / 2, (chosen["x0"] + chosen["x1"]) / 2
    inside = (found["y0"] <= y) & (y <= found["y1"]) & (found["x0"] <= x) & (x <= found["x1"])
    places = np.flatnonzero(inside[review.order])
    return int(places[0]) if len(places) else -1
