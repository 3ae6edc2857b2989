"""The open files: opening, stepping through them, saving."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from glview import budget, opening
from glview.core import mask
from glview.core.image import from_array
from glview.files import ReadError, locate, shown_name
from glview.files.pairing import image_of
from glview.keeping import Keeper
from glview.workspace import Entry

KEPT = 8  # documents of one file that stay in memory though another one is shown


def entry_for(path, ext=None):
    """The line of the file list for a path, which may carry DS9's [EXT]; for a side file, that of
    its image."""
    path, ext = locate(path, ext)
    image = image_of(path)[0] if ext is None else None
    if image is not None:
        return Entry(image, shown_name(image), side=path)
    return Entry(Path(path), shown_name(path), ext)


def entry_of_array(array, name="array"):
    """The line for an array in memory, already opened; raises ValueError."""
    image = from_array(array, name)
    entry = Entry(None, name)
    fill(entry, opening.look_at((image,), image))
    return entry


def fill(entry, opened):
    """Give an entry the document of what was opened."""
    key = (opened.image.hdu, opened.image.plane)
    entry.documents[key] = opening.document_of(opened, budget.default().pyramid)
    entry.shown, entry.stamp = key, opened.stamp


class Library:
    """Opens entries when they are first shown, and saves documents.  All slow parts are jobs.

    finisher: gets each new document; forget: is told of each that is closed; wake: ends the
    window's sleep; before_save: see `keeping.Keeper`.
    """

    def __init__(self, workspace, jobs, settings, finisher, forget=lambda document: None,
                 wake=lambda: None, before_save=None):
        self.workspace, self._jobs, self._settings = workspace, jobs, settings
        self._finisher, self._forget_tiles, self._wake = finisher, forget, wake
        self._keeper = Keeper(workspace, jobs, before_save or (lambda *_: lambda: None))
        self._left = {}  # id of an entry -> Left, of its document that was closed

    # opening

    def show(self, number):
        """Show the entry of that number, opening it first if need be."""
        self._settings.like(self.workspace.document)
        self.workspace.current = number
        self.workspace.cursor = None
        entry = self.workspace.entry
        if entry.document is None and not entry.loading:
            entry.before = entry.stamp or entry.before
            entry.error, entry.stamp = "", None
            self._await(entry, opening.Coming(self._left.get(id(entry))))
            coming = entry.coming
            self._jobs.start(f"open {number}",
                             lambda cancelled: opening.look_into(entry.path, entry.ext, coming,
                                                               entry.side),
                             lambda opened: self.opened(entry, opened),
                             lambda error: self._failed(entry, error))

    def _await(self, entry, coming):
        entry.loading, entry.coming, coming.wake = True, coming, self._wake

    def update(self):
        """Once a frame: save what had to wait, show what can be seen of a file that is still
        being unpacked."""
        self._keeper.update()
        entry = self.workspace.entry if self.workspace.entries else None
        opened = entry.coming.opened if entry is not None and entry.coming is not None else None
        if opened is None or (entry.partial and entry.partial.images is opened.images):
            return
        known, entry.partial = entry.partial, opening.document_of(opened, 0, whole=False)
        entry.partial.stretch = self._look(entry, known)
        entry.partial.barred = (f"{entry.name} is still being unpacked; its mask can be changed "
                                "when that is done.")
        if known is not None:
            self._close(known)

    def stop_opening(self):
        """Give the opening of the current file up, but keep what can be seen of it; True if it was
        being opened."""
        entry = self.workspace.entry if self.workspace.entries else None
        if entry is None or entry.coming is None or entry.coming.fraction is None:
            return False
        part = entry.coming.stop()
        self._jobs.cancel(f"open {self.workspace.current}")
        if part is not None:
            self.opened(entry, part, whole=False)
        else:
            self._arrived(entry)
            entry.error = "opening it was cancelled; Ctrl+R opens it again"
        return True

    def _arrived(self, entry):
        """Nothing more comes of an entry's file."""
        entry.loading, entry.coming = False, None
        partial, entry.partial = entry.partial, None
        if partial is not None:
            self._close(partial)

    def reload(self):
        """Read the current file again; refused while that would lose work, or while a save gives
        it another stamp."""
        entry = self.workspace.entry
        if self._jobs.has("save"):
            self.workspace.told = f"A mask is being saved; then Ctrl+R reads {entry.name} again"
        elif any(document.changed or document.detection.running
               for document in entry.documents.values()):
            self.workspace.notify(
                f"{entry.name} was not read again, for its mask is not saved. Ctrl+S, then Ctrl+R "
                "saves it, beside the file if another program changed that, and reads it again.")
        elif entry.path is not None and not entry.loading:
            self.workspace.unsay(entry.name)
            for key in tuple(entry.documents):
                self._drop(entry, key)
            self.show(self.workspace.current)

    def receive(self, entry, look):
        """Take over a `session.FirstLook`, now or when it has finished."""
        if look.is_alive() or look.error is not None:
            self._await(entry, look.coming)
            self._jobs.start("open 0", lambda cancelled: look.result(),
                             lambda opened: self.opened(entry, opened),
                             lambda error: self._failed(entry, error))
        else:
            self.opened(entry, look.opened)

    def step(self, change):
        """The next or previous entry, round and round."""
        if self.workspace.entries:
            self.show((self.workspace.current + change) % len(self.workspace.entries))

    def add(self, paths):
        """Add files to the list and show the first of them."""
        first, entries = len(self.workspace.entries), self.workspace.entries
        entries.extend(entry_for(path) for path in paths)
        if len(entries) > first:
            self.show(first)

    def opened(self, entry, opened, whole=True):
        """A file was looked into: make its document and start what takes longer.

        whole: False for what is seen of a file that was not unpacked to its end, and says so.
        """
        document = opening.document_of(opened, self.workspace.budget.pyramid, whole)
        self._take_up(document, entry)
        document.stretch = self._look(entry, entry.document)
        document.usual = self._settings.usual
        self._arrived(entry)
        image, key = opened.image, (opened.image.hdu, opened.image.plane)
        entry.documents[key] = document
        self._turn_to(entry, key)
        self._forget_oldest(entry)
        self._make_room(document)
        for note in image.notes:
            self.workspace.notify(f"{image.name}: {note}")
        if not whole:
            document.barred = f"{image.name}: {image.notes[0]}"
            return
        if entry.stamp is None:
            entry.stamp, entry.sides = opened.stamp, opened.sides
            if entry.before not in (None, entry.stamp):
                entry.outdated |= entry.dates
        self._finisher.start(document)

    def _make_room(self, shown):
        """Other files' pictures that hold more memory than is allowed are read again later."""
        held = [(one, key, document) for one in self.workspace.entries
                for key, document in one.documents.items()]
        total = sum(entry.nbytes for entry in self.workspace.entries)
        for entry, key, document in held:
            busy = document is shown or document.changed or document.detection.running
            if total > self.workspace.budget.memory and entry.path is not None and not busy:
                total -= document.nbytes
                self._drop(entry, key)

    def _look(self, entry, known):  # known: the document shown before, or None
        left = self._left.get(id(entry))
        return known.stretch if known else left.stretch if left else self._settings.stretch

    def _take_up(self, document, entry):
        """Go on in a picture that was closed where the user was in it."""
        left, shape = self._left.get(id(entry)), document.image.shape
        if left is None or not left.among([document.image]):
            return
        document.review = left.review
        if left.shape != shape and entry is self.workspace.entry:
            self.workspace.view = self.workspace.view.inside(shape)

    def _drop(self, entry, key):
        document = entry.documents.pop(key)
        if key == entry.shown:
            self._left[id(entry)] = opening.Left.of(document)
        self._close(document)

    def _close(self, document):
        self._finisher.forget(document)
        self._forget_tiles(document)

    def _forget_oldest(self, entry):
        """Planes and extensions left behind, and not changed, are read again if they come back."""
        left = [key for key, document in entry.documents.items() if key != entry.shown
                and not document.changed and not document.detection.running]
        for key in left[: max(0, len(entry.documents) - KEPT)]:
            self._drop(entry, key)

    def show_image(self, image, plane):
        """Show another picture of the current file: an extension, or a plane of a cube."""
        entry = self.workspace.entry
        if entry.partial is not None:
            self.workspace.told = f"{entry.name} is still being unpacked: choose when that is done"
            return
        key, job = (image.hdu, plane), f"image {self.workspace.current}"
        if key in entry.documents:
            self._jobs.cancel(job)
            entry.loading = False
            self._turn_to(entry, key)
            return
        images, whole = entry.document.images, entry.document.whole
        wanted, entry.loading = replace(image, plane=plane), True
        self._jobs.start(job, lambda cancelled: opening.look_at(images, wanted),
                         lambda opened: self.opened(entry, opened, whole),
                         lambda error: self._failed(entry, error))

    def _turn_to(self, entry, key):
        """Show a document of an entry; the cursor may lie off the new picture."""
        entry.shown = key
        if entry is self.workspace.entry:
            self.workspace.cursor = None

    def _failed(self, entry, error):
        self._arrived(entry)
        words = str(error) if isinstance(error, ReadError) else repr(error)
        if entry.document is None:
            entry.error = words
        else:
            self.workspace.notify(words)

    # saving

    @property
    def unsaved(self):
        """Names of the pictures with changes that are not on disk."""
        return self._keeper.unsaved

    def save(self, beside=False, clean=False):
        """Save the current document's mask; see `keeping.Keeper.save`."""
        self._keeper.save(beside, clean)

    def save_all(self, then):
        """Save everything that changed, one after the other, then call `then`."""
        self._keeper.save_all(then)


def mask_of(document):
    """The final mask of a document: (H, W) bool; all False while there is nothing to mask."""
    if not document.has_mask:
        return np.zeros(document.image.shape, bool)
    return mask.final_mask(document.detection.confidence, document.mask, document.edits.plane)
