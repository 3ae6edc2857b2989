"""Objects as a list: their columns, in which order, and which of them are shown."""

from dataclasses import dataclass

import numpy as np

from glview.core.verdicts import STATES

UNREVIEWED = "unreviewed"
SAID = ("any", UNREVIEWED, *STATES[1:])

COLUMNS = {
    "id": lambda rows, codes: rows["id"],
    "x": lambda rows, codes: rows["cx"],
    "y": lambda rows, codes: rows["cy"],
    "area": lambda rows, codes: rows["area"],
    "flux": lambda rows, codes: rows["flux"],
    "peak": lambda rows, codes: rows["peak"],
    "mean": lambda rows, codes: rows["mean_confidence"],
    "max": lambda rows, codes: rows["max_confidence"],
    "state": lambda rows, codes: codes,
}
"""What a list can be sorted by: (rows of OBJECT, codes of `verdicts.STATES`) -> (n,) numbers."""

NEAR = 10
"""Pixels round an object's box in which a bright pixel counts as near."""


@dataclass(frozen=True)
class Rules:
    """Which objects are shown: those for which all of this is true.

    above: their area is larger than this; said: one of SAID; in_view: a part of their box is seen;
    edge: they touch the frame's edge; bright: something bright that is not masked is near.
    """

    above: int = 0
    said: str = "any"
    in_view: bool = False
    edge: bool = False
    bright: bool = False


def ordered(rows, codes, column, falling, sorted_rows=None):
    """(n,) int64: the numbers of all objects in order of a column; NaN last, equals by falling
    area, then y0, then x0.

    sorted_rows: how many rows, from the first on, are by falling area, y0, x0 already, as
    `find_objects` gives them; None for all.
    """
    first = np.arange(len(rows))
    if sorted_rows is not None and sorted_rows < len(rows):
        first = merged(rows, sorted_rows)
    if (column, falling) == ("area", True):
        return first
    values = COLUMNS[column](rows, codes)[first].astype(np.float64)
    return first[np.argsort(-values if falling else values, kind="stable")]


def merged(rows, count):
    """(n,) int64: the numbers of all rows by falling area, y0, x0, of which the first are so."""
    falling, corners = -rows["area"], rows["y0"].astype(np.int64) << 32 | rows["x0"]
    late = count + np.lexsort((corners[count:], falling[count:]))
    low, high = (np.searchsorted(falling[:count], falling[late], side)
                 for side in ("left", "right"))
    while (low < high).any():  # halved for all at once: a loop of Python over thousands is slow
        middle = (low + high) // 2
        before = (low < high) & (corners[np.minimum(middle, count - 1)] < corners[late])
        low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
    return np.insert(np.arange(count), low, late)


def shown(rows, codes, rules, shape, seen=None, bright=None):
    """(n,) bool: which objects the rules let through.

    shape: (height, width) of the frame. seen: (y0, x0, y1, x1) in view, or None for all of it.
    bright: (n,) bool of `near_bright`, or None where it is not known yet, which lets all through.
    """
    found = rows["area"] > rules.above
    if rules.said in STATES:
        found &= codes == STATES.index(rules.said)
    elif rules.said == UNREVIEWED:
        found &= codes == 0
    if rules.in_view and seen is not None:
        found &= (rows["y0"] < seen[2]) & (rows["y1"] > seen[0])
        found &= (rows["x0"] < seen[3]) & (rows["x1"] > seen[1])
    if rules.edge:
        found &= ((rows["y0"] == 0) | (rows["x0"] == 0)
                  | (rows["y1"] == shape[0]) | (rows["x1"] == shape[1]))
    if rules.bright and bright is not None:
        found &= bright
    return found


def near_bright(rows, image, masked, limit, block=512, cancel=lambda: False):
    """Which objects have a pixel near that is brighter than `limit` and not masked: (n,) bool.

    Near is within NEAR pixels of the object's box. rows: of OBJECT. image: Image. masked: box ->
    (h, w) bool, the final mask there. The frame is read in blocks, those round objects only.
    Raises Cancelled once cancel() is true, or what reading the image raises.
    """
    from glview.core.cancel import Cancelled
    from glview.core.catalogue import Catalogue

    catalogue, found = Catalogue(rows, image.shape), np.zeros(len(rows), bool)
    height, width = image.shape
    for y in range(0, height, block):
        for x in range(0, width, block):
            if cancel():
                raise Cancelled
            box = y, x, min(y + block, height), min(x + block, width)
            numbers = catalogue.within((y - NEAR, x - NEAR, box[2] + NEAR, box[3] + NEAR))
            numbers = numbers[~found[numbers]]
            if len(numbers):
                values = image.read32(box[0], box[2], box[1], box[3])
                found[numbers] = _any_in(rows[numbers], (values > limit) & ~masked(box), y, x)
    return found


def _any_in(rows, marked, y, x):
    """(n,) bool: whether a marked pixel of a block at (y, x) is near each object."""
    sums = np.zeros((marked.shape[0] + 1, marked.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(marked, 0), 1, out=sums[1:, 1:])
    top, bottom = (np.clip(rows[name] - y + more, 0, marked.shape[0])
                   for name, more in (("y0", -NEAR), ("y1", NEAR)))
    left, right = (np.clip(rows[name] - x + more, 0, marked.shape[1])
                   for name, more in (("x0", -NEAR), ("x1", NEAR)))
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] > 0
