"""Packed tiles of a FITS image to pixels, many at a time."""

import os
from itertools import pairwise

import numpy as np

from glview.core.crew import each
from glview.files.header import FitsError
from glview.files.tiles import GZIPPED, PACKED, RAW, TILES, fetch

RICE = ("RICE_1", "RICE_ONE")
CODECS = (*RICE, "GZIP_1", "GZIP_2", "NOCOMPRESS")
DITHERS = {"SUBTRACTIVE_DITHER_1": 1, "SUBTRACTIVE_DITHER_2": 2}
PIECE = 1 << 20  # bytes of one batch
PARALLEL = 1 << 20  # pixels from which several threads are worth their start


class Decoder:
    """Puts tiles of one compressed image into arrays; safe to use from several threads.

    types: (stored, physical, convert) as `fits.types` gives them.
    Raises FitsError if the header gives settings that no codec has.
    """

    def __init__(self, hdu, table, codec, types):
        self.hdu, self.table, self.codec = hdu, table, codec
        self.stored, self.physical, self.convert = types
        self.quantised = hdu.bitpix < 0 and ("ZSCALE" in table.names or "ZSCALE" in hdu.cards)
        self.method = DITHERS.get(str(hdu.cards.get("ZQUANTIZ", "")).strip().upper(), 0)
        self.seed = hdu.cards.get("ZDITHER0", 0)
        self.code = (setting(hdu.cards, "BYTEPIX", 4), setting(hdu.cards, "BLOCKSIZE", 32))
        bytepix, block = self.code
        known = bytepix in (1, 2, 4) and type(block) is int and 0 < block < 1 << 31
        if codec in RICE and not known:
            raise FitsError(f"the compressed image has impossible Rice settings: {self.code}")
        if type(self.seed) is not int:
            raise FitsError(f"the header card ZDITHER0 is {self.seed!r}, not a whole number")
        defaults = {"ZSCALE": 1, "ZZERO": 0, "ZBLANK": hdu.cards.get("BLANK", 1e10)}
        if self.quantised:
            self.constants = {key: table.constant(key, value) for key, value in defaults.items()}
        self.random = None
        self.spare = table.source.shared.setdefault("scratch", [])  # of calls that ended

    def decode(self, numbers, boxes, out):
        """Unpack tiles into their places in an array.

        numbers: (n,) int64, tiles in the order of the table. boxes: (n, 4) int64: y, x, height,
        width of each in `out`, a C-contiguous (H, W) array of the physical type or float32.
        Returns [(k, why)] of the tiles that cannot be had; what `out` holds there is anything.
        Raises FileChangedError, and ReadError if the table cannot be read.
        """
        pixels = boxes[:, 2] * boxes[:, 3]
        bad, work = self._batches(numbers, pixels)

        def run(batch):
            column, chosen, places, sizes = batch
            try:
                scratch = self.spare.pop()
            except IndexError:  # looking first would not be safe: other threads take from it too
                scratch = _Scratch()
            jobs = np.zeros((len(chosen), 8), np.int64)
            jobs[:, 2:6] = boxes[chosen]
            found = self._batch(column, numbers[chosen], jobs, places, sizes, out, scratch)
            self.spare.append(scratch)
            return [(int(chosen[k]), why) for k, why in found]

        if len(work) < 2 or pixels.sum() < PARALLEL:
            results = map(run, work)
            return bad + [pair for pairs in results for pair in pairs]
        results = each(run, work, os.cpu_count() or 1)
        return bad + [pair for pairs in results for pair in pairs]

    def _batches(self, numbers, pixels):
        """([(k, why)], [(column, (m,) indices into numbers, places, sizes)]): PIECE bytes each."""
        left, bad, work = np.arange(len(numbers)), [], []
        for column in PACKED:
            if column not in self.table.names or not len(left):
                continue
            places, sizes = self.table.places(numbers[left], column)
            bad += [(int(k), "the table gives it an impossible place") for k in left[sizes < 0]]
            some = sizes > 0
            arrays = left[some], places[some], sizes[some]
            cost = np.cumsum(arrays[2] + pixels[arrays[0]])  # a pixel costs, however well packed
            cuts = [0, *(np.flatnonzero(np.diff(cost // PIECE)) + 1).tolist(), len(cost)]
            parts = pairwise(cuts) if len(cost) else ()
            work += [(column, *(array[low:high] for array in arrays)) for low, high in parts]
            left = left[sizes == 0]
        return bad + [(int(k), "it has no data") for k in left], work

    def _batch(self, column, numbers, jobs, places, sizes, out, scratch):
        data, starts, why = fetch(self.table.source, places, sizes, scratch.bytes)
        jobs[:, 0], jobs[:, 1] = starts, sizes
        if column != TILES or not (self.quantised or self.codec in RICE):
            said = [self._exact(column, data, job, out) for job in jobs]
        elif self.codec in RICE:
            said = self._rice(data, *self._terms(numbers, jobs), out, scratch)
        else:
            jobs, terms = self._terms(numbers, jobs)
            said = [self._real(data, *pair, out) for pair in zip(jobs, terms, strict=True)]
        said = [one or two for one, two in zip(why, said, strict=True)]
        return [(k, wrong) for k, wrong in enumerate(said) if wrong]

    def _terms(self, numbers, jobs):
        """jobs with blank and row for dithering filled in, and (n, 2) scale and zero."""
        from glview.core import rice

        if self.random is None:
            self.random = rice.noise()
        terms = np.empty((len(jobs), 2))
        if self.quantised:
            terms[:, 0], terms[:, 1], blanks = (
                self.table.column(key)[numbers] if value is None else value
                for key, value in self.constants.items()
            )
            jobs[:, 6] = np.clip(blanks, -rice.NO_BLANK, rice.NO_BLANK)
            jobs[:, 7] = (numbers + (self.seed - 1) % rice.N_RANDOM) % rice.N_RANDOM
        else:
            terms[:] = self.hdu.bscale, self.hdu.bzero or -0.0  # -0.0 leaves every number as it is
            jobs[:, 6] = rice.NO_BLANK if self.hdu.blank is None else self.hdu.blank
        return jobs, terms

    def _rice(self, data, jobs, terms, out, scratch):
        """For each tile None, or why it cannot be had."""
        from glview.core import rice

        sound = np.empty(len(jobs), bool)
        raw = scratch.ints(int((jobs[:, 4] * jobs[:, 5]).max()))
        if out.dtype.kind == "f":
            method = self.method if self.quantised else rice.PLAIN
            rice.linear_tiles(data, jobs, raw, self.code, terms, method, self.random, out, sound)
        else:
            rice.whole_tiles(data, jobs, raw, self.code, int(self.hdu.bzero), out, sound)
        return [None if good else "its Rice code is damaged" for good in sound]

    def _real(self, data, job, terms, out):
        """One tile of quantised numbers that are not Rice code; as `_exact`."""
        from glview.core import rice

        try:
            raw = _numbers(data, job, self.codec, self.stored, real=False)
        except _DamagedError as error:
            return str(error)
        raw = raw.astype(np.int32)
        rice.linear(raw, job, terms, self.method, self.random, out)
        return None

    def _exact(self, column, data, job, out):
        """One tile of the numbers as stored; None, or why it cannot be had."""
        codec = {TILES: self.codec, GZIPPED: "GZIP_1", RAW: "NOCOMPRESS"}[column]
        y, x, height, width = job[2:6].tolist()
        try:
            raw = _numbers(data, job, codec, self.stored, real=self.hdu.bitpix < 0)
        except _DamagedError as error:
            return str(error)
        self._put(raw.reshape(height, width), out[y : y + height, x : x + width])
        return None

    def _put(self, raw, out):
        with np.errstate(over="ignore", invalid="ignore"):
            if self.convert is not None:
                exact = np.empty(raw.shape, self.physical)
                self.convert(raw.astype(self.stored, copy=False), exact)
                raw = exact
            np.copyto(out, raw, casting="unsafe")


class _Scratch:
    """Memory that is used again: fresh memory costs more than the decoding of it."""

    def __init__(self):
        self.held = {}

    def bytes(self, count):
        return self._array(np.uint8, count)

    def ints(self, count):
        return self._array(np.int32, count)

    def _array(self, dtype, count):
        if dtype not in self.held or len(self.held[dtype]) < count:
            self.held[dtype] = np.empty(count, dtype)
        return self.held[dtype]


class _DamagedError(Exception):
    """A tile cannot be decoded; the message says why."""


def setting(cards, name, default):
    """The value of a codec's setting, from the cards ZNAMEi and ZVALi."""
    for k in range(1, 1000):
        if f"ZNAME{k}" not in cards:
            break
        if str(cards[f"ZNAME{k}"]).strip().upper() == name:
            return cards.get(f"ZVAL{k}", default)
    return default


def _inflated(packed, pixels):
    """What gzip packed; no more than `pixels` of the largest type can have."""
    from isal import isal_zlib

    inflater = isal_zlib.decompressobj(wbits=31)
    try:
        values = inflater.decompress(packed, 8 * pixels + 1)
    except isal_zlib.error as error:
        raise _DamagedError(f"its gzip data is damaged: {error}") from error
    if not inflater.eof:
        raise _DamagedError("its gzip data is cut off or too long")
    return values


def _numbers(data, job, codec, stored, real):
    """(pixels,) big-endian numbers; how many bytes each has is what their count says.

    job: start and length in `data` are its first two, height and width its [4:6].
    stored: the type that numbers have which are not packed. real: floats are wanted.
    """
    start, size, _, _, height, width = job[:6].tolist()
    pixels, packed = height * width, data[start : start + size]
    sizes = (stored.itemsize,)
    if codec[:4] == "GZIP":  # whose checksum holds, so that another type is what was meant
        packed, sizes = _inflated(packed, pixels), (1, 2, 4, 8)
    values = np.frombuffer(packed, np.uint8)
    item = len(values) // pixels
    if item not in sizes or item * pixels != len(values):
        raise _DamagedError(f"it holds {len(values)} bytes for {pixels} pixels")
    if codec == "GZIP_2" and item > 1:
        values = np.ascontiguousarray(values.reshape(item, -1).T).reshape(-1)
    kind = "f" if real and item >= 4 else "u" if item == 1 else "i"
    return values.view(f">{kind}{item}")
