"""A mask's data zoomed out: the largest dilated, edited confidence of every cell of pixels.

What a cell holds is what `core.mask.pooled` says, so the threshold plays no part and dragging it
costs nothing. A block is what one SIZE x SIZE tile of the image becomes.
"""

import math
import threading

import numpy as np

from glview.core.blocks import clipped, over_stripes
from glview.core.mask import pooled
from glview.core.plane import Packed, pack
from glview.core.tiles import SIZE, level_shape, pixels, tile_box

FINEST = 3  # level of the finest cells that are kept
MOST_BYTES = 17 << 20  # of the finest cells that are kept; a larger frame keeps coarser ones
BLOCK = 9  # level at which a block is one cell: SIZE is 2^9
AT_ONCE = 64  # blocks that a thread makes before the next one may have its turn
ADDED = np.float32(2.0)
UNKNOWN = np.float32(-1.0)  # the value of a cell of which nothing is known, as a deleted one's


class Pools:
    """Reduced mask data of one picture, kept from one request to the next.

    Only blocks whose tiles changed, or tiles from which the dilation reaches in, are made again:
    after a stroke a handful, after another dilation all that hold something. Any thread may ask.
    nbytes: memory held.
    """

    def __init__(self, shape):
        self.shape, self.nbytes = tuple(shape), 0
        self.base = FINEST
        while self.base < BLOCK and 4 * math.prod(level_shape(shape, self.base)) > MOST_BYTES:
            self.base += 1
        self._lock = threading.Lock()
        self._levels, self._stamps, self._looks = {}, (None, None), {}
        self._made = self._held = self._data = None

    def tile(self, confidence, settings, edits, stamps, level, ty, tx):
        """The cells of one tile of a level: (h, w) float32.

        confidence, settings, edits: as for `mask.pooled`, edits a Plane. stamps: (of the
        confidence, of the edits), `core.tiles.Stamps` that change after their data do.
        level: from 1 on.
        """
        source = confidence, settings, edits
        if level < self.base:
            cells = self._straight(source, level, ty, tx)
        else:
            with self._lock:
                self._refresh(source, stamps, self._blocks(level, ty, tx))
                y0, x0, y1, x1 = tile_box(self.shape, level, ty, tx)
                if level <= BLOCK:
                    cells = self._levels[level][y0:y1, x0:x1].copy()
                else:
                    up = level - BLOCK
                    cells = self._levels[BLOCK][y0 << up : y1 << up, x0 << up : x1 << up]
                    for axis in (0, 1):
                        steps = range(0, cells.shape[axis], 1 << up)
                        cells = np.maximum.reduceat(cells, steps, axis)
        if confidence is None:
            cells[cells == 0] = UNKNOWN
        return cells

    def _blocks(self, level, ty, tx):
        """(y0, x0, y1, x1): the blocks under a tile."""
        y0, x0, y1, x1 = pixels(self.shape, level, ty, tx)
        return y0 // SIZE, x0 // SIZE, -(-y1 // SIZE), -(-x1 // SIZE)

    def _straight(self, source, level, ty, tx):
        """The cells of a level so fine that none are kept."""
        y0, x0, y1, x1 = tile_box(self.shape, level, ty, tx)
        cells, side = np.zeros((y1 - y0, x1 - x0), np.float32), SIZE >> level
        top, left, bottom, right = self._blocks(level, ty, tx)
        for y in range(top, bottom):
            for x in range(left, right):
                block = block_of(*source, level, y, x)
                if block is not None:
                    y0, x0 = (y - top) * side, (x - left) * side
                    cells[y0 : y0 + block.shape[0], x0 : x0 + block.shape[1]] = block
        return cells

    def _refresh(self, source, stamps, blocks):
        """Make those of the blocks again that are not up to date."""
        self._prepare(source, stamps)
        wanted = self._wanted(source, stamps, blocks)  # before the data: a race makes them again
        y0, x0, y1, x1 = blocks
        made = self._made[y0:y1, x0:x1]
        stale = np.argwhere((made != wanted).any(2)).tolist()

        def make(first):
            for y, x in stale[first : first + AT_ONCE]:
                self._keep(y0 + y, x0 + x, block_of(*source, self.base, y0 + y, x0 + x))

        over_stripes(make, range(0, len(stale), AT_ONCE))
        made[...] = wanted

    def _prepare(self, source, stamps):
        """Forget everything if the stamps are others than before, or the data: what a thread still
        holds of data that were replaced would bear the new ones' stamps."""
        data, self._data = self._data, (source[0], source[2])
        if self._stamps[0] is stamps[0] and self._stamps[1] is stamps[1]:
            if data[0] is not source[0] or data[1] is not source[2]:
                self._made[...] = -1
            return
        self._stamps = tuple(stamps)
        grid = [-(-side // SIZE) for side in self.shape]
        self._made, self._held = np.full((*grid, 3), -1), np.zeros(grid, bool)
        self._levels = {level: np.zeros(level_shape(self.shape, level), np.float32)
                        for level in range(self.base, BLOCK + 1)}
        self.nbytes = sum(cells.nbytes for cells in self._levels.values())

    def _wanted(self, source, stamps, blocks):
        """(h, w, 3): newest stamp from which a block's cells come, that of its edits, the look."""
        confidence, settings, _ = source
        reach = 1 if settings.dilation else 0
        grid = self._held.shape
        (top, bottom), (left, right) = (clipped(blocks[k], blocks[k + 2], reach, grid[k])
                                        for k in (0, 1))
        newest = np.array([[stamps[0].at(0, y, x) for x in range(left, right)]
                           for y in range(top, bottom)])
        if reach:
            newest = np.pad(newest, 1, mode="edge")
            newest = np.max([newest[y : y + bottom - top, x : x + right - left]
                             for y in range(3) for x in range(3)], axis=0)
        y0, x0, y1, x1 = blocks
        wanted = np.empty((y1 - y0, x1 - x0, 3), np.int64)
        wanted[..., 0] = newest[y0 - top : y1 - top, x0 - left : x1 - left]
        wanted[..., 1] = [[stamps[1].at(0, y, x) for x in range(x0, x1)] for y in range(y0, y1)]
        look = (settings.widths, confidence is None)
        wanted[..., 2] = self._looks.setdefault(look, len(self._looks))
        return wanted

    def _keep(self, ty, tx, cells):
        """Write a block, None if it is all 0, into every level."""
        from glview.core import planekernels

        if cells is None and not self._held[ty, tx]:
            return
        self._held[ty, tx] = cells is not None
        for level in range(self.base, BLOCK + 1):
            side = SIZE >> level
            rows, columns = slice(ty * side, (ty + 1) * side), slice(tx * side, (tx + 1) * side)
            self._levels[level][rows, columns] = 0 if cells is None else cells
            if cells is not None and level < BLOCK:
                cells = planekernels.halve(cells)


def block_of(confidence, settings, edits, level, ty, tx):
    """The cells of one tile of the image, as `mask.pooled` has them; None if all are 0.

    edits: a Plane. Where the confidence is None, a cell of which nothing is known is 0 here.
    """
    from glview.core import planekernels

    source, box = (confidence, settings, edits), tile_box(edits.shape, 0, ty, tx)
    if isinstance(confidence, np.ndarray):
        return _dense(source, box, level)
    near = [] if confidence is None else _near(confidence, box, settings.dilation)
    hand = edits.tile(ty, tx)
    if not near and hand is None:
        return None
    cells = np.zeros(level_shape((box[2] - box[0], box[3] - box[1]), level), np.float32)
    widths = np.array(settings.widths, np.int64)
    for tile, place in near:
        if not (isinstance(tile, Packed)
                and planekernels.raise_cells(tuple(tile), place, widths, level, cells)):
            return _dense(source, box, level)
    if hand is not None:
        hand = hand if isinstance(hand, Packed) else pack(hand)
        deleted = planekernels.raise_edits(tuple(hand), level, ADDED, cells)
        if deleted[2]:
            _pool_again(source, box, deleted, level, cells)
    return cells


def _near(confidence, box, reach):
    """(tile, place in the box) of the tiles from which the dilation reaches into a box."""
    top, bottom = clipped(box[0], box[2], reach, confidence.shape[0])
    left, right = clipped(box[1], box[3], reach, confidence.shape[1])
    return [(tile, (y + top - box[0], x + left - box[1]))
            for tile, (y, x) in confidence.parts((top, left, bottom, right))]


def _dense(source, box, level):
    """The cells of a box, pixel by pixel."""
    cells = pooled(*source, box, 1 << level)
    if source[0] is None:
        cells[cells == UNKNOWN] = 0
    return cells


def _pool_again(source, box, deleted, level, cells):
    """Make the cells round the deleted pixels, a box in the block `box`, pixel by pixel."""
    first = np.array(deleted[:2]) >> level
    last = (np.array(deleted[2:]) - 1 >> level) + 1
    low = np.array(box[:2]) + (first << level)
    high = np.minimum(np.array(box[:2]) + (last << level), box[2:])
    part = _dense(source, (*low.tolist(), *high.tolist()), level)
    cells[first[0] : last[0], first[1] : last[1]] = part
