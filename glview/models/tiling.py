"""From a frame to its confidence: what every tiling shares, and the reference packages' own two."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glview.core.cancel import Cancelled
from glview.core.coverage import joined, minus
from glview.models.feed import feed_for
from glview.models.frame import Frame, level_of
from glview.models.registry import ModelError
from glview.models.weights import Part


@dataclass(frozen=True)
class Watch:
    """What the caller wants to hear, and what it can say meanwhile.

    progress(fraction), 0 to 1, rising; cancel() -> True to stop; on_tile(y0, x0, y1, x1, values)
    when a box of the result is final; gaze() -> (y, x) or None, asked before each box: those
    nearest to that point come first.  on_device(box, values, bad) before that, where `values` is
    an (h, w) float32 tensor on a graphics card and nothing but that becomes the result.
    """

    progress: Callable | None = None
    cancel: Callable | None = None
    on_tile: Callable | None = None
    gaze: Callable | None = None
    on_device: Callable | None = None

    def at(self, fraction):
        """Tell the progress; raises Cancelled if the user wants to stop."""
        if self.cancel is not None and self.cancel():
            raise Cancelled
        if self.progress is not None:
            self.progress(min(1.0, fraction))


@dataclass(frozen=True)
class Task:
    """One detection.

    out: (H, W) float32, written in place, or None where `watch.on_tile` takes all; parts: the
    networks, and rule, how their results are made one (see `registry.RULES`); tile: 0 means a good
    size; dtype: torch's, of the sums; known: boxes that need not be searched again; region: the
    box that is searched, None for the frame.  notes: sentences for the user, added to while it
    runs.
    """

    frame: Frame
    out: np.ndarray | None
    parts: tuple[Part, ...]
    rule: str
    crop: int
    tile: int
    dtype: Any
    watch: Watch
    known: tuple = ()
    region: tuple[int, int, int, int] | None = None
    notes: list[str] = field(default_factory=list)

    def note(self, sentence):
        """Tell the user something, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def show(self, box, values, bad):
        """Offer a network's (h, w) tensor where it lies, before it is brought here to be `put`."""
        if self.watch.on_device is not None and values.is_cuda and len(self.parts) == 1:
            self.watch.on_device(tuple(box), values, bad)

    def put(self, box, values, bad):
        """Hand on what of a box lies in the region: bad pixels get 0.  Returns their number."""
        if self.region is not None:
            box, values, bad = _within(self.region, box, values, bad)
        y0, x0, y1, x1 = box
        values = np.where(bad, np.float32(0.0), values)
        if self.out is not None:
            self.out[y0:y1, x0:x1] = values
        if self.watch.on_tile is not None:
            self.watch.on_tile(*box, values)
        return int(np.count_nonzero(bad))


def grid(shape, size):
    """Boxes from the top left that cover `shape`: (n, 4) int64 rows of y0, x0, y1, x1."""
    height, width = shape
    corners = np.mgrid[0:height:size, 0:width:size].reshape(2, -1).T
    return np.hstack([corners, np.minimum(corners + size, shape)])


def _within(region, box, *arrays):
    """(box, array, ...) cut to a region that they overlap."""
    top, left = max(box[0], region[0]), max(box[1], region[1])
    bottom, right = min(box[2], region[2]), min(box[3], region[3])
    inner = slice(top - box[0], bottom - box[0]), slice(left - box[1], right - box[1])
    return (top, left, bottom, right), *(array[inner] for array in arrays)


class Pending:
    """The boxes of a grid that are still to do; nearest to where the person looks first.

    They are put in order only when the gaze moves: that costs 2 ms for a gigapixel, which would be
    too much before each box.

    shape: (height, width) that the grid covers from the pixel `corner` on.
    """

    def __init__(self, shape, size, gaze=None, known=(), corner=(0, 0)):
        self.size = size
        self._gaze, self._seen = gaze or (lambda: None), None
        known = joined(known)
        cells = np.add(grid(shape, size), (*corner, *corner))
        boxes = [box for box in cells.tolist() if minus(box, known)]
        self._left = np.array(boxes, np.int64).reshape(-1, 4)[::-1]  # the next one is the last

    def __len__(self):
        return len(self._left)

    @property
    def area(self):
        """Pixels still to do."""
        return int(np.prod(self._left[:, 2:] - self._left[:, :2], axis=1).sum())

    def take(self):
        """The next box (y0, x0, y1, x1), which is then no longer here."""
        seen = self._gaze()
        if seen is not None and seen != self._seen:
            middles = 0.5 * (self._left[:, :2] + self._left[:, 2:])
            far = np.square(middles - seen).sum(axis=1)
            self._left = self._left[np.argsort(-far, kind="stable")]
        self._seen = seen
        box, self._left = self._left[-1], self._left[:-1]
        return tuple(box.tolist())

    def cut(self, box, size):
        """Put a box back, and cut all of them to `size`."""
        parts = []
        for y0, x0, y1, x1 in [*self._left.tolist(), box]:
            inner = grid((y1 - y0, x1 - x0), size)
            parts.append(np.add(inner[::-1], (y0, x0, y0, x0)))
        self.size, self._left = size, np.concatenate(parts)


def full(task):
    """The whole frame in one pass, as the model's own package does it.  Returns the bad pixels."""
    (part,) = task.parts
    height, width = task.frame.shape
    box = (0, 0, height, width)
    task.watch.at(0.0)
    feed = _package_feed(task.frame, part)
    pixels, bad = task.frame.filled(box, feed.level)
    try:
        values = part.recipe.whole(part.network, feed.apply(pixels), False)
    except (RuntimeError, MemoryError) as error:
        raise failure(error, "the frame in one pass", "use the tiling 'seamless'") from error
    count = task.put(box, values, bad)
    task.watch.at(1.0)
    return count


def stamps(task):
    """Separate stamps of `crop` pixels, each by itself, as the model's own package does it.

    Returns the number of bad pixels.
    """
    (part,) = task.parts
    pending = Pending(task.frame.shape, task.crop, task.watch.gaze, task.known)
    feed = _package_feed(task.frame, part)
    total = len(grid(task.frame.shape, task.crop))
    count = 0
    while pending:
        task.watch.at(1.0 - len(pending) / total)
        box = pending.take()
        pixels, bad = task.frame.filled(box, feed.level)
        try:
            values = part.recipe.whole(part.network, feed.apply(pixels), True)
        except (RuntimeError, MemoryError) as error:
            what = f"a stamp of {task.crop} pixels"
            raise failure(error, what, f"give crop={task.crop // 2}") from error
        count += task.put(box, values, bad)
    task.watch.at(1.0)
    return count


def _package_feed(frame, part):
    """What a package does to the whole frame; the rest is done by its recipe's `whole`."""
    sky = part.recipe.sky if part.recipe.sky == "standard" else "ignore"
    return feed_for(level_of(frame), sky)[0]


def is_memory(error):
    """True if torch or Python ran out of memory, not out of luck."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or "memory" in words or "can't allocate" in words


def failure(error, what, advice):
    """The ModelError for what torch raised while it computed `what`."""
    if is_memory(error):
        return ModelError(f"not enough memory for {what}; {advice}")
    return ModelError(f"the network failed on {what}: {str(error).splitlines()[0]}")
