"""The objects of a mask: its connected components with box, centre, flux and confidence.

The mask is never made: stripes of rows are thresholded, dilated and edited straight into runs
(`core.maskkernels`), the runs are joined (`core.runs`), and components that cross a seam between
two stripes are merged at the end. So the cost follows what is masked, and memory too.
"""

import itertools

import numpy as np

from glview.core import blocks
from glview.core.blocks import empty, grain, mask_block, over_stripes, stripes
from glview.core.mask import checked, mask_element
from glview.core.plane import Plane

OBJECT = np.dtype(
    [
        ("id", "i4"),
        ("area", "i4"),
        ("y0", "i4"),
        ("x0", "i4"),
        ("y1", "i4"),
        ("x1", "i4"),
        ("cy", "f8"),
        ("cx", "f8"),
        ("flux", "f8"),
        ("peak", "f8"),
        ("mean_confidence", "f8"),
        ("max_confidence", "f8"),
    ]
)
"""One row for an object. id: 1 for the first of the list. area: pixels. y0, x0, y1, x1: half-open
box. cy, cx: mean position of its pixels, unweighted. flux, peak: sum and maximum of its finite
image values, in the image's unit. mean_confidence, max_confidence: of its finite confidences. The
last four are NaN where there is no such value."""

RANKS = {"area": "area", "flux": "flux", "confidence": "mean_confidence"}
"""What objects can be ranked by, and the column that holds it."""

CONNECTIVITIES = {8: 1, 4: 0}
"""Connectivity -> how far apart in x two runs of neighbouring rows may be and still touch."""

CELL = 512  # columns: runs of a band that begin in the same cell of them are read as one box
ROW_COST, BOX_COST = 1 << 13, 1 << 15
"""Pixels that could be read in the time it takes to begin with another row, or another box."""


def find_objects(confidence, settings, edits=None, image=None, connectivity=8, cancel=None):
    """The connected components of the final mask, largest first.

    confidence: (H, W) real numbers in [0, 1] or None; settings: MaskSettings; edits: (H, W) uint8
        or None; all as in `mask.mask_state`, arrays or Planes.
    image: None, or anything of shape (H, W) sliced as image[y0:y1, x0:x1] into real numbers (an
        `Image`, an array); it is read only where objects are, perhaps from several threads.
    connectivity: 8 or 4. cancel: callable -> bool, asked between stripes from several threads.
    Returns an array of OBJECT sorted by falling area, then y0, then x0; ids count from 1.
    Raises ValueError for arrays that do not fit, Cancelled once cancel() is true, or what reading
    the image raises. The inputs are only read.
    """
    confidence, edits, shape = checked(confidence, edits)
    if connectivity not in CONNECTIVITIES:
        raise ValueError(f"connectivity is {connectivity!r}: use 8 or 4")
    if image is not None and tuple(image.shape) != shape:
        raise ValueError(f"the image is {tuple(image.shape)} and its mask is {shape}")
    reach = CONNECTIVITIES[connectivity]

    def work(rows):
        return _stripe(confidence, edits, settings, image, (rows, shape[1], reach))

    together = grain(confidence, edits)
    parts = stripes((0, shape[0]), shape[1], settings.dilation, together) if shape[1] else []
    return _catalogue(_joined(over_stripes(work, parts, cancel), reach))


def rank(objects, by):
    """Indices that put objects in order, best first: the largest value of RANKS[by], NaN last.

    objects: (n,) OBJECT. Objects of equal value keep their order. Returns (n,) int64.
    Raises ValueError for an unknown `by`.
    """
    if by not in RANKS:
        raise ValueError(f"objects are not ranked by {by!r}: use one of {', '.join(RANKS)}")
    return np.argsort(-objects[RANKS[by]].astype(np.float64), kind="stable")


def _stripe(confidence, edits, settings, image, place):
    """(table, first row's (runs, labels), last row's): the components of one stripe."""
    from glview.core import maskkernels
    from glview.core import runs as kernels

    (y0, y1), width, reach = place
    if empty(confidence, edits, (y0, 0, y1, width), settings.dilation):
        nothing = np.empty((0, 3), np.int32), np.empty(0, np.int32)
        return kernels.empty_table(0), nothing, nothing
    block = mask_block(confidence, edits, (y0, 0, y1, width), settings)
    found = maskkernels.mask_runs(block, mask_element(settings), y1 - y0)
    labels, count = kernels.label_runs(found, reach)
    table = kernels.shape_table(found, labels, count, y0)
    if count and confidence is not None:
        if isinstance(confidence, Plane):
            values = confidence.take((y0, y1), found).astype(np.float64)
        else:
            rows, _, lead, _ = block
            values = _values(rows[lead : lead + y1 - y0], found)
        kernels.add_plane(table, kernels.CONFIDENCE, values, found, labels)
    if count and image is not None:
        values = _image_values(image, found, y0)
        kernels.add_plane(table, kernels.FLUX, values, found, labels)
    head = np.searchsorted(found[:, 0], 1)
    tail = np.searchsorted(found[:, 0], y1 - y0 - 1)
    return (
        table,
        (found[:head].copy(), labels[:head].copy()),
        (found[tail:].copy(), labels[tail:].copy()),
    )


