"""A frame in stripes, and what the mask kernels want of one: bits, margins and edits.

A confidence or edits are an array or a `core.plane.Plane`; of a Plane only the tiles that hold
something are looked at.
"""

import contextlib
import functools
import itertools
import os
from typing import NamedTuple

import numpy as np

from glview.core.cancel import Cancelled
from glview.core.plane import Plane
from glview.core.tiles import SIZE

STRIPE_PIXELS = 1 << 22
"""Pixels a thread takes at a time: enough to hide the call, few enough to share out and cancel,
and their bits fit the cache of a core."""

SMALL_STRIPE, STRIPES = 1 << 20, 16  # a small frame is shared out too

MOST_RUNS = 1 << 18
"""Runs that are held at a time: a crowded stripe is cut into parts."""

WORD = 64


class Arena:
    """Memory of one thread, kept from one stripe to the next: fresh memory is slow."""

    def __init__(self):
        self._held = {}

    def array(self, name, shape, dtype):
        """An array under a name; it holds anything, and the next of that name takes its place."""
        size = int(np.prod(shape))
        held = self._held.get(name)
        if held is None or held.size < size:
            held = self._held[name] = np.empty(size, dtype)
        return held[:size].reshape(shape)


class Arenas:
    """Arenas for as many threads as ask: `with arenas.one() as arena`."""

    def __init__(self):
        self._free = []

    @contextlib.contextmanager
    def one(self):
        """An Arena that no other thread has until the block ends."""
        try:
            arena = self._free.pop()
        except IndexError:
            arena = Arena()
        yield arena
        self._free.append(arena)


class Block(NamedTuple):
    """A box for the kernels, see `core.maskkernels`: the model's bits, the first row of the box
    among them, the edits and the box's width."""

    bits: np.ndarray
    lead: int
    edits: tuple
    width: int


