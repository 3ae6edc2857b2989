"""Images whose reader is slow, fails or is watched, and somebody who sits down in front of them."""

import threading

import numpy as np
from robot import Robot

from glview import library, opening
from glview.core.image import Fault, Image
from glview.core.stretch import Stretch
from glview.core.view import window
from glview.files import ReadError
from glview.workspace import Entry

PATIENCE = 30.0  # seconds that a read is held up at most
GREY = Stretch(limits="user", low=0.0, high=255.0)  # a pixel of value n has the colour n, n, n


class Watched:
    """An image in memory.

    gate: while it is closed, reads do not return; boxes: (y0, x0, y1, x1) of all reads so far;
    bad: such a box, to read any part of which is an error, or None.
    fills: the reader has a `fill`, too, which makes the bad box NaN and lists it.
    """

    def __init__(self, pixels, bad=None, fills=False):
        self.gate, self.boxes, self.bad = threading.Event(), [], bad
        self.gate.set()

        def read(plane, y0, y1, x0, x1):
            self.boxes.append((y0, x0, y1, x1))
            self.gate.wait(PATIENCE)
            if self.bad and _touch((y0, x0, y1, x1), self.bad):
                raise ReadError("watched: these pixels cannot be read")
            return pixels[y0:y1, x0:x1].copy()

        def fill(plane, y0, y1, x0, x1, out):
            self.boxes.append((y0, x0, y1, x1))
            out[:] = pixels[y0:y1, x0:x1]
            if self.bad and _touch((y0, x0, y1, x1), self.bad):
                top, left, bottom, right = (edge - first for edge, first in
                                            zip(self.bad, (y0, x0, y0, x0), strict=True))
                out[max(0, top) : bottom, max(0, left) : right] = np.nan
                with self._listing:
                    if not self.image.faults:
                        self.image.faults.append(Fault(plane, self.bad, "watched: damaged"))

        self._listing = threading.Lock()
        self.image = Image("watched", pixels.shape, pixels.dtype, read,
                           fill=fill if fills else None)

    def sit_down(self, **state):
        """A Robot in front of the image, of which no more than a first look was taken."""
        entry = Entry(None, self.image.name)
        library.fill(entry, opening.look_at((self.image,), self.image))
        entry.document.stretch = GREY
        robot = Robot(ready=False, size=(900, 600), **state)
        robot.workspace.entries.append(entry)
        robot.desk.finisher.start(entry.document)
        robot.frame(2)
        return robot


def _touch(box, other):
    return all(box[i] < other[i + 2] and other[i] < box[i + 2] for i in (0, 1))


def image_pane(robot):
    """(picture, y, x): the image pane as (h, w, 3) uint8 and where in the image its pixels lie."""
    picture = robot.desk.scene.panes["image"].pixels()
    seen = window(robot.view, picture.shape[:2], robot.document.image.y_up)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return picture, *seen.to_image(rows + 0.5, columns + 0.5)


def on_image(robot, y, x):
    """bool array: which of the places lie on the image."""
    height, width = robot.document.image.shape
    return (y > 0.01) & (y < height - 0.01) & (x > 0.01) & (x < width - 0.01)
