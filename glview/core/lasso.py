"""Outlines drawn by hand, filled: as runs of pixels, and written into a plane of edits.

Coordinates are those of `core.view`: pixel (y, x) covers [y, y + 1) x [x, x + 1).
"""

from itertools import pairwise

import numpy as np

from glview.core.cancel import Cancelled
from glview.core.edits import Patch
from glview.core.tiles import SIZE

WIDE = 8 * SIZE  # pixels of a row that are written at a time


def runs_of(points, shape):
    """The pixels of a frame whose centres lie inside a closed outline, by the even-odd rule.

    points: (n, 2) finite corners (y, x), the last one joined to the first; they may lie outside the
        frame.  shape: (height, width) of the frame.
    Edges belong to the side of larger y and x only, so that outlines that share an edge share no
    pixel and leave none out.
    Returns (m, 3) int64 runs (y, x0, x1), x1 exclusive, in raster order, none empty.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    ends = np.stack([points, np.roll(points, -1, 0)], 1)
    ends = np.where((ends[:, 0, :1] > ends[:, 1, :1])[..., None], ends[:, ::-1], ends)
    (y0, x0), (y1, x1) = ends[:, 0].T, ends[:, 1].T
    first, last = (np.clip(np.ceil(y - 0.5), 0, shape[0]).astype(np.int64) for y in (y0, y1))
    counts = last - first
    edge = np.repeat(np.arange(len(points)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    row = np.arange(len(edge)) - before + first[edge]
    y0, x0, y1, x1 = (value[edge] for value in (y0, x0, y1, x1))
    crossing = x0 + ((row + 0.5 - y0) * (x1 - x0)) / (y1 - y0)
    order = np.lexsort((crossing, row))
    column = np.clip(np.ceil(crossing[order] - 0.5), 0, shape[1]).astype(np.int64)
    runs = np.stack([row[order][::2], column[::2], column[1::2]], 1)
    return runs[runs[:, 1] < runs[:, 2]]


def runs_in(place, inside):
    """The pixels of a box that are inside, as runs like those of `runs_of`.

    place: (y, x) of the first pixel of `inside`, (h, w) bool.
    """
    padded = np.pad(inside, ((0, 0), (1, 1)))
    y, x = np.nonzero(padded[:, 1:] != padded[:, :-1])
    return np.stack([y[::2] + place[0], x[::2] + place[1], x[1::2] + place[1]], 1)


def box_of(runs):
    """(y0, x0, y1, x1): the box round runs, of which there is one at least."""
    return (int(runs[0, 0]), int(runs[:, 1].min()), int(runs[-1, 0]) + 1, int(runs[:, 2].max()))


def size_of(runs):
    """Number of pixels in runs that do not overlap."""
    return int((runs[:, 2] - runs[:, 1]).sum())


def drawn(runs, box):
    """(h, w) bool: the pixels of runs, all of which lie in the box (y0, x0, y1, x1)."""
    made = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
    for y, x0, x1 in (runs - (box[0], box[1], box[1])).tolist():
        made[y, x0:x1] = True
    return made


def patch_of(plane, place, inside, value):
    """The Patch that gives an edit code to pixels of a box, not yet applied; None if all have it.

    plane: Plane of edits.  place: (y, x) of the box's first pixel; inside: (h, w) bool; the pixels
    of the frame alone may be set.  value: an edit code.
    """
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    inside = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = int(place[0] + rows[0]), int(place[1] + columns[0])
    before = plane[y : y + inside.shape[0], x : x + inside.shape[1]]
    after = np.where(inside, np.uint8(value), before)
    return None if np.array_equal(before, after) else Patch(y, x, before, after)


def filled(plane, runs, value, cancel=lambda: False):
    """A copy of a Plane of edits with an edit code in the pixels of runs, made a band at a time.

    runs: as from `runs_of`, inside the plane.  Memory follows what is written, not the frame: one
    byte for a pixel that gets a code, and nothing for one that loses it.
    cancel: asked between two bands.  Raises Cancelled once it says yes.
    Returns None if every pixel has that code already.
    """
    made, changed = plane.copy(), False
    bands = np.searchsorted(runs[:, 0], np.arange(0, plane.shape[0] + SIZE, SIZE))
    for first, last in pairwise(bands.tolist()):
        if cancel():
            raise Cancelled
        for part in _pieces(runs[first:last]):
            box = box_of(part)
            if value or plane.any(box):
                patch = patch_of(plane, box[:2], drawn(part, box), value)
                if patch is not None:
                    made.put(patch.y, patch.x, patch.after)
                    changed = True
    return made if changed else None


def _pieces(band):
    """The runs of a band, cut into parts that are no wider than WIDE."""
    if not len(band):
        return
    low, high = int(band[:, 1].min()), int(band[:, 2].max())
    for left in range(low - low % WIDE, high, WIDE):
        part = band.copy()
        part[:, 1:] = np.clip(part[:, 1:], left, left + WIDE)
        part = part[part[:, 1] < part[:, 2]]
        if len(part):
            yield part