def mask_block(confidence, edits, box, settings, arena):
    """The Block of a box whose first column is a multiple of 64.

    The confidence has the dilation's reach of more rows on either side, where the frame has them.
    arena: where the bits may lie.
    """
    y0, x0, y1, x1 = box
    hand = listed(edits, box)
    if confidence is None:
        bits = arena.array("bits", (y1 - y0, -(-(x1 - x0) // WORD)), np.uint64)
        bits[:] = 0
        return Block(bits, 0, hand, x1 - x0)
    top, bottom = clipped(y0, y1, settings.dilation, confidence.shape[0])
    bits = bits_above(confidence, (top, x0, bottom, x1), settings.limit, arena)
    return Block(bits, y0 - top, hand, x1 - x0)


def bits_above(confidence, box, limit, arena):
    """(h, words) uint64: which pixels of a box are above the limit, row by row.

    Nothing is copied of a C-contiguous float32 array, in either byte order, if the box has whole
    rows of it.
    """
    from glview.core import packkernels

    y0, x0, y1, x1 = box
    if isinstance(confidence, Plane):
        return confidence.bits(box, limit)
    rows = np.asarray(confidence[y0:y1, x0:x1])
    bits = arena.array("bits", (y1 - y0, -(-(x1 - x0) // WORD)), np.uint64)
    raw = words32(rows)
    if vectors() and raw is not None:
        packkernels.pack(raw if is_swapped(rows) else raw.view(np.float32), limit, bits)
    else:
        packkernels.pack_plain(read_only(as_rows(rows)), limit, bits)
    return bits


def most_runs(width):
    """Room for runs: MOST_RUNS, but always a whole row, which may have one in two pixels."""
    return max(MOST_RUNS, width // 2 + 1)


def mask_rows(block, settings, arena, height):
    """(h, words) uint64: the bits of the final mask of a Block, dilated and edited."""
    from glview.core import maskkernels

    pointers, columns, codes = block.edits
    if settings.dilation == 0 and not len(codes):
        return block.bits[block.lead : block.lead + height]
    rows = dilated_rows(block, settings, arena, height)
    maskkernels.edit(rows, pointers, columns, codes)
    return rows


def dilated_rows(block, settings, arena, height):
    """The same without the edits; always in memory of its own."""
    from glview.core import maskkernels

    rows = arena.array("rows", (height, block.bits.shape[1]), np.uint64)
    if settings.dilation:
        widths = np.array(settings.widths, np.int64)
        maskkernels.dilate(block.bits, block.lead, widths, block.width, rows)
    else:
        rows[:] = block.bits[block.lead : block.lead + height]
    return rows


@functools.cache
def vectors():
    """Whether the vectors of `packkernels.pack` work on this machine: tried once."""
    from glview.core import packkernels

    values = np.arange(3 * WORD, dtype=np.float32)[None] % 5
    values[0, 7] = np.nan
    made = np.empty((1, 3), np.uint64)
    try:
        packkernels.pack(read_only(values), np.float32(2), made)
    except Exception:  # whatever a compiler may say: there is a plain loop
        return False
    return np.array_equal(made.view(np.uint8), np.packbits(values > 2, bitorder="little")[None])


def words32(array):
    """The uint32 words of a C-contiguous float32 array, read only; None for any other array.

    Where `is_swapped`, they are in the other byte order.
    """
    plain = array.dtype.kind == "f" and array.dtype.itemsize == 4 and array.flags.c_contiguous
    return read_only(array.view(np.uint32)) if plain else None


def is_swapped(array):
    """Whether an array's values are in the byte order that this machine does not have."""
    return not array.dtype.isnative


def read_only(array):
    """A view of an array that cannot be written: kernels are compiled once for all of them."""
    view = array.view()
    view.flags.writeable = False
    return view


def as_rows(values):
    """C-contiguous float32 in native byte order, copied only from another layout or type."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values, np.float32)


def confidence_rows(confidence, box, reach):
    """(rows, lead): C-contiguous float32 of a box with up to `reach` more rows on either side,
    `lead` of them above it."""
    y0, x0, y1, x1 = box
    top, bottom = clipped(y0, y1, reach, confidence.shape[0])
    return as_rows(confidence[top:bottom, x0:x1]), y0 - top


def listed(edits, box):
    """(pointers, columns, codes) of the edits of a box, for the kernels."""
    from glview.core import maskkernels

    y0, x0, y1, x1 = box
    if edits is None or not holds(edits, box):
        return np.zeros(y1 - y0 + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.uint8)
    if isinstance(edits, Plane):
        return edits.entries(box)
    return maskkernels.list_edits(np.ascontiguousarray(edits[y0:y1, x0:x1]))


def holds(plane, box):
    """False if a box of an array or a Plane is known to be all 0 without a look at its pixels."""
    return not isinstance(plane, Plane) or plane.any(box)


def empty(confidence, edits, box, reach):
    """True if certainly no pixel of a box is masked or edited."""
    shape = (edits if confidence is None else confidence).shape
    (top, bottom), (left, right) = (clipped(box[k], box[k + 2], reach, shape[k]) for k in (0, 1))
    return not ((confidence is not None and holds(confidence, (top, left, bottom, right)))
                or (edits is not None and holds(edits, box)))


def clipped(first, last, reach, size):
    """The half-open range first..last grown by `reach` at both ends, inside 0..size."""
    return max(0, first - reach), min(size, last + reach)


def box_round(pixel, reach, shape):
    """(y0, x0, y1, x1): the square of pixels within `reach` of a pixel (y, x) of a frame."""
    (y0, y1), (x0, x1) = (clipped(at, at + 1, reach, size)
                          for at, size in zip(pixel, shape, strict=True))
    return y0, x0, y1, x1


def grain(*planes):
    """Rows that stripes should keep together: those of a tile if any of the planes has tiles."""
    return SIZE if any(isinstance(plane, Plane) for plane in planes) else 1


def stripes(rows, width, reach, together=1):
    """The row range (y0, y1) as ranges of STRIPE_PIXELS pixels, fewer of a small frame, in order.

    A stripe packs its margin of `reach` rows again, so it is never thinner than many of them. It
    ends at a multiple of `together` rows, unless the range does.
    """
    first, last = rows
    pixels = min(STRIPE_PIXELS, max(SMALL_STRIPE, (last - first) * width // STRIPES))
    height = max(1, 16 * reach, pixels // max(1, width))
    height = -(-height // together) * together
    cuts = [first, *range(first - first % together + height, last, height), last]
    return [pair for pair in itertools.pairwise(cuts) if pair[0] < pair[1]]


def over_stripes(work, parts, cancel=None):
    """[work(part) for part in parts], on a thread a core where there are several parts.

    cancel: callable -> bool or None; asked before every part, perhaps from several threads.
    Raises Cancelled once it says yes, and whatever `work` raises; the parts left are not begun.
    """

    def polled(part):
        if cancel is not None and cancel():
            raise Cancelled
        return work(part)

    threads = min(len(parts), os.cpu_count() or 1)
    if threads <= 1:
        return [polled(part) for part in parts]
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(threads, "stripes") as pool:
        jobs = [pool.submit(polled, part) for part in parts]
        wait(jobs, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
        return [job.result() for job in jobs]
