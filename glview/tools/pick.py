"""The pick tool: one click adds the bright object there, or takes the masked one there out."""

import math
from typing import NamedTuple

import numpy as np

from glview.core.mask import DELETED, EDIT_ADD, EDIT_DELETE, NONE, mask_state
from glview.tools.region import write

RADII = (64, 256)  # pixels read round a click, more where the object goes on beyond
MASK_RADII = (64, 512, 4096)  # the same of the mask, which costs no reading
REACH = 3.0  # screen pixels round a click in which the peak is looked for
FARTHEST = 12  # image pixels of that, zoomed out


class Picked(NamedTuple):
    """place: (y, x) of the box's first pixel; inside: (h, w) bool, the object."""

    place: tuple[int, int]
    inside: np.ndarray


class TooLargeError(Exception):
    """What was clicked has no end near the click."""


def reach_at(zoom):
    """How far from the click, in image pixels, a peak may lie at `zoom` screen pixels a pixel."""
    return min(max(1, math.ceil(REACH / zoom)), FARTHEST)


def bright(image, pixel, reach):
    """The bright object of an Image at `pixel` (y, x), for a worker.

    Returns Picked, or None where nothing stands out; raises TooLargeError, or what reading raises.
    """
    from glview.core.flood import object_at

    for radius in RADII:
        box = _box(pixel, radius, image.shape)
        edges = box[0] > 0, box[1] > 0, box[2] < image.shape[0], box[3] < image.shape[1]
        values = image.read32(box[0], box[2], box[1], box[3])
        found = object_at(values, (pixel[0] - box[0], pixel[1] - box[1]), reach, edges)
        if found is None:
            return None
        if not found.cut:
            return Picked(box[:2], found.inside)
    raise TooLargeError(f"what stands out here is wider than {RADII[-1]} pixels: draw it by hand")


def masked(confidence, settings, edits, pixel):
    """The object of the final mask at `pixel`, for a worker; arguments as for `mask.mask_state`.

    Returns Picked, or None where nothing is masked; raises TooLargeError.
    """
    from glview.core.flood import connected, goes_on

    shape = edits.shape
    for radius in MASK_RADII:
        box = _box(pixel, radius, shape)
        state = mask_state(confidence, settings, edits, box)
        found = connected((state != NONE) & (state != DELETED),
                          (pixel[0] - box[0], pixel[1] - box[1]))
        if not found.any():
            return None
        if not goes_on(found, (box[0] > 0, box[1] > 0, box[2] < shape[0], box[3] < shape[1])):
            return Picked(box[:2], found)
    raise TooLargeError(f"the object here is wider than {MASK_RADII[-1]:,} pixels: use the lasso")


class Pick:
    """Clicks under way, and what the next click would take (`shown`, a Picked or None)."""

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
                write(document, *found, value, tell)

        self._clicks += 1  # each is a job of its own: a quick second click must not undo the first
        jobs.start(f"pick {self._clicks}", _search(document, pixel, reach, remove), done,
                   lambda error: tell(str(error).capitalize()))

    def look(self, document, pixel, reach, remove, jobs):
        """Find out what a click at `pixel` would take, for `shown`."""
        key = (document.key, pixel, reach, remove, document.mask_key if remove else None)
        if key == self._key:
            return
        self._key, self.removes = key, remove

        def done(found):
            if key == self._key:
                self.shown = found

        jobs.start("pickable", _search(document, pixel, reach, remove), done,
                   lambda error: done(None))

    def forget(self):
        """The mouse is elsewhere: show nothing."""
        self._key = self.shown = None


def _search(document, pixel, reach, remove):
    """The work of a worker: what is at `pixel`, as it is now."""
    if not remove:
        return lambda cancelled: bright(document.image, pixel, reach)
    now = document.detection.confidence, document.mask, document.edits.plane.copy()
    return lambda cancelled: masked(*now, pixel)


def _box(pixel, radius, shape):
    """(y0, x0, y1, x1) round a pixel, cut at the frame's edges."""
    y, x = pixel
    return (max(0, y - radius), max(0, x - radius),
            min(shape[0], y + radius + 1), min(shape[1], x + radius + 1))
