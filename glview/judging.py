"""What a reviewer does to one object: accept, reject, grow, shrink, merge, cut; each is one step.

What is done is worked out from a `Look` at the document, by a worker where the object is large, and
is a `Change`; `apply` makes it a step of the history.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glview.core import mask, reshape, verdicts
from glview.core.edits import Patch
from glview.core.history import Stroke, Together, Verdict
from glview.core.mask import EDIT_DELETE
from glview.core.verdicts import ACCEPTED, REJECTED

MOST = 1 << 26  # pixels of the box of an object that can be judged
NEAR = 32  # pixels: how far another object may be that one is merged with
PIECE = 512  # pixels: side of the patches that a large object is changed in


class JudgingError(Exception):
    """That cannot be done to the object; the message says why and what would help."""


@dataclass(frozen=True)
class Look:
    """What of a document a judgement needs; see `document.Document`.  cursor: (y, x) or None."""

    confidence: Any
    settings: mask.MaskSettings
    edits: Any
    shape: tuple[int, int]
    verdicts: dict[tuple[int, int], str]
    cursor: tuple[int, int] | None = None

    def masked(self, box):
        """(h, w) bool: the final mask in a box (y0, x0, y1, x1)."""
        codes = mask.mask_state(self.confidence, self.settings, self.edits, box)
        return mask.MASKED[codes].view(bool)

    def model(self, box):
        """The same without what was done by hand."""
        return replace(self, edits=None).masked(box) if self.confidence is not None else (
            np.zeros((box[2] - box[0], box[3] - box[1]), bool))

    def deleted(self, box):
        """(h, w) bool: what was deleted by hand in a box."""
        return self.edits[box[0] : box[2], box[1] : box[3]] == EDIT_DELETE


@dataclass(frozen=True)
class Change:
    """box: (y0, x0, y1, x1); edits: (h, w) uint8 codes that it gets, or None to leave them;
    verdicts: changes as a history.Verdict has them; pixel: (y, x) of the object as it is then, or
    None if it stays as it is or goes."""

    box: tuple[int, int, int, int]
    edits: np.ndarray | None
    verdicts: tuple[tuple[int, int, str, str], ...] = ()
    pixel: tuple[int, int] | None = None


def look_at(document, cursor=None):
    """A Look at a document as it is now; what is done by hand later does not change it."""
    return Look(document.detection.confidence, document.mask, document.edits.plane.copy(),
                document.image.shape, dict(document.verdicts), cursor)


def apply(document, change):
    """Do a change, as one step that can be undone; False if there is nothing to do."""
    patches = () if change.edits is None else tuple(_patches(document.edits.plane, change))
    steps = [Stroke(patches)] if patches else []
    if change.verdicts:
        steps.append(Verdict(change.verdicts))
    if steps:
        step = steps[0] if len(steps) == 1 else Together(tuple(steps))
        step.do(document)
        document.history.record(step)
    return bool(steps)


def _patches(plane, change):
    """The Patches that make the edits of a change, without parts where nothing changes."""
    y0, x0, y1, x1 = change.box
    for y in range(y0, y1, PIECE):
        for x in range(x0, x1, PIECE):
            after = change.edits[y - y0 : y - y0 + PIECE, x - x0 : x - x0 + PIECE]
            before = plane[y : y + after.shape[0], x : x + after.shape[1]]
            if not np.array_equal(before, after):
                yield Patch(y, x, before, after)


# what can be done: (Look, row of OBJECT) -> Change, or JudgingError


def accept(look, row):
    """It is a cosmic ray."""
    box, member = whole(look, row)
    return Change(box, None, _judged(look, box, member, ACCEPTED))


def reject(look, row):
    """It is none: its pixels are deleted from the mask, and the verdict stays."""
    box, member = whole(look, row)
    before = look.edits[box[0] : box[2], box[1] : box[3]]
    after = np.where(member, np.uint8(EDIT_DELETE), before)
    return Change(box, after, _judged(look, box, member, REJECTED))


def restore(look, row):
    """It was rejected and is a cosmic ray after all: its pixels come back."""
    box = _box(row)
    member = verdicts.component(look.deleted(box))
    if member is None:
        raise JudgingError("Its pixels were edited after it was rejected: undo brings it back")
    masked = look.masked(box)
    return Change(box, _edits(look, box, masked, masked | member),
                  _judged(look, box, member, ACCEPTED))


def grow(look, row):
    """The object gets every pixel that touches it."""
    box, member = whole(look, row)
    box, member = _wider(look, box, member, 1)
    return _reshaped(look, box, member, reshape.grown(member))


def shrink(look, row):
    """The object loses every pixel that touches what is not the object."""
    box, member = whole(look, row)
    height, width = look.shape
    edges = box[0] == 0, box[1] == 0, box[2] == height, box[3] == width
    wanted = reshape.shrunk(member, edges)
    if not wanted.any():
        raise JudgingError("It is too thin to shrink: nothing would be left; X rejects it")
    return _reshaped(look, box, member, wanted)


def merge(look, row):
    """A line of pixels joins the object with the nearest other one; what was said of the object
    holds for both."""
    box, member = whole(look, row)
    box, member = _wider(look, box, member, NEAR)
    others = look.masked(box) & ~member
    gap = reshape.between(member, others)
    if gap is None:
        raise JudgingError(f"No other object lies within {NEAR} pixels to merge it with")
    wanted = member.copy()
    wanted[tuple(gap.T)] = True
    other = verdicts.component(others | wanted, tuple(gap[0])) & others
    change = _reshaped(look, box, member, wanted)
    return replace(change, verdicts=tuple(_said(look, box, other)))


def cut(look, row):
    """Pixels across the object's long axis are deleted: at the cursor if that is on the object,
    else where it is thinnest.  The pieces have still to be judged."""
    box, member = whole(look, row)
    at = look.cursor and (look.cursor[0] - box[0], look.cursor[1] - box[1])
    on = at and 0 <= at[0] < member.shape[0] and 0 <= at[1] < member.shape[1] and member[at]
    lost = reshape.strip(member, at if on else None)
    if lost is None:
        raise JudgingError("It cannot be cut there: nothing would be left on one side")
    change = _reshaped(look, box, member, member & ~lost)
    return replace(change, verdicts=tuple(_said(look, box, member)))


# pieces of these


def whole(look, row):
    """(box, member): the pixels of the object, as it is now, in its box.

    row: of OBJECT, perhaps of a count before the last change.
    Raises JudgingError if there is no such object any more, or it is too large.
    """
    box = _box(row)
    if (box[2] - box[0]) * (box[3] - box[1]) > MOST:
        raise JudgingError("It is too large to be judged as one object: raise the threshold")
    member = verdicts.component(look.masked(box))
    if member is None:
        raise JudgingError("It has changed and is being counted again; press the key once more")
    y, x = np.unravel_index(member.argmax(), member.shape) + np.array(box[:2])
    margin = 1
    while True:
        wide = _grown(box, margin, look.shape)
        member = verdicts.component(look.masked(wide), (y - wide[0], x - wide[1]))
        ys, xs = np.flatnonzero(member.any(1)), np.flatnonzero(member.any(0))
        tight = (wide[0] + int(ys[0]), wide[1] + int(xs[0]),
                 wide[0] + int(ys[-1]) + 1, wide[1] + int(xs[-1]) + 1)
        if _grown(tight, 1, look.shape) == _grown(tight, 1, look.shape, wide):
            return tight, member[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        margin *= 4


def _box(row):
    return tuple(int(row[edge]) for edge in ("y0", "x0", "y1", "x1"))


def _grown(box, margin, shape, within=None):
    """The box with a margin, inside the frame and inside another box."""
    y0, x0, y1, x1 = within or (0, 0, *shape)
    return (max(y0, box[0] - margin), max(x0, box[1] - margin),
            min(y1, box[2] + margin), min(x1, box[3] + margin))


def _wider(look, box, member, margin):
    """(box, member) with a margin, inside the frame."""
    wide = _grown(box, margin, look.shape)
    return wide, np.pad(member, ((box[0] - wide[0], wide[2] - box[2]),
                                 (box[1] - wide[1], wide[3] - box[3])))


def _reshaped(look, box, member, wanted):
    """The Change that gives the object the pixels `wanted`; what was said of it stays."""
    masked = look.masked(box)
    edits = _edits(look, box, masked, masked & ~member | wanted)
    said = [one for *_, one, _ in _said(look, box, member)]
    lost = list(_said(look, box, member & ~wanted))
    changes = _judged(look, box, wanted, said[-1], member) if lost else ()
    return Change(box, edits, changes, _anchor(look, box, wanted))


def _edits(look, box, masked, wanted):
    """(h, w) uint8 edit codes for the mask `wanted`; where it is the mask already they stay."""
    before = look.edits[box[0] : box[2], box[1] : box[3]]
    return np.where(wanted == masked, before, reshape.codes(wanted, look.model(box)))


def _judged(look, box, member, said, before=None):
    """Changes of verdicts so that `said` is said of the object, by one anchor; `before`: its pixels
    until now, if others."""
    here = _anchor(look, box, member)
    old = list(_said(look, box, member if before is None else before))
    changes = [one for one in old if one[:2] != here]
    if look.verdicts.get(here) != said:
        changes.append((*here, look.verdicts.get(here, ""), said))
    return tuple(changes)


def _anchor(look, box, member):
    y0, x0, _, x1 = box
    rows = None if look.confidence is None else (
        lambda first, last: look.confidence[y0 + first : y0 + last, x0:x1])
    y, x = verdicts.anchor(member, rows)
    return y0 + y, x0 + x


def _said(look, box, member):
    """Changes that take back what was said of the object, (y, x, before, "") each, oldest first."""
    for (y, x), said in look.verdicts.items():
        if box[0] <= y < box[2] and box[1] <= x < box[3] and member[y - box[0], x - box[1]]:
            yield y, x, said, ""
