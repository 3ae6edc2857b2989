"""The pick tool: one click adds the bright object there, or takes the masked one there out."""

import math
from typing import NamedTuple

import numpy as np

from glview.core.blocks import box_round
from glview.core.cancel import Cancelled
from glview.core.lasso import box_of, runs_in
from glview.core.mask import EDIT_ADD, EDIT_DELETE, FinalMask
from glview.core.outline import outline_of
from glview.tools.region import fill

RADII = (64, 256)  # pixels read round a click, more where the object goes on beyond
MASK_RADII = (64, 512, 4096)  # the same of the mask, which costs no reading
REACH = 3.0  # screen pixels round a click in which the peak is looked for
FARTHEST = 12  # image pixels of that, zoomed out


class Picked(NamedTuple):
    """The pixels of an object as runs, see `core.lasso`, and the lines round it, see
    `core.outline`."""

    runs: np.ndarray
    lines: np.ndarray


class TooLargeError(Exception):
    """What was clicked has no end near the click."""


def reach_at(zoom):
    """How far from the click, in image pixels, a peak may lie at `zoom` screen pixels a pixel."""
    return min(max(1, math.ceil(REACH / zoom)), FARTHEST)


def bright(image, pixel, reach, cancel=lambda: False):
    """The bright object of an Image at `pixel` (y, x), for a worker.

    Returns Picked, or None where nothing stands out; raises TooLargeError, Cancelled once cancel()
    is true, or what reading raises.
    """
    from glview.core.flood import object_at

    for radius in RADII:
        if cancel():
            raise Cancelled
        box = box_round(pixel, radius, image.shape)
        values = image.read32(box[0], box[2], box[1], box[3])
        found = object_at(values, (pixel[0] - box[0], pixel[1] - box[1]), reach,
                          _open(box, image.shape))
        if found is None:
            return None
        if not found.cut:
            return _picked(box, found.inside)
    raise TooLargeError(f"what stands out here is wider than {RADII[-1]} pixels: draw it by hand")


def masked(mask, pixel, cancel=lambda: False):
    """The object of a FinalMask at `pixel` (y, x), for a worker.

    Returns Picked, or None where nothing is masked; raises TooLargeError, Cancelled as `bright`.
    """
    from glview.core.flood import connected, goes_on

    for radius in MASK_RADII:
        if cancel():
            raise Cancelled
        box = y0, x0, y1, x1 = box_round(pixel, radius, mask.shape)
        found = connected(mask[y0:y1, x0:x1], (pixel[0] - y0, pixel[1] - x0))
        if not found.any():
            return None
        if not goes_on(found, _open(box, mask.shape)):
            return _picked(box, found)
    raise TooLargeError(f"the object here is wider than {MASK_RADII[-1]:,} pixels: use the lasso")


def _open(box, shape):
    """Whether the frame goes on beyond the first row, first column, last row, last column."""
    return box[0] > 0, box[1] > 0, box[2] < shape[0], box[3] < shape[1]


def _picked(box, inside):
    """Picked of the pixels `inside`, (h, w) bool, of a box: one at least."""
    runs = runs_in(box[:2], inside)
    y0, x0, y1, x1 = box_of(runs)
    cut = inside[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1]]
    return Picked(runs, outline_of((y0, x0), cut))


class Pick:
    """Clicks under way, and what the next click would take: `shown`, a Picked or None; `removes`:
    it would be taken out of the mask."""

    def __init__(self):
        self._clicks, self._key = 0, None
        self.shown, self.removes = None, False

    def click(self, document, pixel, reach, remove, jobs, tell):
        """Take the object at `pixel` (y, x) into the mask, or out of it; one step of the history.

        It is looked for in a worker; tell: takes a sentence on what came of it.
        """
        value = EDIT_DELETE if remove else EDIT_ADD
        nothing = "No object of the mask is here" if remove else "Nothing stands out here"

        def done(found):
            if found is None:
                tell(nothing)
            else:
                fill(document, found.runs, value, jobs, tell)

        def failed(error):
            words = str(error)
            tell(words[:1].upper() + words[1:])

        self._clicks += 1  # each is a job of its own: a quick second click must not undo the first
        jobs.start(f"pick {self._clicks}", _search(document, pixel, reach, remove), done, failed)

    def look(self, document, pixel, reach, remove, jobs):
        """Find out what a click at `pixel` would take, for `shown`; until that is known the last
        one is shown, if it is of this document."""
        key = (document.key, pixel, reach, remove, document.mask_key if remove else None)
        if key == self._key:
            return
        if self._key is None or self._key[0] is not document.key:
            self.shown = None
        self._key = key

        def done(found):
            if key == self._key:
                self.shown, self.removes = found, remove

        jobs.start("pickable", _search(document, pixel, reach, remove), done,
                   lambda error: done(None))

    def forget(self):
        """The mouse is elsewhere: show nothing."""
        self._key = self.shown = None


def _search(document, pixel, reach, remove):
    """The work of a worker: what is at `pixel`, as it is now."""
    if remove:
        mask = FinalMask(document.detection.confidence, document.mask, document.edits.plane.copy())
        return lambda cancelled: masked(mask, pixel, cancelled)
    image = document.image
    return lambda cancelled: bright(image, pixel, reach, cancelled)
