"""From confidence to the final mask: threshold, dilation and the user's edits.

The rule, the same here, in the kernels, in the shader and in the saved file:

1. model: `confidence > threshold`, strictly, both as float32; NaN confidence is never masked;
2. dilation: every pixel within the element around a model pixel is masked too;
3. edits: an added pixel is masked and a deleted one is not, whatever the two steps above say.

Arrays are (height, width), pixels (y, x), boxes half-open (y0, x0, y1, x1).
"""

import math
import os
from dataclasses import dataclass

import numpy as np

from glview.core.cancel import Cancelled

NONE, MODEL, DILATED, ADDED, DELETED = 0, 1, 2, 3, 4
"""Why a mask bit is (not) set; the bit is 1 for MODEL, DILATED and ADDED."""

EDIT_NONE, EDIT_ADD, EDIT_DELETE = 0, 1, 2
"""Values of the edits plane (uint8)."""

SHAPES = ("square", "disk", "diamond")
MAX_DILATION = 16

STRIPE_PIXELS = 1 << 21
"""Pixels a thread takes at a time: enough to hide the call, few enough to share out and cancel."""


@dataclass(frozen=True)
class MaskSettings:
    """What turns a confidence map into a mask, apart from the edits.

    threshold: in [0, 1]; a pixel above it (strictly, as float32) is a model pixel.
    dilation: radius of the element in pixels, 0 to MAX_DILATION; 0 leaves the mask as it is.
    shape: one of SHAPES.
    Raises ValueError for any other value.
    """

    threshold: float = 0.5
    dilation: int = 0
    shape: str = "square"

    def __post_init__(self):
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold is {self.threshold!r}: give a number from 0 to 1")
        half_widths(self.shape, self.dilation)

    @property
    def limit(self):
        """The threshold as every comparison uses it: rounded to float32."""
        return np.float32(self.threshold)

    @property
    def widths(self):
        """Half-widths of the element at |dy| = 0..dilation."""
        return half_widths(self.shape, self.dilation)


def half_widths(shape, radius):
    """Half-widths of the structuring element at |dy| = 0..radius, in pixels.

    The element holds (dy, dx) with |dx| <= half_widths[|dy|]: square max(|dy|, |dx|) <= r, disk
    dy^2 + dx^2 <= r^2, diamond |dy| + |dx| <= r.
    Raises ValueError for an unknown shape or a radius that is no integer from 0 to MAX_DILATION.
    """
    if shape not in SHAPES:
        raise ValueError(f"unknown dilation shape {shape!r}: use one of {', '.join(SHAPES)}")
    if not isinstance(radius, int | np.integer) or not 0 <= radius <= MAX_DILATION:
        raise ValueError(f"dilation is {radius!r}: give a whole number from 0 to {MAX_DILATION}")
    radius = int(radius)
    rows = range(radius + 1)
    if shape == "square":
        return (radius,) * (radius + 1)
    if shape == "disk":
        return tuple(math.isqrt(radius * radius - dy * dy) for dy in rows)
    return tuple(radius - dy for dy in rows)


def mask_state(confidence, settings, edits=None, box=None):
    """Why each pixel of a box is masked or not.

    confidence: (H, W) real numbers in [0, 1] (float32 is used as it is, others are rounded to it),
        NaN is never masked; or None before any detection, then only the edits count.
    settings: MaskSettings. edits: (H, W) uint8 of EDIT_NONE, EDIT_ADD, EDIT_DELETE, or None.
    box: (y0, x0, y1, x1) inside the frame, or None for all of it. What lies outside the box but
        within the dilation's reach counts.
    Returns (y1 - y0, x1 - x0) uint8 of NONE, MODEL, DILATED, ADDED or DELETED; an edited pixel is
    ADDED or DELETED whatever the model says. The inputs are only read.
    Raises ValueError if the arrays do not fit each other or the box is not in the frame.
    """
    confidence, edits, shape = checked(confidence, edits)
    box = checked_box(box, shape)
    codes = np.array([NONE, MODEL, DILATED, ADDED, DELETED], np.uint8)
    return _filled(confidence, settings, edits, box, codes)


def final_mask(confidence, settings, edits=None):
    """The final mask of the whole frame: (H, W) bool, True where the pixel is masked.

    Arguments and errors as for `mask_state`; True is its MODEL, DILATED and ADDED.
    """
    confidence, edits, shape = checked(confidence, edits)
    codes = np.array([0, 1, 1, 1, 0], np.uint8)
    return _filled(confidence, settings, edits, checked_box(None, shape), codes).view(bool)


