"""Corrections by hand: a plane of edits over the mask, changed in patches one can take back."""

from dataclasses import dataclass

import numpy as np

from glview.core.mask import EDIT_ADD, EDIT_DELETE
from glview.core.plane import Plane
from glview.core.tiles import Stamps

PIECE = 256  # steps of a line that share a patch: the box round a long diagonal is mostly empty


@dataclass(frozen=True)
class Patch:
    """One change to a box of the plane.  before, after: (h, w) uint8 edit codes, arrays, or Planes
    of the whole frame."""

    y: int
    x: int
    before: np.ndarray | Plane
    after: np.ndarray | Plane


def brush(size):
    """(size, size) bool: the pixels a round brush of diameter `size` >= 1 covers.

    A pixel belongs to it when its centre lies within size / 2 of the brush's centre.
    """
    offset = np.arange(size) - (size - 1) / 2
    return offset[:, None] ** 2 + offset**2 <= (size / 2) ** 2


def line(start, end):
    """(n, 2) int64 pixels (y, x) from `start` to `end`, both included, 8-connected, no gaps."""
    (y0, x0), (y1, x1) = start, end
    steps = max(abs(y1 - y0), abs(x1 - x0))
    along = np.arange(steps + 1) / max(steps, 1)
    ys = np.floor(y0 + along * (y1 - y0) + 0.5)
    xs = np.floor(x0 + along * (x1 - x0) + 0.5)
    return np.stack([ys, xs], 1).astype(np.int64)


class Edits:
    """The user's corrections of one picture.

    plane: Plane of uint8, EDIT_NONE, EDIT_ADD or EDIT_DELETE.  stamps: which tiles changed when.
    revision: grows with each change.  added, deleted: how many pixels hold those codes.
    """

    def __init__(self, shape, array=None):
        """array: (H, W) uint8 edits to begin with, or a Plane of them, which becomes this one's."""
        self.shape = tuple(shape)
        self.plane = Plane(shape, np.uint8) if array is None else as_plane(array)
        self.stamps = Stamps(shape)
        self.added, self.deleted = counted(self.plane)
        if array is not None:
            self.stamps.touch((0, 0, *shape))

    @property
    def any(self):
        """True if any pixel is edited."""
        return self.added + self.deleted > 0

    @property
    def revision(self):
        return self.stamps.now

    def draw(self, start, end, size, value):
        """Draw a straight line of the round brush; returns the patches made, in order.

        start, end: pixels (y, x), which may lie outside the image; value: an edit code.
        """
        corners = line(start, end) - (size - 1) // 2
        corners = corners[((corners > -size) & (corners < self.shape)).all(1)]
        pieces = (corners[first : first + PIECE] for first in range(0, len(corners), PIECE))
        made = [self._dab(piece, brush(size), value) for piece in pieces]
        return tuple(patch for patch in made if patch is not None)

    def cleared(self):
        """The patches that take back every edit, already applied; none if there is none."""
        if not self.any:
            return []
        patch = Patch(0, 0, self.plane.copy(), Plane(self.shape, np.uint8))
        self.put(0, 0, patch.after)
        return [patch]

    def put(self, y, x, values):
        """Write a box of edit codes (a patch's `before` or `after`); a Plane is the whole plane."""
        height, width = values.shape
        if isinstance(values, Plane):
            self.plane = values.copy()
            self.added, self.deleted = counted(values)
        else:
            added, deleted = _counts(values)
            lost_added, lost_deleted = _counts(self.plane[y : y + height, x : x + width])
            self.added += added - lost_added
            self.deleted += deleted - lost_deleted
            self.plane.put(y, x, values)
        self.stamps.touch((y, x, y + height, x + width))

    def _dab(self, corners, shape, value):
        """Draw `shape` at each of the (n, 2) corners, all of which let it touch the image."""
        low = np.maximum(corners.min(0), 0)
        high = np.minimum(corners.max(0) + len(shape), self.shape)
        drawn = np.zeros(high - low, bool)
        for y, x in corners - low:
            _stamp(drawn, shape, y, x)
        return self._change(int(low[0]), int(low[1]), drawn, value)

    def _change(self, y, x, drawn, value):
        before = self.plane[y : y + drawn.shape[0], x : x + drawn.shape[1]]
        after = np.where(drawn, np.uint8(value), before)
        if np.array_equal(before, after):
            return None
        self.put(y, x, after)
        return Patch(y, x, before, after)


def as_plane(edits):
    """A Plane of the (H, W) uint8 edits; one that is a Plane already is itself."""
    return edits if isinstance(edits, Plane) else Plane.from_array(edits)


def counted(plane):
    """(added, deleted): how many pixels of a Plane of edits hold those codes."""
    counts = [_counts(values) for values in plane.values()]
    return tuple(map(sum, zip(*counts, strict=True))) if counts else (0, 0)


def _counts(codes):
    return int(np.count_nonzero(codes == EDIT_ADD)), int(np.count_nonzero(codes == EDIT_DELETE))


def _stamp(drawn, shape, y, x):
    """Set `drawn` where `shape`, its corner at (y, x), covers it; both may overlap in part."""
    size = shape.shape[0]
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(size, drawn.shape[0] - y), min(size, drawn.shape[1] - x)
    if top < bottom and left < right:
        drawn[y + top : y + bottom, x + left : x + right] |= shape[top:bottom, left:right]
