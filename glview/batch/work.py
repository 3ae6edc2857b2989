"""The work on each frame: searching it, and handing on what was found; every error ends in a row.
"""

import os
import tempfile
import threading
import time
from dataclasses import replace

import numpy as np

from glview import budget
from glview.batch import rows
from glview.batch.frames import frames, is_lazy
from glview.batch.writing import Found, Writer, failed
from glview.core.cancel import Cancelled

LARGE = 32  # an image is read whole if its pixels are fewer than this part of the budget's bytes


class Work:
    """What the stages of one run share.

    request: plan.Request; models: pool.Models; most: pixels of an image that is read whole, of
    larger ones tiles are read while they are searched. stop: an Event that ends it early.
    """

    def __init__(self, request, models, most=None, stop=None):
        self.request, self.models = request, models
        self.most = budget.default().memory // LARGE if most is None else most
        self.stop = stop or threading.Event()
        self.progress = {}  # path -> share of it that is searched now; "waiting": to be written
        self._writer = Writer(request, models, self.most)

    def frames(self, items):
        """The reading stage: yields Frame or Row."""
        return frames(items, self.request, self.models, self.most)

    def file(self, item):
        """All rows of one file, one stage after the other."""
        complete = []
        for frame in self.frames([item]):
            known = isinstance(frame, rows.Row)
            complete += [frame] if known else self.write(self.search(frame))
        return complete + self.flush()

    def search(self, frame):
        """Found, or a Row if it failed; raises Cancelled after `stop`."""
        try:
            if self.stop.is_set():
                raise Cancelled
            origin = self.models.origin(frame.model, self.request, frame.image)
            with self.models.lend(frame.model) as model:
                began = time.perf_counter()
                confidence = model.detect_cr(
                    frame.pixels, progress=self._teller(frame), cancel=self.stop.is_set,
                    out=scratch(frame) if is_lazy(frame) else None)
                took = time.perf_counter() - began
                origin |= model.provenance
                return Found(replace(frame, pixels=None), confidence, origin,
                             tuple(model.notes), took)
        except Cancelled:
            raise
        except Exception as error:
            return failed(frame, error, {"read": frame.seconds})
        finally:
            self.progress.pop(frame.item.path, None)

    def write(self, found):
        """The Rows that are complete by now, see `writing.Writer`; a Row is handed on."""
        if isinstance(found, rows.Row):
            return [found]
        complete = self._writer.take(found)
        self.progress["waiting"] = self._writer.share
        return complete

    def flush(self):
        """Write what waits; returns its Rows."""
        return self._writer.flush()

    def _teller(self, frame):
        def tell(fraction):
            self.progress[frame.item.path] = frame.share * fraction

        return tell


def scratch(frame):
    """(H, W) float32 zeros in a nameless file beside the result: room for a map that memory lacks.

    Its blocks are taken at once: a disk that is full is then an error, not the end of the process.
    """
    size = frame.image.shape[0] * frame.image.shape[1] * 4
    with tempfile.TemporaryFile(dir=frame.item.output.parent) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, np.float32, "w+", shape=frame.image.shape)
