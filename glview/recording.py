"""The tiles of a search, on disk as they come: after a crash it goes on where it was.

One file for each picture, which a later search replaces; see `files.confidence` for its form.
"""

import math
import os
import time
from dataclasses import dataclass

from glview.core.cancel import Cancelled
from glview.core.coverage import Coverage, joined, minus
from glview.core.shares import percent, progress
from glview.core.tiles import SIZE
from glview.document import Finding
from glview.files import confidence as files
from glview.files.disk import sync_folder
from glview.files.editlog import LogError
from glview.findings import finding_of, plain

PAUSE = 3.0  # seconds between two writings: what a crash may cost of a search
SHARE = 0.2  # of the time at most, for it takes the model's cores


class Recorder:
    """Writes the tiles of one search (a `detecting.run.Run` of the whole frame).

    place: of the picture; stamp: of its file.  One writing at a time; times in seconds.
    """

    def __init__(self, place, run, stamp):
        self.run, self._place, self._count, self._size, self._next = run, place, 0, 0, 0.0
        alone = run.before.confidence is None or run.target is run.before.confidence
        self._told = {"provenance": plain(run.document.detection.provenance), "model": run.model,
                      "sha256": run.sha256, "shown": alone, "stamp": stamp}

    def due(self):
        """Boxes that have come and are to be written now; [] for none."""
        waits = time.monotonic() < self._next
        return [] if waits else self.run.boxes[self._count :]

    def stop(self):
        """Write no more: the disk has no room for it."""
        self._next = math.inf

    def write(self, boxes, cancelled):
        """Write the boxes that `due` gave, and sync them; for a worker.

        Raises Cancelled, files.TooLargeError or OSError.
        """
        start, new = time.monotonic(), not self._size
        path = self._place.tiles
        part = path.with_name(path.name + ".part") if new else path
        try:
            with open(part, "wb" if new else "r+b") as file:
                self._fill(file, boxes, cancelled)
            if new:  # that of an earlier search is worth more until here
                os.replace(part, path)
                sync_folder(path.parent)
        finally:
            if new:
                part.unlink(missing_ok=True)
        self._count += len(boxes)
        now = time.monotonic()
        self._next = now + max(PAUSE, (now - start) * (1 - SHARE) / SHARE)

    def _fill(self, file, boxes, cancelled):
        file.seek(self._size)
        if not self._size:
            file.write(files.head(self.run.target, self._told))
        for y0, x0, y1, x1 in _pieces(boxes):
            if cancelled():
                raise Cancelled
            file.write(files.block(y0, x0, self.run.target[y0:y1, x0:x1]))
            if file.tell() > files.MOST_BYTES:
                raise files.TooLargeError
        file.truncate()
        if cancelled():
            raise Cancelled
        file.flush()
        os.fsync(file.fileno())
        self._size = file.tell()


def _pieces(boxes):
    """Boxes of at most SIZE x SIZE pixels that together are the same."""
    for y0, x0, y1, x1 in boxes:
        for y in range(y0, y1, SIZE):
            for x in range(x0, x1, SIZE):
                yield y, x, min(y + SIZE, y1), min(x + SIZE, x1)


@dataclass(frozen=True)
class Recorded:
    """A search that did not end.  finding: with the Part from which it goes on; shown: it took no
    other's place; stamp: of the picture's file; when: of the last tiles, seconds."""

    finding: Finding
    shown: bool
    stamp: tuple
    when: float

    @property
    def words(self):
        """What the user is told of it."""
        part = self.finding.part
        return f"a search with {part.model} ({progress(part.covered)} done)"

    def adds_to(self, document):
        """False if the document has all of it already: it was saved."""
        part, detection = self.finding.part, document.detection
        known, own = detection.provenance, detection.part
        named = part.model, part.sha256
        if detection.covered == 1.0 and named == (known.get("model"), known.get("weights_sha256")):
            return False
        return own is None or named != (own.model, own.sha256) or any(
            minus(box, own.boxes) for box in part.boxes)

    def show(self, document):
        """Let a document have it, as if it had been given up; main thread only."""
        detection, part = document.detection, self.finding.part
        if self.shown or detection.confidence is None:
            self.finding.show(document, (0, 0, *document.image.shape))
        else:
            detection.part = part
        told = f"Continue goes on at {percent(part.covered)}."
        detection.status = f"{detection.status}\n{told}".strip()


def look(place, shape, cancelled=lambda: False):
    """The Recorded search of a picture, or None; for a worker.  Raises Cancelled or OSError."""
    try:
        when = place.tiles.stat().st_mtime
        confidence, told, boxes = files.read_torn(place.tiles, shape, cancelled)
        boxes = joined(boxes)
        coverage = Coverage.of(shape, boxes)
        part = {"model": told["model"], "sha256": told["sha256"], "boxes": boxes,
                "covered": coverage.share}
        finding = finding_of(confidence, {"provenance": told["provenance"], "boxes": boxes,
                                          "covered": coverage.share, "part": part})
        made = Recorded(finding, bool(told["shown"]), tuple(told["stamp"] or ()), when)
    except (FileNotFoundError, LogError, LookupError, TypeError):  # it can be computed again
        return None
    return made if boxes else None
