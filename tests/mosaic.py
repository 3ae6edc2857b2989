"""Large FITS files for tests and benchmarks, made quickly, with pixels that are known.

Everything that no test looks at is a hole of the file: it reads as 0 and takes no room on the disk.
"""

import os

import numpy as np

BLOCK, CARD = 2880, 80
BAND = 64  # rows of a mosaic that are written at once
CHIP, GAP = (4096, 2048), 48  # of a mosaic: height and width of a chip; NaN pixels between two
BITPIX = {"u1": 8, "i2": 16, "i4": 32, "f4": -32, "f8": -64}


def header(shape, bitpix=-32):
    """Bytes of the header of one primary HDU of `shape` (height, width)."""
    cards = {"SIMPLE": "T", "BITPIX": bitpix, "NAXIS": 2, "NAXIS1": shape[1], "NAXIS2": shape[0]}
    lines = [f"{name:8}= {value:>20}".ljust(CARD) for name, value in cards.items()]
    text = "".join((*lines, "END".ljust(CARD))).encode()
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


class Sparse:
    """A FITS image of any size on disk, 0 where nothing was put.

    path: where it is made; shape: (height, width); dtype: of its pixels, a key of BITPIX.
    """

    def __init__(self, path, shape, dtype="f4"):
        self.path, self.shape = path, shape
        self.stored = np.dtype(dtype).newbyteorder(">")
        start = header(shape, BITPIX[dtype])
        self.offset = len(start)
        size = self.offset + shape[0] * shape[1] * self.stored.itemsize
        with open(path, "wb") as file:
            file.write(start)
            file.truncate(-(-size // BLOCK) * BLOCK)

    def put(self, y, x, values):
        """Write a box, (h, w) real; a single number is a box of one pixel."""
        values = np.atleast_2d(values).astype(self.stored)
        with open(self.path, "rb+", buffering=0) as file:
            self._write(file.fileno(), y, x, values)

    def put_pixels(self, places, value):
        """Write one value to single pixels: (n, 2) integers, y and x."""
        one = np.array([[value]]).astype(self.stored)
        with open(self.path, "rb+", buffering=0) as file:
            for y, x in np.asarray(places).tolist():
                self._write(file.fileno(), y, x, one)

    def _write(self, fd, y, x, values):
        for row, line in enumerate(values):
            place = (y + row) * self.shape[1] + x
            os.pwrite(fd, line.tobytes(), self.offset + place * self.stored.itemsize)


def some_places(rng, shape, count):
    """(count, 2) different pixels of an image of `shape`, y and x."""
    flat = rng.choice(shape[0] * shape[1], count, replace=False, shuffle=False)
    return np.stack(np.unravel_index(flat, shape), 1)


def stream(path, shape, sky):
    """Write a mosaic of chips with NaN between them, as float32 FITS, a band of rows at a time.

    sky: (h, w) float32, repeated to size; every second copy is turned, so that neighbours differ.
    The file's pages are on disk when this returns, so that the system can drop them.
    """
    height, width = shape
    both = np.concatenate((sky, sky[::-1, ::-1]), 1).astype(">f4")
    row = np.take(both, np.arange(width) % both.shape[1], 1)
    row[:, np.arange(width) % (CHIP[1] + GAP) >= CHIP[1]] = np.nan
    gap = np.full((GAP, width), np.nan, ">f4")
    with open(path, "wb") as file:
        file.write(header(shape))
        y = 0
        while y < height:
            in_chip = y % (CHIP[0] + GAP)
            left = height - y
            if in_chip >= CHIP[0]:
                part = gap[: min(left, CHIP[0] + GAP - in_chip)]
            else:
                start = in_chip % len(row)
                part = row[start : start + min(left, BAND, CHIP[0] - in_chip)]
            file.write(part)
            y += len(part)
        file.truncate(-(-file.tell() // BLOCK) * BLOCK)
        file.flush()
        os.fsync(file.fileno())
