"""Tile-compressed FITS images: the tiles that a box touches are read and decoded, no others.

RICE, GZIP and NOCOMPRESS in this process, what is rare or dangerous whole in one of its own.
"""

import threading
from collections import OrderedDict

import numpy as np

from glview.core.image import Fault
from glview.files import fits
from glview.files.header import FitsError
from glview.files.tilecodecs import CODECS, RICE, Decoder
from glview.files.tiles import Table, grid_of
from glview.files.whole import Whole

CACHE = 128 << 20
BLOCK = 1 << 18  # pixels of tiles that are kept together


def open_tiles(source, hdu, cache=CACHE):
    """(dtype, read, fill, faults) for an Image; nothing but the header is looked at.

    cache: bytes of decoded tiles that all images of the file together keep. fill is None for images
    that are unpacked whole.
    Raises FitsError where the header asks for tiles that cannot be true.
    """
    grid = grid_of(hdu)
    types = fits.types(hdu.bitpix, hdu.bscale, hdu.bzero, hdu.blank)
    physical = types[1]
    codec = str(hdu.cards.get("ZCMPTYPE", "")).strip().upper()
    if codec not in CODECS or _rare(hdu, codec):
        return physical, Whole(source, hdu, physical).read, None, []
    decoder = Decoder(hdu, Table(source, hdu, grid), codec, types)
    blocks = source.shared.setdefault("tiles", _Blocks(cache))
    tiled = Tiled(source, hdu, grid, decoder, blocks)
    return physical, tiled.read, tiled.fill, tiled.faults


def _rare(hdu, codec):
    """Whether no sound writer makes such a thing, so that a slow way is good enough."""
    return (codec in RICE and hdu.bitpix == 64) or (
        hdu.bitpix < 0 and (hdu.bscale, hdu.bzero) != (1, 0)
    )


