"""A library of open files at work without a window, and somebody's work on a picture."""

import time

import numpy as np

from glview.core.mask import EDIT_ADD
from glview.finishing import Finisher
from glview.jobs import Jobs
from glview.library import Library, entry_for, mask_of
from glview.settings import Settings
from glview.tools.pencil import Pencil
from glview.workspace import Workspace

SHAPE = (40, 60)


class Tiles:
    """Nothing is drawn here; it keeps what it was told to forget."""

    def __init__(self):
        self.forgotten = []

    def forget(self, document):
        self.forgotten.append(document)


class Desk:
    """paths: the files in the list."""

    def __init__(self, *paths):
        self.workspace, self.jobs = Workspace([entry_for(path) for path in paths]), Jobs()
        self.settings = Settings()
        self.finisher, self.tiles = Finisher(self.workspace, self.jobs), Tiles()
        self.library = Library(self.workspace, self.jobs, self.settings, self.finisher,
                               self.tiles.forget)

    @property
    def document(self):
        return self.workspace.document

    def settle(self):
        """Collect results until no job is left; returns the current document."""
        until = time.monotonic() + 20
        while self.jobs.busy:
            assert time.monotonic() < until, self.jobs.busy
            self.jobs.collect()
            self.finisher.update()
            time.sleep(0.001)
        assert not any(entry.loading for entry in self.workspace.entries)
        return self.document

    def show(self, number):
        """Show the entry of that number and wait for all of it."""
        self.library.show(number)
        return self.settle()


def work_on(document, seed=1):
    """A detection and some edits."""
    document.detection.confidence = np.random.default_rng(seed).random(SHAPE, np.float32) ** 9
    document.detection.stamps.touch((0, 0, *SHAPE))
    document.change(threshold=0.25, dilation=1)
    paint(document, 5)
    return mask_of(document)


def paint(document, row):
    """A stroke of the pencil, added pixels."""
    pencil = Pencil()
    pencil.press(document, (row, 3), 2, EDIT_ADD)
    pencil.drag(document, (row, 20), 2)
    pencil.release(document)
