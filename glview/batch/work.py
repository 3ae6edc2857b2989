"""Searching a frame and writing what was found; every error ends in a row."""

import os
import tempfile
import threading
import time
from dataclasses import dataclass, replace

import numpy as np

import glview
from glview import budget
from glview.batch import done, rows
from glview.batch.frames import Frame, about, frames, is_lazy
from glview.core.cancel import Cancelled
from glview.core.mask import MaskSettings, final_mask
from glview.core.objects import find_objects
from glview.files import open_with_source
from glview.files.commit import SaveError
from glview.files.load import side_files
from glview.files.save import save_mask

LARGE = 32  # an image is read whole if its pixels are fewer than this part of the budget's bytes


@dataclass(frozen=True)
class Found:
    """A searched frame. confidence: (H, W) float32; origin: provenance of the result."""

    frame: Frame
    confidence: np.ndarray
    origin: dict
    notes: tuple[str, ...]
    seconds: float


class Work:
    """What the stages of one run share.

    request: plan.Request; models: pool.Models; most: pixels of an image that is read whole, of
    larger ones tiles are read while they are searched. stop: an Event that ends it early.
    """

    def __init__(self, request, models, most=None, stop=None):
        self.request, self.models = request, models
        self.most = budget.default().memory // LARGE if most is None else most
        self.stop = stop or threading.Event()
        self.progress = {}  # path -> share of its frame that was searched
        self._stamps = {}  # of the files that this run itself has changed

    def frames(self, items):
        """The reading stage: yields Frame or Row."""
        return frames(items, self.request, self.models, self.most)

    def file(self, item):
        """All rows of one file, one stage after the other."""
        return [frame if isinstance(frame, rows.Row) else self.write(self.search(frame))
                for frame in self.frames([item])]

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
            return self._failed(frame, error, {"read": frame.seconds})
        finally:
            self.progress.pop(frame.item.path, None)

    def write(self, found):
        """The Row of a Found whose result is on disk, or of its failure; a Row is handed on."""
        if isinstance(found, rows.Row):
            return found
        frame, origin = found.frame, found.origin
        seconds = {"read": frame.seconds, "infer": found.seconds}
        try:
            began = time.perf_counter()
            settings = MaskSettings(origin["threshold"], origin["dilation"], origin["shape"])
            mask = final_mask(found.confidence, settings)
            objects = len(find_objects(found.confidence, settings))
            method, output, notes = self._save(frame, mask, found.confidence, origin)
            seconds["write"] = time.perf_counter() - began
        except Exception as error:
            return self._failed(frame, error, seconds)
        return rows.Row(
            frame.item.name, status=rows.DONE, share=frame.share, **about(frame.image),
            model=origin["model"], threshold=origin["threshold"], seconds=seconds, objects=objects,
            masked=int(np.count_nonzero(mask)), method=method, output=os.fsdecode(output),
            notes=(*_notes(frame.image), *found.notes, *notes))

    def _save(self, frame, mask, confidence, origin):
        """(method, file, notes)."""
        item, request = frame.item, self.request
        where = {"target": item.output}
        if request.in_place:
            where = {"unchanged_since": self._stamps.get(item.path, frame.opened)}
        try:
            saved = save_mask(
                item.path, mask if "CR_MASK" in request.keep else None,
                confidence if "CR_PROBABILITY" in request.keep else None,
                provenance={**origin, "version": glview.__version__, "unseen": True},
                hdu=frame.image.hdu, dq=request.dq, **where)
        except SaveError:
            if not self._done_elsewhere(frame):
                raise
            return "another worker", item.output, ("it was written at the same time",)
        notes = tuple(note for note in (request.in_place and saved.why, saved.warning) if note)
        if request.in_place:
            self._stamps[item.path] = saved.stamp
            return saved.place, saved.path, notes
        beside = item.output in side_files(item.path)
        return "side file" if beside else "folder", saved.path, notes

    def _done_elsewhere(self, frame):
        """Whether another worker, taken for dead, wrote the same result at the same time."""
        image = frame.image
        source, _ = open_with_source(frame.item.path, image.hdu)
        origin = self.models.origin(frame.model, self.request, image)
        standing = done.standing(frame.item, source, image, self.request, lambda: origin)
        return standing == done.DONE and not self.request.overwrite

    def _failed(self, frame, error, seconds):
        return rows.failed(frame.item, error, share=frame.share, seconds=seconds,
                           model=frame.model, **about(frame.image))

    def _teller(self, frame):
        def tell(fraction):
            self.progress[frame.item.path] = frame.share * fraction

        return tell


def _notes(image):
    parts = len(image.faults)
    damaged = (f"{parts} damaged parts count as bad pixels",) if parts else ()
    return (*image.notes, *damaged)


def scratch(frame):
    """(H, W) float32 zeros in a nameless file beside the result: room for a map that memory lacks.

    Its blocks are taken at once: a disk that is full is then an error, not the end of the process.
    """
    size = frame.image.shape[0] * frame.image.shape[1] * 4
    with tempfile.TemporaryFile(dir=frame.item.output.parent) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, np.float32, "w+", shape=frame.image.shape)