class Tiled:
    """Boxes of an image that is decoded tile by tile; safe to use from several threads.

    A tile that lies in the box is decoded to where it is wanted. One that reaches beyond it will be
    wanted again by the box beside it: it is kept, and the oldest go when there are too many.
    """

    def __init__(self, source, hdu, grid, decoder, blocks):
        self.source, self.hdu, self.grid, self.decoder = source, hdu, grid, decoder
        self.faults = []
        self._told = set()
        self._blocks = blocks
        self._lock = threading.Lock()

    def read(self, plane, y0, y1, x0, x1):
        """The box as a new array of the physical type. Raises FitsError if a tile is damaged."""
        out = np.empty((y1 - y0, x1 - x0), self.decoder.physical)
        for number, _, why in self._into(plane, (y0, x0, y1, x1), out):
            raise FitsError(self._sentence(number, why))
        return out

    def fill(self, plane, y0, y1, x0, x1, out):
        """The box as float32 into `out`, C-contiguous (y1 - y0, x1 - x0) float32.

        A damaged tile is NaN, and a Fault in `faults` the first time it is met.
        """
        for number, box, why in self._into(plane, (y0, x0, y1, x1), out):
            rows, columns = _part(box, (y0, x0, y1, x1))
            out[rows, columns] = np.nan
            with self._lock:
                if (plane, number) not in self._told:
                    self._told.add((plane, number))
                    self.faults.append(Fault(plane, box, self._sentence(number, why)))

    def _sentence(self, number, why):
        name = f"{self.source.name}: tile {number + 1} of HDU {self.hdu.index}"
        return f"{name} cannot be unpacked: {why}"

    def _into(self, plane, box, out):
        """Put the box into `out`; [(number, (y0, x0, y1, x1) of it, why)] of damaged tiles."""
        if not out.size:
            return []
        self.source.check()
        layer = self.grid.layer(plane)
        (high, wide), (y0, x0, y1, x1) = self.grid.size, box
        touched = y0 // high, x0 // wide, -(-y1 // high), -(-x1 // wide)
        inner = (0, 0, 0, 0) if layer[2] > 1 else self._inside(touched, box)
        bad = self._direct(layer, inner, box, out)
        for part in _around(touched, inner):
            bad += self._kept(layer, part, box, out)
        self.source.check()
        return bad

    def _inside(self, touched, box):
        """The tiles (ty0, tx0, ty1, tx1) of those touched that lie in the box whole."""
        (high, wide), (height, width) = self.grid.size, self.grid.shape
        y0, x0, y1, x1 = box
        rows = -(-y0 // high), touched[2] if y1 == height else y1 // high
        columns = -(-x0 // wide), touched[3] if x1 == width else x1 // wide
        return rows[0], columns[0], rows[1], columns[1]

    def _direct(self, layer, tiles, box, out):
        if tiles[0] >= tiles[2] or tiles[1] >= tiles[3]:
            return []
        numbers, places = self._tiles(layer, tiles)
        jobs = places - (box[0], box[1], 0, 0)
        bad = self.decoder.decode(numbers, jobs, out)
        return [(int(numbers[k]), _corners(places[k]), why) for k, why in bad]

    def _tiles(self, layer, tiles):
        """((n,) numbers, (n, 4) y, x, height, width in the picture) of a rectangle of tiles."""
        (ty0, tx0, ty1, tx1), (high, wide) = tiles, self.grid.size
        height, width = self.grid.shape
        ty, tx = np.arange(ty0, ty1)[:, None], np.arange(tx0, tx1)
        places = np.empty((len(ty), len(tx), 4), np.int64)
        places[..., 0], places[..., 1] = ty * high, tx * wide
        places[..., 2] = np.minimum(high, height - places[..., 0])
        places[..., 3] = np.minimum(wide, width - places[..., 1])
        numbers = layer[0] + ty * self.grid.down_across[1] + tx
        return numbers.reshape(-1), places.reshape(-1, 4)

    def _kept(self, layer, tiles, box, out):
        """The part of the box in a rectangle of tiles, from blocks of them that are kept."""
        down, across = self._step(layer)
        rows = range(tiles[0] // down, -(-tiles[2] // down))
        places = [(y, x) for y in rows for x in range(tiles[1] // across, -(-tiles[3] // across))]
        bad, late = [], []
        for wait, waiting in ((False, places), (True, late)):  # first what no other thread is at
            for place in waiting:
                block = self._block(layer, place)
                if not block.lock.acquire(blocking=wait):
                    late.append(place)
                    continue
                try:
                    bad += self._take(layer, block, tiles, box, out)
                finally:
                    block.lock.release()
        return bad

    def _block(self, layer, place):
        def make():
            (down, across), (y, x), most = self._step(layer), place, self.grid.down_across
            rows, columns = min((y + 1) * down, most[0]), min((x + 1) * across, most[1])
            tiles = y * down, x * across, rows, columns
            return _Block(self.grid, layer[2], tiles, self.decoder.physical)

        return self._blocks.get((self.hdu.index, layer[0], place), make)

    def _step(self, layer):
        """(rows, columns) of tiles in a block: nearly square, about BLOCK pixels."""
        (high, wide), (down, across) = self.grid.size, (1, 1)
        most_down, most_across = self.grid.down_across
        while layer[2] == 1 and 2 * down * high * across * wide <= BLOCK:
            if down < most_down and (down * high <= across * wide or across >= most_across):
                down *= 2
            elif across < most_across:
                across *= 2
            else:
                break
        return down, across

    def _take(self, layer, block, tiles, box, out):
        tiles = _overlap(tiles, block.tiles)
        numbers, places = self._tiles(layer, tiles)
        new = np.flatnonzero([number not in block.known for number in numbers])
        if len(new):
            jobs = places[new] - (*block.box[:2], 0, 0)
            jobs[:, 2] *= layer[2]  # a tile's slabs lie below each other
            bad = self.decoder.decode(numbers[new], jobs, block.values)
            block.known.update(dict.fromkeys(numbers[new].tolist()))
            block.known.update((int(numbers[new[k]]), why) for k, why in bad)
        (high, wide), (height, width) = self.grid.size, self.grid.shape
        edge = tiles[0] * high, tiles[1] * wide, tiles[2] * high, tiles[3] * wide
        wanted = _overlap(_overlap(edge, (0, 0, height, width)), box)
        rows, columns = _part(wanted, block.box)
        below = layer[1] * (block.box[2] - block.box[0])
        part = block.values[rows.start + below : rows.stop + below, columns]
        with np.errstate(over="ignore", invalid="ignore"):
            np.copyto(out[_part(wanted, box)], part, casting="unsafe")
        found = [(int(n), _corners(place)) for n, place in zip(numbers, places, strict=True)]
        return [(n, where, block.known[n]) for n, where in found if block.known[n]]


class _Block:
    """Tiles beside and below each other, as far as they were wanted so far.

    tiles, box: (y0, x0, y1, x1) in tiles and in pixels. values: its pixels, slab below slab.
    known: number of a decoded tile -> None, or why it could not be decoded.
    """

    def __init__(self, grid, slabs, tiles, dtype):
        self.tiles = tiles
        (y0, y1), (x0, x1) = grid.span(1, tiles[0], tiles[2]), grid.span(0, tiles[1], tiles[3])
        self.box = y0, x0, y1, x1
        self.values = np.empty((slabs * (y1 - y0), x1 - x0), dtype)
        self.known = {}
        self.lock = threading.Lock()


class _Blocks:
    """The blocks used last, up to a number of bytes (at least one)."""

    def __init__(self, most):
        self.most, self.held = most, 0
        self.blocks = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key, make):
        """The block of that key, kept or made."""
        with self.lock:
            block = self.blocks.pop(key, None)
            if block is None:
                block = make()
                self.held += block.values.nbytes
            self.blocks[key] = block
            while len(self.blocks) > 1 and self.held > self.most:
                self.held -= self.blocks.popitem(last=False)[1].values.nbytes
            return block


def _around(outer, inner):
    """The rectangles (y0, x0, y1, x1), none of them empty, that fill `outer` outside `inner`."""
    y0, x0, y1, x1 = inner
    if y0 >= y1 or x0 >= x1:
        return [outer]
    above, below = (outer[0], outer[1], y0, outer[3]), (y1, outer[1], outer[2], outer[3])
    left, right = (y0, outer[1], y1, x0), (y0, x1, y1, outer[3])
    return [part for part in (above, left, right, below) if part[0] < part[2] and part[1] < part[3]]


def _overlap(one, two):
    return (*map(max, one[:2], two[:2]), *map(min, one[2:], two[2:]))


def _part(box, whole):
    """The slices of a box inside an array that is `whole`, both (y0, x0, y1, x1), cut to it."""
    y0, x0, y1, x1 = _overlap(box, whole)
    return slice(y0 - whole[0], y1 - whole[0]), slice(x0 - whole[1], x1 - whole[1])


def _corners(place):
    y, x, height, width = place.tolist()
    return y, x, y + height, x + width
