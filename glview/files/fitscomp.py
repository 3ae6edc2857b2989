"""Tile-compressed FITS images, unpacked band by band through astropy."""

import math
import threading
import warnings
from collections import OrderedDict

import numpy as np

from glview.files import fits
from glview.files.header import FitsError

MAX_TILE = 64 << 20
MAX_RATIO = 200
CACHE = 128 << 20
BAND = 8 << 20


def open_compressed(source, hdu):
    """(dtype, read) for an Image; astropy is imported at the first read.

    Raises FitsError where the header asks for tiles that cannot be true.
    """
    tile = _tile(hdu)
    _, physical, _ = fits.types(hdu.bitpix, hdu.bscale, hdu.bzero, hdu.blank)
    return physical, Bands(source, hdu, physical, tile).read


def _tile(hdu):
    default = (hdu.naxis[0], *(1 for _ in hdu.naxis[1:]))
    tile = tuple(hdu.cards.get(f"ZTILE{axis + 1}", length) for axis, length in enumerate(default))
    if any(type(length) is not int or length < 1 for length in tile):
        raise FitsError(f"the compressed image has impossible tiles: {tile}")
    tile = tuple(min(pair) for pair in zip(tile, hdu.naxis, strict=True))
    count = math.prod(-(-n // t) for n, t in zip(hdu.naxis, tile, strict=True))
    if count != hdu.cards.get("NAXIS2"):
        raise FitsError(f"the compressed image should have {count} tiles, but the table has others")
    size = math.prod(tile) * abs(hdu.bitpix) // 8
    if size > max(MAX_TILE, MAX_RATIO * hdu.data_size):
        raise FitsError(f"the compressed image claims tiles of {size >> 20} MiB; that is refused")
    if not hdu.complete:
        raise FitsError("the compressed image is cut off in the middle of the file")
    return tile


class Bands:
    """Unpacks full-width bands of whole tiles and keeps the latest ones.

    One lock: astropy reads the file through one position. The cache holds CACHE bytes.
    """

    def __init__(self, source, hdu, physical, tile):
        self.source, self.hdu, self.physical = source, hdu, physical
        self.height = math.prod(hdu.naxis[1:2])
        height = tile[1] if len(tile) > 1 else 1
        row = hdu.naxis[0] * physical.itemsize
        self.step = min(height * max(1, BAND // (row * height)), self.height)
        self.lock = threading.Lock()
        self.cache = OrderedDict()
        self.hdus = None

    def read(self, plane, y0, y1, x0, x1):
        """The box as a new array of the physical type. Raises FitsError."""
        out = np.empty((y1 - y0, x1 - x0), self.physical)
        y = y0
        while y < y1:
            band, start = self._band(plane, y // self.step)
            stop = min(start + len(band), y1)
            out[y - y0 : stop - y0] = band[y - start : stop - start, x0:x1]
            y = stop
        return out

    def _band(self, plane, number):
        start = number * self.step
        with self.lock:
            band = self.cache.pop((plane, number), None)
            if band is None:
                self.source.check()
                band = self._unpack(plane, start, min(start + self.step, self.height))
                self.source.check()
            self.cache[plane, number] = band
            while len(self.cache) > 1 and sum(b.nbytes for b in self.cache.values()) > CACHE:
                self.cache.popitem(last=False)
        return band, start

    def _unpack(self, plane, y0, y1):
        shape = self.hdu.naxis[::-1]
        index = np.unravel_index(plane, shape[:-2]) if len(shape) > 2 else ()
        rows = (slice(y0, y1), slice(None)) if len(shape) > 1 else (slice(None),)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                band = np.asarray(self._open().section[(*map(int, index), *rows)])
            return band.reshape(y1 - y0, shape[-1]).astype(self.physical, copy=False)
        except Exception as error:  # damaged tiles raise anything: KeyError, TypeError, zlib.error
            wrong = f"{self.source.name}: HDU {self.hdu.index} cannot be unpacked"
            raise FitsError(f"{wrong} ({type(error).__name__}: {error})") from error

    def _open(self):
        """The HDU in astropy, from the descriptor already open: a renamed file changes nothing."""
        from astropy.io import fits as astropy_fits

        if self.hdus is None:
            self.hdus = astropy_fits.open(self.source.file(), memmap=False, lazy_load_hdus=True)
        return self.hdus[self.hdu.index]
