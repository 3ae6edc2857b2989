"""Boxes of a matrix that lies uncompressed in a file, read by position piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glview.files.source import Source

PIECE = 1 << 20  # bytes: large enough for the disk, small enough for the processor's cache
GAP = 1 << 13  # bytes between rows of a box that are cheaper to read over than to jump over


def copy(raw, out):
    """raw: any byte order; out: native, same shape. No call into Python: threads run alongside."""
    np.copyto(out, raw)


@dataclass(frozen=True)
class Raster:
    """A (rows, width) matrix of one type at `offset` of a source.

    stored: type in the file, with its byte order. physical: type handed out, native.
    convert: convert(raw, out) fills out (n, m) of `physical` from raw (n, m) of `stored`.
    rows: how many rows the file really holds. fill: the value of rows beyond them.
    """

    source: Source
    offset: int
    stored: np.dtype
    physical: np.dtype
    width: int
    rows: int
    fill: float = 0
    convert: Callable = copy

    def read(self, y0, y1, x0, x1):
        """Box [y0, y1) x [x0, x1) as a new C-contiguous (y1 - y0, x1 - x0) array of `physical`.

        Raises FileChangedError or ReadError; the caller keeps y0, x0 >= 0 and x1 <= width.
        """
        out = np.empty((y1 - y0, x1 - x0), self.physical)
        here = min(max(self.rows - y0, 0), len(out))
        out[here:] = self.fill
        if here and out.size:
            self.source.check()
            self._read_rows(y0, x0, out[:here])
            self.source.check()
        return out

    def planes(self, height):
        """`read` for an Image whose planes of `height` rows lie one behind the other."""

        def read(plane, y0, y1, x0, x1):
            return self.read(plane * height + y0, plane * height + y1, x0, x1)

        return read

    def _read_rows(self, y0, x0, out):
        item, count = self.stored.itemsize, out.shape[1]
        whole = (self.width - count) * item <= GAP
        first, span = (0, self.width) if whole else (x0, count)
        step = max(1, PIECE // (span * item))
        scratch = np.empty((min(step, len(out)), span), self.stored)
        view = memoryview(scratch.view(np.uint8)).cast("B")
        for y in range(0, len(out), step):
            rows = min(step, len(out) - y)
            place = self.offset + ((y0 + y) * self.width + first) * item
            if whole:
                self.source.fill(view[: rows * span * item], place)
            else:
                for row in range(rows):
                    piece = view[row * span * item : (row + 1) * span * item]
                    self.source.fill(piece, place + row * self.width * item)
            skip = x0 - first
            self.convert(scratch[:rows, skip : skip + count], out[y : y + rows])
