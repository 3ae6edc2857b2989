"""The running program: one frame after another, and what the interface can ask for."""

import time
import traceback

from glview.detecting import Detector
from glview.jobs import Feed, Jobs
from glview.library import Library
from glview.readout import Readout
from glview.reviewing import Reviewer
from glview.scene import Scene
from glview.settings import log_file
from glview.ui import style
from glview.ui.layout import Layout
from glview.ui.widgets import Screen

UPLOAD_SECONDS = 0.012
FRAMES_AFTER_EVENT = 3  # Dear ImGui settles hover and focus over the frames after an event
TOOLTIP_SECONDS = 0.6
ASKING_SECONDS = 0.1  # the desktop's file dialog does not tell when it closes
FAULTS_TOLD = 20  # different ones; an error that counts up would fill window and disk


class Desk:
    """The application as the interface sees it.

    platform: gl.context.Window or Offscreen; workspace: the state; settings: what is remembered.
    faults: texts of what failed so far.
    """

    def __init__(self, platform, workspace, settings):
        self.platform, self.workspace, self.settings = platform, workspace, settings
        wake = getattr(platform, "wake", lambda: None)
        self.jobs, self.feed = Jobs(wake), Feed(wake)
        self.scene, self.layout, self.screen = Scene(platform.ctx), Layout(), Screen()
        self.readout = Readout(self.jobs)
        self.detector = Detector(workspace, wake)
        self.reviewer = Reviewer(workspace, self.jobs, self.scene.thumbnails)
        self.library = Library(workspace, self.jobs, settings, self.scene.tiles)
        self.library.hold()
        self.frames, self.done, self.bare, self.faults = 0, False, None, []
        style.apply(platform.io, platform.scale)

    # one frame

    def frame(self):
        """Take results, take input, draw."""
        self.guard(self._collect)
        self.platform.start_frame()
        self.guard(self._interface)
        self.platform.compose()
        self.guard(self._draw)
        self.guard(self.platform.finish_frame)
        self.frames += 1

    def guard(self, part):
        """Run a part of the frame; one that fails costs its frame, not the user's work."""
        try:
            part()
        except Exception as error:  # whatever it is, the window and the edits stay
            self._fault(error)

    def _fault(self, error):
        """Tell of a failure, and write it down, once for each text."""
        words = repr(error)
        if words in self.faults or len(self.faults) >= FAULTS_TOLD:
            return
        self.faults.append(words)
        path = _written_down(error)
        where = f"; the details are in {path}" if path else ""
        self.workspace.notify(f"Something went wrong: {words}{where}")

    def _draw(self):
        wishes = self.scene.draw(self.workspace)
        self.feed.wish({**wishes, **self.reviewer.wishes})

    def _interface(self):
        document = self.workspace.document
        self.reviewer.update(document)
        self.readout.update(document, self.workspace.cursor)
        if self.bare is None:
            self.layout.draw(self)
        else:
            self.scene.pane(self.bare, self.platform.size[::-1])

    def _collect(self):
        if self.frames > 1 and self.workspace.document is not None:  # it is on screen
            self.library.release()
        self.jobs.collect()
        self.detector.poll()
        until = time.perf_counter() + UPLOAD_SECONDS
        while time.perf_counter() < until:
            ready = self.feed.take()
            if ready is None:
                return
            (key, stamp), made, error = ready
            if error is None:
                self.scene.put(key, stamp, made)
            else:
                self.library.read_failed(error)

    @property
    def settled(self):
        """True when nothing is loading, counting, detecting or saving."""
        return (not self.jobs.busy and not self.feed.pending and self.detector.running is None
                and not self.library.holding
                and not any(entry.loading for entry in self.workspace.entries))

    def settle(self, seconds=600.0):
        """Draw frames until everything is loaded and shown; False if that takes too long."""
        until, quiet = time.monotonic() + seconds, 0
        while quiet < FRAMES_AFTER_EVENT and time.monotonic() < until:
            self.frame()
            quiet = quiet + 1 if self.settled else 0
            if not quiet:
                time.sleep(0.002)
        return quiet >= FRAMES_AFTER_EVENT

    def run(self, each_frame=lambda desk: None):
        """The event loop of a window; sleeps while nothing happens."""
        awake = FRAMES_AFTER_EVENT
        while not self.done:
            awake = self._wait(awake)
            self.frame()
            if self.platform.holds_events:
                awake = FRAMES_AFTER_EVENT
            each_frame(self)
            if self.platform.closing:
                self.platform.keep_open()
                self.quit()

    def _wait(self, awake):
        """Sleep as long as the last events allow; returns how many frames to draw at once.

        After an event some frames follow at once, one more when a tooltip would be due, and then
        none until something happens.
        """
        if awake > 0:
            self.platform.wait(0.0)
            return awake - 1
        patience = ASKING_SECONDS if self.layout.asking else TOOLTIP_SECONDS
        if awake == 0 or self.platform.typing or self.layout.asking:
            before = time.monotonic()
            self.platform.wait(patience)
            waited = time.monotonic() - before >= 0.9 * patience
            return -1 if waited else FRAMES_AFTER_EVENT
        self.platform.wait(None)
        return FRAMES_AFTER_EVENT

    def close(self):
        """End workers and the window, in that order."""
        self.settings.remember(self)
        self.detector.close()
        self.feed.close()
        self.jobs.close()
        self.platform.close()

    # what the interface asks for

    @property
    def busy_words(self):
        """What is going on, in a few words."""
        found = [f"opening {entry.name}" for entry in self.workspace.entries if entry.loading][:1]
        if "save" in self.jobs.busy:
            found.append("saving")
        if self.feed.pending:
            found.append(f"{self.feed.pending} tiles pending")
        return ", ".join(found)

    def read_box(self, box, done):
        """Read exact values of a box (y0, x0, y1, x1) in a worker, then `done(values)`."""
        image, (y0, x0, y1, x1) = self.workspace.document.image, box
        self.jobs.start("numbers", lambda cancelled: image[y0:y1, x0:x1], done,
                        self.library.read_failed)

    def undo(self):
        """Take back the last step of the current document."""
        document = self.workspace.document
        document.history.undo(document)

    def redo(self):
        """Do again what was taken back last."""
        document = self.workspace.document
        document.history.redo(document)

    def quit(self):
        """Close, after asking if something is not saved."""
        self.workspace.closing = bool(self.library.unsaved)
        self.done = not self.workspace.closing

    def answer_unsaved(self, answer):
        """The user was asked: "save" everything and quit, "discard" it, or "stay"."""
        self.workspace.closing = False
        if answer == "discard":
            self.done = True
        elif answer == "save":
            self.library.save_all(then=self._end)

    def _end(self):
        self.done = True


def _written_down(error):
    """Add where it failed to the log; returns the log's path, or None if it cannot be written."""
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as log:
            log.write(time.strftime("%Y-%m-%d %H:%M:%S "))
            log.write("".join(traceback.format_exception(error)))
    except OSError:
        return None
    return path
