"""The part of a document that the panes show, as a box of cells of one pyramid level."""

from dataclasses import dataclass

import numpy as np

from glview.core import tiles
from glview.core.pyramid import RAW_LEVELS
from glview.core.view import level_for

GRAIN = 128  # buffers grow in steps of this many cells, so that panning does not make new ones


@dataclass(frozen=True)
class Region:
    """level: of the pyramid; box: (y0, x0, y1, x1) cells drawn; shape: (h, w) of the level."""

    level: int
    box: tuple[int, int, int, int]
    shape: tuple[int, int]

    @property
    def size(self):
        """(width, height) in cells."""
        return self.box[3] - self.box[1], self.box[2] - self.box[0]

    @property
    def extent(self):
        """(x0, y0, x1, y1) of the image in the region's cells."""
        y0, x0 = self.box[:2]
        return (max(0, -x0), max(0, -y0), min(self.shape[1], self.box[3]) - x0,
                min(self.shape[0], self.box[2]) - y0)


@dataclass(frozen=True)
class Cells:
    """One kind of cells of a region, for the panes.

    version: equal versions, equal content.  texture: of the region.  join: the program that joins
    those under a screen pixel, see `panes.Shrink`; uniforms: (name, value) pairs it takes.
    """

    version: tuple
    texture: object
    join: str
    uniforms: tuple = ()


def region_for(document, windows, most, largest):
    """The smallest Region that all panes need.

    It is of a coarser level where the memory does not hold that one, where it had more than `most`
    tiles, or where its buffer had a side of more than `largest` cells, which the driver cannot
    make.
    """
    top = tiles.levels(document.image.shape) - 1
    level = _kept(document, level_for(windows[0].zoom), top)
    while True:
        region = _at_level(document, windows, level)
        fits = all(buffer_side(side) <= largest for side in region.size)
        if level == top or (fits and len(tiles.visible(region.shape, 0, region.box)) <= most):
            return region
        level = _kept(document, level + 1, top)


def _kept(document, level, top):
    """The next level from `level` on that there is: a small memory keeps the coarse ones alone."""
    if RAW_LEVELS <= level:
        level = max(level, document.pyramid.level)
    return min(level, top)


def buffer_side(cells):
    """The side of a buffer for so many cells."""
    return -(-cells // GRAIN) * GRAIN


def room_for(document, windows, largest):
    """(width, height) of a buffer that holds the regions of all zooms, where levels are kept."""
    size = 2 * (np.max([window.size for window in windows], 0) + 2 + document.mask.dilation)
    height, width = np.minimum(size, document.image.shape).tolist()
    return min(buffer_side(width), largest), min(buffer_side(height), largest)


def _at_level(document, windows, level):
    """What the panes need of a level, with the margin that dilation needs."""
    boxes = np.array([window.box for window in windows]) / (1 << level)
    margin = 1 + (document.mask.dilation if level == 0 else 0)
    low = np.floor(boxes[:, :2].min(0)).astype(int) - margin
    high = np.ceil(boxes[:, 2:].max(0)).astype(int) + margin
    bounds = tiles.level_shape(document.image.shape, level)
    low = np.clip(low, 0, np.array(bounds) - 1)
    high = np.clip(high, low + 1, bounds)
    return Region(level, (*low.tolist(), *high.tolist()), bounds)


def newest_around(stamps, level, ty, tx):
    """The newest stamp of a tile and its neighbours, from which dilation reaches into it."""
    rows, columns = (-(-n // tiles.SIZE) for n in tiles.level_shape(stamps.shape, level))
    return max(stamps.at(level, y, x)
               for y in range(max(0, ty - 1), min(rows, ty + 2))
               for x in range(max(0, tx - 1), min(columns, tx + 2)))
