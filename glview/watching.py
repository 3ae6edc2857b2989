"""Notices when another program replaces or removes a file that is open here."""

import os
import time
from datetime import UTC, datetime

from glview.files import shown_name
from glview.files.source import stamp_of

DOUBT = "The mask of"  # begins what is said of a mask until it is saved again
EVERY = 1.0  # seconds between two looks
SAME, OTHER, NEWER, UNKNOWN = "same", "other", "newer", ""
"""A mask's image: it has the pixels that it had then; others; it was written later, perhaps only
copied; nothing tells."""


class Watcher:
    """Looks at the file on screen, in a worker: a network drive may take its time.

    The worker goes on looking while the window sleeps, and what it finds wakes the window.
    """

    def __init__(self, workspace, jobs):
        self.workspace, self._jobs = workspace, jobs
        self._told, self._watched = {}, None

    def update(self):
        """Once a frame: watch the file that is on screen, as it was when it was last told of."""
        entry = self._entry
        now = None if entry is None else (entry, entry.stamp, self._known(entry))
        if now == self._watched and (now is None or self._jobs.has("watch")):
            return
        self._watched = now
        if now is None:
            self._jobs.cancel("watch")
        else:
            self._watch(*now)

    def _known(self, entry):
        """The stamp that the user knows of; "" if it was told of an earlier opening."""
        stamp, opened = self._told.get(id(entry), (entry.stamp, entry.stamp))
        return stamp if opened == entry.stamp else ""

    def _watch(self, entry, opened, known):
        self._jobs.start("watch", lambda cancelled: _news(entry.path, known, cancelled),
                         lambda stamp: self._seen(entry, opened, stamp), lambda error: None)

    @property
    def _entry(self):
        """The entry on screen, if it is a file that is open."""
        entry = self.workspace.entry if self.workspace.entries else None
        opened = entry is not None and entry.path is not None and entry.stamp is not None
        return entry if opened and not entry.loading and not self._jobs.has("save") else None

    def _seen(self, entry, opened, stamp):
        if entry is not self._entry or entry.stamp != opened:  # glview itself saved meanwhile
            return
        self._told[id(entry)] = stamp, opened
        words = [sentence(entry.name), sentence(entry.name, removed=True)]
        self.workspace.notices[:] = [one for one in self.workspace.notices if one not in words]
        if stamp != opened:
            self.workspace.notify(words[stamp is None])


def sentence(name, removed=False):
    """What the user is told of a file that is no longer the one that was opened."""
    if removed:
        return (f"{name} was removed since it was opened; what is shown is the old content. "
                "Ctrl+S saves the mask in a file of its own.")
    return (f"{name} was changed by another program since it was opened; what is shown is the old "
            "content. Ctrl+R opens it again.")


def fit(image, saved):
    """SAME, OTHER or NEWER, what tells whether a saved mask is of an image's pixels, or UNKNOWN.

    saved: a SavedMask or StoredMask of the Image; its pixels decide where their sum was saved, for
    a file that is copied or touched is younger than its mask and belongs to it.  For a worker.
    """
    if isinstance(known := saved.provenance.get("pixels"), str):
        from glview.files.pixelsum import pixel_sum

        now = pixel_sum(image)
        return UNKNOWN if not now else SAME if now == known else OTHER
    try:
        inside = os.path.samefile(image.path, saved.where)
        made = max(os.stat(saved.where).st_mtime_ns, _time_of(saved.date))
    except OSError:
        return UNKNOWN
    return UNKNOWN if inside or image.stamp is None or image.stamp[2] <= made else NEWER


def _time_of(date):
    """ns since 1970 of a DATE, which is UTC; 0 for what is none."""
    try:
        return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() * 1e9)
    except ValueError:
        return 0


def doubt(document, entry, saved, fits):
    """What the user is told of a saved mask that may not belong to what the image is now, or "".

    saved: the SavedMask or StoredMask that is shown with a document of an entry; fits: its `fit`.
    """
    name, where = document.image.name, shown_name(saved.where)
    if saved.provenance.get("earlier") is True:
        return (f"{DOUBT} {name} in {where} was made for an earlier version of the image: look "
                "whether it still belongs to it. Ctrl+S saves it as one of this version.")
    if fits == OTHER:
        return (f"{DOUBT} {name} in {where} was made for other pixels than the image has now: look "
                "whether it still belongs to it. Ctrl+S saves it as a mask of these.")
    if fits != SAME and saved.date and saved.date in entry.outdated:
        return (f"{DOUBT} {name} was made before another program changed the file: look whether "
                "it still belongs to the image.")
    entry.dates.add(saved.date)
    if fits == NEWER:
        return (f"{DOUBT} {name}: the image is newer than its mask in {where}; look whether it "
                "still belongs to it. Ctrl+S saves it as one of this version.")
    return ""


def _news(path, known, cancelled):
    """The file's stamp, None if it is gone, as soon as it is not `known`; worker."""
    while not cancelled():
        stamp = _stamp(path, known)
        if stamp != known:
            return stamp
        time.sleep(EVERY)
    return known


def _stamp(path, known):
    try:
        return stamp_of(os.stat(path))
    except FileNotFoundError:
        return None
    except OSError:  # a network drive that is away for a while
        return known
