"""The list of objects that the table, the thumbnails and the keys N and P go through: sorted and
filtered, with what was said of each; also those that were rejected, which no mask holds now."""

from dataclasses import replace

import numpy as np

from glview import judging
from glview.core import listing, verdicts
from glview.core.candidates import Candidates
from glview.core.catalogue import Places
from glview.core.history import Together, Verdict
from glview.core.listing import Rules
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MaskSettings
from glview.core.objects import OBJECT
from glview.core.plane import Plane
from glview.core.verdicts import REJECTED
from glview.core.view import View

BRIGHT = 0.999  # share of the frame's pixels that are darker than what counts as bright
FLY_ZOOM, FLY_PIXELS = 8.0, 400.0  # screen pixels a pixel; screen pixels that an object may fill
NO_OBJECTS = np.empty(0, OBJECT)


class Listing:
    """One list, for the document on screen.

    sort: (column, falling) and rules: listing.Rules, both for every file.
    rows: (n,) OBJECT: the objects of the mask, then those that were rejected;
    codes: (n,) places in verdicts.STATES; order: the rows that are shown, in order; reviewed: (how
    many were judged, of how many); selected: a row or -1; place: where in the order it is, or was;
    flights: how often another one was selected, for panels that scroll to it.
    """

    def __init__(self, workspace, jobs, reviewer):
        self.workspace, self._reviewer = workspace, reviewer
        self.sort, self.rules = ("area", True), Rules()
        self.rows, self.codes = NO_OBJECTS, np.empty(0, np.uint8)
        self.order, self.reviewed = np.empty(0, np.int64), (0, 0)
        self.selected, self.place, self.flights = -1, 0, 0
        self._rejected = Latest(jobs, "rejected", lambda error: workspace.notify(
            f"Rejected objects cannot be shown: {error}"))
        self._bright = Latest(jobs, "bright", lambda error: workspace.notify(
            f"Bright pixels cannot be looked for: {error}"))
        self._pixels, self._picked, self._known, self._left = [], None, {}, None
        self._held = self._review = self._wanted = None

    def update(self, document):
        """Bring the list up to date with the document, after the reviewer; quick if it is."""
        objects = None if document is None else document.review.objects
        if objects is None:  # nothing is counted yet
            self.rows, self.codes, self.order = NO_OBJECTS, self.codes[:0], self.order[:0]
            self.reviewed, self.selected, self._pixels = (0, 0), -1, []
            return
        (codes, gone, self.reviewed), said = self._judged(document, objects)
        if gone:
            key = document.key, document.edits.revision, gone
            self._rejected.ask(key, lambda: deleting(document, gone))
        (self.rows, self.codes, self._pixels), rows = self._of(
            "rows", (said, self._rejected.key),
            lambda: _together(objects, codes, *self._deleted(document, gone)))
        bright = self._near_bright(document, objects) if self.rules.bright else None
        falling, order = self._of("order", (rows, self.sort), lambda: listing.ordered(
            self.rows, self.codes, *self.sort, len(objects)))
        seen = document.seen if self.rules.in_view else None
        self.order, _ = self._of("shown", (order, self.rules, seen, self._bright.key), lambda: (
            falling[self._shown(document, seen, bright)[falling]]))
        self._find_selected(document)
        number = -1 if self._wanted is None else self._reviewer.at(document, *self._wanted)
        if number >= 0:
            self.select(document, number)
        elif document.review.key == (document.key, *document.mask_key):
            self._wanted = None  # it is counted, and there is none

    def _of(self, name, key, make):
        """(what was made for the key, its name for other keys); made again only for another key."""
        if self._known.get(name, (None,))[0] != key:
            self._known[name] = key, make(), object()
        return self._known[name][1:]

    def _judged(self, document, objects):
        """((codes, rejected pixels that are in no object, how far the review is), its name)."""

        def make():
            said, places = document.verdicts, document.review.catalogue.places
            codes, gone = verdicts.judged(said, places.at, len(objects))
            rejected = tuple(pixel for pixel in gone if said[pixel] == REJECTED)
            return codes, rejected, verdicts.progress(codes, rejected)

        return self._of("codes", (document.key, document.review.key, dict(document.verdicts)), make)

    def _deleted(self, document, gone):
        """(pixels, rows) of objects that were rejected, as far as a worker has found them."""
        known = self._rejected.key
        if not known or known[0] is not document.key:
            return [], NO_OBJECTS
        pixels, rows = self._rejected.value
        wanted = set(gone)
        still = [place for place, pixel in enumerate(pixels) if pixel in wanted]
        return [pixels[place] for place in still], rows[still]

    def _near_bright(self, document, objects):
        """(n,) bool: objects with something bright near, or None until a worker has found them."""
        key = document.key, document.review.key
        self._bright.ask(key, lambda: looking(document, objects))
        return self._bright.value if self._bright.key == key else None

    def _shown(self, document, seen, bright):
        if bright is not None:  # of those rejected it is not known
            bright = np.append(bright, np.zeros(len(self.rows) - len(bright), bool))
        return listing.shown(self.rows, self.codes, self.rules, document.image.shape, seen, bright)

    @property
    def rejected(self):
        """How many were rejected and are in the mask no longer."""
        return self.reviewed[1] - (len(self.rows) - len(self._pixels))

    # which one is selected

    def _find_selected(self, document):
        chosen, before = self._reviewer.selected(document), self.selected
        if chosen is None and self._held is not None:
            number = self._reviewer.at(document, *self._held)
            if number >= 0:
                document.review.selected = document.review.order.place(number)
                chosen = self._reviewer.selected(document)
        if chosen is not None:
            self.selected, self._picked = int(chosen["id"]) - 1, None
        else:
            first = len(self.rows) - len(self._pixels)
            self.selected = (first + self._pixels.index(self._picked)
                             if self._picked in self._pixels else -1)
        if document.review is self._review and self.selected not in (before, -1):
            self.flights, self._left = self.flights + 1, None  # the mouse chose it in a picture
        self._review = document.review
        self._find_place()

    def _find_place(self):
        places = np.flatnonzero(self.order == self.selected)
        self.place = int(places[0]) if len(places) else min(self.place, len(self.order))

    def is_gone(self, number):
        """True for a row of an object that was rejected and is in the mask no longer."""
        return number >= len(self.rows) - len(self._pixels)

    def select(self, document, number):
        """Select a row and fly there; where only what is in view is shown, the view stays."""
        view, fit = self.workspace.view, self.workspace.fit
        self.selected, self.flights, review = number, self.flights + 1, document.review
        self._left = self._held = self._wanted = None
        self._find_place()
        if self.is_gone(number):
            review.selected = -1
            self._picked = self._pixels[number - len(self.rows) + len(self._pixels)]
            self._fly(self.rows[number])
        else:
            self._reviewer.select(document, review.order.place(number))
        if self.rules.in_view:
            self.workspace.view, self.workspace.fit = view, fit

    def _fly(self, row):
        middle = (row["y0"] + row["y1"]) / 2, (row["x0"] + row["x1"]) / 2
        span = max(row["y1"] - row["y0"], row["x1"] - row["x0"], 1)
        zoom = min(max(self.workspace.view.zoom, FLY_ZOOM), max(1.0, FLY_PIXELS / span))
        self.workspace.view, self.workspace.fit = View(*map(float, middle), float(zoom)), False
        self.workspace.cursor = int(row["cy"] + 0.5), int(row["cx"] + 0.5)

    def went_back(self, step):
        """A step was taken back: if it judged an object, that is selected once it is counted."""
        steps = step.steps if isinstance(step, Together) else (step,)
        self._wanted = next((change[:2] for one in steps if isinstance(one, Verdict)
                             for change in one.changes), None)

    def step(self, document, change):
        """Select the next (+1) or the previous (-1) row of those shown, round and round."""
        count, start = len(self.order), self._start
        if count:
            here = start < count and self.order[start] == self.selected >= 0
            place = start + change if here else start + min(change, 0)
            self.select(document, int(self.order[place % count]))

    def hold(self, pixel):
        """The selected object gets another shape, and perhaps another place: it is the one at a
        pixel (y, x) then, and the next is still what came after it until now."""
        self._held, self._left = pixel, self.place if self._left is None else self._left

    @property
    def _start(self):
        """The place that what comes next is counted from."""
        if self._left is None:
            return self.place
        return self._left + (self.place < self._left)

    def unreviewed(self):
        """The next row of those shown that was not judged, but for the selected one; or -1."""
        turned = np.roll(self.order, -self._start)
        left = turned[(self.codes[turned] == 0) & (turned != self.selected)]
        return int(left[0]) if len(left) else -1

    def go(self, document, text):
        """Fly to what is meant: an object by its number, or a position "x, y" in FITS pixels.

        Returns a sentence if there is no such thing, or "".
        """
        try:
            numbers = [float(word) for word in text.replace(",", " ").split()]
        except ValueError:
            numbers = [np.nan]
        if len(numbers) > 2 or not np.isfinite(numbers).all():
            return f"{text.strip()} is neither an object's number nor a position x, y"
        if len(numbers) == 2:
            return self._go_to(document, *numbers)
        found = np.flatnonzero(np.isin(self.rows["id"], numbers))
        if numbers and not len(found):
            return f"There is no object {text.strip()}"
        if numbers:
            self.select(document, int(found[0]))
        return ""

    def _go_to(self, document, x, y):
        """Fly to a FITS position, and select the object there or none."""
        (height, width), place = document.image.shape, View(y - 0.5, x - 0.5)
        kept = place.inside((height, width))
        pixel = min(int(kept.y), height - 1), min(int(kept.x), width - 1)
        number = self._reviewer.at(document, *pixel)
        if number >= 0:
            self.select(document, number)
        else:
            document.review.selected, self._picked, self._held = -1, None, None
        zoom = max(self.workspace.view.zoom, FLY_ZOOM)
        self.workspace.view, self.workspace.fit = replace(kept, zoom=zoom), False
        self.workspace.cursor = pixel
        if kept == place:
            return ""
        return (f"{x:g}, {y:g} lies off the frame; the nearest pixel is "
                f"{pixel[1] + 1}, {pixel[0] + 1}")


