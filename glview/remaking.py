"""What a saved mask was made of, remade from what was saved of it.

saved: a files.load.SavedMask or StoredMask.  cancel: callable -> bool, asked between bands.
"""

import math
from dataclasses import replace

import numpy as np

from glview.core import plane
from glview.core.cancel import Cancelled
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE, FinalMask, final_mask
from glview.core.plane import Plane


def confidence_of(saved, rows, cancel):
    """The confidence in [0, 1] of a saved mask, NaN kept where there is room for it.

    rows: rows(y0, y1) gives rows of it.  Returns an array, or a Plane for a large frame.
    """
    if math.prod(saved.shape) <= plane.DENSE_PIXELS:
        return _in_range(rows(0, saved.shape[0]))
    confidence = Plane(saved.shape, np.float32, plane.FLOOR)
    confidence.fill(lambda y0, y1: _in_range(rows(y0, y1)), cancel)
    return confidence


def found_rows(saved, settings, y0, y1):
    """Rows y0..y1 of a model's mask before it was grown, as far as mask and edits tell: bool.

    All from which growing reaches no pixel that was neither masked nor changed by hand, but for
    what reaches only pixels that were added; grown again, it gives the saved mask exactly.
    """
    reach = settings.dilation
    top, bottom = max(0, y0 - reach), min(saved.shape[0], y1 + reach)
    found = may_be = saved.mask_rows(top, bottom)
    if saved.edits is not None:
        edits = saved.edits_rows(top, bottom)
        found = np.where(edits == EDIT_NONE, found, edits == EDIT_DELETE)
        may_be = may_be | (edits != EDIT_NONE)
    if reach:
        grown = replace(settings, threshold=0.5)
        found = ~final_mask(~may_be, grown) & final_mask(found, grown)
    return found[y0 - top : y1 - top]


def _in_range(values):
    """Another program's confidence may lie outside [0, 1]; NaN stays."""
    values = values.astype(np.float32, copy=False)
    if values.min() >= 0 and values.max() <= 1:  # False for NaN, too
        return values
    return np.clip(values, 0.0, 1.0)


def mended(saved, made, cancel=None):
    """The edits, with what they lack to give the saved mask; None if there are none.

    made: (confidence or None, MaskSettings, edits, a Plane, or None).
    """
    shown, edits = FinalMask(*made), made[2]
    for y0, y1 in plane.bands(saved.shape):
        if cancel is not None and cancel():
            raise Cancelled
        found = saved.mask_rows(y0, y1)
        differs = shown[y0:y1, :] != found
        if differs.any():
            edits = Plane(saved.shape, np.uint8) if edits is None else edits
            rows = edits[y0:y1, :]
            rows[differs] = np.where(found[differs], EDIT_ADD, EDIT_DELETE)
            edits.put(y0, 0, rows)
    return edits
