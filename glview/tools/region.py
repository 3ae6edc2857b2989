"""The rectangle and the lasso: an outline that is drawn, and one edit code for all inside."""

import math
from itertools import pairwise

from glview.core.edits import Patch
from glview.core.history import Stroke
from glview.core.lasso import box_of, drawn, filled, patch_of, runs_of, size_of
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE

LONG = 1 << 17  # rows crossed by an outline that is filled while the user waits
AT_ONCE = 1 << 20  # pixels of a box that is written while the user waits; more takes a worker
LARGEST = 1 << 26  # pixels that are added or deleted by one outline: each takes a byte
DONE = {EDIT_ADD: "added", EDIT_DELETE: "deleted", EDIT_NONE: "left to the model again"}


class Region:
    """An outline under way.  document: where it is drawn, None while there is none; value: the edit
    code it will write; lasso: it follows the mouse, else it is the rectangle between two corners.
    """

    def __init__(self):
        self.document, self.value, self.lasso = None, EDIT_NONE, False
        self._points = []

    def press(self, document, at, value, lasso):
        """Start at image coordinates `at` = (y, x)."""
        self.document, self.value, self.lasso, self._points = document, value, lasso, [at]

    def drag(self, document, at):
        """Go on to `at`; another document than the one it began in ends it."""
        if document is not self.document:
            self.abandon()
        elif at != self._points[-1]:
            self._points = [*self._points, at] if self.lasso else [self._points[0], at]

    def abandon(self):
        """Forget the outline; True if there was one."""
        was, self.document, self._points = self.document is not None, None, []
        return was

    @property
    def outline(self):
        """Corners (y, x) of what is drawn, in image coordinates; a rectangle has whole pixels."""
        if self.lasso or not self._points:
            return self._points
        ends = [self._points[0], self._points[-1]]
        (y0, y1), (x0, x1) = ((math.floor(min(one)), math.floor(max(one)) + 1)
                              for one in zip(*ends, strict=True))
        return [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]

    def release(self, jobs, tell):
        """Write the edit code; what takes long is done by a worker.  tell: takes a sentence."""
        document, value, outline = self.document, self.value, self.outline
        self.abandon()
        if document is None:
            return
        shape = document.image.shape
        if _rows_crossed(outline) <= LONG:
            fill(document, runs_of(outline, shape), value, jobs, tell)
        else:
            _later(jobs, lambda cancelled: runs_of(outline, shape),
                   lambda runs: fill(document, runs, value, jobs, tell), value, tell)


def fill(document, runs, value, jobs, tell):
    """Write an edit code into runs of pixels, as one step of the document's history."""
    if not len(runs):
        tell("No pixel of the picture has its centre in that outline")
        return
    size, box = size_of(runs), box_of(runs)
    if value != EDIT_NONE and size > LARGEST:
        tell(f"Nothing {DONE[value]}: {size / 1e6:,.0f} megapixels are more than "
             f"{LARGEST / 1e6:.0f} at once; draw a smaller outline")
    elif (box[2] - box[0]) * (box[3] - box[1]) <= AT_ONCE:
        _record(document, patch_of(document.edits.plane, box[:2], drawn(runs, box), value), size,
                value, tell)
    else:
        _fill_large(document, runs, value, jobs, tell)


def _rows_crossed(outline):
    """Through how many rows all edges of an outline go together."""
    return sum(abs(a[0] - b[0]) for a, b in pairwise([*outline, *outline[:1]]))


def _record(document, patch, size, value, tell):
    if patch is None:
        tell("Nothing changed: it was like that already")
        return
    step = Stroke((patch,))
    step.do(document)
    document.history.record(step)
    tell(f"{size:,} {'pixel' if size == 1 else 'pixels'} {DONE[value]}")


def _fill_large(document, runs, value, jobs, tell):
    """The same in a worker; what the user edits meanwhile makes it begin again."""
    before, revision = document.edits.plane.copy(), document.edits.revision

    def done(after):
        if document.edits.revision != revision:
            _fill_large(document, runs, value, jobs, tell)
            return
        patch = None if after is None else Patch(0, 0, before, after)
        _record(document, patch, size_of(runs), value, tell)

    _later(jobs, lambda cancelled: filled(before, runs, value, cancelled), done, value, tell)


def _later(jobs, work, done, value, tell):
    """Do it in a worker, beside other such work: a second region must not undo the first."""
    jobs.start(f"region {id(done)}", work, done,
               lambda error: tell(f"Nothing {DONE[value]}: {error}"))
