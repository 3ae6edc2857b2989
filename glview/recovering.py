"""What a glview that did not end well had kept of a picture, and how it comes back."""

import time
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

from glview.core.history import Stroke
from glview.files import confidence as kept
from glview.files.editlog import FORMAT, LogError, entries_of, holds_any
from glview.files.source import path_text


@dataclass(frozen=True)
class Found:
    """What a log says.

    entries: of the log; size: bytes that they take; base: number of the one after which the picture
    was as it is on disk; count: edits that are not on disk; when: of the last one, seconds.
    stamp: of the picture's file at the last save, or when the log began; found: what a model had
    found that is not on disk, a dict or None; confidence: that, or None; lost: why it is not here.
    left: where a copy of a damaged log is, of which a part is not in this, or None.
    """

    entries: list[dict]
    size: int
    base: int
    count: int
    when: float
    stamp: tuple
    found: dict | None = None
    confidence: Any = field(default=None, compare=False)
    lost: str = ""
    left: Any = None

    @property
    def empty(self):
        """True if all of it is on disk."""
        return not self.count and self.found is None

    @property
    def damage(self):
        """A sentence on what cannot be restored of a damaged log, or ""."""
        return self.left and ("The log of edits is damaged, so later ones cannot be restored; a "
                              f"copy is left in {path_text(self.left)}.")

    def sentence(self, name):
        """What the user is told of it."""
        parts = [f"{self.count:,} edit{'s' * (self.count != 1)}"] if self.count else []
        if self.found is not None:
            model = self.found.get("provenance", {}).get("model")
            parts.append(f"a detection with {model or 'a model'}")
        were = "were" if len(parts) > 1 or self.count > 1 else "was"
        return f"{name}: {' and '.join(parts)} of {_clock(self.when)} {were} not saved."


def _clock(when):
    then = time.localtime(when)
    today = time.strftime("%F", then) == time.strftime("%F")
    return time.strftime("%H:%M" if today else "%F %H:%M", then)


def look(place, shape, cancelled=lambda: False):
    """What is kept for a picture, a Found, or None; for a worker.

    Raises LogError if it is of no use for a picture of this shape, Cancelled, or OSError.
    """
    try:
        data, when = place.log.read_bytes(), place.log.stat().st_mtime
    except FileNotFoundError:
        return None
    _check(data, shape)
    found = read(data, shape, when)
    if found is not None and holds_any(data[found.size :]):
        found = replace(found, left=place.copy_aside())
    if found is None or found.empty or found.found is None:
        return found
    try:
        values = kept.read(place.folder / found.found["file"], shape, cancelled)
    except (LogError, OSError, LookupError, TypeError) as error:
        return replace(found, lost=str(error))
    return replace(found, confidence=values)


def _check(data, shape):
    """Raise LogError if a log's first line says that it is not for this."""
    head = next(iter(entries_of(data[: data.find(b"\n") + 1], shape)[0]), None)
    if head is None:
        if holds_any(data):
            raise LogError("the beginning of their log is damaged")
    elif head.get("glview") != FORMAT:
        raise LogError("it was kept by another version of glview")
    elif tuple(head.get("shape", ())) != tuple(shape):
        raise LogError(f"the picture has another size than before: {head.get('shape')}")


def read(data, shape, when=0.0):
    """What the bytes of a log say, without the confidence; None if not even its head is whole."""
    entries, sizes = entries_of(data, shape)
    course = Course()
    follow = next((n for n, entry in enumerate(entries) if ("line" in entry and n != 1)
                   or not course.take(entry)), len(entries))
    entries = entries[:follow]  # what builds on what is not there is worth nothing
    if not entries:
        return None
    base, stamp, found = _on_disk(entries)
    course, before = Course(), Course()
    for number, entry in enumerate(entries):
        course.take(entry)
        if number == base:
            before = Course(list(course.line), course.place)
    return Found(entries, sum(sizes[:follow]), base, before.steps_to(course), when, stamp, found)


@dataclass
class Course:
    """The history that the entries of a log tell of.  line: all steps; place: how many are done."""

    line: list = field(default_factory=list)
    place: int = 0

    def take(self, entry):
        """Follow an entry; False, and nothing is changed, if it cannot come here."""
        at = entry.get("at", 0)
        place = entry.get("place", at + 1 if "at" in entry else self.place)
        most = len(entry.get("line", self.line))
        most = max(most, at + 1) if "step" in entry else most
        goes_on = "more" not in entry or (at < len(self.line) and type(self.line[at]) is Stroke)
        if not (0 <= at <= len(self.line) and 0 <= place <= most and goes_on):
            return False
        if "line" in entry:
            self.line = list(entry["line"])
        elif "step" in entry:
            self.line[at:] = [entry["step"]]
        elif "more" in entry:
            self.line[at:] = [_longer(self.line[at], entry["more"])]
        self.place = place
        return True

    def steps_to(self, other):
        """How many steps must be taken back and done to come from here to there."""
        alike, most = 0, min(self.place, other.place)
        while alike < most and self.line[alike] is other.line[alike]:
            alike += 1
        return self.place + other.place - 2 * alike


