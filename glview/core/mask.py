"""From confidence to the final mask: threshold, dilation and the user's edits.

The rule, the same here, in the kernels, in the shader and in the saved file:

1. model: `confidence > threshold`, strictly, both as float32; NaN confidence is never masked;
2. dilation: every pixel within the element around a model pixel is masked too;
3. edits: an added pixel is masked and a deleted one is not, whatever the two steps above say.

Arrays are (height, width), pixels (y, x), boxes half-open (y0, x0, y1, x1).
"""

import math
from dataclasses import dataclass

import numpy as np

from glview.core import blocks
from glview.core.blocks import (
    WORD,
    Arenas,
    clipped,
    confidence_rows,
    dilated_rows,
    empty,
    grain,
    holds,
    mask_block,
    over_stripes,
    stripes,
)
from glview.core.plane import Plane

NONE, MODEL, DILATED, ADDED, DELETED = 0, 1, 2, 3, 4
"""Why a mask bit is (not) set; the bit is 1 for MODEL, DILATED and ADDED."""

EDIT_NONE, EDIT_ADD, EDIT_DELETE = 0, 1, 2
"""Values of the edits plane (uint8)."""

SHAPES = ("square", "disk", "diamond")
MAX_DILATION = 16

STATES = np.array([NONE, MODEL, DILATED, ADDED, DELETED], np.uint8)
MASKED = np.array([0, 1, 1, 1, 0], np.uint8)


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
        NaN is never masked; or a Plane of float32; or None before any detection, then only the
        edits count.
    settings: MaskSettings. edits: (H, W) uint8 of EDIT_NONE, EDIT_ADD, EDIT_DELETE, as an array or
        a Plane, or None.
    box: (y0, x0, y1, x1) inside the frame, or None for all of it. What lies outside the box but
        within the dilation's reach counts.
    Returns (y1 - y0, x1 - x0) uint8 of NONE, MODEL, DILATED, ADDED or DELETED; an edited pixel is
    ADDED or DELETED whatever the model says. The inputs are only read.
    Raises ValueError if the arrays do not fit each other or the box is not in the frame.
    """
    confidence, edits, shape = checked(confidence, edits)
    return _filled(confidence, settings, edits, checked_box(box, shape), STATES)


def final_mask(confidence, settings, edits=None):
    """The final mask of the whole frame: (H, W) bool, True where the pixel is masked.

    Arguments and errors as for `mask_state`; True is its MODEL, DILATED and ADDED.
    """
    confidence, edits, shape = checked(confidence, edits)
    return _filled(confidence, settings, edits, checked_box(None, shape), MASKED).view(bool)


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
    confidence, edits, shape = checked(confidence, edits)
    box = checked_box(box, shape)
    if not isinstance(factor, int | np.integer) or factor < 1:
        raise ValueError(f"pooling factor is {factor!r}: give a whole number from 1")
    y0, x0, y1, x1 = box
    out = np.empty((-(-(y1 - y0) // factor), -(-(x1 - x0) // factor)), np.float32)
    cells = max(1, blocks.STRIPE_PIXELS // (factor * max(1, x1 - x0)))
    for first in range(0, len(out) if out.size else 0, cells):
        top = y0 + first * factor
        part = (top, x0, min(top + cells * factor, y1), x1)
        _pool(confidence, settings, edits, part, factor, out[first : first + cells])
    return out


def _pool(confidence, settings, edits, box, factor, out):
    """Fill `out` with the cells of one stripe."""
    from glview.core import poolkernels

    y0, x0, y1, x1 = box
    left, right = x0, x1
    rows, lead = np.empty((0, x1 - x0), np.float32), 0
    if confidence is not None:
        plain = isinstance(confidence, np.ndarray) and confidence.flags.c_contiguous
        width = confidence.shape[1]
        whole = plain and confidence.dtype == np.float32  # nothing is copied, so take whole rows
        left, right = (0, width) if whole else clipped(x0, x1, settings.dilation, width)
        rows, lead = confidence_rows(confidence, (y0, left, y1, right), settings.dilation)
    hand = np.empty((0, x1 - x0), np.uint8)
    if edits is not None and holds(edits, box):
        hand = np.ascontiguousarray(edits[y0:y1, x0:x1])
    place = (lead, x0 - left, y1 - y0, x1 - x0)
    poolkernels.pool(rows, place, hand, np.array(settings.widths, np.int64), factor, out)


class FinalMask:
    """The final mask of a frame, made row by row where it is asked for.

    confidence, settings, edits: as for `mask_state`, with its errors. shape: (height, width);
    dtype: bool.
    """

    dtype, ndim = np.dtype(bool), 2

    def __init__(self, confidence, settings, edits=None):
        self.confidence, self.edits, self.shape = checked(confidence, edits)
        self.settings = settings

    def __getitem__(self, key):
        """`mask[y0:y1, x0:x1]`: a bool array, clipped as numpy does; IndexError for a step."""
        rows, columns = (range(side)[one] for side, one in zip(self.shape, key, strict=True))
        if rows.step != 1 or columns.step != 1:
            raise IndexError("a FinalMask is sliced with step 1; slice the result instead")
        box = (rows.start, columns.start, max(rows.start, rows.stop),
               max(columns.start, columns.stop))
        return _filled(self.confidence, self.settings, self.edits, box, MASKED).view(bool)

    def any(self, box):
        """False if certainly no pixel of a box is masked, as `Plane.any`."""
        return not empty(self.confidence, self.edits, box, self.settings.dilation)


def _filled(confidence, settings, edits, box, names):
    """(h, w) uint8 of names[state] for a box, by stripes of rows; names[NONE] is 0."""
    from glview.core import maskkernels

    y0, x0, y1, x1 = box
    reach = settings.dilation
    width = (edits if confidence is None else confidence).shape[1]
    left, right = clipped(x0, x1, reach, width)
    left -= left % WORD
    out, arenas = np.zeros((y1 - y0, right - left), np.uint8), Arenas()

    def fill(rows):
        part = (rows[0], left, rows[1], right)
        if empty(confidence, edits, part, reach):
            return
        with arenas.one() as arena:
            block = mask_block(confidence, edits, part, settings, arena)
            dilated = dilated_rows(block, settings, arena, rows[1] - rows[0])
            target = out[rows[0] - y0 : rows[1] - y0]
            maskkernels.mask_codes(block.bits, block.lead, dilated, block.edits, names, target)

    if y0 < y1 and x0 < x1:
        over_stripes(fill, stripes((y0, y1), right - left, reach, grain(confidence, edits)))
    return np.ascontiguousarray(out[:, x0 - left : x1 - left])


def checked(confidence, edits):
    """(confidence, edits, shape), arrays or Planes; raises ValueError if they are no mask's two."""
    if confidence is None and edits is None:
        raise ValueError("there is no mask without a confidence map and without edits: give one")
    if confidence is not None:
        confidence = confidence if is_store(confidence) else np.asarray(confidence)
        if confidence.ndim != 2 or confidence.dtype.kind not in "biuf":
            what = f"{confidence.ndim}-D {confidence.dtype}"
            raise ValueError(f"the confidence is {what}: give a (height, width) array of numbers")
    if edits is not None:
        edits = edits if isinstance(edits, Plane) else np.asarray(edits)
        if edits.ndim != 2 or edits.dtype != np.uint8:
            what = f"{edits.ndim}-D {edits.dtype}"
            raise ValueError(f"the edits are {what}: give a (height, width) array of uint8")
        if confidence is not None and confidence.shape != edits.shape:
            raise ValueError(
                f"the edits are {edits.shape} and the confidence is {confidence.shape}: "
                "both must have the frame's (height, width)"
            )
    return confidence, edits, (edits if confidence is None else confidence).shape


def is_store(plane):
    """Whether a plane is sliced where it is needed: a Plane, or tiles of another kind; no array."""
    return not isinstance(plane, np.ndarray) and all(
        hasattr(plane, name) for name in ("shape", "dtype", "ndim", "__getitem__"))


def checked_box(box, shape):
    """The box as four ints, the whole frame for None; raises ValueError if it is not inside."""
    if box is None:
        return (0, 0, *shape)
    y0, x0, y1, x1 = (int(edge) for edge in box)
    if not (0 <= y0 <= y1 <= shape[0] and 0 <= x0 <= x1 <= shape[1]):
        raise ValueError(f"box {tuple(box)} is not (y0, x0, y1, x1) inside a frame of {shape}")
    return y0, x0, y1, x1
