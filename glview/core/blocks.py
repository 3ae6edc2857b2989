"""A frame in stripes, and what the mask kernels want of one: rows, margins, bits and edits.

A confidence or edits are an array or a `core.plane.Plane`; of a Plane only the tiles that hold
something are looked at.
"""

import itertools
import os

import numpy as np

from glview.core.cancel import Cancelled
from glview.core.plane import Plane
from glview.core.tiles import SIZE

STRIPE_PIXELS = 1 << 21
"""Pixels a thread takes at a time: enough to hide the call, few enough to share out and cancel."""


def mask_block(confidence, edits, box, settings):
    """The block of a box for the kernels, see `core.maskkernels`; its first column must be a
    multiple of 64. Copies only what has another layout; the confidence has the dilation's reach of
    more rows on either side, where the frame has them.
    """
    y0, x0, y1, x1 = box
    rows, bits, lead = np.empty((0, x1 - x0), np.float32), np.empty((0, 0), np.uint64), 0
    if isinstance(confidence, Plane):
        top, bottom = clipped(y0, y1, settings.dilation, confidence.shape[0])
        bits, lead = confidence.bits((top, x0, bottom, x1), settings.limit), y0 - top
    elif confidence is not None:
        rows, lead = confidence_rows(confidence, box, settings.dilation)
    return rows, bits, lead, _listed(edits, box)


def confidence_rows(confidence, box, reach):
    """(rows, lead): C-contiguous float32 of a box with up to `reach` more rows on either side,
    `lead` of them above it."""
    y0, x0, y1, x1 = box
    top, bottom = clipped(y0, y1, reach, confidence.shape[0])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(confidence[top:bottom, x0:x1], np.float32), y0 - top


def _listed(edits, box):
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


def grain(*planes):
    """Rows that stripes should keep together: those of a tile if any of the planes has tiles."""
    return SIZE if any(isinstance(plane, Plane) for plane in planes) else 1


def stripes(rows, width, reach, together=1):
    """The row range (y0, y1) as ranges of about STRIPE_PIXELS pixels, in order.

    A stripe packs its margin of `reach` rows again, so it is never thinner than many of them. It
    ends at a multiple of `together` rows, unless the range does.
    """
    height = max(1, 16 * reach, STRIPE_PIXELS // max(1, width))
    height = -(-height // together) * together
    first, last = rows
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
