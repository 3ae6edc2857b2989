"""Where the tiles of a tile-compressed FITS image lie: in the picture and in the file.

FITS standard 4.0, section 10. What the file says is compared with the size of the file before
anything is allocated.
"""

import math
import re
import threading
from dataclasses import dataclass

import numpy as np

from glview.files import ReadError
from glview.files.header import FitsError
from glview.files.source import MAX_RATIO, FileChangedError

MAX_TILE = 64 << 20  # bytes of pixels in a tile, unless the whole file is as large
MAX_TABLE = 1 << 30
MOST_PACKED = 16  # bytes of a packed pixel: twice the largest type
TILES = "COMPRESSED_DATA"
GZIPPED, RAW = "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA"  # of tiles that a codec made no smaller
PACKED = (TILES, GZIPPED, RAW)
COLUMNS = {**dict.fromkeys(PACKED, "PQ"), "ZSCALE": "IJKED", "ZZERO": "IJKED", "ZBLANK": "IJK"}
SIZES = {"X": 1, "L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "M": 16}
TYPES = {"B": ">u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}

_FORM = re.compile(r"\s*(\d*)([XLBAIJEKDCMPQ])([XLBAIJEKDCM]?)")


@dataclass(frozen=True)
class Grid:
    """How tiles cover an image; naxis and tile are lengths in FITS order (x first).

    A plane of a cube meets one layer of tiles; a tile may reach over several planes, its slabs.
    """

    naxis: tuple[int, ...]
    tile: tuple[int, ...]

    @property
    def shape(self):
        """(height, width) of a plane."""
        return math.prod(self.naxis[1:2]), self.naxis[0]

    @property
    def size(self):
        """(height, width) of a tile that is not cut by the edge."""
        return math.prod(self.tile[1:2]), self.tile[0]

    @property
    def counts(self):
        """Tiles along each axis, x first."""
        return tuple(-(-n // t) for n, t in zip(self.naxis, self.tile, strict=True))

    @property
    def down_across(self):
        """(rows, columns) of tiles that a plane meets."""
        return math.prod(self.counts[1:2]), self.counts[0]

    def layer(self, plane):
        """(number of the first tile, slab of the plane in its tiles, slabs that they have)."""
        first, slab, slabs = 0, 0, 1
        stride = math.prod(self.counts[:2])
        for n, t, count in list(zip(self.naxis, self.tile, self.counts, strict=True))[2:]:
            plane, place = divmod(plane, n)
            first += place // t * stride
            slab += place % t * slabs
            slabs *= min(t, n - place // t * t)
            stride *= count
        return first, slab, slabs

    def span(self, axis, low, high):
        """Pixels [start, stop) along an axis (0 is x) that the tiles [low, high) cover."""
        length = self.size[1 - axis]
        return low * length, min(high * length, self.shape[1 - axis])


def grid_of(hdu):
    """The Grid of a compressed Hdu. Raises FitsError where the header asks for what cannot be."""
    default = (hdu.naxis[0], *(1 for _ in hdu.naxis[1:]))
    tile = tuple(hdu.cards.get(f"ZTILE{axis + 1}", length) for axis, length in enumerate(default))
    if any(type(length) is not int or length < 1 for length in tile):
        raise FitsError(f"the compressed image has impossible tiles: {tile}")
    grid = Grid(hdu.naxis, tuple(min(pair) for pair in zip(tile, hdu.naxis, strict=True)))
    count = math.prod(grid.counts)
    if count != hdu.cards.get("NAXIS2"):
        raise FitsError(f"the compressed image needs {count} tiles, but its table has others")
    size = math.prod(grid.tile) * abs(hdu.bitpix) // 8
    if size > max(MAX_TILE, MAX_RATIO * hdu.data_size):
        raise FitsError(f"the compressed image claims tiles of {size >> 20} MiB; that is refused")
    if not hdu.complete:
        raise FitsError("the compressed image is cut off in the middle of the file")
    return grid


class Table:
    """The rows of the binary table that holds the tiles, read at the first use.

    names: those of its columns that matter. Raises FitsError if the columns cannot be as they say.
    """

    def __init__(self, source, hdu, grid):
        self.source, self.hdu = source, hdu
        self.columns, self.width = _columns(hdu.cards)
        self.names = frozenset(self.columns)
        self.size = self.width * math.prod(grid.counts)
        self.most = MOST_PACKED * math.prod(grid.tile) + 4096  # bytes that a packed tile may have
        if self.width != hdu.cards.get("NAXIS1") or self.size > MAX_TABLE:
            said = f"{self.width} bytes a row, NAXIS1 = {hdu.cards.get('NAXIS1')}"
            raise FitsError(f"the compressed image has an impossible table: {said}")
        if TILES not in self.names:
            raise FitsError(f"the compressed image has no column {TILES}")
        self.heap = hdu.cards.get("THEAP", self.size)
        if type(self.heap) is not int or not self.size <= self.heap <= hdu.data_size:
            raise FitsError(f"the compressed image has an impossible heap: THEAP = {self.heap}")
        self.lock, self.rows = threading.Lock(), None

    def column(self, name):
        """All values of a column as a big-endian array: numbers, or (count, offset) pairs."""
        with self.lock:
            if self.rows is None:
                data = np.empty(self.size, np.uint8)
                self.source.fill(memoryview(data), self.hdu.data_offset)
                self.rows = data
        place, form, _ = self.columns[name]
        layout = {"names": ["value"], "formats": [form], "offsets": [place]}
        return self.rows.view(np.dtype({**layout, "itemsize": self.width}))["value"]

    def places(self, numbers, name=TILES):
        """(place in the file, bytes) of the packed tiles `numbers`, int64; -1 bytes: impossible."""
        pairs = self.column(name)[numbers]
        counts, offsets = (pairs[:, k].astype(np.float64) for k in (0, 1))
        room = self.hdu.data_size - self.heap
        sizes = counts * self.columns[name][2]  # float64: nothing a file claims can overflow
        sound = (sizes >= 0) & (offsets >= 0) & (offsets + sizes <= room) & (sizes <= self.most)
        sizes, offsets = (np.where(sound, x, -1).astype(np.int64) for x in (sizes, offsets))
        return self.hdu.data_offset + self.heap + offsets, sizes

    def constant(self, name, default):
        """ZSCALE, ZZERO or ZBLANK of all tiles, from the header's card; None if a column has it."""
        if name in self.names:
            return None
        value = self.hdu.cards.get(name, default)
        if type(value) not in (int, float) or not abs(value) < 1e300:
            raise FitsError(f"the header card {name} is {value!r}, not a number")
        return float(value)


def fetch(source, places, sizes, room):
    """Read packed tiles: (data, starts, why); why[k] is None or says what went wrong with tile k.

    room(n) -> (n or more,) uint8 to read into. data: tile k is at starts[k], with 16 bytes behind
    the last one. Tiles that lie near each other are read at once, gaps included.
    Raises FileChangedError.
    """
    low, span = int(places.min()), int((places + sizes).max() - places.min())
    total = int(sizes.sum())
    if span <= 2 * total + 65536:
        data = room(span + 16)
        try:
            source.fill(memoryview(data)[:span], low)
            return data, places - low, [None] * len(places)
        except FileChangedError:
            raise
        except ReadError:
            pass  # a bad sector under one of them: each by itself then
    data = room(total + 16)
    starts, why = np.cumsum(sizes) - sizes, []
    for place, size, start in zip(places.tolist(), sizes.tolist(), starts.tolist(), strict=True):
        try:
            source.fill(memoryview(data)[start : start + size], place)
            why.append(None)
        except FileChangedError:
            raise
        except ReadError as error:
            why.append(str(error))
    return data, starts, why


def _columns(cards):
    """({name: (place in a row, numpy format, bytes of an element in the heap)}, bytes of a row)."""
    columns, place, count = {}, 0, cards.get("TFIELDS")
    if type(count) is not int or not 0 <= count <= 999:
        raise FitsError(f"the header says TFIELDS = {count}; FITS allows 0 to 999")
    for k in range(1, count + 1):
        form = _FORM.match(str(cards.get(f"TFORM{k}", "")))
        if form is None:
            raise FitsError(f"the header card TFORM{k} is no column's type")
        repeat, letter, element = int(form[1] or 1), form[2], form[3]
        if letter in "PQ":
            size, numpy_form = (8, (">u4", 2)) if letter == "P" else (16, (">i8", 2))
        else:
            size, numpy_form = SIZES[letter], TYPES.get(letter)
        name = str(cards.get(f"TTYPE{k}", "")).strip().upper()
        if name in COLUMNS:
            if repeat != 1 or letter not in COLUMNS[name]:
                raise FitsError(f"the column {name} of the compressed image is of type {form[0]!r}")
            columns.setdefault(name, (place, numpy_form, SIZES.get(element, 1)))
        place += -(-repeat // 8) if letter == "X" else repeat * size
    return columns, place