def _values(rows, found):
    """(pixels,) float64 values of the runs' pixels in `rows`, (h, w), which starts at y = 0."""
    from glview.core import runs as kernels

    places = kernels.pixel_places(found, rows.shape[1])
    with np.errstate(invalid="ignore"):
        return np.asarray(rows).reshape(-1)[places].astype(np.float64)


def _image_values(image, found, y0):
    """(pixels,) float64 values of the runs' pixels; `y0`: the image's row where they count from 0.

    The image is read in bands of about STRIPE_PIXELS pixels.
    """
    height = max(1, blocks.STRIPE_PIXELS // image.shape[1])
    cuts = np.searchsorted(found[:, 0], np.arange(found[0, 0], found[-1, 0] + height, height))
    parts = [_band_values(image, found[a:b], y0)
             for a, b in itertools.pairwise([*cuts.tolist(), len(found)]) if a < b]
    return np.concatenate(parts)


def _band_values(image, found, y0):
    """The same for one band: box by box where that reads less, else in whole rows."""
    from glview.core import runs as kernels

    first, last = int(found[0, 0]), int(found[-1, 0]) + 1
    boxes, owners = kernels.run_boxes(found, image.shape[1], CELL)
    heights, widths = (boxes[:, 2:] - boxes[:, :2]).T
    cost = (heights * (widths + ROW_COST) + BOX_COST).sum()
    if cost >= (last - first) * (image.shape[1] + ROW_COST):
        rows = image[y0 + first : y0 + last, 0 : image.shape[1]]
        return _values(rows, found - np.array([first, 0, 0], np.int32))
    starts = np.append(0, np.cumsum(found[:, 2] - found[:, 1])).astype(np.int32)
    values = np.empty(starts[-1])
    order = np.argsort(owners, kind="stable")
    cuts = np.searchsorted(owners[order], np.arange(len(boxes) + 1))
    for (top, left, bottom, right), a, b in zip(boxes.tolist(), cuts[:-1], cuts[1:], strict=True):
        own = order[a:b]
        part = _values(image[y0 + top : y0 + bottom, left:right],
                       found[own] - np.array([top, left, left], np.int32))
        spans = np.stack([np.zeros(len(own), np.int32), starts[own], starts[own + 1]], 1)
        values[kernels.pixel_places(spans, 0)] = part
    return values


def _joined(parts, reach):
    """One table of all stripes' components, those that touch across a seam made one."""
    from glview.core import runs as kernels

    if not parts:
        return kernels.empty_table(0)
    starts = np.cumsum([0] + [len(table) for table, _, _ in parts])
    pairs = [np.empty((0, 2), np.int64)]
    for k in range(len(parts) - 1):
        (above, above_labels), (below, below_labels) = parts[k][2], parts[k + 1][1]
        seam = kernels.seam_pairs(above, below, reach)
        upper = starts[k] + above_labels[seam[:, 0]]
        lower = starts[k + 1] + below_labels[seam[:, 1]]
        pairs.append(np.stack([upper, lower], axis=1))
    groups, count = kernels.merge(starts[-1], np.concatenate(pairs))
    return kernels.fold(np.concatenate([part[0] for part in parts]), groups, count)


def _catalogue(table):
    """The sorted (n,) OBJECT array of a table."""
    from glview.core import runs as kernels

    area, top, left = table[:, kernels.AREA], table[:, kernels.TOP], table[:, kernels.LEFT]
    table = table[np.lexsort((left, top, -area))]
    objects = np.empty(len(table), OBJECT)
    objects["id"] = np.arange(1, len(table) + 1)
    area = table[:, kernels.AREA]
    objects["area"] = np.minimum(area, np.iinfo(np.int32).max)
    objects["y0"], objects["x0"] = table[:, kernels.TOP], table[:, kernels.LEFT]
    objects["y1"], objects["x1"] = table[:, kernels.BOTTOM], table[:, kernels.RIGHT]
    objects["cy"] = table[:, kernels.SUM_Y] / area
    objects["cx"] = table[:, kernels.SUM_X] / area
    count, total, peak = table[:, kernels.FLUX : kernels.FLUX + 3].T
    objects["flux"] = np.where(count > 0, total, np.nan)
    objects["peak"] = np.where(count > 0, peak, np.nan)
    count, total, peak = table[:, kernels.CONFIDENCE : kernels.CONFIDENCE + 3].T
    objects["mean_confidence"] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    objects["max_confidence"] = np.where(count > 0, peak, np.nan)
    return objects
