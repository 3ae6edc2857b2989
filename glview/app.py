"""The running program: one frame after another, and what the interface can ask for."""

import time
import traceback
from contextlib import ExitStack

from glview.autosave import Autosave
from glview.compiling import Compiler
from glview.core.crew import undisturbed
from glview.core.image import Fault
from glview.core.shares import progress
from glview.core.tiles import pixels
from glview.deciding import Decider
from glview.detecting import Detector
from glview.finishing import Finisher
from glview.foreseeing import Foresight
from glview.gl.sharing import Sharing
from glview.jobs import Feed, Jobs
from glview.library import Library
from glview.listing import Listing
from glview.loop import DETECTING_SECONDS, FRAMES_AFTER_EVENT, Loop
from glview.measuring import Measurer
from glview.readout import Readout
from glview.renewing import Renewer
from glview.reviewing import Reviewer
from glview.scene import Scene
from glview.settings import log_file
from glview.ui import style
from glview.ui.layout import Layout
from glview.ui.widgets import Screen
from glview.watching import Watcher

UPLOAD_SECONDS = 0.006
FAULTS_TOLD = 20  # different ones; an error that counts up would fill window and disk


class Desk:
    """The application as the interface sees it.

    platform: gl.context.Window or Offscreen; workspace: the state; settings: what is remembered.
    unsaved: the folder where edits are kept until they are saved, or None.
    faults: texts of what failed so far; drawn: when the last frame was.
    """

    def __init__(self, platform, workspace, settings, unsaved=None):
        self.unsaved = unsaved
        self.platform, self.workspace, self.settings = platform, workspace, settings
        self.frames, self.done, self.bare, self.faults = 0, False, None, []
        self.drawn, self._renewer = 0.0, Renewer(self)
        with ExitStack() as ending:  # of a beginning that fails, too
            ending.callback(platform.close)
            self._begin(ending)
            self._ending = ending.pop_all()

    def _begin(self, ending):
        """Make the parts; `ending` takes how each ends, and ends the last one first."""
        platform, workspace = self.platform, self.workspace
        wake = platform.wake
        self.jobs = Jobs(wake)
        ending.callback(self.jobs.close)
        self.feed = Feed(wake)
        ending.callback(self.feed.close)
        self.scene = Scene(platform.ctx, workspace.budget.gpu)
        self.layout, self.screen = Layout(), Screen()
        self.readout = Readout(self.jobs)
        self.detector = Detector(workspace, wake, Sharing(platform))
        ending.callback(self.detector.close)
        self.compiler = compiler = Compiler(wake=wake)
        ending.callback(compiler.close)
        self.reviewer = Reviewer(workspace, self.jobs, self.scene.thumbnails, compiler.load)
        self.listing = Listing(workspace, self.jobs, self.reviewer)
        self.decider = Decider(workspace, self.jobs, self.listing)
        self.measurer = Measurer(workspace, self.jobs)
        self.finisher = Finisher(workspace, self.jobs, wake, compiler)
        self.finisher.hold()
        self.watcher = Watcher(workspace, self.jobs)
        self.foresight = Foresight(workspace, self.jobs)
        self.autosave = Autosave(workspace, self.jobs, self.unsaved,
                                 lambda document: not self.finisher.restoring(document), wake)
        ending.callback(self.autosave.close)
        self.library = Library(workspace, self.jobs, self.settings, self.finisher, self._forget,
                               wake, self.autosave.catch_up)
        style.apply(platform.io, platform.scale)

    def _forget(self, document):
        """A document is closed."""
        self.scene.tiles.forget(document)
        self.autosave.forget(document)

    # one frame

    def frame(self):
        """Take results, take input, draw.

        Raises gl.context.DisplayError if the context was lost and no other one can be had.
        """
        if self.platform.lost:
            self._renewer.window()
        with undisturbed():
            self.guard(self._collect)
            if self.guard(self.platform.start_frame):
                self.guard(self._interface)
                self.guard(self.autosave.update)
            composed = self.guard(self.platform.compose)  # it ends one that did not begin, too
            if composed:
                self.guard(self._draw)
        if composed:
            self.guard(self.platform.finish_frame)
        self.frames, self.drawn = self.frames + 1, time.monotonic()

    def guard(self, part):
        """Run a part of the frame; one that fails costs its frame, not the user's work.

        Returns False if it failed.
        """
        try:
            part()
        except Exception as error:  # whatever it is, the window and the edits stay
            if not self.platform.lost:  # whose doing it is else; the next frame sees to that
                self._fault(error)
            return False
        return True

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
        try:
            self._draw_scene()
        except Exception:  # whatever became of textures and programs, new ones may do
            if not self.platform.lost:
                self._renewer.scene()
            raise

    def set_scene(self):
        """Make all that is on the GPU; the pictures come by themselves."""
        self.scene = Scene(self.platform.ctx, self.workspace.budget.gpu)
        self.reviewer.show_on(self.scene.thumbnails)

    def _draw_scene(self):
        pictures = self.scene.thumbnails.within(self.reviewer.wishes)
        wishes = {**self.scene.draw(self.workspace), **pictures}
        self.feed.wish({} if self.finisher.holds else wishes)

    def _interface(self):
        document = self.workspace.document
        self.reviewer.update(document)
        self.listing.update(document)
        self.readout.update(document, self.workspace.cursor)
        if self.bare is None:
            self.layout.draw(self)
        else:
            self.scene.pane(self.bare, self.platform.size[::-1])

    def _collect(self):
        if self.frames > 1 and self.workspace.document is not None:  # it is on screen
            self.finisher.release()
        self.jobs.collect()
        self.library.update()
        self.watcher.update()
        self.finisher.update()
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
                self._tile_failed(key, error)

    def _tile_failed(self, key, error):
        """A part of the picture cannot be read: it is marked, and the rest goes on."""
        document = self.workspace.document
        if key[1] == "image" and document is not None and key[0] is document.key \
                and not getattr(error, "fatal", True):
            image, (level, ty, tx) = document.image, key[3:]
            fault = Fault(image.plane, pixels(image.shape, level, ty, tx), str(error))
            if fault not in image.faults:
                image.faults.append(fault)
        else:
            self.finisher.read_failed(error)

    @property
    def settled(self):
        """True when nothing is loading, counting, detecting or saving."""
        return (not self.jobs.busy and not self.feed.pending and self.detector.running is None
                and not self.finisher.holding and not self.finisher.unfinished
                and not any(entry.loading for entry in self.workspace.entries))

    def settle(self, seconds=600.0):
        """Draw frames until everything is loaded and shown; False if that takes too long."""
        until, quiet = time.monotonic() + seconds, 0
        while quiet < FRAMES_AFTER_EVENT and time.monotonic() < until:
            self.frame()
            quiet = quiet + 1 if self.settled else 0
            if not quiet and self.detector.running is None:
                self.platform.rest(DETECTING_SECONDS)
            elif not quiet:
                # Not for every tile, for software OpenGL draws on the cores that the model needs.
                time.sleep(DETECTING_SECONDS)
        return quiet >= FRAMES_AFTER_EVENT

    def run(self, each_frame=lambda desk: None):
        """The event loop of a window; sleeps while nothing happens."""
        Loop(self).run(each_frame)

    def close(self):
        """End everything: the window is gone at once, and only a save is waited for."""
        self.guard(lambda: self.settings.remember(self))
        self.guard(self.platform.hide)
        self._ending.close()

    # what the interface asks for

    @property
    def busy_words(self):
        """What is going on, in a few words."""
        found = [_opening(entry) for entry in self.workspace.entries if entry.loading][:1]
        document = self.workspace.document
        if document is not None and document.awaits:
            found.append(document.readonly)
        if "save" in self.jobs.busy:
            found.append("saving")
        return ", ".join(found)

    @property
    def held_bytes(self):
        """Main memory that the images and masks of all files take."""
        return sum(entry.nbytes for entry in self.workspace.entries)

    def read_box(self, box, done):
        """Read exact values of a box (y0, x0, y1, x1) in a worker, then `done(values)`."""
        image, (y0, x0, y1, x1) = self.workspace.document.image, box
        self.jobs.start("numbers", lambda cancelled: image[y0:y1, x0:x1], done,
                        self.finisher.read_failed)

    def undo(self):
        """Take back the last step of the current document."""
        document = self.workspace.document
        if why := document.history.undo_bar:
            self.workspace.told = why
        elif document.history.undo(document):
            self.listing.went_back(document.history.undone[-1])

    def redo(self):
        """Do again what was taken back last."""
        document = self.workspace.document
        if why := document.history.redo_bar:
            self.workspace.told = why
        else:
            document.history.redo(document)

    def quit(self):
        """Close, after asking if something is not saved."""
        self.workspace.closing = bool(self.library.unsaved)
        self.done = not self.workspace.closing

    def answer_unsaved(self, answer):
        """The user was asked: "save" everything and quit, "discard" it, or "stay"."""
        self.workspace.closing = False
        if answer == "discard":
            self.autosave.drop()
            self.done = True
        elif answer == "save":
            self.detector.cancel()  # what it began to replace is shown again
            self.library.save_all(then=self._end)

    def _end(self):
        self.done = True


def _opening(entry):
    if entry.coming is not None and entry.coming.fraction is not None:
        return f"unpacking {entry.name}: {progress(entry.coming.fraction)}, Esc stops"
    return f"opening {entry.name}"


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
