"""Notices when another program replaces or removes a file that is open here."""

import os
import time

from glview.files.source import stamp_of

EVERY = 0.5  # seconds between two looks, while frames are drawn at all


class Watcher:
    """Looks at the file on screen, in a worker: a network drive may take its time."""

    def __init__(self, workspace, jobs):
        self.workspace, self._jobs = workspace, jobs
        self._told, self._next = {}, 0.0

    def update(self):
        """Once a frame."""
        entry, now = self._entry, time.monotonic()
        if entry is None or now < self._next or self._jobs.has("watch"):
            return
        self._next = now + EVERY
        self._jobs.start("watch", lambda cancelled: _stamp(entry.path),
                         lambda stamp: self._seen(entry, stamp), lambda error: None)

    @property
    def _entry(self):
        """The entry on screen, if it is a file that is open."""
        entry = self.workspace.entry if self.workspace.entries else None
        opened = entry is not None and entry.path is not None and entry.stamp is not None
        return entry if opened and not entry.loading and not self._jobs.has("save") else None

    def _seen(self, entry, stamp):
        seen = stamp, entry.stamp
        if entry is not self._entry or seen == self._told.get(id(entry)):
            return
        self._told[id(entry)] = seen
        words = [sentence(entry.name), sentence(entry.name, removed=True)]
        self.workspace.notices[:] = [one for one in self.workspace.notices if one not in words]
        if stamp != entry.stamp:
            self.workspace.notify(words[stamp is None])


def sentence(name, removed=False):
    """What the user is told of a file that is no longer the one that was opened."""
    what = "was removed" if removed else "was changed by another program"
    return (f"{name} {what} since it was opened; what is shown is the old content. "
            "Ctrl+R: open it again")


def _stamp(path):
    """The file's present stamp, None if it is gone."""
    try:
        return stamp_of(os.stat(path))
    except FileNotFoundError:
        return None
