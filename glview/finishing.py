"""What follows the first picture of a file: its reduced levels, what was saved, its sky."""

import time

from glview import opening, saving
from glview.compiling import Compiler
from glview.files import ReadError, shown_name
from glview.files.cache import CacheError
from glview.watching import doubt, fit, sentence

PATIENCE = 1.5  # seconds that the reading of a large file goes before the rest


class Finisher:
    """Completes documents in workers; the one on screen first, and only that one's whole file."""

    def __init__(self, workspace, jobs, wake=lambda: None, compiler=None):
        self.workspace, self._jobs, self._wake = workspace, jobs, wake
        self._held, self._reading, self._later = None, None, []
        self._compiler = compiler or Compiler()

    def hold(self):
        """Leave all that needs slow imports until `release`, for the first picture comes first."""
        self._held = []

    def release(self):
        """Do what was left, and no longer wait with anything."""
        held, self._held = self._held, None
        for document in held or ():
            self.start(document)

    @property
    def holds(self):
        """True until `release`."""
        return self._held is not None

    @property
    def holding(self):
        """True while something is left until `release`."""
        return bool(self._held)

    def start(self, document):
        """Look for what was saved with a new document, and for its place on the sky.

        Until it is known its mask cannot be changed, for a save would take the place of that one.
        """
        if document.image.path is not None:
            document.awaits.add("saved")
        if self._held is not None:
            self._held.append(document)
            return
        image, own = document.image, document.has_mask
        self._jobs.start(f"saved {id(document.key)}", lambda cancelled: _saved(image, cancelled),
                         lambda found: self._restore(document, found, own),
                         lambda error: self._not_restored(document, error))
        self._later.append((time.monotonic() + PATIENCE, document))

    def _start_later(self, document):
        """What can wait until the picture is sharp: it imports much, on the same cores."""
        self._jobs.start("warm", self._compiler.load, lambda _: None, self.read_failed)
        self._jobs.start(f"sky {id(document.key)}", lambda cancelled: opening.sky(document.image),
                         lambda sky: setattr(document, "sky", sky), self.read_failed)

    @property
    def unfinished(self):
        """True while anything of a document is still to come."""
        return bool(self._later) or self.reading

    def update(self):
        """Once a frame: read on in the document on screen, take over what was read of it."""
        document = self.workspace.document
        if document is not self._reading:
            self._leave()
            growing = document is None or document is self.workspace.entry.partial
            if not growing and self._held is None:
                self._read(document)
        while self._later and (not self.reading or time.monotonic() > self._later[0][0]):
            self._start_later(self._later.pop(0)[1])
        if document is not None and document.pyramid.collect():
            statistics = document.pyramid.statistics
            if statistics is not None:
                document.sample = opening.with_statistics(document.sample, statistics)

    def forget(self, document):
        """The document is closed: stop what goes on for it."""
        if document is self._reading:
            self._leave()
        self._later = [one for one in self._later if one[1] is not document]
        if self._held is not None:
            self._held = [one for one in self._held if one is not document]
        for kind in ("saved", "sky"):
            self._jobs.cancel(f"{kind} {id(document.key)}")
        notices = self.workspace.notices
        notices[:] = [one for one in notices if one != document.barred]

    @property
    def reading(self):
        """True while the document on screen is still being read."""
        return self._reading is not None and "reduce" in self._jobs.busy

    def restoring(self, document):
        """True until it is known whether a mask was saved with the document."""
        return document in (self._held or ()) or "saved" in document.awaits

    def read_failed(self, error):
        """A file could not be read any further; what is known of it stays."""
        changed = getattr(error, "fatal", False)
        self.workspace.notify(sentence(error.name) if changed else f"Reading failed: {error}")

    def _read(self, document):
        self._reading = document
        if document.pyramid.complete:
            return
        cache = self.workspace.cache and document.whole and document.image.path is not None

        def work(cancelled):
            self._compiler.wait("picture", cancelled)
            opening.reduce(document.image, document.pyramid, lambda: _rows(document), self._wake,
                           cancelled, cache)

        self._jobs.start("reduce", work, lambda _: None, self._reading_failed)

    def _leave(self):
        """Stop reading the file that was left; what was read of it stays."""
        self._jobs.cancel("reduce")
        self._reading = None

    def _reading_failed(self, error):
        if isinstance(error, CacheError):
            self.workspace.notify(str(error))
        elif isinstance(error, ReadError):
            self.read_failed(error)
        else:
            raise error

    def _restore(self, document, found, own):
        """own: it came with a mask, of the program that opened the window."""
        if found is not None and own:
            self.workspace.notify(f"A mask was saved with {shown_name(document.image.path)} "
                                  "earlier; it is not shown, and Ctrl+S puts this one in its "
                                  "place.")
        elif found is not None:
            saved, made, fits = found
            saving.restore(document, saved, made)
            if words := doubt(document, self.workspace.entry_of(document), saved, fits):
                self.workspace.notify(words)
        self.workspace.arrived(document, "saved")

    def _not_restored(self, document, error):
        """A mask that cannot be read is not one that may be written over."""
        changed = getattr(error, "fatal", False)
        why = str(error) or repr(error)
        document.barred = sentence(error.name) if changed else (
            f"What was saved with {shown_name(document.image.path)} could not be read ({why}), so "
            "its mask can be neither changed nor saved. Ctrl+R tries again.")
        self.workspace.arrived(document, "saved")
        self.workspace.notify(document.barred)


def _rows(document):
    """The rows (y0, y1) that the user looks at, or None; asked from a worker."""
    seen = document.seen
    return None if seen is None else (int(seen[0]), int(seen[2]) + 1)


def _saved(image, cancelled):
    """Worker: what was saved with the picture, ready to be shown, or None."""
    saved = saving.read(image)
    return None if saved is None else (saved, saving.restored(saved, cancelled), fit(image, saved))
