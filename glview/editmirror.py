"""What is kept of a document: how far its log tells of its history, and what it lacks."""

import weakref
from dataclasses import dataclass
from typing import Any

from glview.core.history import Stroke
from glview.core.looks import from_text, to_text


class Mirror:
    """A history as its log tells of it; see `files.editlog` for the entries.

    Made for a document that is on disk as its history is now; what is undone comes back, too.
    count: entries of the log that have a number, its head being the first; known: for a log that is
    there already, {number of an entry: the step that was the last one after it}.
    """

    def __init__(self, history, count=1, known=None):
        self.count = count
        self._line = [history.at(place) for place in range(history.length)]
        self._place, self._saved = len(history.done), history.saved
        self._known = weakref.WeakValueDictionary() if known is None else known
        self._opening, self._base = None, 0
        if count == 1 and self._line:
            self._opening, self._base = {"line": list(self._line), "place": self._place}, 1

    @property
    def empty(self):
        """True while nothing needs to be written."""
        return self.count == 1

    def same(self, history):
        """True if the log lacks nothing of what was done."""
        count = len(self._line)
        return (count == history.length and self._place == len(history.done)
                and (not count or self._line[-1] is history.at(count - 1)))

    def news(self, history):
        """Entries for what was done since the last ones.

        Steps come to the end of the line and go from there alone: where one is the same, so are
        all before it.
        """
        alike = min(len(self._line), history.length)
        while alike and self._line[alike - 1] is not history.at(alike - 1):
            alike -= 1
        for place in range(alike, history.length):
            step = history.at(place)
            entry = self._told(place, step)
            self._line[place:], self._place = [step], place + 1
            yield from self._numbered(entry, step)
        if len(self._line) > history.length or self._place != len(history.done):
            self._place = len(history.done)
            yield from self._numbered({"place": self._place}, history.last)

    def _told(self, place, step):
        old = self._line[place] if place < len(self._line) else None
        if _goes_on(old, step):
            return {"at": place, "more": Stroke(step.patches[len(old.patches) :])}
        return {"at": place, "step": step}

    def _numbered(self, entry, last=None):
        """The entry, after the one that opens the log, if that is not written yet."""
        if self._opening is not None:
            opening, self._opening = self._opening, None
            yield from self._numbered(opening, self._saved)
        if last is not None:
            self._known[self.count] = last
        self.count += 1
        yield entry

    def saved(self, history, whole, stamp):
        """Entries that say what is on disk now.  whole: with all that was found; stamp: of it."""
        self._saved = history.saved
        number = self._number(self._saved)
        yield from self._numbered({"saved": number, "whole": whole, "stamp": stamp})

    def saving(self, history, whole, save):
        """Entries that say that the disk is going to have what is there now, by that save."""
        number = self._number(history.last)
        yield from self._numbered({"saving": number, "whole": whole, "save": save})

    def _number(self, step):
        """Of the entry after which the step was the last one."""
        known = (number for number, last in self._known.items() if last is step)
        return self._base if step is None else next(known, self._base)

    def found(self, what):
        """Entries that say what a model found."""
        yield from self._numbered({"found": what})


@dataclass
class Kept:
    """A document and what is kept of it.

    state: "new", "looking" (a worker reads the log), "asking" (the user), "on" or "off".
    findings: the confidences that are kept; due: they may not be all that should be; told: the
    number of the one that the log says was found last, or 0.
    recorder: of the last search, or None; tiles: a file of it may be there.
    seen: what its detection was in the last frame; on_disk: what the last save was of.
    look: how it is displayed as the log has it, None if that does not say.
    place, log, mirror: where it is kept, and what of it; question: what the user is asked.
    asleep: the Snapshot that a read-only document stays at.
    """

    document: Any
    entry: Any
    state: str = "new"
    place: Any = None
    log: Any = None
    mirror: Mirror | None = None
    question: Any = None
    asleep: Any = None
    findings: Any = None
    due: bool = False
    told: int = 0
    recorder: Any = None
    tiles: bool = True
    seen: tuple = ()
    on_disk: tuple = (None, 0)
    look: Any = None

    def disk(self):
        """What the last save of the file was of; another of its pictures is a save of it, too."""
        document = self.document
        return document.history.saved, document.saved, document.lossy, self.entry.stamp

    def look_news(self):
        """The entry for how the document is displayed; None if the log has it, or there are no
        edits in the log and the next start shows it so without being told."""
        look = self.document.stretch
        known = self.look or (self.document.usual if self.mirror.empty else None)
        if look == known:
            return None
        self.look, text = look, to_text(look)
        return None if from_text(text) is None else {"look": text}

    def job(self, work):
        """The name of a job for the document."""
        return f"{work} {id(self.document.key)}"


def _goes_on(old, step):
    """True if a stroke is another one and more: the same patches, and then others."""
    if not (type(old) is type(step) is Stroke and 0 < len(old.patches) < len(step.patches)):
        return False
    last = len(old.patches) - 1
    return old.patches[0] is step.patches[0] and old.patches[last] is step.patches[last]
