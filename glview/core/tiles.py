"""The grid of tiles that an image is cut into at each level of its pyramid."""

import numpy as np

SIZE = 512


def levels(shape):
    """Number of levels until the whole image (height, width) fits one tile; at least 1."""
    count = 1
    while max(shape) > SIZE << (count - 1):
        count += 1
    return count


def level_shape(shape, level):
    """(height, width) in cells of `level`; a cell at an odd edge covers what is left."""
    return -(-shape[0] >> level), -(-shape[1] >> level)


def tile_box(shape, level, ty, tx):
    """(y0, x0, y1, x1) of a tile in cells of its level, cut at the image's edge."""
    height, width = level_shape(shape, level)
    y0, x0 = ty * SIZE, tx * SIZE
    return y0, x0, min(y0 + SIZE, height), min(x0 + SIZE, width)


def pixels(shape, level, ty, tx):
    """(y0, x0, y1, x1) of the image pixels under a tile."""
    y0, x0, y1, x1 = tile_box(shape, level, ty, tx)
    return (y0 << level, x0 << level, min(y1 << level, shape[0]), min(x1 << level, shape[1]))


def visible(shape, level, box):
    """(ty, tx) of the tiles that `box`, in cells of `level`, touches; nearest its centre first."""
    height, width = level_shape(shape, level)
    y0, x0, y1, x1 = max(0, box[0]), max(0, box[1]), min(height, box[2]), min(width, box[3])
    if y0 >= y1 or x0 >= x1:
        return []
    found = [
        (ty, tx)
        for ty in range(y0 // SIZE, (y1 - 1) // SIZE + 1)
        for tx in range(x0 // SIZE, (x1 - 1) // SIZE + 1)
    ]
    cy, cx = (y0 + y1) / 2 / SIZE - 0.5, (x0 + x1) / 2 / SIZE - 0.5
    return sorted(found, key=lambda tile: max(abs(tile[0] - cy), abs(tile[1] - cx)))


class Stamps:
    """When each tile of each level last changed: a number that only grows."""

    def __init__(self, shape):
        self.shape, self.now = shape, 0
        self._levels = []
        for level in range(levels(shape)):
            height, width = level_shape(shape, level)
            self._levels.append(np.zeros((-(-height // SIZE), -(-width // SIZE)), np.int64))

    def touch(self, box):
        """Something changed inside `box` (y0, x0, y1, x1), image pixels, cut at the edges."""
        self.now += 1
        y0, x0 = max(0, box[0]), max(0, box[1])
        y1, x1 = min(box[2], self.shape[0]), min(box[3], self.shape[1])
        if y0 >= y1 or x0 >= x1:
            return
        for level, grid in enumerate(self._levels):
            cell = SIZE << level
            grid[y0 // cell : -(-y1 // cell), x0 // cell : -(-x1 // cell)] = self.now

    def at(self, level, ty, tx):
        """The tile's number: equal numbers, equal content."""
        return int(self._levels[level][ty, tx])

    def since(self, number):
        """Boxes (y0, x0, y1, x1), image pixels, that hold all that changed after `now` was number.

        One box for each row of tiles of level 0 with a change.
        """
        newer = self._levels[0] > number
        found = []
        for row in np.flatnonzero(newer.any(1)).tolist():
            columns = np.flatnonzero(newer[row])
            y0, x0 = row * SIZE, int(columns[0]) * SIZE
            found.append((y0, x0, min(y0 + SIZE, self.shape[0]),
                          min((int(columns[-1]) + 1) * SIZE, self.shape[1])))
        return found
