"""What was said of objects: which object a verdict belongs to, and how far the review is.

A verdict is kept by an anchor, a pixel (y, x) of the object that was judged, so that it follows the
object as long as that pixel is in it, whatever threshold and dilation do.
"""

import itertools

import numpy as np

ACCEPTED, REJECTED = "accepted", "rejected"
STATES = ("", ACCEPTED, REJECTED)
"""What can be said of an object, by the codes that `judged` gives."""

PIXELS = 1 << 20  # looked at at a time


def component(masked, pixel=None):
    """The object of a box: (h, w) bool, or None if there is none.

    masked: (h, w) bool, the final mask in the box. pixel: (y, x) of the object that is meant; None
    for the one that reaches all four edges of the box, of which there is never more than one.
    """
    from glview.core.runs import label_runs, shape_table

    runs = runs_of(masked)
    if not len(runs):
        return None
    labels = np.empty(len(runs), np.uint32)
    table = shape_table(runs, labels, label_runs(runs, 1, labels), 0)
    if pixel is None:
        meant = np.flatnonzero((table[:, 1:5] == (0, 0, *masked.shape)).all(1))
    else:
        y, x = pixel
        meant = labels[(runs[:, 0] == y) & (runs[:, 1] <= x) & (x < runs[:, 2])]
    return drawn(runs[labels == meant[0]], masked.shape) if len(meant) else None


def runs_of(masked):
    """(n, 3) uint32 rows (y, x0, x1) of an (h, w) bool mask, in raster order."""
    edges = np.diff(np.pad(masked, ((0, 0), (1, 1))).view(np.int8), axis=1)
    y, x0 = np.nonzero(edges == 1)
    return np.stack([y, x0, np.nonzero(edges == -1)[1]], 1).astype(np.uint32)


def drawn(runs, shape):
    """(h, w) bool: the mask that `runs_of` makes the runs of."""
    edges = np.zeros((shape[0], shape[1] + 1), np.int8)
    edges[runs[:, 0], runs[:, 1]] += 1
    edges[runs[:, 0], runs[:, 2]] -= 1
    return np.cumsum(edges, 1, dtype=np.int8)[:, :-1].astype(bool)


def anchor(member, confidence=None):
    """The pixel (y, x) by which an object is remembered: that of the largest confidence, for it is
    the last to leave the mask as the threshold rises, and of several the nearest to the middle.

    member: (h, w) bool, the pixels of the object, one at least. confidence: None, or
    rows(y0, y1) -> (y1 - y0, w) float32, NaN where there is none. No array of its size is made.
    """
    height, width = member.shape
    many = max(1, PIXELS // width)
    spans = [(y, min(y + many, height)) for y in range(0, height, many)]
    across, down = member.sum(0), member.sum(1)
    middle = (down @ np.arange(height) / down.sum(), across @ np.arange(width) / across.sum())
    best = None
    for y0, y1 in spans:
        ys, xs = np.nonzero(member[y0:y1])
        if len(ys):
            sure = np.zeros(1) if confidence is None else confidence(y0, y1)[ys, xs]
            sure = np.nan_to_num(sure, nan=-1.0)
            far = (ys + y0 - middle[0]) ** 2 + (xs - middle[1]) ** 2
            far = np.where(sure == sure.max(), far, np.inf)
            place = far.argmin()
            found = -float(sure.max()), float(far[place]), int(ys[place]) + y0, int(xs[place])
            best = found if best is None else min(best, found)
    return best[2:]


def judged(verdicts, at, count):
    """Which objects the verdicts belong to.

    verdicts: {(y, x): one of STATES[1:]}; at: (n, 2) int64 pixels (y, x) -> (n,) numbers of the
    objects there, -1 for none; count: how many objects there are. Of two verdicts on one object the
    later one counts.
    Returns (codes, gone): (count,) uint8 places in STATES, and the anchors that are in no object.
    """
    codes, pixels = np.zeros(count, np.uint8), list(verdicts)
    numbers = at(pixels_of(pixels))
    said = np.array([STATES.index(one) for one in verdicts.values()], np.uint8)
    held = numbers >= 0
    codes[numbers[held]] = said[held]
    return codes, [pixels[place] for place in np.flatnonzero(~held).tolist()]


def pixels_of(pixels):
    """(n, 2) int64 of a list of n pixels (y, x)."""
    flat = itertools.chain.from_iterable(pixels)
    return np.fromiter(flat, np.int64, 2 * len(pixels)).reshape(-1, 2)


def progress(codes, rejected):
    """(reviewed, all): objects judged, and all there are; a rejected one counts though it is no
    longer in the mask.  codes: of `judged`; rejected: the anchors of those that are in no object.
    """
    return int(np.count_nonzero(codes)) + len(rejected), len(codes) + len(rejected)
