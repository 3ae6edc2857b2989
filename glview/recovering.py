"""What a glview that did not end well had kept of a picture, and how it comes back."""

import math
import time
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

from glview.core import looks
from glview.core.history import Stroke
from glview.core.stretch import Stretch
from glview.files.editlog import FORMAT, LogError, entries_of, holds_any
from glview.files.source import path_text
from glview.findings import NOTHING, load
from glview.recording import Recorded
from glview.recording import look as look_for_search
from glview.snapshot import Snapshot


@dataclass(frozen=True)
class Found:
    """What a log says.

    entries: of the log, without its looks; size: bytes that all take; base: number of the one after
    which the picture was as it is on disk; count: edits that are not on disk; when: of the last
    one, seconds.
    stamp: of the picture's file at the last save, or when the log began; found: what a model had
    found that is not on disk, a dict or None; since: number of the entry from which on this is so.
    findings: number of a file -> the Finding in it; lost: why that of `found` is not among them.
    search: a search that did not end, or None.
    left: where a copy of a damaged log is, of which a part is not in this, or None.
    look: how the picture was displayed, None if that is not told.
    """

    entries: list[dict]
    size: int
    base: int
    count: int
    when: float
    stamp: tuple
    found: dict | None = None
    since: int = 0
    findings: dict = field(default_factory=dict, compare=False)
    lost: str = ""
    search: Recorded | None = None
    left: Any = None
    look: Stretch | None = None

    @property
    def empty(self):
        """True if all of it is on disk, but for how it was displayed."""
        return not self.count and self.found is None and self.search is None

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
        if self.search is not None:
            parts.append(self.search.words)
        were = "were" if len(parts) > 1 or self.count > 1 else "was"
        return f"{name}: {' and '.join(parts)} of {_clock(self.when)} {were} not saved."


def _clock(when):
    then = time.localtime(when)
    today = time.strftime("%F", then) == time.strftime("%F")
    return time.strftime("%H:%M" if today else "%F %H:%M", then)


def look(place, shape, cancelled=lambda: False, disk=(None, None), room=math.inf):
    """What is kept for a picture, a Found, or None; for a worker.

    disk: (name of the save that the picture's file holds, stamp of the file), None if unknown;
    room: bytes that the confidences may take, of which the one that was shown comes first.
    Raises LogError if it is of no use for a picture of this shape, Cancelled, or OSError.
    """
    found, search = _look(place, shape, disk), look_for_search(place, shape, cancelled)
    if search is not None:
        found = found or Found([], 0, 0, 0, search.when, search.stamp)
        found = replace(found, search=search)
    if found is None or found.empty:
        return found
    entries, findings, lost = load(found.entries, found.found, place, shape, cancelled, room)
    return replace(found, entries=entries, findings=findings, lost=lost)


def _look(place, shape, disk):
    """What the log alone tells."""
    try:
        data, when = place.log.read_bytes(), place.log.stat().st_mtime
    except FileNotFoundError:
        return None
    if not _check(data, shape):
        return None
    found = read(data, shape, when, disk)
    if found is not None and holds_any(data[found.size :]):
        found = replace(found, left=place.copy_aside())
    return found


def _check(data, shape):
    """Raise LogError if a log's first line says that it is not for this; False if it is not, but
    tells of nothing that was done."""
    head = next(iter(entries_of(data[: data.find(b"\n") + 1], shape)[0]), None)
    if head is None:
        if holds_any(data):
            raise LogError("the beginning of their log is damaged")
    elif head.get("glview") != FORMAT:
        raise LogError("it was kept by another version of glview")
    elif (before := tuple(head.get("shape", ()))) != tuple(shape):
        entries, sizes = entries_of(data, shape)
        if holds_any(data[sum(sizes) :]) or any("look" not in entry for entry in entries[1:]):
            raise LogError(f"the picture has another size than before: {before}")
        return False
    return True


def read(data, shape, when=0.0, disk=(None, None)):
    """What the bytes of a log say, without the confidence; None if not even its head is whole."""
    course, entries, size, look = Course(), [], 0, None
    for entry, length in zip(*entries_of(data, shape), strict=True):
        if "look" in entry and entries:
            look = looks.from_text(entry["look"])
        elif ("line" in entry and len(entries) != 1) or not course.take(entry):
            break  # what builds on what is not there is worth nothing
        else:
            entries.append(entry)
        size += length
    if not entries:
        return None
    base, stamp, found, since = _on_disk(entries, disk)
    course, before = Course(), Course()
    for number, entry in enumerate(entries):
        course.take(entry)
        if number == base:
            before = Course(list(course.line), course.place)
    return Found(entries, size, base, before.steps_to(course), when, stamp, found, since,
                 look=look)


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


def _on_disk(entries, disk):
    """(number of the entry after which the picture is as on disk, stamp of its file, what a model
    found that is not there, number of the entry from which on that is so)."""
    base = 1 if len(entries) > 1 and "line" in entries[1] else 0
    stamp, found, since = entries[0].get("stamp"), None, 0
    for number, entry in enumerate(entries):
        if "saving" in entry and disk[0] is not None and entry["save"] == disk[0]:
            entry = {**entry, "saved": entry["saving"], "stamp": disk[1]}
        if "saved" in entry and 0 <= entry["saved"] < number:
            base, stamp = entry["saved"], entry.get("stamp")
            found, since = (None, number) if entry.get("whole") else (found, since)
        found = entry.get("found", found)
    return base, tuple(stamp or ()), None if found == NOTHING else found, since


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
    for number, entry in enumerate(found.entries):
        if number > found.base:
            _carry_out(document, entry)
            if history.last is not None:
                known[number] = history.last
        if number >= found.since and entry.get("finding") is not None:
            entry["finding"].show(document, (0, 0, *document.image.shape))
            document.detection.status = "The detection that was not saved was restored."
    if found.search is not None:
        found.search.show(document)
    display(document, found)
    return known


def display(document, found):
    """Display it as it was, unless somebody chose another display since; main thread only."""
    if found.look not in (None, document.stretch) and document.stretch == document.usual:
        document.stretch = found.look


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

    def put_back(self, document):
        """Let the document be what it was when it was asked; a display chosen since stays."""
        self.before.put_back(document)
        if document.stretch is self.found.look:
            document.stretch = document.usual

    def sentences(self, name):
        """What the user is told."""
        found = self.found
        said = [found.sentence(name)]
        if tuple(self.now or ()) != found.stamp:
            said.append("The file was changed since then; look whether this still belongs to it.")
        if found.damage:
            said.append(found.damage)
        if found.lost:
            said.append(f"What the model found cannot be restored: {found.lost}")
        return said
