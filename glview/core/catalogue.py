"""Questions about found objects that are answered without a walk over all of them."""

import bisect

import numpy as np

from glview.core.objects import OBJECT

CELL = 128  # pixels: side of the cells of the grid that objects are looked up in


class Catalogue:
    """Objects with an index: those in a window, the best by a measure, the one at a pixel.

    objects: (n,) OBJECT as `find_objects` gives them. shape: (height, width) of the frame.
    The indices are made when they are first needed and kept.
    """

    def __init__(self, objects, shape):
        self.objects, self.shape = objects, tuple(shape)
        self._grid, self._orders = None, {}

    def within(self, box):
        """Numbers of the objects whose box touches `box` (y0, x0, y1, x1), rising: (k,) int64.

        Only the cells of the grid under the box are looked at.
        """
        y0, x0 = max(0, box[0]), max(0, box[1])
        y1, x1 = min(box[2], self.shape[0]), min(box[3], self.shape[1])
        if y0 >= y1 or x0 >= x1:
            return np.empty(0, np.int64)
        pointers, members = self._cells()
        columns = -(-self.shape[1] // CELL)
        left, right = x0 // CELL, (x1 - 1) // CELL
        parts = [members[pointers[row * columns + left] : pointers[row * columns + right + 1]]
                 for row in range(y0 // CELL, (y1 - 1) // CELL + 1)]
        found = np.unique(np.concatenate(parts))
        own = self.objects[found]
        hit = (own["y0"] < y1) & (own["y1"] > y0) & (own["x0"] < x1) & (own["x1"] > x0)
        return found[hit]

    def top(self, count, by="area"):
        """Numbers of the `count` objects of the largest `by`, a column of OBJECT, NaN last.

        Objects of equal value keep their order. The first question about a column sorts it.
        Raises ValueError for a column that there is not.
        """
        if by not in OBJECT.names:
            raise ValueError(f"objects have no {by!r}: use one of {', '.join(OBJECT.names)}")
        if by not in self._orders:
            self._orders[by] = np.argsort(-self.objects[by].astype(np.float64), kind="stable")
        return self._orders[by][:count]

    def _cells(self):
        """(pointers, members): cell c, counted row by row, has members[pointers[c]:pointers[c + 1]]
        of the objects whose boxes touch it."""
        if self._grid is None:
            from glview.core import tablekernels

            boxes = np.stack([self.objects[name] for name in ("y0", "x0", "y1", "x1")], 1)
            grid = tuple(-(-side // CELL) for side in self.shape)
            self._grid = tablekernels.fill_cells(boxes, CELL, grid)
        return self._grid


class Places:
    """Which object a pixel belongs to, by the runs of its row.

    joined, parts: as `Candidates.joined` and `Candidates.parts` give them, of one call.
    """

    def __init__(self, joined, parts):
        self._joined, self._parts = joined, parts
        self._tops = [part.rows[0] for part in parts]
        self._numbers = np.full(len(joined.roots), -1)
        self._numbers[joined.chosen] = np.arange(len(joined.chosen))

    def at(self, y, x):
        """The number of the object at a pixel, its place in `joined.objects`; -1 if there is none.

        A few steps, however many objects there are.
        """
        k = bisect.bisect_right(self._tops, y) - 1
        if k < 0 or y >= self._parts[k].rows[1]:
            return -1
        part = self._parts[k]
        wanted = y - part.rows[0], x
        run = bisect.bisect_right(range(len(part.runs)), wanted,
                                  key=lambda one: tuple(part.runs[one, :2].tolist())) - 1
        if run < 0 or part.runs[run, 0] != wanted[0] or part.runs[run, 2] <= x:
            return -1
        return int(self._numbers[self._joined.roots[self._joined.starts[k] + part.labels[run]]])
