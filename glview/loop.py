"""The event loop of a window: when to draw, and how long to sleep."""

import time

FRAMES_AFTER_EVENT = 3  # Dear ImGui settles hover and focus over the frames after an event
TOOLTIP_SECONDS = 0.6
DETECTING_SECONDS = 0.1  # between two frames while a detection needs the cores
ASKING_SECONDS = 0.1  # the desktop's file dialog does not tell when it closes


class Loop:
    """Runs an `app.Desk` until it is done."""

    def __init__(self, desk):
        self.desk = desk

    def run(self, each_frame=lambda desk: None):
        """Draw when something happens; each_frame(desk) is called after every frame."""
        desk, awake = self.desk, FRAMES_AFTER_EVENT
        while not desk.done:
            awake, news = self._wait(awake), self._news
            desk.frame()
            if desk.platform.holds_events or self._news != news:
                awake = FRAMES_AFTER_EVENT
            each_frame(desk)
            if desk.platform.closing:
                desk.platform.keep_open()
                desk.quit()

    def _wait(self, awake):
        """Sleep as long as the last events allow; returns how many frames to draw at once.

        After an event some frames follow at once, one more when a tooltip would be due, and then
        none until something happens.  What a worker brings takes one frame.
        """
        if awake > 0 or self._unfinished:
            self.desk.platform.wait(0.0)
            return max(awake - 1, 0)
        patience = ASKING_SECONDS if self.desk.layout.asking else TOOLTIP_SECONDS
        if awake < 0 and not (self.desk.platform.typing or self.desk.layout.asking):
            patience = None
        until = None if patience is None else time.monotonic() + patience
        if self._wait_for_worker(until) and self._pause():
            return awake
        waited = until is not None and time.monotonic() >= until
        return -1 if waited and not self.desk.platform.holds_events else FRAMES_AFTER_EVENT

    def _wait_for_worker(self, until):
        """Sleep until something happens, at most `until`; True if it was a worker alone."""
        seconds = None if until is None else max(0.0, until - time.monotonic())
        return self.desk.platform.wait(seconds)

    def _pause(self):
        """Leave the cores to a detection between two frames; False if the user ends it."""
        until = self.desk.drawn + DETECTING_SECONDS
        detector = self.desk.detector
        while detector.running is not None and not detector.behind and time.monotonic() < until:
            if not self._wait_for_worker(until) and time.monotonic() < until:
                return False
        return not self.desk.platform.holds_events

    @property
    def _unfinished(self):
        """True while the next frame has something to do that nothing will wake it for."""
        holding = self.desk.finisher.holding and self.desk.workspace.document is not None
        return holding or self.desk.feed.ready

    @property
    def _news(self):
        """What no user changes and the interface takes several frames for: new windows."""
        desk, workspace = self.desk, self.desk.workspace
        return (desk.platform.ctx, workspace.document, desk.detector.running, workspace.told,
                len(workspace.notices), desk.autosave.question(workspace.document))
