"""The values of a plane at the pixels of runs: of an array, a memory map, a Plane or an image.

Runs are (n, 3) int32 rows (y, x0, x1) that count y from the first of `rows`, a range (y0, y1) of
rows of the plane.
"""

import itertools

import numpy as np

from glview.core.blocks import is_swapped, words32
from glview.core.plane import Plane

CELL = 512  # columns: runs of a band that begin in the same cell of them are read as one box
BAND_PIXELS = 1 << 21  # of an image that are read at a time
ROW_COST, BOX_COST = 1 << 13, 1 << 15
"""Pixels that could be read in the time it takes to begin with another row, or another box."""


class Values:
    """What objects are measured on.

    plane: (H, W) array of real numbers, Plane, or anything of a shape that is sliced as
    plane[y0:y1, x0:x1] into real numbers (an `Image`). Of an array nothing is copied that is
    C-contiguous float32, in either byte order; of what is sliced only what lies under runs is read.
    """

    def __init__(self, plane):
        self.plane = np.asarray(plane) if isinstance(plane, np.ndarray) else plane
        self._words = words32(self.plane) if isinstance(plane, np.ndarray) else None

    def add(self, table, first, found, labels, rows):
        """Measure the runs: fill the columns from `first` on of their components' table."""
        from glview.core import runs as kernels

        if self._words is None:
            source = self.at(found, rows), kernels.pixel_starts(found)
            kernels.add_values(table, first, source, found.view(np.uint32), labels)
        else:
            source = self._words[rows[0] : rows[1]], is_swapped(self.plane)
            kernels.add_rows(table, first, source, found.view(np.uint32), labels)

    def at(self, found, rows):
        """(pixels,) float64 values of the runs' pixels, in their order."""
        if not len(found):
            return np.empty(0)
        if isinstance(self.plane, Plane):
            return self.plane.take(rows, found).astype(np.float64)
        if isinstance(self.plane, np.ndarray):
            return _values(self.plane[rows[0] : rows[1]], found)
        return _read(self.plane, found, rows[0])


def _values(rows, found):
    """(pixels,) float64 values of the runs' pixels in `rows`, (h, w), which starts at y = 0."""
    from glview.core import runs as kernels

    rows = np.asarray(rows)
    places = kernels.pixel_places(found, rows.shape[1])
    with np.errstate(invalid="ignore"):
        if rows.flags.c_contiguous:
            return rows.reshape(-1)[places].astype(np.float64)
        return rows[np.divmod(places, rows.shape[1])].astype(np.float64)


def _read(image, found, y0):
    """(pixels,) float64 values of the runs' pixels; `y0`: the image's row where they count from 0.

    The image is read in bands of about BAND_PIXELS pixels.
    """
    height = max(1, BAND_PIXELS // image.shape[1])
    cuts = np.searchsorted(found[:, 0], np.arange(found[0, 0], found[-1, 0] + height, height))
    parts = [_read_band(image, found[a:b], y0)
             for a, b in itertools.pairwise([*cuts.tolist(), len(found)]) if a < b]
    return np.concatenate(parts)


def _read_band(image, found, y0):
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
