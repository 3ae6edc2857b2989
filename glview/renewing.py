"""What is on the graphics card is made anew where it was lost; what the user did is not there."""

import time

from glview.files.unsaved import Place
from glview.gl.frame import LostError

RENEWAL_SECONDS = 60.0  # between two times that what cannot be drawn is made anew
MOST = 5  # losses in this time: a program that resets the card by what it draws has to end
PATIENCE = 10.0  # seconds that a driver may take for its restart
PAUSE = 0.25
KEEPING_SECONDS = 10.0  # that the end waits for what a model found to be on the disk
TOLD = "The graphics driver was reset; the window was made anew; nothing was lost"


class Renewer:
    """desk: the `app.Desk` whose scene, and if need be whose window, is made anew."""

    def __init__(self, desk):
        self._desk, self._drawn_anew, self._losses = desk, -RENEWAL_SECONDS, []

    def scene(self):
        """Make textures and programs anew in the same context, once in a while."""
        if time.monotonic() < self._drawn_anew + RENEWAL_SECONDS:
            return
        self._drawn_anew = time.monotonic()
        for store in self._desk.scene.tiles.stores.values():
            self._desk.guard(store.release)
        self._desk.set_scene()

    def window(self):
        """Make window and context anew after a loss, and then the scene.

        Raises LostError, which says what became of the user's work, if none can be had.
        """
        desk = self._desk
        self._flush()  # first, for a driver may end the program
        now = time.monotonic()
        self._losses = [one for one in self._losses if now < one + RENEWAL_SECONDS] + [now]
        error = "it was lost over and over" if len(self._losses) > MOST else self._try(now)
        if error:
            raise LostError(f"the graphics driver was reset, and {error}; {self._kept()}")
        desk.workspace.told = TOLD

    def _try(self, began):
        """Try until it works; returns why it does not, or ""."""
        desk = self._desk
        while True:
            try:
                desk.platform.renew()
                desk.set_scene()
                return ""
            except Exception as error:  # moderngl raises the bare class
                if time.monotonic() > began + PATIENCE:
                    return str(error) or repr(error)
            time.sleep(PAUSE)

    def _kept(self):
        """What became of the changes that no file has yet, when all else was tried."""
        desk = self._desk
        until = time.monotonic() + KEEPING_SECONDS
        while self._flush() and time.monotonic() < until:
            desk.guard(desk.jobs.collect)
            time.sleep(0.01)
        changed = [document.image for entry in desk.workspace.entries
                   for document in entry.documents.values() if document.changed]
        lost = [image.name for image in changed if image.path is None or desk.unsaved is None
                or not Place.of(desk.unsaved, image).log.is_file()]
        if lost:
            return f"what was not saved of {', '.join(lost)} could not be kept"
        names = ", ".join(image.name for image in changed)
        return f"what was not saved of {names} is kept, and offered when you open it again" \
            if names else "everything was saved"

    def _flush(self):
        """Have what was done until now on the disk; True while more of it is on its way."""
        self._desk.guard(lambda: self._desk.autosave.catch_up()())
        return any(name.startswith("keep ") for name in self._desk.jobs.busy)
