"""One detection under way: what the window knows of it."""

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glview.core import plane
from glview.core.coverage import Coverage
from glview.core.plane import FLOOR, Plane, confidence_for
from glview.detecting.found import regions_of
from glview.detecting.pace import Pace
from glview.document import Document, Finding, Part


@dataclass
class Run:
    """The detection under way.

    model: its name; box: (y0, x0, y1, x1) that is searched; before: what the document had, and
    on_disk, whether that was saved; resumed: the Part that it goes on from, or None; sha256: of
    the weights; boxes: tiles that have come; target: what they are put into; shown: it is the
    document's confidence; looked, said: where the child knows that the person looks, and when it
    was told; ready: set when the tiles' way into the target is prepared; lent: where the child may
    put tiles on the graphics card, too, or None.
    """

    document: Document
    model: str
    box: tuple[int, int, int, int]
    before: Finding
    on_disk: bool
    resumed: Part | None
    looked: tuple[float, float]
    said: float = 0.0
    sha256: str = ""
    boxes: list = field(default_factory=list)
    events: deque = field(default_factory=deque)
    pace: Pace = field(default_factory=Pace)
    target: Any = None
    shown: bool = False
    remote: Any = None
    ready: threading.Event = field(default_factory=threading.Event)
    lent: Any = None

    @property
    def whole(self):
        """True if all of the frame is searched, so that nothing of before stays."""
        return self.box == (0, 0, *self.document.image.shape)

    @property
    def replaces(self):
        """True while the document shows what is to take the place of an earlier finding."""
        earlier = self.before.confidence
        return self.shown and earlier is not None and earlier is not self.target

    def prepare(self, wake):
        """Make the target and load what tiles need, which would hold up a frame; then `wake`."""
        self.target = self._made()
        if isinstance(self.target, Plane):
            scratch = Plane((3, 3), np.float32, FLOOR)
            for few_then_many in np.eye(1, 3), np.eye(1), np.ones((3, 3)):
                scratch.put(0, 0, few_then_many.astype(np.float32))
        self.ready.set()
        wake()

    def _made(self):
        if self.resumed is not None:
            return self.resumed.confidence
        if self.whole or self.before.confidence is None:
            return confidence_for(self.document.image.shape)
        return self.before.confidence.copy()

    def borrow(self, sharing):
        """What the child is told of memory on the card: a ticket, why there is none, or None.

        sharing: the window's `gl.sharing.Sharing`, or None.
        """
        shape, detection = self.document.image.shape, self.document.detection
        if sharing is None or is_large(shape) or not self.whole or self.resumed is not None:
            return None
        # What is lent outlives this, and would keep what was there before.
        self.lent = detection.lent = sharing.lend(
            shape, lambda why: say(detection, f"Confidence goes through memory now: {why}."))
        return {"why": sharing.why} if self.lent is None else self.lent.ticket

    def begin(self, remote):
        """remote: the child's side, a `remote.Detection`."""
        self.remote = remote
        if self.lent is not None:
            self.lent.user = remote

    def map(self):
        """The Coverage to begin with: what is known of tiles that stay."""
        if not self.whole and self.before.coverage is not None:
            return self.before.coverage.copy()
        coverage = Coverage(self.document.image.shape,
                            told=self.whole or self.before.covered in (0.0, 1.0))
        if not self.whole and self.before.covered == 1.0:
            coverage.add((0, 0, *coverage.shape))
        for box in self.boxes:
            coverage.add(box)
        return coverage

    def put(self, box, values, shared=False):
        """Write a tile into the target, except where other regions of it are to stay.

        shared: it was put into what is lent as well.
        """
        y0, x0, y1, x1 = box
        for v0, u0, v1, u1 in self._kept():
            top, left, bottom, right = max(y0, v0), max(x0, u0), min(y1, v1), min(x1, u1)
            if top < bottom and left < right:
                inner = slice(top - y0, bottom - y0), slice(left - x0, right - x0)
                values[inner] = self.target[top:bottom, left:right]
        if isinstance(self.target, np.ndarray):
            self.target[y0:y1, x0:x1] = values
        else:
            self.target.put(y0, x0, values)
        self.boxes.append(tuple(box))
        if shared and self.lent is not None:
            self.lent.add(box, self.target)

    def _kept(self):
        """Boxes that another model was asked for before a search that ended early went on."""
        if self.resumed is None or self.before.confidence is not self.target:
            return ()
        return [one.box for one in regions_of(self.before.provenance)]


def say(detection, sentence):
    """Add a sentence to what the user is told of a detection, once."""
    if sentence not in detection.status:
        detection.status = f"{detection.status}\n{sentence}".strip()


def is_large(shape):
    """True if not every pixel of a confidence of that shape is held."""
    return shape[0] * shape[1] > plane.DENSE_PIXELS


def inside(box, shape):
    """The whole pixels of the frame that a box of float (y0, x0, y1, x1) touches; None if none."""
    if box is None:
        return None
    low = [max(0, math.floor(edge)) for edge in box[:2]]
    high = [min(side, math.ceil(edge)) for edge, side in zip(box[2:], shape, strict=True)]
    return (*low, *high) if low[0] < high[0] and low[1] < high[1] else None