def _longer(stroke, more):
    return Stroke((*stroke.patches, *more.patches))


def _on_disk(entries):
    """(number of the entry after which the picture is as on disk, stamp of its file, what a model
    found that is not there)."""
    base = 1 if len(entries) > 1 and "line" in entries[1] else 0
    stamp, found = entries[0].get("stamp"), None
    for number, entry in enumerate(entries):
        if "saved" in entry and 0 <= entry["saved"] < number:
            base, stamp = entry["saved"], entry.get("stamp")
            found = None if entry.get("whole") else found
        found = entry.get("found", found)
    return base, tuple(stamp or ()), found


def restore(document, found):
    """Bring a document, which is as it is on disk, to what was found.  Main thread only.

    What the user did meanwhile is taken back, see `again`.  Returns {number of an entry: the step
    that was the last one after it}, weak, for the log to go on.
    """
    history, known = document.history, weakref.WeakValueDictionary()
    while history.undo(document):
        pass
    course = Course()
    for number, entry in enumerate(found.entries[: found.base + 1]):
        course.take(entry)
        if course.place:
            known[number] = course.line[course.place - 1]
    history.load(course.line, course.place)
    for number, entry in enumerate(found.entries[found.base + 1 :], found.base + 1):
        _carry_out(document, entry)
        if history.last is not None:
            known[number] = history.last
    _show_detection(document, found)
    return known


def again(document, before):
    """Do once more, on top of what was restored, what the user had done before that."""
    for step in before.done:
        step.do(document)
        document.history.record(step)


def _carry_out(document, entry):
    """Do what an entry of a log says."""
    history, at = document.history, entry.get("at", 0)
    if "step" in entry:
        _go(document, at)
        entry["step"].do(document)
        history.record(entry["step"])
    elif "more" in entry:
        _go(document, at + 1)
        entry["more"].do(document)
        history.amend(_longer(history.last, entry["more"]))
    elif "place" in entry:
        _go(document, entry["place"])


def _go(document, place):
    """Undo or redo until so many steps are done."""
    history = document.history
    while len(history.done) > place:
        history.undo(document)
    while len(history.done) < place and history.redo(document):
        pass


def _show_detection(document, found):
    if found.confidence is None:
        return
    detection = document.detection
    detection.confidence, detection.coverage, detection.part = found.confidence, None, None
    detection.covered = float(found.found.get("covered", 1.0))
    detection.provenance = dict(found.found.get("provenance", {}))
    detection.status = f"Detection of {_clock(found.when)}, not saved yet."
    detection.stamps.touch((0, 0, *document.image.shape))


class Snapshot:
    """The mask of a document as it is now, with its history, so that it can be put back."""

    def __init__(self, document):
        history, detection = document.history, document.detection
        self.done, self._undone = list(history.done), list(history.undone)
        self._saved, self._verdicts = history.saved, dict(document.verdicts)
        self._mask, self._plane = document.mask, document.edits.plane.copy()
        self._detection = {name: getattr(detection, name) for name in
                           ("confidence", "covered", "coverage", "provenance", "part", "status")}
        self._on_disk = document.saved == detection.stamps.now

    def holds(self, document):
        """True if nothing was done since."""
        history = document.history
        return (len(history.done) == len(self.done) and len(history.undone) == len(self._undone)
                and (not self.done or history.last is self.done[-1]))

    def take_back(self, document):
        """Take back what the user did since."""
        history, count = document.history, len(self.done)
        while len(history.done) > count:
            history.undo(document)
        history.undone[:] = self._undone
        if not self.holds(document):
            self.put_back(document)

    def put_back(self, document):
        """Let the document be what it was, whatever happened to it."""
        history, detection = document.history, document.detection
        if not self.holds(document):
            document.edits.put(0, 0, self._plane)
        history.done[:], history.undone[:] = self.done, self._undone
        history.mark_saved(self._saved)
        document.mask = self._mask
        document.verdicts.clear()
        document.verdicts.update(self._verdicts)
        if detection.confidence is not self._detection["confidence"]:
            for name, value in self._detection.items():
                setattr(detection, name, value)
            detection.stamps.touch((0, 0, *document.image.shape))
            if self._on_disk:
                document.saved = detection.stamps.now


@dataclass
class Question:
    """What the user is asked about a document.

    before: what it was when it was asked; now: the stamp that its file has; shown: it is shown for
    a look.
    """

    found: Found
    before: Snapshot
    now: tuple | None
    shown: bool = False

    def sentences(self, name):
        """What the user is told."""
        found = self.found
        said = [found.sentence(name)]
        if tuple(self.now or ()) != found.stamp:
            said.append("The file was changed since then; look whether they still belong to it.")
        if found.damage:
            said.append(found.damage)
        if found.lost:
            said.append(f"What the model found cannot be restored: {found.lost}")
        return said
