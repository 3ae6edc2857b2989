"""From a frame to its confidence: what every tiling shares, and the reference packages' own two."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glview.core.cancel import Cancelled
from glview.models.frame import Frame, sky
from glview.models.registry import ModelError
from glview.models.unet import Network, Recipe


@dataclass(frozen=True)
class Watch:
    """What the caller wants to hear.

    progress(fraction), 0 to 1, rising; cancel() -> True to stop; on_tile(y0, x0, y1, x1, values)
    when a box of the result is final; centre (y, x): tiles nearest to it come first.
    """

    progress: Callable | None = None
    cancel: Callable | None = None
    on_tile: Callable | None = None
    centre: tuple[float, float] | None = None

    def at(self, fraction):
        """Tell the progress; raises Cancelled if the user wants to stop."""
        if self.cancel is not None and self.cancel():
            raise Cancelled
        if self.progress is not None:
            self.progress(min(1.0, fraction))


@dataclass(frozen=True)
class Task:
    """One detection: out is (H, W) float32, written in place; tile 0 means a good size."""

    frame: Frame
    out: np.ndarray
    network: Network
    recipe: Recipe
    crop: int
    tile: int
    watch: Watch

    def put(self, box, values, bad):
        """Write a box of the result: bad pixels get 0.  Returns the number of them."""
        y0, x0, y1, x1 = box
        values = np.where(bad, np.float32(0.0), values)
        self.out[y0:y1, x0:x1] = values
        if self.watch.on_tile is not None:
            self.watch.on_tile(*box, self.out[y0:y1, x0:x1])
        return int(np.count_nonzero(bad))


def boxes(shape, size, centre=None):
    """Boxes (y0, x0, y1, x1) of a grid from the top left that covers `shape`.

    With a centre (y, x) those nearest to it come first.
    """
    height, width = shape
    found = [
        (y, x, min(y + size, height), min(x + size, width))
        for y in range(0, height, size)
        for x in range(0, width, size)
    ]
    if centre is not None:
        found.sort(key=lambda box: _distance(box, centre))
    return found


def _distance(box, point):
    y0, x0, y1, x1 = box
    return (0.5 * (y0 + y1) - point[0]) ** 2 + (0.5 * (x0 + x1) - point[1]) ** 2


def full(task):
    """The whole frame in one pass, as the model's own package does it.  Returns the bad pixels."""
    height, width = task.frame.shape
    box = (0, 0, height, width)
    task.watch.at(0.0)
    pixels, bad = task.frame.filled(box, sky(task.frame))
    try:
        values = task.recipe.whole(task.network, pixels, False)
    except (RuntimeError, MemoryError) as error:
        raise failure(error, "the frame in one pass", "use the tiling 'seamless'") from error
    count = task.put(box, values, bad)
    task.watch.at(1.0)
    return count


def stamps(task):
    """Separate stamps of `crop` pixels, each by itself, as the model's own package does it.

    Returns the number of bad pixels.
    """
    grid = boxes(task.frame.shape, task.crop, task.watch.centre)
    level = sky(task.frame)
    count = 0
    for index, box in enumerate(grid):
        task.watch.at(index / len(grid))
        pixels, bad = task.frame.filled(box, level)
        try:
            values = task.recipe.whole(task.network, pixels, True)
        except (RuntimeError, MemoryError) as error:
            what = f"a stamp of {task.crop} pixels"
            raise failure(error, what, f"give crop={task.crop // 2}") from error
        count += task.put(box, values, bad)
    task.watch.at(1.0)
    return count


def is_memory(error):
    """True if torch or Python ran out of memory, not out of luck."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or "memory" in words or "can't allocate" in words


def failure(error, what, advice):
    """The ModelError for what torch raised while it computed `what`."""
    if is_memory(error):
        return ModelError(f"not enough memory for {what}; {advice}")
    return ModelError(f"the network failed on {what}: {str(error).splitlines()[0]}")
