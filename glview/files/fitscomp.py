"""Tile-compressed FITS images, unpacked through astropy.

RICE and GZIP band by band in this process, everything else whole in a process of its own.
"""

import math
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np

from glview.files import fits
from glview.files.header import FitsError
from glview.files.raster import Raster
from glview.files.source import MAX_RATIO, Source, most_unpacked

SOUND = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "NOCOMPRESS")  # they survive damaged data
MAX_TILE = 64 << 20
CACHE = 128 << 20
BAND = 8 << 20


def open_compressed(source, hdu):
    """(dtype, read) for an Image; astropy is imported at the first read.

    Raises FitsError where the header asks for tiles that cannot be true.
    """
    tile = _tile(hdu)
    _, physical, _ = fits.types(hdu.bitpix, hdu.bscale, hdu.bzero, hdu.blank)
    if str(hdu.cards.get("ZCMPTYPE", "")).strip().upper() in SOUND:
        return physical, Bands(source, hdu, physical, tile).read
    size = math.prod(hdu.naxis) * physical.itemsize
    if size > most_unpacked(hdu.data_size):
        raise FitsError(f"the compressed image claims {size >> 20} MiB; that is refused")
    return physical, Whole(source, hdu, physical).read


def _tile(hdu):
    default = (hdu.naxis[0], *(1 for _ in hdu.naxis[1:]))
    tile = tuple(hdu.cards.get(f"ZTILE{axis + 1}", length) for axis, length in enumerate(default))
    if any(type(length) is not int or length < 1 for length in tile):
        raise FitsError(f"the compressed image has impossible tiles: {tile}")
    tile = tuple(min(pair) for pair in zip(tile, hdu.naxis, strict=True))
    count = math.prod(-(-n // t) for n, t in zip(hdu.naxis, tile, strict=True))
    if count != hdu.cards.get("NAXIS2"):
        raise FitsError(f"the compressed image needs {count} tiles, but its table has others")
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


class Whole:
    """An image that another process unpacks into a nameless temporary file at the first read."""

    def __init__(self, source, hdu, physical):
        self.source, self.hdu, self.physical = source, hdu, physical
        self.height = math.prod(hdu.naxis[1:2])
        self.lock = threading.Lock()
        self.raster = self.failure = None

    def read(self, plane, y0, y1, x0, x1):
        """The box as a new array of the physical type. Raises FitsError."""
        with self.lock:
            if self.failure is not None:
                raise FitsError(self.failure)
            if self.raster is None:
                self.source.check()
                try:
                    self.raster = self._unpack()
                except FitsError as error:
                    self.failure = str(error)  # or every tile would start a process
                    raise
        return self.raster.planes(self.height)(plane, y0, y1, x0, x1)

    def _unpack(self):
        count = math.prod(self.hdu.naxis)
        with tempfile.TemporaryFile(buffering=0) as file:
            self._run(file.fileno(), 60 + count // 100_000)
            fd = os.dup(file.fileno())
        unpacked = Source(fd, self.source.path)
        if unpacked.size != count * self.physical.itemsize:
            raise FitsError(f"{self.source.name}: HDU {self.hdu.index} cannot be unpacked whole")
        width = self.hdu.naxis[0]
        return Raster(unpacked, 0, self.physical, self.physical, width, count // width)

    def _run(self, target, seconds):
        program = Path(__file__).with_name("unpacker.py")
        words = (self.source.fd, self.hdu.index, self.physical.str, target)
        command = [sys.executable, "-P", str(program), *map(str, words)]
        wrong = f"{self.source.name}: HDU {self.hdu.index} cannot be unpacked"
        keywords = {"pass_fds": (self.source.fd, target), "stdin": subprocess.DEVNULL}
        try:
            with self.source.position:
                done = subprocess.run(command, capture_output=True, timeout=seconds, **keywords)
        except subprocess.TimeoutExpired as error:
            raise FitsError(f"{wrong} in {seconds} seconds") from error
        if done.returncode < 0:
            raise FitsError(f"{wrong}: its data is damaged and brought the decoder down")
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise FitsError(f"{wrong} ({said[-1] if said else 'no reason given'})")
