"""Boxes of a matrix that lies uncompressed in a file, read by position piece by piece."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from glview.files.source import Source

PIECE = 1 << 20  # bytes: large enough for the disk, small enough for the processor's cache
GAP = 1 << 13  # bytes between rows of a box that are cheaper to read over than to jump over
EXACT = 1 << 23  # whole numbers up to twice this are exact in float32


class Scaling(NamedTuple):
    """Physical value = bzero + bscale x stored, NaN where the stored one is blank."""

    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None


AS_STORED = Scaling()


def copy(raw, out):
    """raw: any byte order; out: native, same shape. No call into Python: threads run alongside."""
    np.copyto(out, raw)


@dataclass(frozen=True)
class Raster:
    """A (rows, width) matrix of one type at `offset` of a source.

    stored: type in the file, with its byte order. physical: type handed out, native.
    convert: convert(raw, out) fills out (n, m) of `physical` from raw (n, m) of `stored`.
    scaling: what `convert` does, if numbers say it.
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
    scaling: Scaling | None = AS_STORED
    _scratch: threading.local = field(default_factory=threading.local, compare=False, repr=False)

    def read(self, y0, y1, x0, x1):
        """Box [y0, y1) x [x0, x1) as a new C-contiguous (y1 - y0, x1 - x0) array of `physical`.

        Raises FileChangedError or ReadError; the caller keeps y0, x0 >= 0 and x1 <= width.
        """
        out = np.empty((y1 - y0, x1 - x0), self.physical)

        def take(raw, skip, part):
            self.convert(raw[:, skip : skip + part.shape[1]], part)

        self._read_box(y0, x0, out, take)
        return out

    def read32(self, y0, y1, x0, x1, out):
        """The same values as float32 into `out`, C-contiguous (y1 - y0, x1 - x0) float32.

        numba does the work, or numpy for types that are too rare for a loop of their own.
        """
        if self._decoder is None:
            with np.errstate(over="ignore", invalid="ignore"):
                np.copyto(out, self.read(y0, y1, x0, x1), casting="unsafe")
        else:
            self._read_box(y0, x0, out, self._decoder, in_place=self._same_size)

    def planes(self, height):
        """`read` for an Image whose planes of `height` rows lie one behind the other."""

        def read(plane, y0, y1, x0, x1):
            return self.read(plane * height + y0, plane * height + y1, x0, x1)

        return read

    def fills(self, height):
        """`fill` for the same Image."""

        def fill(plane, y0, y1, x0, x1, out):
            self.read32(plane * height + y0, plane * height + y1, x0, x1, out)

        return fill

    def turned(self, height):
        """`fill_turned` for the same Image: None unless it saves a pass over the numbers."""
        whole = self.scaling is not None and (*self.scaling,) == AS_STORED
        if not (self._same_size and whole) or self.stored.isnative:
            return None

        def fill(plane, y0, y1, x0, x1, out):
            y0 += plane * height
            self._read_box(y0, x0, out.view(self.stored), _take_over, in_place=True)

        return fill

    def _read_box(self, y0, x0, out, take, in_place=False):
        """take(raw, skip, part) fills rows of `out` from raw rows, whose first columns it skips.

        in_place: raw may be the memory of part, where both are of one size.
        """
        here = min(max(self.rows - y0, 0), len(out))
        out[here:] = self.fill
        if here and out.size:
            self.source.check()
            self._read_rows(y0, x0, out[:here], take, in_place)
            self.source.check()

    def _read_rows(self, y0, x0, out, take, in_place):
        item, count = self.stored.itemsize, out.shape[1]
        whole = (self.width - count) * item <= GAP
        first, span = (0, self.width) if whole else (x0, count)
        in_place = in_place and span == count
        step = len(out) if in_place else max(1, PIECE // (span * item))
        if not whole:  # or each row waits for the disk, one after the other
            for y in range(y0, y0 + len(out)):
                self.source.expect(self.offset + (y * self.width + first) * item, span * item)
        for y in range(0, len(out), step):
            part = out[y : y + step]
            raw = part.view(self.stored) if in_place else self._room(len(part), span)
            place = self.offset + ((y0 + y) * self.width + first) * item
            if whole:
                self.source.fill(memoryview(raw.view(np.uint8)).cast("B"), place)
            else:
                for row, line in enumerate(raw.view(np.uint8)):
                    self.source.fill(memoryview(line), place + row * self.width * item)
            take(raw, x0 - first, part)

    def _room(self, rows, span):
        """(rows, span) of `stored` to read into, memory that this thread uses again and again."""
        size = rows * span * self.stored.itemsize
        held = getattr(self._scratch, "bytes", None)
        if held is None or held.size < size:
            held = self._scratch.bytes = np.empty(size, np.uint8)
        return held[:size].view(self.stored).reshape(rows, span)

    @property
    def _same_size(self):
        """Whether stored numbers become float32 without moving."""
        return self.stored.kind == "f" and self.stored.itemsize == 4

    @cached_property
    def _decoder(self):
        """A `take` for float32, or None where there is no loop for these numbers."""
        kind, size = self.stored.kind, self.stored.itemsize
        if self.scaling is None or kind not in "iuf" or kind + str(size) in ("f2", "i8", "u8"):
            return None
        from glview.core import decode

        turn = None if self.stored.isnative else decode.SWAPS[size]
        bits, native = np.dtype(f"u{size}"), self.stored.newbyteorder("=")
        convert, blank = self._converter(decode), self.scaling.blank

        def take(raw, skip, part):
            if turn is not None:
                turn(raw.view(bits).reshape(-1))
            raw = raw.view(native)
            convert(raw, skip, part)
            if blank is not None:
                decode.blank(raw, skip, part, blank)

        return take

    def _converter(self, decode):
        """convert(raw, skip, part) for numbers in native byte order; `raw` may be `part`."""
        bscale, bzero, _ = self.scaling
        if self._same_size and (bscale, bzero) == (1, 0):
            return _take_over
        small = self.stored.itemsize <= 2 and abs(bzero) < EXACT and float(bzero).is_integer()
        if small and bscale == 1:
            zero = np.float32(bzero)
            return lambda raw, skip, part: decode.shift(raw, skip, part, zero)
        factor, zero = float(bscale), float(bzero) or -0.0
        return lambda raw, skip, part: decode.scale(raw, skip, part, factor, zero)


def _take_over(raw, skip, part):
    if raw.shape != part.shape or raw.ctypes.data != part.ctypes.data:
        np.copyto(part, raw[:, skip : skip + part.shape[1]])
