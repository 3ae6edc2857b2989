"""Writing what was found: the results of one file in one step, where they come quickly."""

import os
import time
from dataclasses import dataclass

import numpy as np

import glview
from glview.batch import done, rows
from glview.batch.frames import Frame, about, left_alone
from glview.core.mask import MaskSettings, final_mask
from glview.core.objects import find_objects
from glview.files.beside import side_files, side_stamps
from glview.files.commit import SaveError
from glview.files.save import Content, save_masks
from glview.files.source import open_source

QUICK = 10.0  # seconds: a result that took longer to find does not wait for others


@dataclass(frozen=True)
class Found:
    """A searched frame. confidence: (H, W) float32; origin: provenance of the result; seconds: that
    the search took."""

    frame: Frame
    confidence: np.ndarray
    origin: dict
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Made:
    """What is to be saved of a Found. seconds: that it took."""

    found: Found
    content: Content
    objects: int
    masked: int
    seconds: float


class Writer:
    """Saves results, one after the other.

    A result waits for the next one of its file, for a file of many images would else be written
    anew for each of them; not if it took long to find, and only until they have `most` pixels.
    """

    def __init__(self, request, models, most):
        self._request, self._models, self._most = request, models, most
        self._waiting = []
        self._stamps = {}  # of the files that this run itself has changed

    @property
    def share(self):
        """Files' worth of results that wait."""
        return sum(one.found.frame.share for one in self._waiting)

    def take(self, found):
        """The Rows that are complete by now: their results are on disk, or could not be saved."""
        frame, complete = found.frame, []
        if self._waiting and self._waiting[0].found.frame.item != frame.item:
            complete = self.flush()
        try:
            self._waiting.append(self._made(found))
        except Exception as error:
            return [*complete, failed(frame, error, _seconds(found))]
        pixels = sum(one.found.confidence.size for one in self._waiting)
        if frame.last or found.seconds > QUICK or pixels > self._most:
            complete += self.flush()
        return complete

    def flush(self):
        """Save what waits; returns its Rows."""
        waiting, self._waiting = self._waiting, []
        return self._saved(waiting) if waiting else []

    def _made(self, found):
        origin, request, began = found.origin, self._request, time.perf_counter()
        settings = MaskSettings(origin["threshold"], origin["dilation"], origin["shape"])
        mask = final_mask(found.confidence, settings)
        objects, masked = len(find_objects(found.confidence, settings)), int(np.count_nonzero(mask))
        origin = {**origin, "objects": objects, "masked": masked,
                  "damaged": len(found.frame.image.faults) or None,
                  "notes": done.joined(found.notes) or None}
        content = Content(
            mask if "CR_MASK" in request.keep else None,
            found.confidence if "CR_PROBABILITY" in request.keep else None,
            provenance={**origin, "version": glview.__version__, "unseen": True}, dq=request.dq,
            precision=None if request.bits is None else 2.0**-request.bits)
        return _Made(found, content, objects, masked, time.perf_counter() - began)

    def _saved(self, group):
        """The Rows of results of one file, saved in one step, or else one by one."""
        began = time.perf_counter()
        try:
            item = group[0].found.frame.item
            sides = side_stamps(item.path, item.output)  # first: what comes later is refused
            stands = [self._standing(one.found.frame) for one in group]
            free = [one for one, found in zip(group, stands, strict=True)
                    if found[0] == done.NOTHING]
            place = self._save(free, sides) if free else None
        except Exception as error:
            if len(group) > 1:
                return [row for one in group for row in self._saved([one])]
            return [failed(group[0].found.frame, error, _seconds(group[0].found))]
        took = (time.perf_counter() - began) / len(group)
        return [_row(one, place, one.seconds + took) if one in free else _left(one, found)
                for one, found in zip(group, stands, strict=True)]

    def _save(self, group, sides):
        """(method, file, notes)."""
        frame, request = group[0].found.frame, self._request
        item = frame.item
        where = {"unchanged_since": self._stamps.get(item.path, frame.opened), "sides_since": sides}
        if not request.in_place:
            where["target"] = item.output
        try:
            saved = save_masks(item.path, {_key(one): one.content for one in group}, **where)
        except SaveError:
            if len(group) > 1 or self._standing(frame)[0] != done.DONE:
                raise
            return "another worker", item.output, ("it was written at the same time",)
        notes = tuple(note for note in (request.in_place and saved.why, saved.warning) if note)
        if request.in_place:
            self._stamps[item.path] = saved.stamp
            return saved.place, saved.path, notes
        beside = item.output in side_files(item.path)
        return "side file" if beside else "folder", saved.path, notes

    def _standing(self, frame):
        """`done.standing` of what others left there since the frame was read: a person, or another
        worker that was taken for dead."""
        image, request = frame.image, self._request
        packed = image.source is not None and image.source.packed
        source = image.source if packed else open_source(frame.item.path)
        return done.standing(frame.item, source, image, request,
                             lambda: self._models.origin(frame.model, request, image))


def failed(frame, error, seconds):
    """The Row of a frame that could not be done."""
    return rows.failed(frame.item, error, share=frame.share, seconds=seconds, model=frame.model,
                       **about(frame.item, frame.image))


def _seconds(found):
    return {"read": found.frame.seconds, "infer": found.seconds}


def _left(made, stands):
    found, frame = made.found, made.found.frame
    known = about(frame.item, frame.image) | {"share": frame.share, "seconds": _seconds(found)}
    state, figures = stands
    return left_alone(frame.item, state, frame.model, known | figures, frame.image.notes)


def _key(made):
    image = made.found.frame.image
    return (image.hdu, image.plane) if image.planes > 1 else image.hdu


def _row(made, place, seconds):
    found, (method, output, notes) = made.found, place
    frame, origin = found.frame, found.origin
    return rows.Row(
        frame.item.name, status=rows.DONE, share=frame.share,
        **about(frame.item, frame.image),
        model=origin["model"], threshold=origin["threshold"],
        seconds=_seconds(found) | {"write": seconds}, objects=made.objects, masked=made.masked,
        method=method, output=os.fsdecode(output),
        notes=(*_notes(frame.image), *found.notes, *notes), warned=bool(_notes(frame.image)))


def _notes(image):
    return (*image.notes, *done.damaged(len(image.faults)))
