"""What a hand does to one object: grow, shrink, join with a neighbour, cut in two.

An object is `member`, (h, w) bool, all of its pixels in some box; pixels are (y, x) in that box.
"""

import numpy as np

from glview.core.edits import line
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE

MOST_PAIRS = 1 << 22  # distances that are held at a time
NEAR = 1e-6  # pixels: places along an axis that differ by less are one


def grown(member):
    """(h, w) bool: the object and every pixel that touches it, corners too."""
    padded = np.pad(member, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]


def shrunk(member, open_edges=(False, False, False, False)):
    """(h, w) bool: the object without the pixels that touch what is not it, corners too.

    open_edges: (top, left, bottom, right), True where the box ends at the frame's edge: beyond it
    there is nothing that an object could touch.
    """
    outside = np.pad(~member, 1, constant_values=True)
    for is_open, edge in zip(open_edges, (np.s_[0], np.s_[:, 0], np.s_[-1], np.s_[:, -1]),
                             strict=True):
        if is_open:
            outside[edge] = False
    return member & ~grown(outside)[1:-1, 1:-1]


def between(member, others):
    """(n, 2) pixels between the object and the nearest pixel of `others`, both left out; None if
    there are no others.

    others: (h, w) bool, none of its pixels the object's.
    """
    mine, theirs = np.argwhere(rim(member)), np.argwhere(rim(others))
    if not len(mine) or not len(theirs):
        return None
    best, pair, step = np.inf, None, max(1, MOST_PAIRS // len(theirs))
    for first in range(0, len(mine), step):
        some = mine[first : first + step]
        far = ((some[:, None] - theirs) ** 2).sum(-1)
        place = np.unravel_index(far.argmin(), far.shape)
        if far[place] < best:
            best, pair = far[place], (some[place[0]], theirs[place[1]])
    return line(*(tuple(end.tolist()) for end in pair))[1:-1]


def rim(member):
    """(h, w) bool: the pixels of an object with one that is not its beside, above or below them."""
    inside = np.pad(member, 1)
    return member & ~(inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:])


def strip(member, pixel=None):
    """(h, w) bool: pixels across the long axis of the object, without which it is two; None where
    nothing would be left on one side.

    pixel: where to cut, a pixel of the object; None takes the thinnest place, and of several the
    one nearest to the middle.
    """
    places = np.argwhere(member)
    axis = _long_axis(places)
    along = (places - places.mean(0)) @ axis
    centres = np.unique(along)
    if pixel is not None:
        centres = (np.array([pixel]) - places.mean(0)) @ axis
    # As wide as the longest step to a neighbour is along the axis, so that none leads across.
    half, ranked = np.abs(axis).sum() / 2, np.sort(along)
    low = np.searchsorted(ranked, centres - half - NEAR)
    high = np.searchsorted(ranked, centres + half - NEAR)
    fair = np.flatnonzero((low > 0) & (high < len(ranked)))
    if not len(fair):
        return None
    best = fair[np.lexsort((np.abs(centres[fair]), (high - low)[fair]))[0]]
    lost = (along >= centres[best] - half - NEAR) & (along < centres[best] + half - NEAR)
    found = np.zeros_like(member)
    found[tuple(places[lost].T)] = True
    return found


def _long_axis(places):
    """Unit vector (y, x) along which pixels spread the most, whole along rows or columns if near
    to that: such an object is cut straight."""
    if len(places) < 2:
        return np.array([0.0, 1.0])
    _, vectors = np.linalg.eigh(np.cov(places.T))
    axis = vectors[:, -1]
    if np.abs(axis).max() > np.cos(np.pi / 8):
        return (np.abs(axis) == np.abs(axis).max()).astype(float)
    return axis


def codes(wanted, model):
    """(h, w) uint8 edit codes that make the mask `wanted` of what the model masks, both bool; a
    pixel of which the model says the same is no edit."""
    return np.where(wanted == model, EDIT_NONE,
                    np.where(wanted, EDIT_ADD, EDIT_DELETE)).astype(np.uint8)
