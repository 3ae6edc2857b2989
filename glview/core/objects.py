"""The objects of a mask: its connected components with box, centre, flux and confidence.

The mask is never made: stripes of rows are thresholded to bits (`core.blocks`), dilated and edited,
and become parts of the table (`core.parts`). So the cost is that of reading the confidence once,
and for the rest follows what is masked, and memory too.
"""

from glview.core.blocks import Arenas, empty, grain, mask_block, mask_rows, over_stripes, stripes
from glview.core.mask import checked
from glview.core.parts import OBJECT, joined, nothing, parts_of
from glview.core.values import Values

__all__ = ["CONNECTIVITIES", "OBJECT", "RANKS", "find_objects"]

RANKS = {"area": "area", "flux": "flux", "confidence": "mean_confidence"}
"""What objects can be ranked by, and the column that holds it."""

CONNECTIVITIES = {8: 1, 4: 0}
"""Connectivity -> how far apart in x two runs of neighbouring rows may be and still touch."""


def find_objects(confidence, settings, edits=None, image=None, connectivity=8, cancel=None,
                 progress=None):
    """The connected components of the final mask, largest first.

    confidence: (H, W) real numbers in [0, 1] or None; settings: MaskSettings; edits: (H, W) uint8
        or None; all as in `mask.mask_state`, arrays or Planes. A C-contiguous float32 array, in
        either byte order, is read where it lies.
    image: None, or anything of shape (H, W) sliced as image[y0:y1, x0:x1] into real numbers (an
        `Image`, an array); it is read only where objects are, perhaps from several threads.
    connectivity: 8 or 4. cancel: callable -> bool, asked between stripes from several threads.
    progress: callable, told (rows done, rows in all) after each stripe, from several threads.
    Returns an array of OBJECT sorted by falling area, then y0, then x0; ids count from 1. How the
    frame is cut into stripes makes no difference.
    Raises ValueError for arrays that do not fit, Cancelled once cancel() is true, or what reading
    the image raises. The inputs are only read.
    """
    confidence, edits, shape = checked(confidence, edits)
    reach, sources = checked_look(confidence, shape, image, connectivity)
    arenas, done = Arenas(), []

    def work(rows):
        with arenas.one() as arena:
            found = stripe_parts((confidence, settings, edits), rows, reach, sources, arena)
        done.append(rows[1] - rows[0])
        if progress is not None:
            progress(sum(done), shape[0])
        return found

    together = grain(confidence, edits)
    cut = stripes((0, shape[0]), shape[1], settings.dilation, together) if shape[1] else []
    parts = [part for found in over_stripes(work, cut, cancel) for part in found]
    return joined(parts, reach).objects


def checked_look(confidence, shape, image, connectivity):
    """(reach, [(column, Values)]): how objects hang together, and what they are measured on.

    Raises ValueError for an image that does not fit and for another connectivity than 8 and 4.
    """
    from glview.core import runs as kernels

    if connectivity not in CONNECTIVITIES:
        raise ValueError(f"connectivity is {connectivity!r}: use 8 or 4")
    if image is not None and tuple(image.shape) != tuple(shape):
        raise ValueError(f"the image is {tuple(image.shape)} and its mask is {tuple(shape)}")
    planes = (kernels.CONFIDENCE, confidence), (kernels.FLUX, image)
    sources = [(column, Values(plane)) for column, plane in planes if plane is not None]
    return CONNECTIVITIES[connectivity], sources


def stripe_parts(mask, rows, reach, sources, arena, keep=False):
    """The Parts of one stripe, see `parts.parts_of`; mask: (confidence, settings, edits)."""
    confidence, settings, edits = mask
    width = (edits if confidence is None else confidence).shape[1]
    box = (rows[0], 0, rows[1], width)
    if empty(confidence, edits, box, settings.dilation):
        return [nothing(rows)]
    block = mask_block(confidence, edits, box, settings, arena)
    bits = mask_rows(block, settings, arena, rows[1] - rows[0])

    def measure(table, runs, labels):
        for column, source in sources:
            source.add(table, column, runs, labels, rows)

    return parts_of(bits, width, rows[0], reach, measure, arena, keep)
