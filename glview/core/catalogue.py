"""Questions about found objects that are answered without a walk over all of them."""

import numpy as np

from glview.core.objects import OBJECT

CELL = 128  # pixels: side of the cells of the grid that objects are looked up in
FIRST = 1024  # objects that are sorted at least, once any are


class Catalogue:
    """Objects with an index: those in a window, the best by a measure, the one at a pixel.

    objects: (n,) OBJECT as `find_objects` gives them, by falling area. shape: (height, width) of
    the frame. places: the Places of these objects, or None.
    The indices are made when they are first needed and kept.
    """

    def __init__(self, objects, shape, places=None):
        self.objects, self.shape, self.places = objects, tuple(shape), places
        self._grid, self._orders = None, {}

    def __len__(self):
        return len(self.objects)

    def at(self, y, x):
        """The number of the object at a pixel, -1 if there is none or the Places are not known."""
        return -1 if self.places is None else int(self.places.at(np.array([[y, x]]))[0])

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

        Objects of equal value keep their order. No more is sorted than was ever asked for, and
        some that come next. Raises ValueError for a column that there is not.
        """
        if by not in OBJECT.names:
            raise ValueError(f"objects have no {by!r}: use one of {', '.join(OBJECT.names)}")
        if by == "area":
            return np.arange(min(count, len(self)))
        known = self._orders.get(by)
        if known is None or len(known) < min(count, len(self)):
            known = self._orders[by] = self._best(max(FIRST, 2 * count), by)
        return known[:count]

    def _best(self, count, by):
        """The same, sorted anew: at least `count` of them."""
        worse = -self.objects[by].astype(np.float64)
        near = np.arange(len(worse))
        if 4 * count < len(worse):
            last = np.partition(worse, count)[count]
            if last == last:
                near = np.flatnonzero(worse <= last)
        return near[np.argsort(worse[near], kind="stable")]

    def place(self, number, by="area"):
        """Where an object stands among `top` of all."""
        values = self.objects[by]
        own = values[number]
        if own != own:
            return int((values == values).sum() + (values[:number] != values[:number]).sum())
        return int((values > own).sum() + (values[:number] == own).sum())

    def alike(self, box):
        """The number of the object whose box is the most like `box` and holds its middle, or -1."""
        from glview.core import tablekernels

        return tablekernels.most_alike(_whole(self.objects), tuple(int(edge) for edge in box))

    def _cells(self):
        """(pointers, members): cell c, counted row by row, has members[pointers[c]:pointers[c + 1]]
        of the objects whose boxes touch it."""
        if self._grid is None:
            from glview.core import tablekernels

            boxes = np.ascontiguousarray(_whole(self.objects)[:, 2:6])
            grid = tuple(-(-side // CELL) for side in self.shape)
            self._grid = tablekernels.fill_cells(boxes, CELL, grid)
        return self._grid


def _whole(objects):
    """(n, 18) int32 view of objects: id, area, y0, x0, y1, x1 and the rest."""
    numbers = np.ascontiguousarray(objects).view(np.int32)
    return numbers.reshape(len(objects), OBJECT.itemsize // 4)


class Order:
    """The numbers of a Catalogue's objects, the best by a column first: `order[place]`.

    Where an array is wanted it is one of all of them; until then only as many are sorted as are
    looked at.
    """

    def __init__(self, catalogue, by):
        self.catalogue, self.by = catalogue, by

    def __len__(self):
        return len(self.catalogue)

    def __getitem__(self, place):
        """The number at a place, or an array of them for a slice; IndexError beyond the last."""
        if isinstance(place, slice):
            wanted = range(len(self))[place]
            known = self.catalogue.top(max(wanted, default=-1) + 1, self.by)
            return known[np.fromiter(wanted, np.int64)]
        place = range(len(self))[place]
        return int(self.catalogue.top(place + 1, self.by)[place])

    def __array__(self, dtype=None, copy=None):
        return np.array(self.catalogue.top(len(self), self.by), dtype)

    def place(self, number):
        """Where an object stands."""
        return self.catalogue.place(number, self.by)


class Places:
    """Which object a pixel belongs to, by the runs of its row.

    joined, parts: as `Candidates.joined` and `Candidates.parts` give them, of one call.
    """

    def __init__(self, joined, parts):
        self._joined, self._parts = joined, parts
        self._tops = [part.rows[0] for part in parts]
        self._names = np.full(len(joined.roots), -1)
        self._names[joined.chosen] = np.arange(len(joined.chosen))

    def at(self, pixels):
        """The numbers of the objects at pixels, their places in `joined.objects`; -1 for none.

        pixels: (n, 2) int64 (y, x). Returns (n,) int64, after a few steps for each, however many
        objects there are.
        """
        from glview.core import tablekernels

        found, joined = np.full(len(pixels), -1), self._joined
        under = np.searchsorted(self._tops, pixels[:, 0], "right") - 1
        for k in np.unique(under[under >= 0]).tolist():
            part, here = self._parts[k], np.flatnonzero(under == k)
            runs = tablekernels.runs_at(part.runs, pixels[here] - (part.rows[0], 0))
            hit = runs >= 0
            found[here[hit]] = self._names[joined.roots[joined.starts[k] + part.labels[runs[hit]]]]
        return found
