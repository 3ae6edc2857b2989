"""Saving documents: one at a time, in workers, and what the user is told of it."""

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from glview import saving
from glview.document import Detection, Document
from glview.files import shown_name
from glview.watching import DOUBT


class Keeper:
    """Saves documents; the same picture's saves come one after the other.

    before: called with a document that is to be saved, and a name of that save which the file is
    going to hold; what it returns is called in the worker, before a file is changed.
    """

    def __init__(self, workspace, jobs, before=lambda *_: lambda: None):
        self.workspace, self._jobs, self._before = workspace, jobs, before
        self._waiting = {}  # (key of a document, how) -> (document or None for all, what saves it)

    @property
    def unsaved(self):
        """Names of the pictures with changes that are not on disk."""
        return [document.image.name for document in self._changed()]

    def save(self, beside=False, clean=False):
        """Save the current document's mask; beside: in a file of its own beside the image's.

        clean: the image without its cosmic rays too.
        """
        document = self.workspace.document
        if document.image.path is None:
            self.workspace.notify("This picture has no file; the mask is handed to the program "
                                  "that opened the window when it closes.")
        elif self.workspace.refuses(document):
            return
        elif not document.has_mask:
            self.workspace.notify("There is no mask to save yet: detect, or paint one.")
        else:
            self._waiting[document.key, beside, clean] = document, lambda: self._save(
                document, lambda: None, beside, clean)
            if document.detection.replaces:
                self.workspace.told = (f"{document.image.name} is saved when the search ends; "
                                       "until then it keeps the earlier detection")
            self.update()

    def save_all(self, then):
        """Save everything that changed, one after the other, then call `then`."""
        self._waiting["all",] = None, lambda: self._save_changed(then)
        self.update()

    def _save_changed(self, then):
        if left := self._changed():
            self._save(left[0], lambda: self.save_all(then))
        else:
            then()

    def _changed(self):
        """Documents whose files lack something that is the user's to save; an array's mask goes to
        the caller instead."""
        waiting = {key for key, *_ in self._waiting}
        return [document for entry in self.workspace.entries
                for document in entry.documents.values()
                if (document.changed or document.key in waiting)
                and document.image.path is not None and not document.readonly]

    def update(self):
        """Once a frame: begin the next save, unless one is under way, for each needs the stamp
        that the last one left.

        What a search is about to replace stays in the file until that is there as a whole: the
        save of such a document waits.
        """
        if "save" in self._jobs.busy:
            return
        for name, (document, save) in tuple(self._waiting.items()):
            if document is None or not document.detection.replaces:
                del self._waiting[name]
                save()
                return

    def _save(self, document, then, beside=False, clean=False):
        entry = self.workspace.entry_of(document)
        if entry is None:  # it was closed while its save waited, so it is on disk as it is
            then()
            return
        coverage, edits = document.detection.coverage, document.edits.plane.copy()
        known = document.detection.provenance | {"save": secrets.token_hex(8)}
        detection = replace(document.detection, provenance=known,
                            coverage=coverage and coverage.copy())
        settings, entries = document.mask, tuple(self.workspace.entries)
        choices = self.workspace.saving
        begun = _Begun(document, detection, document.history.last, detection.stamps.now,
                       detection.run is not None and detection.run.shown,
                       saving.lacking(detection, choices), choices.dq or document.dq,
                       document.cleaned, beside, clean, then)
        wait = self._before(document, known["save"], not begun.less)
        more = {"sides": dict(entry.sides), "verdicts": dict(document.verdicts), "dq": begun.dq,
                "clean": clean, "look": document.stretch, "choices": choices}

        def work(cancelled):
            wait()
            result = saving.write(document.image, detection, settings, edits, entry.stamp, beside,
                                  **more)
            return result, _opened_from(entry.path, entries), begun.replaces_cleaned(result.path)

        self._jobs.start("save", work, lambda found: self._done(begun, *found),
                         lambda error: self._failed(begun, error))

    def _done(self, begun, result, written, same):
        """written: the entries of that file; same: True if it held a CR-cleaned image."""
        begun = replace(begun, clean=begun.clean and saving.NOT_CLEANED not in result.warning)
        if result.place == "extension":  # else it is as it was, and perhaps changed before
            for one in written:
                one.stamp = result.stamp
        else:
            for one in written:
                one.sides[result.path] = result.side
        for one in written:
            one.dates.add(result.date)
        begun.mark(result.path, same)
        why = f": {result.why}" if result.why else ""
        for begin in ("NOT SAVED", DOUBT):
            self.workspace.unsay(begun.document.image.name, begin)
        what = "the mask and the CR-cleaned image" if begun.clean else "the mask"
        left_out = "" if begun.clean or not same else "; without the CR-cleaned image saved before"
        self.workspace.told = (f"Saved {what} in {shown_name(result.path)} "
                               f"({result.place}{why}) at {time.strftime('%H:%M:%S')}"
                               f"{saving.unfinished(begun.detection)}{left_out}{begun.less}")
        if result.warning:
            self.workspace.notify(result.warning)
        begun.then()
        self.update()

    def _failed(self, begun, error):
        tried = begun.beside or getattr(error, "beside", False)
        advice = "" if tried else "; Ctrl+Shift+S saves it beside the file"
        name, why = begun.document.image.name, str(error)
        self.workspace.notify(f"NOT SAVED: {why if name in why else f'{name}: {why}'}{advice}")
        self.update()


@dataclass(frozen=True, eq=False)
class _Begun:
    """A save that is under way, and the document as it was when that began.

    step: its last; detection: a copy, as of the stamp; filled: True if a search was filling it.
    less: words for what of it is not saved; dq: which flags are; cleaned: where its CR-cleaned
    image was; clean: True if that is saved now.  then: is called once it is saved.
    """

    document: Document
    detection: Detection
    step: Any
    stamp: int
    filled: bool
    less: str
    dq: str | None
    cleaned: str | None
    beside: bool
    clean: bool
    then: Callable[[], None]

    def replaces_cleaned(self, path):
        """True if the CR-cleaned image was in the file of this path; for a worker."""
        return self.cleaned is not None and os.path.realpath(self.cleaned) == os.path.realpath(path)

    def mark(self, path, same):
        """The document is on disk, in the file of this path, as it was when the save began.

        same: what `replaces_cleaned` said.
        """
        document, detection = self.document, self.detection
        document.history.mark_saved(self.step)
        document.saved, document.lossy, document.dq = self.stamp, bool(self.less), self.dq
        document.stored = detection.confidence is not None
        document.cleaned = path if self.clean else None if same else self.cleaned
        if self.filled:  # what was there before the search is no more on disk
            detection.run.on_disk = False


def _opened_from(path, entries):
    """Those of the entries that are open, and of this file: it may be in the list more than once.

    For a worker: to follow links takes a network drive its time.
    """
    real = os.path.realpath(path)
    return [one for one in entries if one.stamp is not None and os.path.realpath(one.path) == real]
