"""One network looking at one frame: what it needs to know of it first, then any box of it."""

import numpy as np
import torch

from glview.models import heap
from glview.models.feed import feed_for
from glview.models.tiling import failure, is_memory

WHOLE = 1 << 20  # pixels up to which the group statistics are those of the whole frame
_SAMPLE = 256  # smaller samples are biased by the zeros that convolutions see past their edge
_SAMPLES = 16


def samples(shape):
    """At most 16 evenly spaced boxes of 256 pixels a side, or of the frame's where that is less."""
    height, width = shape
    across = max(1, min(4, width // _SAMPLE))
    down = max(1, min(_SAMPLES // across, height // _SAMPLE))
    across = max(1, min(_SAMPLES // down, width // _SAMPLE))
    ys = np.linspace(0, max(0, height - _SAMPLE), down).astype(int).tolist()
    xs = np.linspace(0, max(0, width - _SAMPLE), across).astype(int).tolist()
    tall, wide = min(_SAMPLE, height), min(_SAMPLE, width)
    return [(y, x, y + tall, x + wide) for y in ys for x in xs]


class Look:
    """What `seamless` asks of a part of a model.

    whole: True if the frame was looked at as a whole already, so that boxes cost nothing.
    """

    def __init__(self, task, part, level):
        self._task, self._part, self._network = task, part, part.network
        self._feed, notes = feed_for(level, part.recipe.sky, part.recipe.scale)
        for note in notes:
            task.note(f"{part.info.title}: {note}")
        self._statistics = self._values = self._run = self._exact = None
        # Of the statistics: float16 would overflow, for they are taken before the normalisation.
        self._dtype = torch.float32 if task.dtype == torch.float16 else task.dtype

    @property
    def whole(self):
        return self._values is not None

    @property
    def live(self):
        """Boxes that the statistics are taken from; [] if the network needs none."""
        if not self._network.needs_statistics:
            return []
        height, width = self._task.frame.shape
        large = height * width > WHOLE
        return samples((height, width)) if large else [(0, 0, height, width)]

    def prepare(self, progress):
        """Take the statistics; progress(fraction)."""
        boxes, task = self.live, self._task
        if not boxes:
            return
        height, width = task.frame.shape
        alone = boxes == [(0, 0, height, width)] and task.dtype == self._dtype
        wanted = alone and not task.tile
        heap.trim()
        values, self._statistics = self._measure(boxes, progress, wanted)
        heap.trim()
        if wanted:
            self._values = values[0][0, 0, :height, :width].cpu().numpy()

    def _measure(self, boxes, progress, wanted):
        """(confidences, statistics) over boxes; where memory lacks, half of them must do.

        wanted: False for no confidences."""
        while True:
            try:
                xs = [self._tensor(box)[0][None] for box in boxes]  # (1, 1, H, W) each
                return self._network.live(xs, progress, self._dtype, wanted)
            except (RuntimeError, MemoryError) as error:
                if not is_memory(error) or (len(boxes) == 1 and not self.retreat()):
                    advice = "close other programs, or give a tile size and the model ACS-WFC"
                    raise failure(error, "the statistics of the frame", advice) from error
                boxes = boxes[::2]

    def retreat(self):
        """Go on with the processor; False if that is where it is."""
        if self._network.device.type == "cpu":
            return False
        self._task.note(f"{self._network.device} ran out of memory: the processor went on")
        self._network = self._network.moved("cpu")
        if self._statistics:
            self._statistics = [(mean.cpu(), var.cpu()) for mean, var in self._statistics]
        self._run = self._exact = None
        return True

    def __call__(self, box):
        """((h, w) float32 confidence, bad) of a box: the network sees `halo` more on every side."""
        y0, x0, y1, x1 = box
        if self.whole:
            return self._values[y0:y1, x0:x1], self._task.frame.filled(box, self._feed.level)[1]
        halo = self._part.recipe.halo
        height, width = self._task.frame.shape
        top, left = max(0, y0 - halo), max(0, x0 - halo)
        seen = (top, left, min(y1 + halo, height), min(x1 + halo, width))
        x, bad = self._tensor(seen)
        inner = y0 - top, x0 - left, y1 - top, x1 - left
        bad = bad[inner[0] : inner[2], inner[1] : inner[3]]
        found = self._confidence(x[None], inner)[0, 0]
        self._task.show(box, found, bad)
        return found.cpu().numpy(), bad

    def _confidence(self, x, box):
        """Of a box of (1, 1, H, W); exact sums where half precision overflows."""
        if self._run is None:
            self._run = self._network.frozen(self._statistics, self._task.dtype)
        found = self._run(x, box)
        if self._task.dtype == torch.float32 or torch.isfinite(found).all():
            return found
        self._task.note("very bright tiles were computed in float32: half precision overflowed")
        if self._exact is None:
            self._exact = self._network.frozen(self._statistics)
        return self._exact(x, box)

    def _tensor(self, box):
        """((1, h, w) float32 on the device, bad): a box without its sky, padded to the stride.

        A box on the stride's grid needs padding only where the frame ends; it is by reflection.
        """
        pixels, bad = self._task.frame.filled(box, self._feed.level)
        recipe = self._part.recipe
        room = [max(recipe.least - size, 0) for size in pixels.shape]
        room = [more + -(size + more) % recipe.stride
                for more, size in zip(room, pixels.shape, strict=True)]
        pixels = np.pad(self._feed.apply(pixels), [(0, more) for more in room], mode="reflect")
        return torch.from_numpy(pixels)[None].to(self._network.device), bad
