"""What a script calls: `glview.find_objects` and `glview.final_mask`, with plain arguments."""

import numpy as np

from glview.core import mask, objects
from glview.core.cancel import Cancelled
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MaskSettings
from glview.core.plane import Plane, bands


def find_objects(confidence, threshold=0.5, dilate=0, image=None, added=None, deleted=None,
                 connectivity=8, *, shape="square", edits=None, progress=None, cancel=None):
    """The objects of a mask, largest first: a structured array.

    confidence: (H, W) real numbers in [0, 1], as an array, a memory map (of either byte order,
        which is not copied if it is C-contiguous float32) or a tiled store: a `Plane`, or anything
        with a shape and a dtype that is sliced as store[y0:y1, x0:x1]. NaN is never masked.
    threshold: number from 0 to 1, a pixel above it is masked; or a MaskSettings, which then says
        the dilation too.
    dilate: radius in pixels, 0 to 16, of the element named by `shape`: "square", "disk" or
        "diamond", which of radius 1 is a cross.
    image: what flux and peak are measured on, (H, W), sliced likewise; None leaves them NaN.
    added, deleted: (H, W) bool, pixels set and cleared by hand after the dilation; where both are,
        deleted counts. edits: both in one, (H, W) uint8, 1 added and 2 deleted, an array or Plane.
    connectivity: 8 or 4.
    progress: called as progress(rows done, rows in all); cancel: asked, and if it answers True the
        work ends; both from several threads.
    Returns (n,) rows with the columns id (from 1), area (pixels), y0, x0, y1, x1 (its box, array
    indices, half-open), cy, cx (centre), flux (sum of the image's values), peak (the largest),
    mean_confidence and max_confidence. Raises ValueError for arguments that do not fit, and
    Cancelled.
    """
    return objects.find_objects(confidence, settings_of(threshold, dilate, shape),
                                edits_of(edits, added, deleted), image, connectivity, cancel,
                                progress)


def final_mask(confidence, threshold=0.5, dilate=0, added=None, deleted=None, *, shape="square",
               edits=None, progress=None, cancel=None):
    """The mask itself: (H, W) bool. Arguments and errors as for `find_objects`."""
    made = mask.FinalMask(confidence, settings_of(threshold, dilate, shape),
                          edits_of(edits, added, deleted))
    out = np.empty(made.shape, bool)
    for y0, y1 in bands(made.shape):
        if cancel is not None and cancel():
            raise Cancelled
        out[y0:y1] = made[y0:y1, :]
        if progress is not None:
            progress(y1, made.shape[0])
    return out


def settings_of(threshold, dilate, shape):
    """The MaskSettings of plain arguments; raises ValueError if the dilation is said twice."""
    if not isinstance(threshold, MaskSettings):
        return MaskSettings(threshold, dilate, shape)
    if dilate or shape != "square":
        raise ValueError("the dilation is in the MaskSettings: give it there, or a plain threshold")
    return threshold


def edits_of(edits, added, deleted):
    """Edits as one plane: `edits` as they are, or those of two masks, or None.

    Raises ValueError if both forms are given, or the masks are of two shapes.
    """
    if added is None and deleted is None:
        return edits
    if edits is not None:
        raise ValueError("edits hold what is added and what is deleted: give them or the two masks")
    masks = [(one, code) for one, code in ((added, EDIT_ADD), (deleted, EDIT_DELETE))
             if one is not None]
    shapes = {tuple(one.shape) for one, _ in masks}
    if len(shapes) != 1 or len(*shapes) != 2:
        raise ValueError(f"added and deleted have the frame's (height, width), not {shapes}")
    plane = Plane(*shapes, np.uint8)

    def rows(y0, y1):
        codes = np.zeros((y1 - y0, plane.shape[1]), np.uint8)
        for one, code in masks:
            codes[np.asarray(one[y0:y1, :]).astype(bool)] = code
        return codes

    plane.fill(rows)
    return plane