def pooled(confidence, settings, edits, box, factor):
    """The largest dilated, edited confidence of every factor x factor cell of a box.

    A cell holds the maximum over its pixels of: 2 if added, -1 if deleted, else the maximum filter
    of the confidence over the dilation's element (-1 where no confidence is known). So for every
    threshold t from 0 to 1, `pooled > t` says whether the cell holds a pixel of the final mask;
    the threshold in `settings` plays no part.

    confidence, settings, edits, box: as for `mask_state`. factor: cell size in pixels, >= 1; the
    cells start at the box's corner and the last ones may be cut.
    Returns (ceil(h / factor), ceil(w / factor)) float32 without NaN. Raises ValueError likewise.
    """
    from glview.core import poolkernels

    confidence, edits, shape = checked(confidence, edits)
    box = checked_box(box, shape)
    if not isinstance(factor, int | np.integer) or factor < 1:
        raise ValueError(f"pooling factor is {factor!r}: give a whole number from 1")
    y0, x0, y1, x1 = box
    out = np.empty((-(-(y1 - y0) // factor), -(-(x1 - x0) // factor)), np.float32)
    if out.size:
        plain = confidence is not None and confidence.flags.c_contiguous
        plain = plain and confidence.dtype == np.float32
        left, right = (0, shape[1]) if plain else clipped(x0, x1, settings.dilation, shape[1])
        rows, lead, _ = mask_block(confidence, None, (y0, left, y1, right), settings.dilation)
        place = (lead, x0 - left, y1 - y0, x1 - x0)
        widths = np.array(settings.widths, np.int64)
        poolkernels.pool(rows, place, edits_of(edits, box), widths, factor, out)
    return out


def _filled(confidence, settings, edits, box, codes):
    """(h, w) uint8 of codes[state] for a box, by stripes of rows."""
    from glview.core import maskkernels

    y0, x0, y1, x1 = box
    reach = settings.dilation
    width = (edits if confidence is None else confidence).shape[1]
    left, right = clipped(x0, x1, reach, width)
    out = np.zeros((y1 - y0, right - left), np.uint8)

    def fill(rows):
        part = (rows[0], left, rows[1], right)
        block = mask_block(confidence, edits, part, reach)
        target = out[rows[0] - y0 : rows[1] - y0]
        maskkernels.mask_codes(block, mask_element(settings), codes, target)

    if out.size:
        over_stripes(fill, stripes((y0, y1), right - left, reach))
    return np.ascontiguousarray(out[:, x0 - left : x1 - left])


def mask_element(settings):
    """(limit, widths): the float32 threshold and the int64 half-widths, for the kernels."""
    return settings.limit, np.array(settings.widths, np.int64)


def mask_block(confidence, edits, box, reach):
    """(confidence, lead, edits) of a box for the kernels; copies only what has another layout.

    The confidence has `reach` more rows on either side, where the frame has them, and `lead` is the
    row of it where the box begins; no confidence is (0, w), no edits are (0, w).
    """
    y0, x0, y1, x1 = box
    if confidence is None:
        return np.empty((0, x1 - x0), np.float32), 0, edits_of(edits, box)
    top, bottom = clipped(y0, y1, reach, confidence.shape[0])
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.ascontiguousarray(confidence[top:bottom, x0:x1], np.float32)
    return rows, y0 - top, edits_of(edits, box)


def edits_of(edits, box):
    """C-contiguous (h, w) uint8 edits of a box; (0, w) for none."""
    y0, x0, y1, x1 = box
    if edits is None:
        return np.empty((0, x1 - x0), np.uint8)
    return np.ascontiguousarray(edits[y0:y1, x0:x1])


def clipped(first, last, reach, size):
    """The half-open range first..last grown by `reach` at both ends, inside 0..size."""
    return max(0, first - reach), min(size, last + reach)


def checked(confidence, edits):
    """(confidence, edits, shape) as arrays; raises ValueError if they are no mask's two planes."""
    if confidence is None and edits is None:
        raise ValueError("there is no mask without a confidence map and without edits: give one")
    if confidence is not None:
        confidence = np.asarray(confidence)
        if confidence.ndim != 2 or confidence.dtype.kind not in "biuf":
            what = f"{confidence.ndim}-D {confidence.dtype}"
            raise ValueError(f"the confidence is {what}: give a (height, width) array of numbers")
    if edits is not None:
        edits = np.asarray(edits)
        if edits.ndim != 2 or edits.dtype != np.uint8:
            what = f"{edits.ndim}-D {edits.dtype}"
            raise ValueError(f"the edits are {what}: give a (height, width) array of uint8")
        if confidence is not None and confidence.shape != edits.shape:
            raise ValueError(
                f"the edits are {edits.shape} and the confidence is {confidence.shape}: "
                "both must have the frame's (height, width)"
            )
    return confidence, edits, (edits if confidence is None else confidence).shape


def checked_box(box, shape):
    """The box as four ints, the whole frame for None; raises ValueError if it is not inside."""
    if box is None:
        return (0, 0, *shape)
    y0, x0, y1, x1 = (int(edge) for edge in box)
    if not (0 <= y0 <= y1 <= shape[0] and 0 <= x0 <= x1 <= shape[1]):
        raise ValueError(f"box {tuple(box)} is not (y0, x0, y1, x1) inside a frame of {shape}")
    return y0, x0, y1, x1


def stripes(rows, width, reach):
    """The row range (y0, y1) as ranges of about STRIPE_PIXELS pixels, in order.

    A stripe packs its margin of `reach` rows again, so it is never thinner than many of them.
    """
    height = max(1, 16 * reach, STRIPE_PIXELS // max(1, width))
    return [(y, min(y + height, rows[1])) for y in range(*rows, height)]


def over_stripes(work, parts, cancel=None):
    """[work(part) for part in parts], on a thread a core where there are several parts.

    cancel: callable -> bool or None; asked before every part, perhaps from several threads.
    Raises Cancelled once it says yes, and whatever `work` raises; the parts left are not begun.
    """

    def polled(part):
        if cancel is not None and cancel():
            raise Cancelled
        return work(part)

    threads = min(len(parts), os.cpu_count() or 1)
    if threads <= 1:
        return [polled(part) for part in parts]
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(threads, "stripes") as pool:
        jobs = [pool.submit(polled, part) for part in parts]
        wait(jobs, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
        return [job.result() for job in jobs]
