"""A tour of an image with mouse and wheel: pans and zooms as a user makes them, by xdotool."""

import math

from bench.programs import ProgramError

RATE = 50  # events a second while dragging
NOTCH = 1.25  # zoom of one notch of the wheel
WHEEL_IN, WHEEL_OUT = 4, 5
DRAG = 25  # events of one drag through the pane
PLACES = ((0.31, 0.36), (0.72, 0.61), (0.48, 0.83))  # shares of the way down and across the pane
DRAGS = (((0.2, 0.9), (0.4, 0.1)), ((0.9, 0.5), (0.1, 0.6)), ((0.1, 0.1), (0.9, 0.9)))
FIT = None
PLAN = (  # share of the time, and where which zoom is gone to, or nothing for dragging
    (0.12, 0, 1.0), (0.18,), (0.04, 0, 0.25), (0.14,), (0.04, 0, 0.06), (0.10,), (0.04, 0, FIT),
    (0.10, 1, 4.0), (0.08,), (0.06, 1, FIT), (0.05, 2, 0.5), (0.05, 2, FIT),
)


class Tour:
    """What the mouse does, as lines for xdotool.

    window: its X id; pane: (x, y, width, height) of the image pane; fit: the fit zoom; seconds: how
    long it takes altogether.
    """

    def __init__(self, window, pane, fit, seconds):
        self.lines, self._window, self._pane = [], window, pane
        self._fit, self._zoom, self._drags = fit, fit, 0
        for share, *where in PLAN:
            if where:
                self._zoom_to(*where, share * seconds)
            else:
                self._drag(share * seconds)

    def walk(self, stage):
        """Make the tour on a `programs.Stage`; returns when it is over.  Raises ProgramError."""
        done = stage.xdotool(["-"], "\n".join(self.lines) + "\n")
        if done.returncode:
            raise ProgramError(f"xdotool: {done.stderr.strip()}")

    def _move(self, down, across):
        x, y, width, height = self._pane
        self.lines.append(f"mousemove --window {self._window} {round(x + across * width)} "
                          f"{round(y + down * height)}")

    def _wait(self, seconds):
        self.lines.append(f"sleep {seconds:.4f}")

    def _zoom_to(self, place, zoom, seconds):
        """Turn the wheel over a place until the zoom is about this."""
        self._move(*PLACES[place])
        notches = round(math.log((zoom or self._fit) / self._zoom, NOTCH))
        self._zoom *= NOTCH**notches
        button = WHEEL_IN if notches > 0 else WHEEL_OUT
        for _ in range(abs(notches)):
            # Not "click", which waits 0.1 s of its own.
            self.lines += [f"mousedown {button}", f"mouseup {button}"]
            self._wait(seconds / abs(notches))

    def _drag(self, seconds):
        count = max(1, round(seconds * RATE / DRAG))
        for _ in range(count):
            (y0, x0), (y1, x1) = DRAGS[self._drags % len(DRAGS)]
            self._drags += 1
            self._move(y0, x0)
            self.lines.append("mousedown 1")
            for step in range(1, DRAG + 1):
                done = step / DRAG
                self._move(y0 + done * (y1 - y0), x0 + done * (x1 - x0))
                self._wait(seconds / count / DRAG)
            self.lines.append("mouseup 1")
