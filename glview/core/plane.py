"""A plane of pixels that is 0 nearly everywhere, held as tiles: the data of a gigapixel mask."""

import math
from typing import NamedTuple

import numpy as np

from glview.core.cancel import Cancelled
from glview.core.tiles import SIZE

FLOOR = 2.0**-10
"""Confidences below this are kept as 0 in frames too large to hold every pixel."""

DENSE_PIXELS = 1 << 26
"""Pixels of the largest frame whose confidence is an array, exact; larger ones are a Plane."""

BAND = 1 << 23  # pixels read at a time while a plane is filled
FULL = 4  # a tile with less than 1 / FULL of its pixels held is packed: 6 bytes for one, not 4


def bands(shape):
    """The rows of a frame as ranges (y0, y1) of about BAND pixels, in order.

    Tiles end where bands end: they have a power of two of rows.
    """
    most = max(1, min(SIZE, BAND // max(1, shape[1])))
    height = 1 << (most.bit_length() - 1)
    return [(y, min(y + height, shape[0])) for y in range(0, shape[0], height)]


def confidence_for(shape):
    """What a detection fills: an array of 0, or a Plane for a frame of many pixels."""
    if math.prod(shape) <= DENSE_PIXELS:
        return np.zeros(shape, np.float32)
    return Plane(shape, np.float32, FLOOR)


class Packed(NamedTuple):
    """Few values of a tile, row by row; see `core.planekernels`."""

    pointers: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @property
    def nbytes(self):
        return self.pointers.nbytes + self.columns.nbytes + self.values.nbytes


class Plane:
    """(H, W) array as SIZE x SIZE tiles; one that is all 0 takes no memory, one with few values
    little.

    shape: (height, width). dtype: float32 or uint8. floor: where it is more than 0, values below it
    and NaN are kept as 0: no mask changes, as long as its threshold is no lower than the floor,
    because NaN is never masked and neither is 0. With a floor of 0 every value is exact, NaN too
    (only -0.0 becomes 0).
    nbytes: memory held. Any thread may read while one thread puts: it sees a tile as it was before
    or after, whole.
    """

    ndim = 2

    def __init__(self, shape, dtype, floor=0.0):
        self.shape, self.dtype = (int(shape[0]), int(shape[1])), np.dtype(dtype)
        self.floor, self.nbytes = float(floor), 0
        self._tiles = {}
        self._held = np.zeros([-(-side // SIZE) for side in self.shape], bool)

    @classmethod
    def from_array(cls, array, floor=0.0):
        """The Plane that holds what an (H, W) array holds."""
        plane = cls(array.shape, array.dtype, floor)
        plane.fill(lambda y0, y1: array[y0:y1])
        return plane

    def fill(self, rows, cancel=None):
        """Put rows(y0, y1) -> (y1 - y0, W), band by band; cancel() is asked between two bands.

        Raises Cancelled once it says yes, or what `rows` raises.
        """
        for y0, y1 in bands(self.shape):
            if cancel is not None and cancel():
                raise Cancelled
            self.put(y0, 0, rows(y0, y1))

    def copy(self):
        """A Plane with the same content, which later puts into this one do not change."""
        other = Plane(self.shape, self.dtype, self.floor)
        # `held` first: a tile it does not know of is only one that came meanwhile.
        other._held, other.nbytes = self._held.copy(), self.nbytes
        other._tiles = self._tiles.copy()
        return other

    def __getitem__(self, key):
        """`plane[y0:y1, x0:x1]`: a new C-contiguous array, clipped as numpy does; `plane[y, x]`:
        one value. Raises IndexError for another step than 1, and for a pixel that is not there."""
        rows, columns = (range(side)[one] for side, one in zip(self.shape, key, strict=True))
        if isinstance(rows, int):
            return self[rows : rows + 1, columns : columns + 1][0, 0]
        if rows.step != 1 or columns.step != 1:
            raise IndexError("a Plane is sliced with step 1; slice the result instead")
        box = (rows.start, columns.start, max(rows.start, rows.stop),
               max(columns.start, columns.stop))
        return self.read(box, np.zeros((box[2] - box[0], box[3] - box[1]), self.dtype))

    def read(self, box, out):
        """Write the values of a box into `out`, (h, w) zeros of the plane's type; returns it."""
        from glview.core import planekernels

        for tile, (top, left) in self.parts(box):
            if isinstance(tile, Packed):
                planekernels.unpack(*tile, (top, left), out)
            else:
                y, x = max(0, top), max(0, left)
                part = tile[y - top : out.shape[0] - top, x - left : out.shape[1] - left]
                out[y : y + part.shape[0], x : x + part.shape[1]] = part
        return out

    def parts(self, box):
        """(tile, (row, column) of its first pixel in the box) of all tiles there that hold
        anything, row by row from left to right; a tile is Packed or a dense array, read only."""
        y0, x0, y1, x1 = box
        for ty in range(y0 // SIZE, -(-y1 // SIZE)):
            for tx in range(x0 // SIZE, -(-x1 // SIZE)):
                tile = self._tiles.get((ty, tx))
                if tile is not None:
                    yield tile, (ty * SIZE - y0, tx * SIZE - x0)

    def tile(self, ty, tx):
        """Packed, a dense array, or None where all is 0 or outside the plane; read only."""
        return self._tiles.get((ty, tx))

    def any(self, box):
        """False if a box is certainly all 0: no tile that it touches holds anything."""
        y0, x0, y1, x1 = box
        grid = self._held[y0 // SIZE : -(-y1 // SIZE), x0 // SIZE : -(-x1 // SIZE)]
        return y0 < y1 and x0 < x1 and bool(grid.any())

    def held(self):
        """The tiles that hold anything: (y, x) of the first pixel, (h, w) array, row by row."""
        for ty, tx in sorted(self._tiles):
            y, x = ty * SIZE, tx * SIZE
            yield (y, x), self[y : y + SIZE, x : x + SIZE]

    def values(self):
        """(n,) arrays that together hold every value that is not 0 (dense tiles add some 0)."""
        for tile in self._tiles.copy().values():
            yield tile.values if isinstance(tile, Packed) else tile.ravel()

    def put(self, y, x, values):
        """Write an (h, w) box of real numbers, (y, x) being its first pixel; it must lie inside.

        Raises ValueError if it does not.
        """
        height, width = values.shape
        if not (0 <= y <= self.shape[0] - height and 0 <= x <= self.shape[1] - width):
            raise ValueError(f"a box of {values.shape} at {(y, x)} is not inside {self.shape}")
        for ty in range(y // SIZE, -(-(y + height) // SIZE) if width else 0):
            for tx in range(x // SIZE, -(-(x + width) // SIZE) if height else 0):
                self._put(ty, tx, (y, x), values)

    def _put(self, ty, tx, corner, values):
        """Write what of a box lies in one tile."""
        top, left = ty * SIZE, tx * SIZE
        size = min(SIZE, self.shape[0] - top), min(SIZE, self.shape[1] - left)
        y0, x0 = max(top, corner[0]), max(left, corner[1])
        y1 = min(top + size[0], corner[0] + values.shape[0])
        x1 = min(left + size[1], corner[1] + values.shape[1])
        part = values[y0 - corner[0] : y1 - corner[0], x0 - corner[1] : x1 - corner[1]]
        before = self._tiles.get((ty, tx))
        if part.shape[1] == size[1] and not isinstance(before, np.ndarray):
            self._set((ty, tx), self._spliced(before, y0 - top, part, size))
            return
        dense = self[top : top + size[0], left : left + size[1]]
        dense[y0 - top : y1 - top, x0 - left : x1 - left] = part
        self._set((ty, tx), self._made(dense))

    def _spliced(self, before, first, part, size):
        """The tile with whole rows of it replaced, from row `first` on."""
        with np.errstate(over="ignore", invalid="ignore"):
            packed = pack(np.asarray(part, self.dtype), self.dtype.type(self.floor))
        if before is None and not len(packed.values):
            return None
        rest = size[0] - first - len(part)
        if before is None:
            before = Packed(np.zeros(size[0] + 1, np.int32), *(one[:0] for one in packed[1:]))
        a, b = before.pointers[first], before.pointers[first + len(part)]
        pointers = before.pointers.copy()
        pointers[first : size[0] - rest + 1] = packed.pointers + a
        pointers[size[0] - rest + 1 :] += len(packed.values) - (b - a)
        made = Packed(pointers, *(np.concatenate([one[:a], new, one[b:]]) for one, new in
                                  zip(before[1:], packed[1:], strict=True)))
        return self._fitted(made, size)

    def _made(self, dense):
        """What is kept for a tile's values: None, Packed or an array of its own."""
        return self._fitted(pack(dense, self.dtype.type(self.floor)), dense.shape)

    def _fitted(self, packed, size):
        """A packed tile in the form that suits it: None, itself, or an array."""
        count = len(packed.values)
        if count * FULL < size[0] * size[1]:
            return packed if count else None
        from glview.core import planekernels

        made = np.zeros(size, self.dtype)
        planekernels.unpack(*packed, (0, 0), made)
        return made

    def _set(self, key, tile):
        before = self._tiles.get(key)
        self.nbytes += (tile.nbytes if tile is not None else 0) - (
            before.nbytes if before is not None else 0)
        if tile is not None:
            self._tiles[key] = tile
            self._held[key] = True
        elif before is not None:
            self._held[key] = False
            del self._tiles[key]

    # walks over what is held, for `core.mask` and `core.objects`

    def bits(self, box, limit):
        """Which pixels of a box are above `limit` >= 0: (h, words) uint64, pixel x of a row in bit
        x % 64 of word x // 64. The box's first column must be a multiple of 64."""
        from glview.core import planekernels

        y0, x0, y1, x1 = box
        bits = np.zeros((y1 - y0, -(-(x1 - x0) // planekernels.WORD)), np.uint64)
        for tile, place in self.parts(box):
            if isinstance(tile, Packed):
                planekernels.mark_packed(*tile, limit, place, x1 - x0, bits)
            else:
                planekernels.mark_dense(tile, limit, place, x1 - x0, bits)
        return bits

    def entries(self, box):
        """What a box holds, as rows: (pointers (h + 1,) int64, columns int32, values)."""
        from glview.core import planekernels

        height, width = box[2] - box[0], box[3] - box[1]
        pointers, tiles = np.zeros(height + 1, np.int64), []
        for tile, (top, left) in self.parts(box):
            if not isinstance(tile, Packed):
                first = max(0, -top)
                tile, top = pack(tile[first : height - top]), top + first
            place = top, left
            planekernels.add_counts(tile.pointers, tile.columns, place, width, pointers)
            tiles.append((tile, place))
        np.cumsum(pointers, out=pointers)
        found = np.empty(pointers[-1], np.int32), np.empty(pointers[-1], self.dtype)
        cursor = pointers[:-1].copy()
        for tile, place in tiles:
            planekernels.add_entries(tuple(tile), place, width, cursor, found)
        return pointers, *found

    def take(self, rows, runs):
        """(pixels,) values of the pixels of runs, in their order.

        rows: (y0, y1), the rows of the plane that the runs count from 0. runs: (n, 3) int32
        (y, x0, x1) in raster order, none touching another one of its row.
        """
        from glview.core import planekernels

        starts = planekernels.pixel_starts(runs)
        first = planekernels.row_starts(runs, rows[1] - rows[0])
        walk = runs, starts, first[:-1].copy(), first[1:]
        out = np.zeros(starts[-1], self.dtype)
        for tile, place in self.parts((rows[0], 0, rows[1], self.shape[1])):
            if isinstance(tile, Packed):
                planekernels.take_packed(tuple(tile), place, walk, out)
            else:
                planekernels.take_dense(tile, place, walk, out)
        return out


def pack(tile, floor=0):
    """A dense (h, w) tile as Packed, whatever its size; values below the floor are left out."""
    from glview.core import planekernels

    floor = tile.dtype.type(floor)
    pointers = planekernels.count_rows(tile, floor)
    packed = Packed(pointers, np.empty(pointers[-1], np.uint16),
                    np.empty(pointers[-1], tile.dtype))
    planekernels.pack(tile, floor, *packed)
    return packed


def warm():
    """Load the kernels of the first stroke of the pencil, which takes a while; for a worker."""
    plane = Plane((1, 8), np.uint8)
    for values in ([[1] + [0] * 7], [[1]], [[0]]):  # whole rows, and a part of a packed tile
        plane.put(0, 0, np.array(values, np.uint8))
        _ = plane[0:1, 0:2]