class Latest:
    """What a worker made last, `value`, and of what, `key`; None and None before the first time."""

    def __init__(self, jobs, name, failed):
        self._jobs, self._name, self._failed = jobs, name, failed
        self._asked = self.key = self.value = None

    def ask(self, key, begin):
        """Let a worker do it, unless it was or is being done; begin() gives work for `Jobs`."""
        if key != self._asked and not self._jobs.has(self._name):
            self._asked = key
            self._jobs.start(self._name, begin(), lambda value: self._keep(key, value),
                             self._failed)

    def _keep(self, key, value):
        self.key, self.value = key, value


def _together(objects, codes, pixels, rejected):
    """(rows, codes, pixels): the objects, and after them those that were rejected; each has the
    number of its place by area, so that no object gets another one if its like is rejected."""
    if not pixels:
        return objects, codes, pixels
    code, rows = verdicts.STATES.index(REJECTED), np.concatenate([objects, rejected])
    rows["id"][listing.merged(rows, len(objects))] = np.arange(1, len(rows) + 1)
    return rows, np.append(codes, np.full(len(rejected), code, np.uint8)), pixels


def looking(document, objects):
    """Work for `Jobs` that finds objects near bright pixels, as the document is now."""
    look, image = judging.look_at(document), document.image
    limit = float(np.nanquantile(document.sample.values, BRIGHT))
    return lambda cancelled: listing.near_bright(objects, image, look.masked, limit,
                                                 cancel=cancelled)


def deleting(document, pixels):
    """Work for `Jobs` that finds the objects that were deleted by hand at some pixels.

    It returns (pixels, rows): those pixels at which something was deleted, and (n,) OBJECT of it,
    with the confidence at the pixel as the largest one.
    """
    look, image = judging.look_at(document), document.image

    def work(cancelled):
        plane = Plane(look.shape, np.uint8)
        for (y, x), tile in look.edits.held():
            plane.put(y, x, (tile == EDIT_DELETE).astype(np.uint8) * EDIT_ADD)
        made = Candidates(None, image, cancel=cancelled, shape=look.shape)
        joined = made.joined(MaskSettings(), plane, cancel=cancelled)
        numbers = Places(joined, made.parts).at(verdicts.pixels_of(pixels))
        there = [pixels[place] for place in np.flatnonzero(numbers >= 0).tolist()]
        found = joined.objects[numbers[numbers >= 0]]
        if look.confidence is not None:
            found["max_confidence"] = [look.confidence[pixel] for pixel in there]
        return there, found

    return work
