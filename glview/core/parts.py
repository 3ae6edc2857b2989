"""The components of a mask band by band, and the table of objects they make together.

A band's bit rows become runs, the runs components (`core.runs`), and components that touch across
the seam of two bands are one object (`core.tablekernels`). No mask and no label image is made.
"""

import itertools
from typing import NamedTuple

import numpy as np

from glview.core import blocks

OBJECT = np.dtype(
    [
        ("id", "i4"),
        ("area", "i4"),
        ("y0", "i4"),
        ("x0", "i4"),
        ("y1", "i4"),
        ("x1", "i4"),
        ("cy", "f8"),
        ("cx", "f8"),
        ("flux", "f8"),
        ("peak", "f8"),
        ("mean_confidence", "f8"),
        ("max_confidence", "f8"),
    ]
)
"""One row for an object. id: 1 for the first of the list. area: pixels. y0, x0, y1, x1: half-open
box. cy, cx: mean position of its pixels, unweighted. flux, peak: sum and maximum of its finite
image values, in the image's unit. mean_confidence, max_confidence: of its finite confidences. The
last four are NaN where there is no such value."""


class Part(NamedTuple):
    """The components of a band of rows.

    table: see `core.runs`. head, tail: (k, 3) int32 (component, x0, x1) of the runs of its first
    and of its last row. rows: (y0, y1). runs, labels: all its runs, y counted from `rows[0]`, and
    the component of each; None where they are not kept.
    """

    table: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    rows: tuple[int, int]
    runs: np.ndarray | None = None
    labels: np.ndarray | None = None


def nothing(rows):
    """The Part of a band without a masked pixel."""
    from glview.core import runs as kernels

    none = np.empty((0, 3), np.int32)
    return Part(np.empty((0, kernels.COLUMNS)), none, none, rows, none, none[:, 0])


def parts_of(bits, width, top, reach, measure, arena, keep=False):
    """The Parts of bit rows, whose first is row `top` of the frame.

    reach: 1 or 0, for 8- or 4-connected. measure(table, runs, labels) fills the columns of values,
    runs counting y from `top`. keep: whether the runs stay with the Part.
    """
    from glview.core import maskkernels

    most = blocks.most_runs(width)
    runs = arena.array("runs", (most, 3), np.int32)
    labels = arena.array("labels", (most,), np.uint32)
    parts, end = [], 0
    while end < len(bits):
        first = end
        count, end = maskkernels.mask_runs(bits, width, first, runs)
        band = runs[:count], labels[:count], (first, end)
        parts.append(_part(band, top, reach, measure, keep))
    return parts


def _part(band, top, reach, measure, keep):
    from glview.core import runs as kernels

    runs, labels, (first, end) = band
    if not len(runs):
        return nothing((top + first, top + end))
    count = kernels.label_runs(runs.view(np.uint32), reach, labels)
    table = kernels.shape_table(runs.view(np.uint32), labels, count, top)
    measure(table, runs, labels)
    head, tail = np.searchsorted(runs[:, 0], (first + 1, end - 1))
    kept = ()
    if keep:
        kept = runs.copy(), labels.copy()
        kept[0][:, 0] -= first
    return Part(table, _edge(runs[:head], labels[:head]), _edge(runs[tail:], labels[tail:]),
                (top + first, top + end), *kept)


def _edge(runs, labels):
    edge = runs.copy()
    edge[:, 0] = labels
    return edge


class Joined(NamedTuple):
    """The objects of all parts.

    objects: (n,) OBJECT sorted by falling area, then y0, then x0. starts: (parts + 1,) the first
    component of each part. roots: (components,) the first component of its object. chosen: (n,)
    the root of each object. pixels: of all objects.
    """

    objects: np.ndarray
    starts: np.ndarray
    roots: np.ndarray
    chosen: np.ndarray
    pixels: int


def joined(parts, reach, arena=None):
    """The Joined of all parts of a frame, from top to bottom without a gap."""
    from glview.core import runs as kernels
    from glview.core import tablekernels

    arena = arena or blocks.Arena()
    ends = [np.array(list(itertools.accumulate((len(one[k]) for one in parts), initial=0)))
            for k in range(3)]
    none = np.empty((0, 3), np.int32)
    table = arena.array("table", (int(ends[0][-1]), kernels.COLUMNS), np.float64)
    if parts:
        np.concatenate([part.table for part in parts], out=table)
    heads, tails = (np.concatenate([none, *(part[k] for part in parts)]) for k in (1, 2))
    roots = tablekernels.join(ends[0], heads, tails, np.stack(ends[1:], 1), reach)
    chosen = tablekernels.order(table, tablekernels.fold(table, roots))
    objects = np.empty(len(chosen), OBJECT)
    whole, real = objects.view(np.int32), objects.view(np.float64)
    pixels = tablekernels.write(table, chosen, whole.reshape(-1, 18), real.reshape(-1, 9))
    return Joined(objects, ends[0], roots, chosen, pixels)
